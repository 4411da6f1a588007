/** Columns of numbers as plain pages. */
import type { Int64Vector, NumberArray, NumberVector } from "../../event/vector.ts"
import type { Bound, Bounds } from "../bounds.ts"
import type { DistinctSketch } from "../encoding/DistinctSketch.ts"
import { pageRows } from "../format.ts"
import { PLAIN } from "../parquet.ts"
import type { ChunkWriter } from "./ChunkWriter.ts"
import { type Present, presentRows } from "./presentRows.ts"

// The values of one page, without its nulls. No page has more rows.
const bytes = new Uint8Array(pageRows)
const ints = new Int32Array(pageRows)
const floats = new Float32Array(pageRows)
const doubles = new Float64Array(pageRows)
/** Pairs of words, the low one first: int64 as it lies in a file. */
const pairs = new Int32Array(2 * pageRows)

/** Writes the pages of a column: page p has rows order[pages[p], pages[p + 1]). */
export const encodeNumbers = (
  chunk: ChunkWriter,
  vector: NumberVector,
  order: Int32Array,
  pages: ReadonlyArray<number>,
  sketch: DistinctSketch
): void => {
  const values = vector.kind === "bool"
    ? bytes
    : vector.kind === "int32"
    ? ints
    : vector.kind === "float32"
    ? floats
    : doubles
  for (let page = 0; page + 1 < pages.length; page++) {
    const from = pages[page]
    const to = pages[page + 1]
    const present = presentRows(vector, order, from, to)
    gather(vector.values, order, from, to, present, values)
    const { count } = present
    const bounds = numberBounds(values, count, to - from - count)
    const body = chunk.begin(to - from, present.flags, 8 * pageRows)
    let end: number
    if (vector.kind === "bool") {
      end = packBits(bytes, count, body.bytes, body.at)
      // A flag has two values at most: the bounds tell which.
      if (bounds.min !== undefined) sketch.addHash(bounds.min === 0 ? 0x12345678 : 0x6abcdef0)
      if (bounds.max !== undefined) sketch.addHash(bounds.max === 0 ? 0x12345678 : 0x6abcdef0)
    } else {
      const plain = new Uint8Array(values.buffer, 0, count * values.BYTES_PER_ELEMENT)
      body.bytes.set(plain, body.at)
      end = body.at + plain.length
      const words = new Int32Array(values.buffer, 0, plain.length >> 2)
      if (values === doubles) sketch.addPairs(words, count)
      else sketch.addWords(words, count)
    }
    chunk.end(end, to - from, PLAIN, bounds)
  }
}

/** Writes the pages of a column of 64-bit integers. */
export const encodeInt64 = (
  chunk: ChunkWriter,
  vector: Int64Vector,
  order: Int32Array,
  pages: ReadonlyArray<number>,
  sketch: DistinctSketch
): void => {
  const { wide } = vector
  const words = wide === undefined ? undefined : new Int32Array(wide.buffer, wide.byteOffset, 2 * wide.length)
  for (let page = 0; page + 1 < pages.length; page++) {
    const from = pages[page]
    const to = pages[page + 1]
    const present = presentRows(vector, order, from, to)
    const { count } = present
    const nulls = to - from - count
    let bounds: Bounds
    if (words === undefined) {
      gather(vector.values, order, from, to, present, doubles)
      splitDoubles(count)
      bounds = numberBounds(doubles, count, nulls)
    } else {
      gatherWords(words, order, from, to, present)
      bounds = wordBounds(count, nulls)
    }
    sketch.addPairs(pairs, count)
    const body = chunk.begin(to - from, present.flags, 8 * pageRows)
    body.bytes.set(new Uint8Array(pairs.buffer, 0, 8 * count), body.at)
    chunk.end(body.at + 8 * count, to - from, PLAIN, bounds)
  }
}

/** Copies the values of rows order[from, to) that are there to the front of `target`. */
const gather = (
  source: NumberArray,
  order: Int32Array,
  from: number,
  to: number,
  { flags }: Present,
  target: NumberArray
): void => {
  if (flags === undefined) {
    for (let i = from; i < to; i++) target[i - from] = source[order[i]]
    return
  }
  let count = 0
  for (let i = from; i < to; i++) {
    if (flags[i - from] === 1) target[count++] = source[order[i]]
  }
}

/** Turns the first `count` doubles into pairs of words. */
const splitDoubles = (count: number): void => {
  for (let i = 0; i < count; i++) {
    const value = doubles[i]
    // Assigning to an Int32Array takes the value modulo 2^32: these are the low words.
    pairs[2 * i] = value
    pairs[2 * i + 1] = Math.floor(value / 0x1_0000_0000)
  }
}

const gatherWords = (source: Int32Array, order: Int32Array, from: number, to: number, { flags }: Present): void => {
  let at = 0
  for (let i = from; i < to; i++) {
    if (flags !== undefined && flags[i - from] === 0) continue
    const row = 2 * order[i]
    pairs[at++] = source[row]
    pairs[at++] = source[row + 1]
  }
}

const numberBounds = (values: NumberArray, count: number, nulls: number): Bounds => {
  let min = Infinity
  let max = -Infinity
  for (let i = 0; i < count; i++) {
    const value = values[i]
    if (value < min) min = value
    if (value > max) max = value
  }
  // NaN is no bound: a page of nothing else has none. Adding 0 makes -0 plain.
  return min <= max ? { min: min + 0, max: max + 0, nulls } : { min: undefined, max: undefined, nulls }
}

const wordBounds = (count: number, nulls: number): Bounds => {
  if (count === 0) return { min: undefined, max: undefined, nulls }
  let min = 0
  let max = 0
  for (let i = 1; i < count; i++) {
    if (comparePairs(i, min) < 0) min = i
    else if (comparePairs(i, max) > 0) max = i
  }
  return { min: pairAt(min), max: pairAt(max), nulls }
}

const comparePairs = (left: number, right: number): number =>
  pairs[2 * left + 1] - pairs[2 * right + 1] || (pairs[2 * left] >>> 0) - (pairs[2 * right] >>> 0)

const pairAt = (i: number): Bound => {
  const value = (BigInt(pairs[2 * i + 1]) << 32n) | BigInt(pairs[2 * i] >>> 0)
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}

/** Packs `count` flags into bits, lowest first, at `at`, and returns where they end. */
const packBits = (flags: Uint8Array, count: number, target: Uint8Array, at: number): number => {
  for (let i = 0; i < count; i += 8) {
    let bits = 0
    const end = Math.min(8, count - i)
    for (let bit = 0; bit < end; bit++) bits |= (flags[i + bit] & 1) << bit
    target[at++] = bits
  }
  return at
}
