/** Writes one row group: its columns, the bloom filter of its keys, and the index block. */
import * as zlib from "node:zlib"
import type { TextVector } from "../../event/vector.ts"
import { deletedColumn, keyColumn, type SegmentColumn } from "../columns.ts"
import type { DistinctSketch } from "../encoding/DistinctSketch.ts"
import type { RowGroupEntry } from "../format.ts"
import { writeBloomHeader } from "../thrift/bloomHeader.ts"
import type { FileRange, FooterChunk, FooterRowGroup } from "../thrift/footer.ts"
import { hasBounds, writeColumnIndex, writeOffsetIndex } from "../thrift/pageIndex.ts"
import { ThriftWriter } from "../thrift/ThriftWriter.ts"
import { ChunkWriter, type WrittenChunk } from "./ChunkWriter.ts"
import { codeText } from "./codeText.ts"
import { encodeCodes } from "./encodeCodes.ts"
import { encodeNumbers } from "./encodeNumbers.ts"
import { encodeText } from "./encodeText.ts"
import type { ScannedKeys } from "./KeyScan.ts"
import type { Output } from "./Output.ts"
import type { SegmentVector } from "./SegmentRows.ts"
import { equalsKeys, sharePages } from "./sharePages.ts"
import { textRows } from "./textRows.ts"

/** A row group that was written: what Parquet's footer says of it, and what Varve adds. */
export interface WrittenRowGroup {
  readonly footer: FooterRowGroup
  readonly entry: RowGroupEntry
}

/**
 * Writes the rows of order[breaks[0], breaks.at(-1)) with pages broken as `breaks` say. `sortedKeys` are the keys of
 * these rows, in that order.
 */
export const writeRowGroup = (
  output: Output,
  columns: ReadonlyArray<SegmentColumn>,
  vectors: ReadonlyArray<SegmentVector>,
  order: Int32Array,
  breaks: ReadonlyArray<number>,
  sortedKeys: TextVector,
  keys: ScannedKeys,
  sketches: ReadonlyArray<DistinctSketch>
): WrittenRowGroup => {
  const end = breaks[breaks.length - 1]
  const keyChunk = writeKeys(output, columns[keyColumn], sortedKeys, breaks)
  const chunks = columns.map((column, i) =>
    i === keyColumn
      ? keyChunk
      : equalsKeys(vectors[i], sortedKeys, order, breaks[0], end)
      ? sharePages(keyChunk, column, sortedKeys, sketches[i])
      : writeChunk(output, column, vectors[i], order, breaks, sketches[i], true)
  )
  const [bloom, bloomCrc] = writeBloom(output, keys.bloom)
  const indexOffset = output.offset
  let indexCrc = 0
  const writer = new ThriftWriter(4096)

  const appendIndex = (write: () => void): FileRange => {
    writer.reset()
    write()
    const range = { offset: output.offset, length: writer.length }
    indexCrc = zlib.crc32(writer.written(), indexCrc)
    output.append(writer.written())
    return range
  }

  const footerChunks = chunks.map((chunk, i): FooterChunk => {
    const { bounds, bytes, codec, column, dictionaryOffset, encoding, isShared, pages, plainBytes, rows } = chunk
    const columnIndex = column.bounded && hasBounds(pages)
      ? appendIndex(() => writeColumnIndex(writer, column.physical, pages))
      : undefined
    return {
      column,
      encoding,
      dictionaryOffset,
      dataOffset: pages[0].offset,
      bytes,
      plainBytes,
      rows,
      pages: pages.length,
      bounds: columnIndex === undefined ? { min: undefined, max: undefined, nulls: bounds.nulls } : bounds,
      columnIndex,
      offsetIndex: appendIndex(() => writeOffsetIndex(writer, pages)),
      bloom: i === keyColumn ? bloom : undefined,
      codec,
      isShared
    }
  })
  return {
    footer: { chunks: footerChunks, rows: chunks[keyColumn].rows },
    entry: {
      index: [indexOffset, output.offset - indexOffset, indexCrc],
      bloom: [bloom.offset, bloom.length, bloomCrc],
      keys: keys.keys,
      deletions: countDeletions(vectors[deletedColumn], order, breaks)
    }
  }
}

/** Keys are never coded: a page of them is searched as it is. */
const writeKeys = (
  output: Output,
  column: SegmentColumn,
  keys: TextVector,
  breaks: ReadonlyArray<number>
): WrittenChunk => {
  const chunk = new ChunkWriter(output, column, true)
  const pages = breaks.map((row) => row - breaks[0])
  encodeText(chunk, textRows(keys), rowNumbers(pages[pages.length - 1]), pages, "order", undefined)
  return chunk.finish()
}

let numbers = new Int32Array(0)

/** 0, 1, 2, ... */
const rowNumbers = (count: number): Int32Array => {
  if (numbers.length < count) numbers = Int32Array.from({ length: count }, (_, i) => i)
  return numbers
}

/**
 * Writes a column: rows order[breaks[0], breaks.at(-1)) of a vector, with pages broken as `breaks` say. All pages are
 * compressed, unless they may be stored as they are where that does not pay.
 */
export const writeChunk = (
  output: Output,
  column: SegmentColumn,
  vector: SegmentVector,
  order: Int32Array,
  breaks: ReadonlyArray<number>,
  sketch: DistinctSketch,
  mayStore = false
): WrittenChunk => {
  const chunk = new ChunkWriter(output, column, mayStore)
  switch (vector.kind) {
    case "text":
    case "dictionary": {
      const rows = textRows(vector)
      const coded = codeText(rows, order, breaks[0], breaks[breaks.length - 1])
      const sketched = column.bounded ? sketch : undefined
      if (coded !== undefined) encodeCodes(chunk, rows, coded, order, breaks, sketched)
      else encodeText(chunk, rows, order, breaks, column.bounded ? "values" : "nothing", sketched)
      break
    }
    default:
      encodeNumbers(chunk, vector, order, breaks, sketch)
  }
  return chunk.finish()
}

const writeBloom = (output: Output, words: Uint32Array<ArrayBuffer>): readonly [FileRange, crc: number] => {
  const bytes = new Uint8Array(words.buffer)
  const header = new ThriftWriter(64)
  writeBloomHeader(header, bytes.length)
  const offset = output.offset
  output.append(header.written())
  output.append(bytes)
  return [{ offset, length: output.offset - offset }, zlib.crc32(bytes, zlib.crc32(header.written()))]
}

const countDeletions = (deleted: SegmentVector, order: Int32Array, breaks: ReadonlyArray<number>): number => {
  if (deleted.kind !== "bool") return 0
  let deletions = 0
  for (let i = breaks[0]; i < breaks[breaks.length - 1]; i++) deletions += deleted.values[order[i]]
  return deletions
}
