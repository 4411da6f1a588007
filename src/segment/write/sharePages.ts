/**
 * Tables often have a column that the key is taken from: every text of it is there twice. Where that is so in a whole row
 * group, both columns have the same pages, which are stored once: their entries in the footer lead to the same place.
 */
import type { TextVector } from "../../event/vector.ts"
import { type Bounds, joinBounds, noBounds } from "../bounds.ts"
import type { SegmentColumn } from "../columns.ts"
import type { DistinctSketch } from "../encoding/DistinctSketch.ts"
import type { WrittenChunk } from "./ChunkWriter.ts"
import { cutBounds } from "./encodeText.ts"
import type { SegmentVector } from "./SegmentRows.ts"
import { textRows } from "./textRows.ts"

/** Whether each of rows order[from, to) has its key as its value. `sortedKeys` are the keys of these rows. */
export const equalsKeys = (
  vector: SegmentVector,
  sortedKeys: TextVector,
  order: Int32Array,
  from: number,
  to: number
): boolean => {
  if (vector.kind !== "text" && vector.kind !== "dictionary") return false
  const { codes, hasNulls, heap, nulls, offsets } = textRows(vector)
  const { heap: keys, offsets: keyOffsets } = sortedKeys
  for (let i = from; i < to; i++) {
    const row = order[i]
    if (hasNulls && nulls[row] === 1) return false
    const text = codes === undefined ? row : codes[row]
    const start = offsets[text]
    const keyStart = keyOffsets[i - from]
    const length = keyOffsets[i - from + 1] - keyStart
    if (offsets[text + 1] - start !== length) return false
    for (let byte = 0; byte < length; byte++) if (heap[start + byte] !== keys[keyStart + byte]) return false
  }
  return true
}

/** The keys' pages as those of another column. Its bounds are cut, as those of all columns but the key are. */
export const sharePages = (
  keys: WrittenChunk,
  column: SegmentColumn,
  sortedKeys: TextVector,
  sketch: DistinctSketch
): WrittenChunk => {
  if (column.bounded) {
    const { heap, offsets } = sortedKeys
    for (let i = 0; i < keys.rows; i++) sketch.addBytes(heap, offsets[i], offsets[i + 1])
  }
  const pages = keys.pages.map((page) => ({
    ...page,
    bounds: column.bounded
      ? cutBounds(column, page.bounds.min as Uint8Array, page.bounds.max as Uint8Array, 0)
      : noBounds
  }))
  const bounds = pages.reduce<Bounds>((joined, page) => joinBounds(joined, page.bounds), noBounds)
  return { ...keys, column, pages, bounds, isShared: true }
}
