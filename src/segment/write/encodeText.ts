/** Columns of text as plain pages: each value after its length. */
import { type Bounds, cutMax, cutMin } from "../bounds.ts"
import type { SegmentColumn } from "../columns.ts"
import type { DistinctSketch } from "../encoding/DistinctSketch.ts"
import { boundBytesMax } from "../format.ts"
import { PLAIN } from "../parquet.ts"
import type { ChunkWriter } from "./ChunkWriter.ts"
import { presentRows } from "./presentRows.ts"
import type { TextRows } from "./textRows.ts"

/** How a column's bounds are found: it has none, its rows are sorted, or every value is looked at. */
export type BoundsFrom = "nothing" | "order" | "values"

/** Writes the pages of a column: page p has rows order[pages[p], pages[p + 1]). */
export const encodeText = (
  chunk: ChunkWriter,
  rows: TextRows,
  order: Int32Array,
  pages: ReadonlyArray<number>,
  boundsFrom: BoundsFrom,
  sketch: DistinctSketch | undefined
): void => {
  const { codes, heap, offsets } = rows
  for (let page = 0; page + 1 < pages.length; page++) {
    const from = pages[page]
    const to = pages[page + 1]
    const present = presentRows(rows, order, from, to)
    const { flags } = present
    const body = chunk.begin(to - from, flags, 0)
    let { at, bytes } = body
    for (let i = from; i < to; i++) {
      if (flags !== undefined && flags[i - from] === 0) continue
      const text = codes === undefined ? order[i] : codes[order[i]]
      const start = offsets[text]
      const end = offsets[text + 1]
      if (at + 4 + end - start > bytes.length) bytes = chunk.grow(at, 4 + end - start)
      at = putText(bytes, at, heap, start, end)
      if (sketch !== undefined) sketch.addBytes(heap, start, end)
    }
    const nulls = to - from - present.count
    const bounds = boundsFrom === "nothing" || present.count === 0
      ? { min: undefined, max: undefined, nulls }
      : boundsFrom === "order"
      ? { min: textAt(rows, order[from]), max: textAt(rows, order[to - 1]), nulls }
      : searchBounds(chunk.column, rows, order, from, to, flags, nulls)
    chunk.end(at, to - from, PLAIN, bounds)
  }
}

/** Copies shorter than this are faster byte by byte. */
const shortBytes = 40

/** Puts a plain value at `at` and returns where it ends. */
export const putText = (target: Uint8Array, at: number, heap: Uint8Array, start: number, end: number): number => {
  const length = end - start
  target[at] = length
  target[at + 1] = length >>> 8
  target[at + 2] = length >>> 16
  target[at + 3] = length >>> 24
  at += 4
  if (length > shortBytes) target.set(heap.subarray(start, end), at)
  else for (let i = 0; i < length; i++) target[at + i] = heap[start + i]
  return at + length
}

/** A copy of a row's text. */
const textAt = ({ codes, heap, offsets }: TextRows, row: number): Uint8Array => {
  const text = codes === undefined ? row : codes[row]
  return heap.slice(offsets[text], offsets[text + 1])
}

/** Bounds as they are kept: cut to a length that an index can bear. */
export const cutBounds = (column: SegmentColumn, min: Uint8Array, max: Uint8Array, nulls: number): Bounds => {
  const isText = column.type === "string"
  return {
    min: cutMin(min, boundBytesMax, isText).slice(),
    max: cutMax(max, boundBytesMax, isText).slice(),
    nulls
  }
}

const searchBounds = (
  column: SegmentColumn,
  rows: TextRows,
  order: Int32Array,
  from: number,
  to: number,
  flags: Uint8Array | undefined,
  nulls: number
): Bounds => {
  const { codes, heap, offsets } = rows
  let min = -1
  let max = -1
  // The first four bytes decide in most cases.
  let minWord = 0
  let maxWord = 0
  for (let i = from; i < to; i++) {
    if (flags !== undefined && flags[i - from] === 0) continue
    const text = codes === undefined ? order[i] : codes[order[i]]
    const word = firstWord(heap, offsets[text], offsets[text + 1])
    if (min < 0) {
      min = max = text
      minWord = maxWord = word
    } else if (word <= minWord && (word < minWord || compareTexts(heap, offsets, text, min) < 0)) {
      min = text
      minWord = word
    } else if (word >= maxWord && (word > maxWord || compareTexts(heap, offsets, text, max) > 0)) {
      max = text
      maxWord = word
    }
  }
  return cutBounds(
    column,
    heap.subarray(offsets[min], offsets[min + 1]),
    heap.subarray(offsets[max], offsets[max + 1]),
    nulls
  )
}

/** The first four bytes as a number that orders like them; zeros where the text is shorter. */
const firstWord = (heap: Uint8Array, start: number, end: number): number => {
  if (end - start >= 4) {
    return ((heap[start] << 24) | (heap[start + 1] << 16) | (heap[start + 2] << 8) | heap[start + 3]) >>> 0
  }
  let word = 0
  for (let i = 0; i < end - start; i++) word |= heap[start + i] << (24 - 8 * i)
  return word >>> 0
}

const compareTexts = (heap: Uint8Array, offsets: Uint32Array, left: number, right: number): number => {
  const leftStart = offsets[left]
  const rightStart = offsets[right]
  const leftLength = offsets[left + 1] - leftStart
  const rightLength = offsets[right + 1] - rightStart
  const length = Math.min(leftLength, rightLength)
  for (let i = 0; i < length; i++) {
    const difference = heap[leftStart + i] - heap[rightStart + i]
    if (difference !== 0) return difference
  }
  return leftLength - rightLength
}
