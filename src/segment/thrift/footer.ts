/** Writes the footer: Parquet's `FileMetaData` in Thrift. `hyparquet` reads it. */
import { type Bounds, encodeBound } from "../bounds.ts"
import { keyColumn, positionColumn, type SegmentColumn } from "../columns.ts"
import { DATA_PAGE, DICTIONARY_PAGE, PLAIN, RLE, RLE_DICTIONARY, ZSTD } from "../parquet.ts"
import { BINARY, I32, STRUCT, type ThriftWriter } from "./ThriftWriter.ts"

/** A stretch of the file. */
export interface FileRange {
  readonly offset: number
  readonly length: number
}

/** A column of a row group, as the footer tells of it. */
export interface FooterChunk {
  readonly column: SegmentColumn
  readonly encoding: number
  readonly dictionaryOffset: number | undefined
  /** Where the first data page begins. */
  readonly dataOffset: number
  readonly bytes: number
  readonly plainBytes: number
  readonly rows: number
  readonly pages: number
  readonly bounds: Bounds
  readonly columnIndex: FileRange | undefined
  readonly offsetIndex: FileRange | undefined
  readonly bloom: FileRange | undefined
  /** Compression of its pages; zstd where it is not said. */
  readonly codec?: number
  /** Whether its pages are another column's, which come first. */
  readonly isShared?: boolean
}

/** A row group, as the footer tells of it. */
export interface FooterRowGroup {
  readonly chunks: ReadonlyArray<FooterChunk>
  readonly rows: number
}

/** What the footer tells. */
export interface Footer {
  readonly columns: ReadonlyArray<SegmentColumn>
  readonly rows: number
  readonly rowGroups: ReadonlyArray<FooterRowGroup>
  readonly entries: ReadonlyArray<readonly [name: string, value: string]>
  readonly createdBy: string
  /** Rows are in no order; else by key and position, as those of segments are. */
  readonly isUnordered?: boolean
}

const REQUIRED = 0
const OPTIONAL = 1

const CONVERTED_UTF8 = 0
const CONVERTED_TIMESTAMP_MICROS = 10
const CONVERTED_JSON = 19

const sum = <A>(values: ReadonlyArray<A>, of: (value: A) => number): number =>
  values.reduce((total, value) => total + of(value), 0)

/** Writes the footer. */
export const writeFooter = (writer: ThriftWriter, footer: Footer): void => {
  const { columns, entries, isUnordered = false, rowGroups } = footer
  writer.root(() => {
    writer.i32(1, 2)
    writer.list(2, STRUCT, columns.length + 1, (i) => i === 0 ? root(writer, columns) : leaf(writer, columns[i - 1]))
    writer.i64(3, footer.rows)
    writer.list(4, STRUCT, rowGroups.length, (i) => rowGroup(writer, rowGroups[i], i, isUnordered))
    writer.list(5, STRUCT, entries.length, (i) =>
      writer.root(() => {
        writer.binary(1, entries[i][0])
        writer.binary(2, entries[i][1])
      }))
    writer.binary(6, footer.createdBy)
    // All columns are ordered as their types are.
    writer.list(7, STRUCT, columns.length, () => writer.root(() => writer.struct(1, () => {})))
  })
}

const root = (writer: ThriftWriter, columns: ReadonlyArray<SegmentColumn>): void =>
  writer.root(() => {
    writer.binary(4, "rows")
    writer.i32(5, columns.length)
  })

const leaf = (writer: ThriftWriter, { fieldId, logical, name, optional, physical }: SegmentColumn): void =>
  writer.root(() => {
    writer.i32(1, physical)
    writer.i32(3, optional ? OPTIONAL : REQUIRED)
    writer.binary(4, name)
    // The older way to say what the logical type says.
    if (logical === "string") writer.i32(6, CONVERTED_UTF8)
    else if (logical === "timestamp") writer.i32(6, CONVERTED_TIMESTAMP_MICROS)
    else if (logical === "json") writer.i32(6, CONVERTED_JSON)
    writer.i32(9, fieldId)
    if (logical === undefined) return
    writer.struct(10, () => {
      if (logical === "string") writer.struct(1, () => {})
      else if (logical === "json") writer.struct(12, () => {})
      else {
        writer.struct(8, () => {
          writer.bool(1, true)
          writer.struct(2, () => writer.struct(2, () => {}))
        })
      }
    })
  })

const rowGroup = (
  writer: ThriftWriter,
  { chunks, rows }: FooterRowGroup,
  ordinal: number,
  isUnordered: boolean
): void =>
  writer.root(() => {
    writer.list(1, STRUCT, chunks.length, (i) => columnChunk(writer, chunks[i]))
    writer.i64(2, sum(chunks, (chunk) => chunk.plainBytes))
    writer.i64(3, rows)
    if (!isUnordered) {
      writer.list(4, STRUCT, 2, (i) =>
        writer.root(() => {
          writer.i32(1, i === 0 ? keyColumn : positionColumn)
          writer.bool(2, i === 1)
          writer.bool(3, false)
        }))
    }
    writer.i64(5, chunks[0].dictionaryOffset ?? chunks[0].dataOffset)
    writer.i64(6, sum(chunks, (chunk) => chunk.isShared === true ? 0 : chunk.bytes))
    writer.i16(7, ordinal)
  })

const columnChunk = (writer: ThriftWriter, chunk: FooterChunk): void =>
  writer.root(() => {
    // Long deprecated, and still asked for: where the column's metadata is. It is here.
    writer.i64(2, 0)
    writer.struct(3, () => columnMetadata(writer, chunk))
    if (chunk.offsetIndex !== undefined) {
      writer.i64(4, chunk.offsetIndex.offset)
      writer.i32(5, chunk.offsetIndex.length)
    }
    if (chunk.columnIndex === undefined) return
    writer.i64(6, chunk.columnIndex.offset)
    writer.i32(7, chunk.columnIndex.length)
  })

const columnMetadata = (writer: ThriftWriter, chunk: FooterChunk): void => {
  const { bloom, column, dictionaryOffset } = chunk
  const encodings = chunk.encoding === RLE_DICTIONARY ? [PLAIN, RLE, RLE_DICTIONARY] : [chunk.encoding, RLE]
  const kinds = [...(dictionaryOffset === undefined ? [] : [DICTIONARY_PAGE]), DATA_PAGE]
  writer.i32(1, column.physical)
  writer.list(2, I32, encodings.length, (i) => writer.int(encodings[i]))
  writer.list(3, BINARY, 1, () => writer.bytes(column.name))
  writer.i32(4, chunk.codec ?? ZSTD)
  writer.i64(5, chunk.rows)
  writer.i64(6, chunk.plainBytes)
  writer.i64(7, chunk.bytes)
  writer.i64(9, chunk.dataOffset)
  if (dictionaryOffset !== undefined) writer.i64(11, dictionaryOffset)
  writer.struct(12, () => statistics(writer, chunk))
  writer.list(13, STRUCT, kinds.length, (i) =>
    writer.root(() => {
      writer.i32(1, kinds[i])
      writer.i32(2, kinds[i] === DICTIONARY_PAGE ? PLAIN : chunk.encoding)
      writer.i32(3, kinds[i] === DICTIONARY_PAGE ? 1 : chunk.pages)
    }))
  if (bloom === undefined) return
  writer.i64(14, bloom.offset)
  writer.i32(15, bloom.length)
}

const statistics = (writer: ThriftWriter, { bounds, column }: FooterChunk): void => {
  const { max, min, nulls } = bounds
  writer.i64(3, nulls)
  if (min === undefined || max === undefined) return
  writer.binary(5, encodeBound(column.physical, max, false))
  writer.binary(6, encodeBound(column.physical, min, true))
}
