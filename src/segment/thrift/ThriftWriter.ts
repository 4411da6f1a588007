/**
 * Writes Thrift's compact protocol, as far as Parquet needs it: structs, lists, 32- and 64-bit integers, booleans and
 * byte strings. Fields of a struct are written in ascending order of their ids.
 */
import { ByteWriter } from "../../base/byteCursor.ts"
import { encodeUtf8 } from "../../base/bytes.ts"
import { invariant } from "../../base/invariant.ts"

/** Types of fields and list elements. */
export const TRUE = 1
export const FALSE = 2
export const I16 = 4
export const I32 = 5
export const I64 = 6
export const DOUBLE = 7
export const BINARY = 8
export const LIST = 9
export const STRUCT = 12

export class ThriftWriter {
  private readonly writer: ByteWriter
  /** Id of the field before, in the struct that is being written. */
  private last = 0

  constructor(capacity = 256) {
    this.writer = new ByteWriter(capacity)
  }

  /** Bytes written. */
  get length(): number {
    return this.writer.length
  }

  /** What was written, valid until the next write or reset. */
  written(): Uint8Array<ArrayBuffer> {
    return this.writer.written()
  }

  /** Starts over, keeping the memory. */
  reset(): void {
    this.writer.reset()
    this.last = 0
  }

  /** A struct that is no field: the whole message, or an element of a list. */
  root(write: () => void): void {
    const last = this.last
    this.last = 0
    write()
    this.writer.u8(0)
    this.last = last
  }

  /** A field that is a struct. */
  struct(id: number, write: () => void): void {
    this.field(id, STRUCT)
    this.root(write)
  }

  /** An integer that fits 16 bits. */
  i16(id: number, value: number): void {
    this.field(id, I16)
    this.int(value)
  }

  /** An integer that fits 32 bits. */
  i32(id: number, value: number): void {
    this.field(id, I32)
    this.int(value)
  }

  /** A 64-bit integer that is a safe one. */
  i64(id: number, value: number): void {
    this.field(id, I64)
    this.int(value)
  }

  bool(id: number, value: boolean): void {
    this.field(id, value ? TRUE : FALSE)
  }

  binary(id: number, value: Uint8Array | string): void {
    this.field(id, BINARY)
    this.bytes(value)
  }

  /** A field that is a list of `count` elements; `write` writes element i. */
  list(id: number, type: number, count: number, write: (i: number) => void): void {
    this.field(id, LIST)
    if (count < 15) this.writer.u8((count << 4) | type)
    else {
      this.writer.u8(0xf0 | type)
      this.varint(count)
    }
    for (let i = 0; i < count; i++) write(i)
  }

  /** An element of a list of integers: 32 bits below zero, 53 above. */
  int(value: number): void {
    invariant(Number.isSafeInteger(value) && value >= -0x80000000, "integers of a segment's metadata are safe ones")
    this.varint(value < 0 ? -2 * value - 1 : 2 * value)
  }

  /** An element of a list of byte strings. */
  bytes(value: Uint8Array | string): void {
    const bytes = typeof value === "string" ? encodeUtf8(value) : value
    this.varint(bytes.length)
    this.writer.bytes(bytes)
  }

  /** An element of a list of booleans. */
  flag(value: boolean): void {
    this.writer.u8(value ? TRUE : FALSE)
  }

  private field(id: number, type: number): void {
    const delta = id - this.last
    invariant(delta > 0, "fields of a Thrift struct ascend")
    if (delta < 16) this.writer.u8((delta << 4) | type)
    else {
      this.writer.u8(type)
      this.varint(2 * id)
    }
    this.last = id
  }

  private varint(value: number): void {
    while (value >= 0x80) {
      this.writer.u8((value % 0x80) | 0x80)
      value = Math.floor(value / 0x80)
    }
    this.writer.u8(value)
  }
}
