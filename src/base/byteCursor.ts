/**
 * Writing and reading little-endian binary formats. Typed arrays are copied as they lie in memory, so the formats are
 * little-endian like every machine this runs on; that is asserted once, here.
 */
import { invariant } from "./invariant.ts"

invariant(new Uint8Array(new Uint32Array([1]).buffer)[0] === 1, "this machine is little-endian")

/** Rounds up to a multiple of 8: what lies at such an offset can be read in place as any typed array. */
export const align8 = (length: number): number => (length + 7) & ~7

/** Appends to one growing buffer, which is kept when the writer is reset. */
export class ByteWriter {
  private buffer: Uint8Array<ArrayBuffer>
  private view: DataView
  /** Bytes written. */
  length = 0

  constructor(capacity: number) {
    this.buffer = new Uint8Array(capacity)
    this.view = new DataView(this.buffer.buffer)
  }

  /** Starts over, keeping the memory. */
  reset(): void {
    this.length = 0
  }

  /** Bytes [start, length) as a view, valid until the next write or reset. */
  written(start = 0): Uint8Array<ArrayBuffer> {
    return this.buffer.subarray(start, this.length)
  }

  /** Makes room for `bytes` more and returns the offset where they go. */
  skip(bytes: number): number {
    const at = this.length
    const length = at + bytes
    if (length > this.buffer.length) {
      let capacity = this.buffer.length * 2
      while (capacity < length) capacity *= 2
      const next = new Uint8Array(capacity)
      next.set(this.buffer.subarray(0, at))
      this.buffer = next
      this.view = new DataView(next.buffer)
    }
    this.length = length
    return at
  }

  u8(value: number): void {
    // First make room: that may put another view in place.
    const at = this.skip(1)
    this.view.setUint8(at, value)
  }

  u16(value: number): void {
    const at = this.skip(2)
    this.view.setUint16(at, value, true)
  }

  u32(value: number): void {
    const at = this.skip(4)
    this.view.setUint32(at, value, true)
  }

  /** Writes over four bytes that were skipped before. */
  patchU32(at: number, value: number): void {
    this.view.setUint32(at, value, true)
  }

  bytes(value: Uint8Array): void {
    const at = this.skip(value.length)
    this.buffer.set(value, at)
  }

  /** The memory of a typed array. */
  array(value: ArrayBufferView): void {
    this.bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  }

  /** Zeros up to the next multiple of 8. */
  align(): void {
    const at = this.skip(align8(this.length) - this.length)
    this.buffer.fill(0, at, this.length)
  }
}

/** A format was not what it should be. Whoever reads knows where the bytes came from and says so. */
export class FormatError extends Error {
  override readonly name = "FormatError"
}

/** Reads forward through bytes whose start is aligned to 8. Throws `FormatError` at the end of the bytes. */
export class ByteReader {
  readonly bytes: Uint8Array<ArrayBuffer>
  private readonly view: DataView
  at = 0

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Passes over `count` bytes and returns the offset where they began. */
  take(count: number): number {
    const at = this.at
    if (count < 0 || at + count > this.bytes.length) {
      throw new FormatError(`${count} bytes expected at offset ${at}, ${this.bytes.length - at} are there`)
    }
    this.at = at + count
    return at
  }

  u8(): number {
    return this.view.getUint8(this.take(1))
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true)
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true)
  }

  /** A view of the next `count` bytes. */
  view8(count: number): Uint8Array<ArrayBuffer> {
    const at = this.take(count)
    return this.bytes.subarray(at, at + count)
  }

  /** A view of the next `count` elements as a typed array. */
  array<A>(type: new(buffer: ArrayBuffer, offset: number, length: number) => A, width: number, count: number): A {
    const at = this.take(width * count)
    return new type(this.bytes.buffer, this.bytes.byteOffset + at, count)
  }

  align(): void {
    this.take(align8(this.at) - this.at)
  }
}
