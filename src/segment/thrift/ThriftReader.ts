/** Reads Thrift's compact protocol; see `ThriftWriter`. Throws `FormatError` rather than read beyond the bytes. */
import { FormatError } from "../../base/byteCursor.ts"
import { BINARY, DOUBLE, FALSE, I64, LIST, STRUCT, TRUE } from "./ThriftWriter.ts"

const BYTE = 3
const SET = 10
const depthMax = 32

export class ThriftReader {
  private readonly bytes: Uint8Array
  /** Offset of what is read next. */
  at: number
  /** Type of the field or of the list's elements that were announced last. */
  type = 0
  private depth = 0

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  /** Reads a struct; `read` is told the id of each field and takes its value, or skips it. */
  struct(read: (id: number) => void): void {
    if (++this.depth > depthMax) throw new FormatError("Thrift structs are nested too deep")
    let id = 0
    for (;;) {
      const head = this.byte()
      const type = head & 0x0f
      if (type === 0) break
      id = head >> 4 === 0 ? this.int() : id + (head >> 4)
      this.type = type
      read(id)
    }
    this.depth--
  }

  /** A list's elements, one call each. */
  list(read: (i: number) => void): void {
    this.expect(LIST)
    const head = this.byte()
    const count = head >> 4 === 15 ? this.varint() : head >> 4
    const type = head & 0x0f
    if (count > this.bytes.length - this.at) throw new FormatError(`a list of ${count} elements where fewer bytes are`)
    for (let i = 0; i < count; i++) {
      this.type = type
      read(i)
    }
  }

  /** An integer of up to 53 bits. */
  int(): number {
    const value = this.varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  /** A field that is an integer. */
  number(): number {
    if (this.type < 4 || this.type > I64) throw new FormatError(`Thrift type ${this.type} where an integer is expected`)
    return this.int()
  }

  /** A field that is a boolean: its type is its value. */
  bool(): boolean {
    if (this.type !== TRUE && this.type !== FALSE) {
      throw new FormatError(`Thrift type ${this.type} where a boolean is expected`)
    }
    return this.type === TRUE
  }

  /** An element of a list of booleans, which has a byte. */
  flag(): boolean {
    this.bool()
    return this.byte() === TRUE
  }

  /** A byte string, as a view. */
  binary(): Uint8Array {
    this.expect(BINARY)
    const length = this.varint()
    if (length > this.bytes.length - this.at) throw new FormatError(`${length} bytes announced, fewer are there`)
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  /** A field that is a struct. */
  fields(read: (id: number) => void): void {
    this.expect(STRUCT)
    this.struct(read)
  }

  /** Passes over the value of the field that was announced last. */
  skip(): void {
    switch (this.type) {
      case TRUE:
      case FALSE:
        return
      case BYTE:
        this.byte()
        return
      case DOUBLE:
        for (let i = 0; i < 8; i++) this.byte()
        return
      case BINARY:
        this.binary()
        return
      case LIST:
      case SET:
        this.type = LIST
        this.list(() => this.type <= FALSE ? this.byte() : this.skip())
        return
      case STRUCT:
        this.struct(() => this.skip())
        return
      default:
        this.number()
    }
  }

  private expect(type: number): void {
    if (this.type !== type) throw new FormatError(`Thrift type ${this.type} where ${type} is expected`)
  }

  private byte(): number {
    if (this.at >= this.bytes.length) throw new FormatError("Thrift data ends early")
    return this.bytes[this.at++]
  }

  private varint(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (value > 2 * Number.MAX_SAFE_INTEGER) throw new FormatError("an integer beyond 2^53")
        return value
      }
      scale *= 0x80
      if (scale > 2 ** 56) throw new FormatError("an integer of more than 56 bits")
    }
  }
}
