/**
 * Definition levels of columns that may be null: 1 = a value, 0 = null. In memory the other way around, a byte a row
 * with 1 = null.
 */
import { FormatError } from "../../base/byteCursor.ts"
import { decodeHybrid, encodeHybrid, hybridBytesMax } from "./hybrid.ts"

/** Most bytes that the levels of `rows` rows take, with the length before them. */
export const levelBytesMax = (rows: number): number => 4 + hybridBytesMax(rows, 1)

/** Pages of fewer rows are not worth aligning. */
const alignedRowsMin = 512

/**
 * Writes the levels of a page at the front of `target`, after their length, and returns where they end. `present` has
 * a byte a row, 1 = a value; without it no row is null.
 *
 * In all but small pages without nulls the values behind the levels begin at a multiple of 8, so that a reader can use
 * them where they are: what one run would say in 3 bytes is said in four runs, 12 bytes, which come after a length of 4.
 */
export const encodeLevels = (target: Uint8Array, present: Uint8Array | undefined, rows: number): number => {
  let end = 4
  if (present === undefined && rows >= alignedRowsMin) {
    const quarter = rows >> 2
    for (let run = 0; run < 4; run++) {
      end = encodeHybrid(target, end, allPresent(rows), 0, run < 3 ? quarter : rows - 3 * quarter, 1)
    }
  } else end = encodeHybrid(target, end, present ?? allPresent(rows), 0, rows, 1)
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
 * null.
 */
export const decodeLevels = (
  bytes: Uint8Array,
  start: number,
  end: number,
  nulls: Uint8Array,
  at: number,
  rows: number
): number => {
  if (decodeHybrid(bytes, start, end, 1, nulls, at, rows) > 1) throw new FormatError("a definition level beyond 1")
  let present = 0
  for (let row = at; row < at + rows; row++) {
    present += nulls[row]
    nulls[row] ^= 1
  }
  return rows - present
}

/** Whether the levels of `rows` rows are plainly those of a page without nulls: runs of ones, and nothing else. */
export const areAllPresent = (bytes: Uint8Array, start: number, end: number, rows: number): boolean => {
  let left = rows
  for (let at = start; left > 0;) {
    let head = 0
    let shift = 0
    let byte = 0x80
    while (byte >= 0x80) {
      if (at >= end || shift > 21) return false
      byte = bytes[at++]
      head |= (byte & 0x7f) << shift
      shift += 7
    }
    if ((head & 1) === 1 || at >= end || bytes[at++] !== 1 || head === 0) return false
    left -= head >> 1
  }
  return left === 0
}
