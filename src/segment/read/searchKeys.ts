/** Searching sorted keys: those of a page, and the bounds of pages and row groups. */
import { compareBytes } from "../../base/bytes.ts"
import type { TextVector } from "../../event/vector.ts"
import type { Bound, Bounds } from "../bounds.ts"

/** The first i of [0, count) for which `isAtOrAbove(i)`, which then holds for all that follow; `count` where none. */
const firstOf = (count: number, isAtOrAbove: (i: number) => boolean): number => {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isAtOrAbove(middle)) high = middle
    else low = middle + 1
  }
  return low
}

const bytesOf = (bound: Bound | undefined): Uint8Array => bound as Uint8Array

/** The first run of rows that may hold a key at or above `key`. */
export const firstRunAtOrAbove = (runs: ReadonlyArray<Bounds>, key: Uint8Array): number =>
  firstOf(runs.length, (i) => compareBytes(bytesOf(runs[i].max), key) >= 0)

/** The first run of rows that holds only keys above `key`. */
export const firstRunAbove = (runs: ReadonlyArray<Bounds>, key: Uint8Array): number =>
  firstOf(runs.length, (i) => compareBytes(bytesOf(runs[i].min), key) > 0)

/** The first of `count` rows whose key is at or above `key`. */
export const firstRowAtOrAbove = (keys: TextVector, count: number, key: Uint8Array): number =>
  firstOf(count, (row) => compareRow(keys, row, key) >= 0)

/** The first of `count` rows whose key is above `key`. */
export const firstRowAbove = (keys: TextVector, count: number, key: Uint8Array): number =>
  firstOf(count, (row) => compareRow(keys, row, key) > 0)

/** Orders a row's key and another. */
const compareRow = ({ heap, offsets }: TextVector, row: number, key: Uint8Array): number => {
  const start = offsets[row]
  const length = offsets[row + 1] - start
  const common = Math.min(length, key.length)
  for (let i = 0; i < common; i++) {
    const difference = heap[start + i] - key[i]
    if (difference !== 0) return difference
  }
  return length - key.length
}
