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

const modulo = (value: bigint, divisor: bigint): bigint => ((value % divisor) + divisor) % divisor

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

  /** Microseconds since 1970, of the years 1 to 9999, in RFC 3339 with no more decimals than there are: 0, 3 or 6. */
  instant(micros: number | bigint): void {
    // Beyond 2^53 microseconds a double still tells the second, and the rest is what the seconds leave over.
    const wide = typeof micros === "bigint"
    const seconds = wide ? Number((micros - modulo(micros, 1_000_000n)) / 1_000_000n) : Math.floor(micros / 1_000_000)
    const fraction = wide ? Number(modulo(micros, 1_000_000n)) : micros - seconds * 1_000_000
    const day = Math.floor(seconds / 86_400)
    const second = seconds - day * 86_400
    this.reserve(27)
    this.date(day)
    this.bytes[this.length++] = 0x54
    this.digits(Math.floor(second / 3600), 2, 0x3a)
    this.digits(Math.floor(second / 60) % 60, 2, 0x3a)
    this.digits(second % 60, 2, fraction === 0 ? 0x5a : 0x2e)
    if (fraction === 0) return
    if (fraction % 1000 === 0) this.digits(fraction / 1000, 3, 0x5a)
    else this.digits(fraction, 6, 0x5a)
  }

  /** A day, counted from 1970-01-01, as `YYYY-MM-DD`. Years begin in March here, so that leap days come last. */
  private date(day: number): void {
    const shifted = day + 719_468
    const era = Math.floor(shifted / 146_097)
    const dayOfEra = shifted - era * 146_097
    const yearOfEra = Math.floor(
      (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365
    )
    const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
    const march = Math.floor((5 * dayOfYear + 2) / 153)
    const month = march < 10 ? march + 3 : march - 9
    this.digits(yearOfEra + era * 400 + (month <= 2 ? 1 : 0), 4, 0x2d)
    this.digits(month, 2, 0x2d)
    this.digits(dayOfYear - Math.floor((153 * march + 2) / 5) + 1, 2, 0)
    this.length--
  }

  /** So many digits of a number, and what comes behind them. Room for them is there. */
  private digits(value: number, count: number, behind: number): void {
    const { bytes } = this
    let rest = value
    for (let at = this.length + count - 1; at >= this.length; at--) {
      const tens = Math.floor(rest / 10)
      bytes[at] = 0x30 + rest - 10 * tens
      rest = tens
    }
    bytes[this.length + count] = behind
    this.length += count + 1
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
