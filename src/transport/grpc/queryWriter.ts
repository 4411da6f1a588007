/**
 * Writes protobuf from its end to its beginning: by the time a length has to be written, what it counts is there, so
 * that nested messages take one pass and no buffers of their own.
 */

/** Strings up to here are copied by a loop, which for so few characters is faster than a native call. */
const shortText = 32

/** Each call puts its bytes before those of the calls before it. */
export class PrependWriter {
  private buffer: Buffer
  /** What was written is bytes [at, buffer.length). */
  private at: number

  constructor(capacity: number) {
    this.buffer = Buffer.allocUnsafeSlow(capacity)
    this.at = capacity
  }

  /** Bytes written so far; the difference of two is the length of what was written between them. */
  get written(): number {
    return this.buffer.length - this.at
  }

  /** What was written. A view: the writer must not be used again. */
  finish(): Buffer {
    return this.buffer.subarray(this.at)
  }

  byte(value: number): void {
    if (this.at === 0) this.grow(1)
    this.buffer[--this.at] = value
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    if (value < 0x80) return this.byte(value)
    let bytes = 2
    for (let rest = Math.floor(value / 0x4000); rest > 0; rest = Math.floor(rest / 0x80)) bytes++
    if (this.at < bytes) this.grow(bytes)
    this.at -= bytes
    let rest = value
    for (let i = 0; i < bytes - 1; i++) {
      this.buffer[this.at + i] = rest % 0x80 | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.buffer[this.at + bytes - 1] = rest
  }

  /** Any 64-bit whole number, negative ones in ten bytes. */
  int64(value: number | bigint): void {
    if (typeof value === "number" && value >= 0) return this.varint(value)
    let rest = BigInt.asUintN(64, BigInt(value))
    const bytes: Array<number> = []
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
    bytes.push(Number(rest))
    for (let i = bytes.length - 1; i >= 0; i--) this.byte(bytes[i])
  }

  double(value: number): void {
    if (this.at < 8) this.grow(8)
    this.at -= 8
    this.buffer.writeDoubleLE(value, this.at)
  }

  bytes(value: Uint8Array): void {
    if (this.at < value.length) this.grow(value.length)
    this.at -= value.length
    this.buffer.set(value, this.at)
  }

  /** A text's UTF-8. */
  text(value: string): void {
    const { length } = value
    if (length <= shortText) {
      if (this.at < length) this.grow(length)
      const start = this.at - length
      let i = 0
      for (; i < length; i++) {
        const unit = value.charCodeAt(i)
        if (unit > 0x7f) break
        this.buffer[start + i] = unit
      }
      if (i === length) {
        this.at = start
        return
      }
    }
    const bytes = Buffer.byteLength(value)
    if (this.at < bytes) this.grow(bytes)
    this.at -= bytes
    this.buffer.write(value, this.at)
  }

  /** The length of what was written since `before`, then the field's tag. */
  enclose(tag: number, before: number): void {
    this.varint(this.written - before)
    this.byte(tag)
  }

  /** A text field; a text that is empty is left out, as proto3 has it. */
  textField(tag: number, value: string): void {
    if (value === "") return
    const before = this.written
    this.text(value)
    this.enclose(tag, before)
  }

  private grow(needed: number): void {
    const { written } = this
    const next = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, written + needed))
    next.set(this.buffer.subarray(this.at), next.length - written)
    this.at = next.length - written
    this.buffer = next
  }
}
