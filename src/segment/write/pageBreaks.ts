/** Where a row group's pages begin, and where the row group ends: at the same rows in every column. */
import { pageRows, pageTextBytesMax, rowGroupRows, rowGroupTextBytesMax } from "../format.ts"
import type { SegmentVector } from "./SegmentRows.ts"
import { type TextRows, textRows } from "./textRows.ts"

/** Texts up to this long fill no page beyond its limit. */
const shortTextBytes = pageTextBytesMax / pageRows

/** The columns whose values may be so long that pages of fewer rows are needed. Rows [0, count) are looked at. */
export const longTexts = (vectors: ReadonlyArray<SegmentVector>, count: number): ReadonlyArray<TextRows> =>
  vectors.flatMap((vector) => {
    if (vector.kind !== "text" && vector.kind !== "dictionary") return []
    const rows = textRows(vector)
    const texts = vector.kind === "text" ? count : vector.dictionary.count
    for (let i = 0; i < texts; i++) {
      if (rows.offsets[i + 1] - rows.offsets[i] > shortTextBytes) return [rows]
    }
    return []
  })

/**
 * The pages of the row group that begins at order[from]: page p has rows order[breaks[p], breaks[p + 1]). The last
 * break is where the row group ends.
 */
export const pageBreaks = (long: ReadonlyArray<TextRows>, order: Int32Array, from: number): ReadonlyArray<number> => {
  const end = Math.min(order.length, from + rowGroupRows)
  const breaks = [from]
  let groupBytes = 0
  for (let at = from; at < end;) {
    const rows = Math.min(pageRows, end - at)
    const page = long.length === 0 ? { rows, bytes: 0 } : fillPage(long, order, at, at + rows)
    at += page.rows
    groupBytes += page.bytes
    breaks.push(at)
    if (groupBytes >= rowGroupTextBytesMax) break
  }
  return breaks
}

/** How many rows of order[from, to) fit a page, one at least, and the bytes of their long texts. */
const fillPage = (
  long: ReadonlyArray<TextRows>,
  order: Int32Array,
  from: number,
  to: number
): { readonly rows: number; readonly bytes: number } => {
  const used = new Float64Array(long.length)
  let bytes = 0
  for (let i = from; i < to; i++) {
    const row = order[i]
    const before = bytes
    for (let column = 0; column < long.length; column++) {
      const { codes, hasNulls, nulls, offsets } = long[column]
      if (hasNulls && nulls[row] === 1) continue
      const text = codes === undefined ? row : codes[row]
      const length = offsets[text + 1] - offsets[text]
      used[column] += length
      bytes += length
    }
    if (i > from && used.some((length) => length > pageTextBytesMax)) return { rows: i - from, bytes: before }
  }
  return { rows: to - from, bytes }
}
