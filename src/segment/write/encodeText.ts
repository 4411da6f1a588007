/**
 * Columns of text without a dictionary, in whichever way is smaller once compressed: each value after its length; or for
 * all values how much of the one before each begins with, then the lengths of the rests, then these.
 */
import { type Bounds, cutMax, cutMin } from "../bounds.ts"
import type { SegmentColumn } from "../columns.ts"
import { deltaBytesMax, encodeDelta } from "../encoding/delta.ts"
import type { DistinctSketch } from "../encoding/DistinctSketch.ts"
import { boundBytesMax, pageRows } from "../format.ts"
import { DELTA_BYTE_ARRAY, PLAIN } from "../parquet.ts"
import type { ChunkWriter } from "./ChunkWriter.ts"
import { type Present, presentRows } from "./presentRows.ts"
import type { TextRows } from "./textRows.ts"

/** How a column's bounds are found: it has none, its rows are sorted, or every value is looked at. */
export type BoundsFrom = "nothing" | "order" | "values"

/** Columns of fewer rows are plain: there is nothing to gain. */
const rowsMin = 256

/** Columns of longer texts are plain: their lengths are nothing beside them, and to try each way would cost more. */
const triedBytesMax = 256

/** What another encoding must save before it is preferred to plain text. */
const share = 0.95

/** How the texts of a column of a row group are written. */
interface Layout {
  readonly encoding: number
  /** Most bytes that a text is said to share with the one before. */
  readonly prefixMax: number
}

const plain: Layout = { encoding: PLAIN, prefixMax: 0 }
const sharingAll: Layout = { encoding: DELTA_BYTE_ARRAY, prefixMax: Infinity }

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
  const layout = chooseLayout(chunk, rows, order, pages)
  for (let page = 0; page + 1 < pages.length; page++) {
    const from = pages[page]
    const to = pages[page + 1]
    const present = presentRows(rows, order, from, to)
    const { flags } = present
    const length = putTexts(chunk, layout, rows, order, from, to, present)
    if (sketch !== undefined) {
      for (let i = from; i < to; i++) {
        if (flags !== undefined && flags[i - from] === 0) continue
        const text = codes === undefined ? order[i] : codes[order[i]]
        sketch.addBytes(heap, offsets[text], offsets[text + 1])
      }
    }
    const nulls = to - from - present.count
    const bounds = boundsFrom === "nothing" || present.count === 0
      ? { min: undefined, max: undefined, nulls }
      : boundsFrom === "order"
      ? { min: textAt(rows, order[from]), max: textAt(rows, order[to - 1]), nulls }
      : searchBounds(chunk.column, rows, order, from, to, flags, nulls)
    chunk.end(length, to - from, layout.encoding, bounds)
  }
}

/** Tries the page in the middle each way. */
const chooseLayout = (
  chunk: ChunkWriter,
  rows: TextRows,
  order: Int32Array,
  pages: ReadonlyArray<number>
): Layout => {
  const middle = (pages.length - 1) >> 1
  const from = pages[middle]
  const to = pages[middle + 1]
  if (pages[pages.length - 1] - pages[0] < rowsMin) return plain
  const present = presentRows(rows, order, from, to)
  if (present.count === 0) return plain
  const plainLength = putTexts(chunk, plain, rows, order, from, to, present)
  if (plainLength > triedBytesMax * (to - from)) return plain
  let best = plain
  let least = share * chunk.storedBytes(plainLength)
  const attempt = (layout: Layout): void => {
    const size = chunk.storedBytes(putTexts(chunk, layout, rows, order, from, to, present))
    if (size >= least) return
    best = layout
    least = size
  }
  attempt(sharingAll)
  attempt({ encoding: DELTA_BYTE_ARRAY, prefixMax: commonPrefix(present.count) })
  return best
}

/**
 * How much nearly every text of the page in `prefixes` shares with the one before. Where keys are random and sorted,
 * telling how much exactly costs more than is saved by it.
 */
const commonPrefix = (count: number): number => {
  const sorted = prefixes.slice(1, count).sort()
  return sorted.length === 0 ? 0 : sorted[sorted.length >> exceptionsShift]
}

/** One text of so many, as a power of two, may share less than `commonPrefix`. */
const exceptionsShift = 6

// Of the texts of one page: how many bytes each shares with the one before, and how many follow these.
const prefixes = new Int32Array(pageRows)
const lengths = new Int32Array(pageRows)
/** Where the text of each row that has one begins in the heap, behind what it shares. */
const starts = new Int32Array(pageRows)

/** Puts a page together and gives its length. */
const putTexts = (
  chunk: ChunkWriter,
  { encoding, prefixMax }: Layout,
  { codes, heap, offsets }: TextRows,
  order: Int32Array,
  from: number,
  to: number,
  { count, flags }: Present
): number => {
  const body = chunk.begin(to - from, flags, encoding === PLAIN ? 0 : 2 * deltaBytesMax(count))
  let { at, bytes } = body
  if (encoding === PLAIN) {
    for (let i = from; i < to; i++) {
      if (flags !== undefined && flags[i - from] === 0) continue
      const text = codes === undefined ? order[i] : codes[order[i]]
      const start = offsets[text]
      const end = offsets[text + 1]
      if (at + 4 + end - start > bytes.length) bytes = chunk.grow(at, 4 + end - start)
      at = putText(bytes, at, heap, start, end)
    }
    return at
  }
  let used = 0
  let before = 0
  let beforeEnd = 0
  let total = 0
  for (let i = from; i < to; i++) {
    if (flags !== undefined && flags[i - from] === 0) continue
    const text = codes === undefined ? order[i] : codes[order[i]]
    const start = offsets[text]
    const end = offsets[text + 1]
    const most = Math.min(end - start, beforeEnd - before, prefixMax)
    let shared = 0
    while (shared < most && heap[before + shared] === heap[start + shared]) shared++
    before = start
    beforeEnd = end
    prefixes[used] = shared
    starts[used] = start + shared
    lengths[used++] = end - start - shared
    total += end - start - shared
  }
  at = encodeDelta(bytes, at, prefixes, count)
  at = encodeDelta(bytes, at, lengths, count)
  if (at + total > bytes.length) bytes = chunk.grow(at, total)
  for (let i = 0; i < count; i++) at = putBytes(bytes, at, heap, starts[i], starts[i] + lengths[i])
  return at
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
  return putBytes(target, at + 4, heap, start, end)
}

/** Copies heap[start, end) to `at` and returns where it ends. */
const putBytes = (target: Uint8Array, at: number, heap: Uint8Array, start: number, end: number): number => {
  const length = end - start
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
