/** Text that is made byte by byte: no strings are made of what is UTF-8 already. */

const quote = 0x22
const backslash = 0x5c

/** What stands for control characters in JSON. */
const escapes = Array.from(
  { length: 0x20 },
  (_, code) => Buffer.from(JSON.stringify(String.fromCharCode(code)).slice(1, -1))
)

/** Copies longer than this are made by a call. */
const shortBytes = 40

/** Gathers text, and is emptied again and again. */
export class TextOutput {
  private bytes = Buffer.allocUnsafeSlow(1024 * 1024)
  private length = 0

  /** What was gathered since the last call; a view, valid until more is added. */
  take(): Uint8Array {
    const { bytes, length } = this
    this.length = 0
    return bytes.subarray(0, length)
  }

  byte(value: number): void {
    this.reserve(1)
    this.bytes[this.length++] = value
  }

  /** ASCII characters. */
  ascii(text: string): void {
    this.reserve(text.length)
    const { bytes } = this
    let at = this.length
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i)
    this.length = at
  }

  /** source[start, end) as it is. */
  raw(source: Uint8Array, start: number, end: number): void {
    const length = end - start
    this.reserve(length)
    if (length > shortBytes) this.bytes.set(source.subarray(start, end), this.length)
    else for (let i = 0; i < length; i++) this.bytes[this.length + i] = source[start + i]
    this.length += length
  }

  /** source[start, end), UTF-8, as a string of JSON. */
  jsonString(source: Uint8Array, start: number, end: number): void {
    this.reserve(6 * (end - start) + 2)
    const { bytes } = this
    let at = this.length
    bytes[at++] = quote
    for (let i = start; i < end; i++) {
      const byte = source[i]
      if (byte >= 0x20) {
        if (byte === quote || byte === backslash) bytes[at++] = backslash
        bytes[at++] = byte
      } else {
        const escape = escapes[byte]
        for (let j = 0; j < escape.length; j++) bytes[at++] = escape[j]
      }
    }
    bytes[at++] = quote
    this.length = at
  }

  /** source[start, end) between quotes, those within doubled. */
  quoted(source: Uint8Array, start: number, end: number): void {
    this.reserve(2 * (end - start) + 2)
    const { bytes } = this
    let at = this.length
    bytes[at++] = quote
    for (let i = start; i < end; i++) {
      const byte = source[i]
      if (byte === quote) bytes[at++] = quote
      bytes[at++] = byte
    }
    bytes[at++] = quote
    this.length = at
  }

  private reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.bytes.length) return
    const next = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length))
    next.set(this.bytes.subarray(0, this.length))
    this.bytes = next
  }
}
