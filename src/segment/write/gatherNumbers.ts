/** The numbers of one page, taken from their vector in the order of the rows, and their bounds. */
import type { NumberArray } from "../../event/vector.ts"
import type { Bound, Bounds } from "../bounds.ts"
import type { Present } from "./presentRows.ts"

/** Copies the values of rows order[from, to) that are there to the front of `target`. */
export const gather = (
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

/** As `gather`, of pairs of words: 64-bit integers as they lie in a file. */
export const gatherPairs = (
  source: Int32Array,
  order: Int32Array,
  from: number,
  to: number,
  { flags }: Present,
  target: Int32Array
): void => {
  let at = 0
  for (let i = from; i < to; i++) {
    if (flags !== undefined && flags[i - from] === 0) continue
    const row = 2 * order[i]
    target[at++] = source[row]
    target[at++] = source[row + 1]
  }
}

/** Turns the first `count` doubles, which are safe integers, into pairs of words, the low one first. */
export const splitDoubles = (doubles: Float64Array, count: number, pairs: Int32Array): void => {
  for (let i = 0; i < count; i++) {
    const value = doubles[i]
    // Assigning to an Int32Array takes the value modulo 2^32: these are the low words.
    pairs[2 * i] = value
    pairs[2 * i + 1] = Math.floor(value / 0x1_0000_0000)
  }
}

/** The bounds of values [0, count). */
export const numberBounds = (values: NumberArray, count: number, nulls: number): Bounds => {
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

/** The bounds of pairs [0, count). */
export const pairBounds = (pairs: Int32Array, count: number, nulls: number): Bounds => {
  if (count === 0) return { min: undefined, max: undefined, nulls }
  let min = 0
  let max = 0
  for (let i = 1; i < count; i++) {
    if (comparePairs(pairs, i, min) < 0) min = i
    else if (comparePairs(pairs, i, max) > 0) max = i
  }
  return { min: pairAt(pairs, min), max: pairAt(pairs, max), nulls }
}

const comparePairs = (pairs: Int32Array, left: number, right: number): number =>
  pairs[2 * left + 1] - pairs[2 * right + 1] || (pairs[2 * left] >>> 0) - (pairs[2 * right] >>> 0)

const pairAt = (pairs: Int32Array, i: number): Bound => {
  const value = (BigInt(pairs[2 * i + 1]) << 32n) | BigInt(pairs[2 * i] >>> 0)
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}
