/**
 * Rows as a Parquet file, row group by row group, with the encoders of segments: zstd, dictionaries for texts that
 * repeat, min and max. Segments are sorted, hold the engine's columns, and are indexed page by page; this file is for
 * others to read, and holds what was asked for, as it came.
 */
import { version } from "../../base/version.ts"
import { canonicalDocument } from "../../schema/document.ts"
import type { TableSchema } from "../../schema/types.ts"
import { columnOf } from "../../segment/columns.ts"
import { DistinctSketch } from "../../segment/encoding/DistinctSketch.ts"
import { magic, rowGroupRows, schemaEntry } from "../../segment/format.ts"
import { type FooterChunk, type FooterRowGroup, writeFooter } from "../../segment/thrift/footer.ts"
import { hasBounds } from "../../segment/thrift/pageIndex.ts"
import { ThriftWriter } from "../../segment/thrift/ThriftWriter.ts"
import type { WrittenChunk } from "../../segment/write/ChunkWriter.ts"
import { Output } from "../../segment/write/Output.ts"
import { longTexts, pageBreaks } from "../../segment/write/pageBreaks.ts"
import { writeChunk } from "../../segment/write/writeRowGroup.ts"
import type { Encoder } from "./Encoder.ts"
import type { ExportColumn } from "./exportColumns.ts"

const footerChunk = (chunk: WrittenChunk): FooterChunk => {
  const { bounds, column, dictionaryOffset, encoding, pages } = chunk
  return {
    column,
    encoding,
    dictionaryOffset,
    dataOffset: pages[0].offset,
    bytes: chunk.bytes,
    plainBytes: chunk.plainBytes,
    rows: chunk.rows,
    pages: pages.length,
    // Pages without bounds, which NaNs make, leave the whole without.
    bounds: column.bounded && hasBounds(pages) ? bounds : { min: undefined, max: undefined, nulls: bounds.nulls },
    columnIndex: undefined,
    offsetIndex: undefined,
    bloom: undefined
  }
}

/** A word of 32 bits, the lowest byte first. */
const wordBytes = (word: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, word, true)
  return bytes
}

/** Field ids of columns that have none of their own follow on those of the schema, far below the engine's. */
const firstOtherId = 1_000_000_000

/** Makes a Parquet file. `schema` goes into its footer, where `varve import` finds it. */
export const parquetEncoder = (exported: ReadonlyArray<ExportColumn>, schema: TableSchema | undefined): Encoder => {
  const output = new Output()
  output.append(wordBytes(magic))
  const columns = exported.map(({ fieldId, name, optional, type }, i) =>
    columnOf(name, fieldId ?? firstOtherId + i, type, optional)
  )
  const rowGroups: Array<FooterRowGroup> = []
  // The encoders count distinct values, which only segments keep.
  const sketch = new DistinctSketch()
  let rowNumbers = new Int32Array(0)
  let total = 0
  return {
    rowsMax: rowGroupRows,
    add: (rows) => {
      const vectors = exported.map(({ vector }) => vector(rows))
      if (rowNumbers.length < rows.count) rowNumbers = Int32Array.from({ length: rows.count }, (_, row) => row)
      const order = rowNumbers.subarray(0, rows.count)
      const long = longTexts(vectors, rows.count)
      for (let from = 0; from < rows.count;) {
        const breaks = pageBreaks(long, order, from)
        const end = breaks[breaks.length - 1]
        const chunks = columns.map((column, i) => writeChunk(output, column, vectors[i], order, breaks, sketch))
        rowGroups.push({ chunks: chunks.map(footerChunk), rows: end - from })
        from = end
      }
      total += rows.count
      return output.take()
    },
    end: () => {
      const footer = new ThriftWriter(64 * 1024)
      writeFooter(footer, {
        columns,
        rows: total,
        rowGroups,
        entries: schema === undefined ? [] : [[schemaEntry, canonicalDocument(schema)]],
        // The form that other readers expect, and look for faults of known writers in.
        createdBy: `varve version ${version} (build 0)`,
        isUnordered: true
      })
      output.append(footer.written())
      output.append(wordBytes(footer.length))
      output.append(wordBytes(magic))
      return output.take()
    }
  }
}
