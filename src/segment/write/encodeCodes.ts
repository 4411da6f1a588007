/** Columns of text as a dictionary page and pages of codes. */
import type { Bounds } from "../bounds.ts"
import type { DistinctSketch } from "../encoding/DistinctSketch.ts"
import { bitWidth, encodeHybrid, hybridBytesMax } from "../encoding/hybrid.ts"
import { pageRows } from "../format.ts"
import { RLE_DICTIONARY } from "../parquet.ts"
import type { ChunkWriter } from "./ChunkWriter.ts"
import type { CodedText } from "./codeText.ts"
import { cutBounds, putText } from "./encodeText.ts"
import { presentRows } from "./presentRows.ts"
import type { TextRows } from "./textRows.ts"

/** The codes of one page, without its nulls. */
const present = new Uint32Array(pageRows)

/** Writes the pages of a column: page p has rows order[pages[p], pages[p + 1]). */
export const encodeCodes = (
  chunk: ChunkWriter,
  rows: TextRows,
  { codes, count, values }: CodedText,
  order: Int32Array,
  pages: ReadonlyArray<number>,
  sketch: DistinctSketch | undefined
): void => {
  const { heap, offsets } = values
  const dictionary = new Uint8Array(offsets[count] + 4 * count)
  let at = 0
  for (let code = 0; code < count; code++) {
    at = putText(dictionary, at, heap, offsets[code], offsets[code + 1])
    sketch?.addBytes(heap, offsets[code], offsets[code + 1])
  }
  chunk.dictionary(dictionary, count)
  const width = bitWidth(count - 1)
  for (let page = 0; page + 1 < pages.length; page++) {
    const from = pages[page]
    const to = pages[page + 1]
    const { count: valueCount, flags } = presentRows(rows, order, from, to)
    let min = count
    let max = -1
    let used = 0
    for (let i = from; i < to; i++) {
      if (flags !== undefined && flags[i - from] === 0) continue
      const code = codes[i - pages[0]]
      present[used++] = code
      if (code < min) min = code
      if (code > max) max = code
    }
    const body = chunk.begin(to - from, flags, 1 + hybridBytesMax(valueCount, width))
    body.bytes[body.at] = width
    const end = encodeHybrid(body.bytes, body.at + 1, present, 0, used, width)
    const nulls = to - from - used
    const bounds: Bounds = max < 0 || !chunk.column.bounded
      ? { min: undefined, max: undefined, nulls }
      : cutBounds(
        chunk.column,
        heap.subarray(offsets[min], offsets[min + 1]),
        heap.subarray(offsets[max], offsets[max + 1]),
        nulls
      )
    chunk.end(end, to - from, RLE_DICTIONARY, bounds)
  }
}
