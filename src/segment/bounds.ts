/**
 * Min and max of columns: of a page, of a row group, of a segment. Numbers as numbers (bool 0 or 1, int64 beyond 2^53 as
 * bigints), text as bytes. JavaScript compares numbers with bigints exactly.
 */
import { FormatError } from "../base/byteCursor.ts"
import { compareBytes } from "../base/bytes.ts"
import { BOOLEAN, BYTE_ARRAY, DOUBLE, FLOAT, INT32, INT64, type PhysicalType, plainWidths } from "./parquet.ts"

/** A smallest or largest value. */
export type Bound = number | bigint | Uint8Array

/** What a run of rows holds in one column. */
export interface Bounds {
  /** No value is below it; `undefined` where no row has a value, and for columns that have no bounds. */
  readonly min: Bound | undefined
  /** No value is above it. */
  readonly max: Bound | undefined
  /** Rows that are null. */
  readonly nulls: number
}

/** Orders two bounds of one column. */
export const compareBound = (left: Bound, right: Bound): number => {
  if (typeof left === "object" || typeof right === "object")
    return compareBytes(left as Uint8Array, right as Uint8Array)
  return left < right ? -1 : left > right ? 1 : 0
}

const smaller = (left: Bound | undefined, right: Bound | undefined): Bound | undefined =>
  left === undefined || (right !== undefined && compareBound(right, left) < 0) ? right : left

const larger = (left: Bound | undefined, right: Bound | undefined): Bound | undefined =>
  left === undefined || (right !== undefined && compareBound(right, left) > 0) ? right : left

/** The bounds of two runs together. */
export const joinBounds = (left: Bounds, right: Bounds): Bounds => ({
  min: smaller(left.min, right.min),
  max: larger(left.max, right.max),
  nulls: left.nulls + right.nulls
})

/** Bounds of no rows. */
export const noBounds: Bounds = { min: undefined, max: undefined, nulls: 0 }

const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80

/** At most `length` bytes that are not above `bytes`: a prefix, cut between characters where it is UTF-8. */
export const cutMin = (bytes: Uint8Array, length: number, isText: boolean): Uint8Array => {
  if (bytes.length <= length) return bytes
  let end = length
  if (isText) { while (end > 0 && isContinuation(bytes[end])) end-- }
  return bytes.subarray(0, end)
}

/**
 * At most `length` bytes that are not below anything that begins as `bytes` do: the prefix, its last character
 * raised by one. `bytes` themselves where no shorter ones are above them.
 */
export const cutMax = (bytes: Uint8Array, length: number, isText: boolean): Uint8Array => {
  if (bytes.length <= length) return bytes
  const prefix = cutMin(bytes, length, isText).slice()
  for (let end = prefix.length; end > 0;) {
    let start = end - 1
    if (isText) { while (start > 0 && isContinuation(prefix[start])) start-- }
    const raised = raise(prefix.subarray(start, end), isText)
    if (raised !== undefined) return concatenate(prefix.subarray(0, start), raised)
    end = start
  }
  return bytes
}

const concatenate = (left: Uint8Array, right: Uint8Array): Uint8Array => {
  const joined = new Uint8Array(left.length + right.length)
  joined.set(left)
  joined.set(right, left.length)
  return joined
}

/** The next byte, or the next character that UTF-8 writes in as many bytes; `undefined` for the last of them. */
const raise = (character: Uint8Array, isText: boolean): Uint8Array | undefined => {
  if (!isText) return character[0] === 0xff ? undefined : Uint8Array.of(character[0] + 1)
  const next = character.slice()
  let at = next.length - 1
  while (at > 0 && next[at] === 0xbf) next[at--] = 0x80
  next[at]++
  // What comes after these has more bytes, or does not exist.
  if (character.length === 1) return character[0] >= 0x7f ? undefined : next
  if (character.length === 2) return next[0] > 0xdf ? undefined : next
  // Surrogates are no characters: U+E000 follows U+D7FF.
  if (character.length === 3)
    return next[0] > 0xef
      ? undefined
      : isSurrogate(next)
      ? Uint8Array.of(0xee, 0x80, 0x80)
      : next
  return next[0] > 0xf4 || (next[0] === 0xf4 && next[1] > 0x8f) ? undefined : next
}

const isSurrogate = (bytes: Uint8Array): boolean => bytes[0] === 0xed && bytes[1] >= 0xa0

/** A bound as Parquet's statistics hold it: the plain value, text without its length. */
export const encodeBound = (physical: PhysicalType, bound: Bound, isMin: boolean): Uint8Array => {
  if (typeof bound === "object") return bound
  const bytes = new Uint8Array(physical === BOOLEAN ? 1 : plainWidths[physical])
  const view = new DataView(bytes.buffer)
  // Zeros of either sign are equal: bounds name the outer one.
  const value = bound === 0 ? (isMin ? -0 : 0) : Number(bound)
  switch (physical) {
    case BOOLEAN:
      view.setUint8(0, value)
      break
    case INT32:
      view.setInt32(0, value, true)
      break
    case INT64:
      view.setBigInt64(0, BigInt(bound), true)
      break
    case FLOAT:
      view.setFloat32(0, value, true)
      break
    case DOUBLE:
      view.setFloat64(0, value, true)
  }
  return bytes
}

/** Reads what `encodeBound` wrote. Throws `FormatError`. */
export const decodeBound = (physical: PhysicalType, bytes: Uint8Array): Bound => {
  if (physical === BYTE_ARRAY) return bytes
  const width = physical === BOOLEAN ? 1 : plainWidths[physical]
  if (bytes.length !== width) throw new FormatError(`a bound of ${bytes.length} bytes where ${width} are expected`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  switch (physical) {
    case BOOLEAN:
      return view.getUint8(0)
    case INT32:
      return view.getInt32(0, true)
    case INT64: {
      const value = view.getBigInt64(0, true)
      return Number.isSafeInteger(Number(value)) ? Number(value) : value
    }
    case FLOAT:
      return view.getFloat32(0, true)
    case DOUBLE:
      return view.getFloat64(0, true)
  }
}
