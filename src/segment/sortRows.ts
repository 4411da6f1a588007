/**
 * The order of rows in a segment: by the bytes of their keys, versions of one key newest first.
 *
 * Keys are sorted 7 bytes at a time. Those 7 bytes, and how many bytes were left (up to 8), make one number of 64 bits
 * that orders like the keys do: a shorter key is padded with zeros, and its smaller rest puts it before a longer one
 * that really has the zeros. A least-significant-digit radix sort orders the numbers; where they are equal and keys go
 * on, the next 7 bytes decide.
 */
import type { TextVector } from "../event/vector.ts"

/** Runs below this are sorted by insertion. */
const insertionMax = 24

interface Sorting {
  readonly heap: Uint8Array
  readonly offsets: Uint32Array
  readonly positions: Float64Array
  readonly rows: Int32Array<ArrayBuffer>
  /** Scratch: the rows' numbers by halves, and room to move rows to. */
  readonly high: Uint32Array<ArrayBuffer>
  readonly low: Uint32Array<ArrayBuffer>
  readonly spareRows: Int32Array<ArrayBuffer>
  readonly spareHigh: Uint32Array<ArrayBuffer>
  readonly spareLow: Uint32Array<ArrayBuffer>
}

/** The numbers of rows [0, count), sorted by (key bytes, position descending). Positions are distinct. */
export const sortRows = (keys: TextVector, positions: Float64Array, count: number): Int32Array<ArrayBuffer> => {
  const sorting: Sorting = {
    heap: keys.heap,
    offsets: keys.offsets,
    positions,
    rows: new Int32Array(count),
    high: new Uint32Array(count),
    low: new Uint32Array(count),
    spareRows: new Int32Array(count),
    spareHigh: new Uint32Array(count),
    spareLow: new Uint32Array(count)
  }
  // Rows usually come in the order of their positions. The sort is stable: begin with the newest.
  for (let i = 0; i < count; i++) sorting.rows[i] = count - 1 - i
  sortRange(sorting, 0, count, 0)
  return sorting.rows
}

/** Sorts rows[from, to), whose keys agree in their first `depth` bytes. */
const sortRange = (sorting: Sorting, from: number, to: number, depth: number): void => {
  if (to - from <= insertionMax) return insertionSort(sorting, from, to, depth)
  const start = depth + commonLength(sorting, from, to, depth)
  loadNumbers(sorting, from, to, start)
  radixSort(sorting, from, to)
  const { high, low } = sorting
  let begin = from
  for (let i = from + 1; i <= to; i++) {
    if (i < to && high[i] === high[begin] && low[i] === low[begin]) continue
    if (i - begin > 1) {
      // The number's last byte: more than 7 bytes were left, so that the keys go on.
      const goesOn = (low[begin] & 0xff) === 8
      if (goesOn) sortRange(sorting, begin, i, start + 7)
      else newestFirst(sorting, begin, i)
    }
    begin = i
  }
}

/** How many bytes from `depth` on all keys of rows[from, to) share. */
const commonLength = ({ heap, offsets, rows }: Sorting, from: number, to: number, depth: number): number => {
  const first = offsets[rows[from]] + depth
  let common = offsets[rows[from] + 1] - first
  for (let i = from + 1; i < to && common > 0; i++) {
    const at = offsets[rows[i]] + depth
    const length = Math.min(common, offsets[rows[i] + 1] - at)
    let same = 0
    while (same < length && heap[first + same] === heap[at + same]) same++
    common = same
  }
  return common
}

/** Fills in the number of each row: the key's bytes [depth, depth + 7), then how many bytes were left, up to 8. */
const loadNumbers = (sorting: Sorting, from: number, to: number, depth: number): void => {
  const { heap, high, low, offsets, rows } = sorting
  for (let i = from; i < to; i++) {
    const row = rows[i]
    const at = offsets[row] + depth
    const left = offsets[row + 1] - at
    if (left > 7) {
      high[i] = (heap[at] << 24) | (heap[at + 1] << 16) | (heap[at + 2] << 8) | heap[at + 3]
      low[i] = (heap[at + 4] << 24) | (heap[at + 5] << 16) | (heap[at + 6] << 8) | 8
      continue
    }
    let first = 0
    let second = 0
    for (let byte = 0; byte < left; byte++) {
      if (byte < 4) first |= heap[at + byte] << (24 - 8 * byte)
      else second |= heap[at + byte] << (56 - 8 * byte)
    }
    high[i] = first
    low[i] = second | left
  }
}

const counts = new Uint32Array(8 * 256)

/** Sorts rows[from, to) by their numbers; equal ones keep their order. Digits in which all agree cost nothing. */
const radixSort = (sorting: Sorting, from: number, to: number): void => {
  const { high, low } = sorting
  counts.fill(0)
  for (let i = from; i < to; i++) {
    const a = low[i]
    const b = high[i]
    counts[a & 0xff]++
    counts[256 + ((a >>> 8) & 0xff)]++
    counts[512 + ((a >>> 16) & 0xff)]++
    counts[768 + (a >>> 24)]++
    counts[1024 + (b & 0xff)]++
    counts[1280 + ((b >>> 8) & 0xff)]++
    counts[1536 + ((b >>> 16) & 0xff)]++
    counts[1792 + (b >>> 24)]++
  }
  let source = { rows: sorting.rows, high: sorting.high, low: sorting.low }
  let target = { rows: sorting.spareRows, high: sorting.spareHigh, low: sorting.spareLow }
  for (let digit = 0; digit < 8; digit++) {
    const base = 256 * digit
    const word = digit < 4 ? source.low : source.high
    const shift = 8 * (digit & 3)
    if (counts[base + ((word[from] >>> shift) & 0xff)] === to - from) continue
    let at = from
    for (let value = base; value < base + 256; value++) {
      const count = counts[value]
      counts[value] = at
      at += count
    }
    for (let i = from; i < to; i++) {
      const next = counts[base + ((word[i] >>> shift) & 0xff)]++
      target.rows[next] = source.rows[i]
      target.high[next] = source.high[i]
      target.low[next] = source.low[i]
    }
    const swap = source
    source = target
    target = swap
  }
  if (source.rows === sorting.rows) return
  sorting.rows.set(source.rows.subarray(from, to), from)
  sorting.high.set(source.high.subarray(from, to), from)
  sorting.low.set(source.low.subarray(from, to), from)
}

/** Sorts a few rows whose keys agree in their first `depth` bytes. */
const insertionSort = (sorting: Sorting, from: number, to: number, depth: number): void => {
  const { rows } = sorting
  for (let i = from + 1; i < to; i++) {
    const row = rows[i]
    let at = i
    while (at > from && compareRows(sorting, rows[at - 1], row, depth) > 0) {
      rows[at] = rows[at - 1]
      at--
    }
    rows[at] = row
  }
}

const compareRows = ({ heap, offsets, positions }: Sorting, left: number, right: number, depth: number): number => {
  const leftAt = offsets[left] + depth
  const rightAt = offsets[right] + depth
  const leftLength = offsets[left + 1] - leftAt
  const rightLength = offsets[right + 1] - rightAt
  const length = Math.min(leftLength, rightLength)
  for (let i = 0; i < length; i++) {
    const difference = heap[leftAt + i] - heap[rightAt + i]
    if (difference !== 0) return difference
  }
  return leftLength - rightLength || positions[right] - positions[left]
}

/** Puts rows of one key in order, which they already are where rows lie in the order of positions. */
const newestFirst = ({ positions, rows }: Sorting, from: number, to: number): void => {
  for (let i = from + 1; i < to; i++) {
    if (positions[rows[i]] < positions[rows[i - 1]]) continue
    rows.subarray(from, to).sort((left, right) => positions[right] - positions[left])
    return
  }
}
