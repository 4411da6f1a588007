/**
 * Definition levels of columns that may be null: 1 = a value, 0 = null. In memory the other way around, a byte a row
 * with 1 = null.
 */
import { FormatError } from "../../base/byteCursor.ts"
import { decodeHybrid, encodeHybrid, hybridBytesMax } from "./hybrid.ts"

/** Most bytes that the levels of `rows` rows take, with the length before them. */
export const levelBytesMax = (rows: number): number => 4 + hybridBytesMax(rows, 1)

/**
 * Writes the levels of a page at the front of `target`, after their length, and returns where they end. `present` has
 * a byte a row, 1 = a value; without it no row is null.
 */
export const encodeLevels = (target: Uint8Array, present: Uint8Array | undefined, rows: number): number => {
  const levels = present ?? allPresent(rows)
  const end = encodeHybrid(target, 4, levels, 0, rows, 1)
  const length = end - 4
  target[0] = length
  target[1] = length >>> 8
  target[2] = length >>> 16
  target[3] = length >>> 24
  return end
}

let ones = new Uint8Array(0)

const allPresent = (rows: number): Uint8Array => {
  if (ones.length < rows) ones = new Uint8Array(rows).fill(1)
  return ones
}

/**
 * Reads the levels of `rows` rows from bytes[start, end) into `nulls` from `at` on, 1 = null, and returns how many are
 * null. What is in `nulls` there before must be zeros.
 */
export const decodeLevels = (
  bytes: Uint8Array,
  start: number,
  end: number,
  nulls: Uint8Array,
  at: number,
  rows: number
): number => {
  if (isOneRun(bytes, start, end, rows)) return 0
  if (decodeHybrid(bytes, start, end, 1, nulls, at, rows) > 1) throw new FormatError("a definition level beyond 1")
  let present = 0
  for (let row = at; row < at + rows; row++) {
    present += nulls[row]
    nulls[row] ^= 1
  }
  return rows - present
}

/** Whether no row is null, as in most pages: one run of ones. */
const isOneRun = (bytes: Uint8Array, start: number, end: number, rows: number): boolean => {
  let head = 0
  let shift = 0
  let at = start
  while (at < end && shift < 28) {
    const byte = bytes[at++]
    head |= (byte & 0x7f) << shift
    shift += 7
    if (byte < 0x80) return head === 2 * rows && at < end && bytes[at] === 1
  }
  return false
}
