/** Plain numbers of a page into vectors. */
import { FormatError } from "../../base/byteCursor.ts"
import { Int64Vector, NumberVector } from "../../event/vector.ts"
import { decodeHybrid } from "../encoding/hybrid.ts"
import { FLOAT, INT32, INT64, type PhysicalType, plainWidths } from "../parquet.ts"

/**
 * Reads the values of rows [row, row + rows) from bytes[at, end), `present` of them; the others are null already.
 */
export const decodeNumbers = (
  vector: NumberVector,
  row: number,
  rows: number,
  present: number,
  bytes: Uint8Array,
  at: number,
  end: number
): void => {
  const { nulls, values } = vector
  if (vector.kind === "bool") {
    expect((present + 7) >> 3, end - at)
    for (let i = 0; i < present; i++) values[row + i] = (bytes[at + (i >> 3)] >> (i & 7)) & 1
  } else {
    const width = values.BYTES_PER_ELEMENT
    expect(present * width, end - at)
    new Uint8Array(values.buffer, values.byteOffset + row * width, present * width).set(bytes.subarray(at, end))
  }
  if (present < rows) spread(values, nulls, row, rows, present)
}

/**
 * A page without nulls as a vector that uses the page's own memory, where that is aligned: nothing is copied. 64-bit
 * integers become doubles in place; where one of them is too large for that, nothing is done.
 */
export const adoptNumbers = (
  physical: PhysicalType,
  page: Uint8Array<ArrayBuffer>,
  at: number,
  rows: number
): NumberVector | Int64Vector | undefined => {
  const width = plainWidths[physical]
  const offset = page.byteOffset + at
  if (width === 0 || offset % width !== 0 || page.length - at !== rows * width) return undefined
  if (physical === INT64) {
    const values = new Float64Array(page.buffer, offset, rows)
    if (!toDoubles(new Int32Array(page.buffer, offset, 2 * rows), values)) return undefined
    return Object.assign(new Int64Vector(0), { values, nulls: noNulls(rows) })
  }
  const [kind, values] = physical === INT32
    ? ["int32" as const, new Int32Array(page.buffer, offset, rows)]
    : physical === FLOAT
    ? ["float32" as const, new Float32Array(page.buffer, offset, rows)]
    : ["float64" as const, new Float64Array(page.buffer, offset, rows)]
  return Object.assign(new NumberVector(kind, 0), { values, nulls: noNulls(rows) })
}

/** Turns pairs of words into the doubles that lie in the same place; false, and nothing done, where one is too large. */
const toDoubles = (pairs: Int32Array, doubles: Float64Array): boolean => {
  let beyond = 0
  for (let i = 1; i < pairs.length; i += 2) {
    const high = pairs[i]
    beyond |= (high < 0 ? -high : high) >>> 21
  }
  if (beyond !== 0) return false
  for (let i = 0; i < doubles.length; i++) doubles[i] = pairs[2 * i + 1] * 0x1_0000_0000 + (pairs[2 * i] >>> 0)
  return true
}

let zeros = new Uint8Array(4096)

/** The nulls of a page that has none. Pages share them: they are never written to. */
export const noNulls = (rows: number): Uint8Array<ArrayBuffer> => {
  if (zeros.length < rows) zeros = new Uint8Array(rows)
  return zeros.subarray(0, rows)
}

/** Booleans as a hybrid of runs and bits, after their length, as other writers have them. */
export const decodeBoolRuns = (
  vector: NumberVector,
  row: number,
  rows: number,
  present: number,
  bytes: Uint8Array,
  at: number,
  end: number
): void => {
  decodeHybrid(bytes, at + 4, end, 1, vector.values as Uint8Array, row, present)
  if (present < rows) spread(vector.values, vector.nulls, row, rows, present)
}

/** Words of one page at a time; grown for pages of other writers. */
let words = new Int32Array(2 * 4096)

/** As `decodeNumbers`, of 64-bit integers: doubles while they fit 2^53, else exact ones too. */
export const decodeInt64 = (
  vector: Int64Vector,
  row: number,
  rows: number,
  present: number,
  bytes: Uint8Array,
  at: number,
  end: number
): void => {
  expect(8 * present, end - at)
  if (words.length < 2 * present) words = new Int32Array(2 * present)
  new Uint8Array(words.buffer, 0, 8 * present).set(bytes.subarray(at, end))
  const { nulls, values } = vector
  let beyond = 0
  for (let i = 0; i < present; i++) {
    const high = words[2 * i + 1]
    values[row + i] = high * 0x1_0000_0000 + (words[2 * i] >>> 0)
    // Above 20 bits, whichever the sign: not below 2^53.
    beyond |= (high < 0 ? -high : high) >>> 21
  }
  if (beyond !== 0 && vector.wide === undefined) {
    vector.wide = new BigInt64Array(values.length)
    for (let i = 0; i < row; i++) vector.wide[i] = BigInt(values[i])
  }
  if (vector.wide !== undefined) {
    const exact = new BigInt64Array(words.buffer, 0, present)
    vector.wide.set(exact, row)
    if (present < rows) spread(vector.wide, nulls, row, rows, present)
  }
  if (present < rows) spread(values, nulls, row, rows, present)
}

const expect = (wanted: number, there: number): void => {
  if (wanted !== there) throw new FormatError(`a page has ${there} bytes of values where ${wanted} are expected`)
}

/** Moves values that stand close together to the rows that are not null, from the last to the first. */
export const spread = (
  values: { [index: number]: number } | { [index: number]: bigint },
  nulls: Uint8Array,
  row: number,
  rows: number,
  present: number
): void => {
  const array = values as { [index: number]: number }
  let from = row + present
  for (let i = row + rows - 1; i >= row; i--) {
    if (nulls[i] === 0) array[i] = array[--from]
  }
}

/** The numbers of a dictionary page; those of 64-bit integers, all of them safe, as doubles. They are not to be changed. */
export type NumberDictionary = Int32Array | Float32Array | Float64Array

/** Reads a dictionary page of `count` numbers. */
export const decodeNumberDictionary = (
  physical: PhysicalType,
  page: Uint8Array<ArrayBuffer>,
  count: number
): NumberDictionary => {
  const width = plainWidths[physical]
  if (width === 0) throw new FormatError("a dictionary of flags")
  expect(count * width, page.length)
  const { buffer } = page.byteOffset % width === 0 ? page : page.slice()
  const offset = page.byteOffset % width === 0 ? page.byteOffset : 0
  if (physical === INT32) return new Int32Array(buffer, offset, count)
  if (physical === FLOAT) return new Float32Array(buffer, offset, count)
  const doubles = new Float64Array(buffer, offset, count)
  if (physical === INT64) {
    const pairs = new Int32Array(buffer, offset, 2 * count)
    for (let i = 0; i < count; i++) {
      doubles[i] = pairs[2 * i + 1] * 0x1_0000_0000 + (pairs[2 * i] >>> 0)
      if (!Number.isSafeInteger(doubles[i])) throw new FormatError("a dictionary has an integer beyond 2^53")
    }
  }
  return doubles
}
