/** Makes the value index of a column of a segment: reads the column a row group at a time, sorts, writes blocks. */
import * as Effect from "effect/Effect"
import { compareBytes } from "../../base/bytes.ts"
import type { Segment } from "../Segment.ts"
import type { SegmentError } from "../SegmentError.ts"
import type { SegmentVector } from "../write/SegmentRows.ts"
import { pagesOfRowGroup } from "./format.ts"
import { indexedNumber, indexedText } from "./indexedValue.ts"
import { SortedValues } from "./SortedValues.ts"
import { ValueIndexWriter } from "./ValueIndexWriter.ts"

/** Takes pieces of a file, which are its own from then on. */
export type WriteChunks<E> = (chunks: ReadonlyArray<Uint8Array<ArrayBuffer>>) => Effect.Effect<void, E>

/** An index that was built. */
export interface BuiltIndex {
  /** Of the file. */
  readonly bytes: number
  /** Pages of the segment. */
  readonly pages: number
  /** CRC-32 of the blocks before they are compressed. */
  readonly contentCrc: number
}

/** Bytes that are written at a time. */
const writeBytes = 256 * 1024

/**
 * Gives `write` the file of a segment's value index, piece by piece, and says what it came to. `column` is the
 * column's place in the segment; `undefined` where the segment is older than the column, whose index has no values then.
 * Between row groups, and between pieces, the thread sees to its messages, or to its other fibers.
 */
export const buildValueIndex = Effect.fnUntraced(function*<E>(
  segment: Segment,
  column: number | undefined,
  write: WriteChunks<E>
): Effect.fn.Return<BuiltIndex, SegmentError | E> {
  const values = new SortedValues()
  let pages = 0
  for (let rowGroup = 0; rowGroup < segment.metadata.rowGroups.length; rowGroup++) {
    const { breaks, pageCount } = yield* segment.index(rowGroup)
    pages += pageCount
    if (column === undefined) continue
    const vector = yield* segment.readColumn(rowGroup, column)
    for (let page = 0; page < pageCount; page++) {
      addPage(values, vector, breaks[page], breaks[page + 1], rowGroup * pagesOfRowGroup + page)
    }
    yield* Effect.yieldNow
  }
  const writer = new ValueIndexWriter(pages)
  const merged = values.merge()
  for (let written = 0; merged.value !== undefined;) {
    const value = merged.value
    const found: Array<number> = []
    for (; merged.value !== undefined && compareBytes(merged.value, value) === 0; merged.advance()) {
      // Two texts of a page may be cut to one value.
      if (found.at(-1) !== merged.page) found.push(merged.page)
    }
    writer.add(value, found)
    if (writer.bytes - written < writeBytes) continue
    written = writer.bytes
    yield* write(writer.take())
    yield* Effect.yieldNow
  }
  writer.finish()
  yield* write(writer.take())
  return { bytes: writer.bytes, pages, contentCrc: writer.contentCrc }
})

/** Where the column of an id is among those of a segment; `undefined` where the segment is older than the column. */
export const placeOfColumn = ({ metadata }: Segment, columnId: number): number | undefined => {
  const place = metadata.columns.findIndex(({ fieldId }) => fieldId === columnId)
  return place < 0 ? undefined : place
}

/** Adds each value of rows [from, end) once. */
const addPage = (values: SortedValues, vector: SegmentVector, from: number, end: number, page: number): void => {
  const isNull = (row: number): boolean => vector.hasNulls && vector.nulls[row] === 1
  if (vector.kind === "dictionary") {
    const seen = new Set<number>()
    for (let row = from; row < end; row++) if (!isNull(row)) seen.add(vector.codes[row])
    for (const code of seen) values.add(indexedText(vector.dictionary.values.get(code)), page)
  } else if (vector.kind === "text") {
    const seen = new Set<string>()
    for (let row = from; row < end; row++) {
      if (isNull(row)) continue
      const value = indexedText(vector.get(row))
      const text = Buffer.from(value.buffer, value.byteOffset, value.length).toString("latin1")
      if (seen.has(text)) continue
      seen.add(text)
      values.add(value, page)
    }
  } else {
    const seen = new Set<number>()
    for (let row = from; row < end; row++) {
      if (isNull(row) || seen.has(vector.values[row])) continue
      seen.add(vector.values[row])
      const value = indexedNumber(vector.values[row])
      if (value !== undefined) values.add(value, page)
    }
  }
}
