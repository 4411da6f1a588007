/**
 * Where the columns of a Parquet file are, from its footer. Takes any file of flat columns; what makes it a segment is
 * `metadata.ts`.
 */
import { type ColumnMetaData, parquetMetadata, type RowGroup, type SchemaElement } from "hyparquet"
import type { Bound, Bounds } from "../bounds.ts"
import {
  BOOLEAN,
  BYTE_ARRAY,
  DELTA_BINARY_PACKED,
  DELTA_BYTE_ARRAY,
  DOUBLE,
  FLOAT,
  INT32,
  INT64,
  type PhysicalType,
  PLAIN,
  RLE_DICTIONARY,
  UNCOMPRESSED,
  ZSTD
} from "../parquet.ts"
import { damage, SegmentFault } from "../SegmentError.ts"
import type { FileRange } from "../thrift/footer.ts"

/** A column of the file. */
export interface LayoutColumn {
  readonly name: string
  readonly fieldId: number | undefined
  readonly physical: PhysicalType
  readonly optional: boolean
}

/** A column of a row group. */
export interface ChunkLayout {
  readonly codec: number
  /** Its pages, the dictionary page first where there is one. */
  readonly range: FileRange
  readonly hasDictionary: boolean
  /** The encoding that its data pages have, if they have one. */
  readonly encoding: number
  /** Where the data pages begin. */
  readonly dataOffset: number
  /** Bytes of its pages, decompressed. */
  readonly plainBytes: number
  readonly rows: number
  readonly bounds: Bounds
  readonly columnIndex: FileRange | undefined
  readonly offsetIndex: FileRange | undefined
}

/** A row group. */
export interface RowGroupLayout {
  /** Its first row, from the start of the file. */
  readonly firstRow: number
  readonly rows: number
  /** In the order of the file's columns. */
  readonly chunks: ReadonlyArray<ChunkLayout>
}

/** A file. */
export interface FileLayout {
  readonly rows: number
  readonly columns: ReadonlyArray<LayoutColumn>
  readonly rowGroups: ReadonlyArray<RowGroupLayout>
  /** The key-value metadata. */
  readonly entries: ReadonlyMap<string, string>
}

const physicalTypes: Readonly<Record<string, PhysicalType>> = { BOOLEAN, INT32, INT64, FLOAT, DOUBLE, BYTE_ARRAY }
/** Encodings of data pages that are neither plain nor of a dictionary. */
const encodings: Readonly<Record<string, number>> = { DELTA_BINARY_PACKED, DELTA_BYTE_ARRAY }
const codecs: Readonly<Record<string, number>> = { UNCOMPRESSED, ZSTD }

/** Statistics as they are stored, instead of strings and dates. */
const raw = <A>(value: A): A => value
const parsers = {
  stringFromBytes: raw,
  timestampFromMilliseconds: raw,
  timestampFromMicroseconds: raw,
  timestampFromNanoseconds: raw,
  dateFromDays: raw
} as unknown as NonNullable<NonNullable<Parameters<typeof parquetMetadata>[1]>["parsers"]>

/**
 * Reads a footer: `bytes` end with it, its length and the magic. `fileBytes` is the file's length, which no range may
 * pass. Throws `SegmentFault`.
 */
export const readLayout = (bytes: Uint8Array<ArrayBuffer>, fileBytes: number): FileLayout => {
  const metadata = parquetMetadata(bytes, { parsers, geoparquet: false })
  const columns = metadata.schema.slice(1).map(layoutColumn)
  const rowGroups: Array<RowGroupLayout> = []
  let firstRow = 0
  for (const rowGroup of metadata.row_groups) {
    rowGroups.push(layoutRowGroup(rowGroup, columns, firstRow, fileBytes))
    firstRow += Number(rowGroup.num_rows)
  }
  if (firstRow !== Number(metadata.num_rows)) {
    throw damage(fileBytes, `the row groups have ${firstRow} rows, the file is said to have ${metadata.num_rows}`)
  }
  return {
    rows: firstRow,
    columns,
    rowGroups,
    entries: new Map(metadata.key_value_metadata?.map(({ key, value }) => [key, value ?? ""]))
  }
}

const unsupported = (problem: string): SegmentFault => new SegmentFault("Unsupported", 0, problem)

const layoutColumn = (element: SchemaElement): LayoutColumn => {
  const physical = physicalTypes[element.type ?? ""]
  if (physical === undefined || (element.num_children ?? 0) > 0 || element.repetition_type === "REPEATED") {
    throw unsupported(
      `column ${element.name} is ${element.type ?? "nested"}; flat columns of the simple types are read`
    )
  }
  return {
    name: element.name,
    fieldId: element.field_id,
    physical,
    optional: element.repetition_type !== "REQUIRED"
  }
}

const layoutRowGroup = (
  rowGroup: RowGroup,
  columns: ReadonlyArray<LayoutColumn>,
  firstRow: number,
  fileBytes: number
): RowGroupLayout => {
  if (rowGroup.columns.length !== columns.length) {
    throw damage(fileBytes, `a row group has ${rowGroup.columns.length} columns, the file has ${columns.length}`)
  }
  const rows = Number(rowGroup.num_rows)
  const chunks = rowGroup.columns.map((chunk, i): ChunkLayout => {
    const { name } = columns[i]
    if (chunk.meta_data === undefined) throw unsupported(`column ${name} lies in another file`)
    const {
      column_index_length: indexLength,
      column_index_offset: indexOffset,
      offset_index_length: placesLength,
      offset_index_offset: placesOffset
    } = chunk
    const layout = layoutChunk(chunk.meta_data, name)
    const ranged = {
      ...layout,
      columnIndex: rangeOf(indexOffset, indexLength),
      offsetIndex: rangeOf(placesOffset, placesLength)
    }
    if (ranged.rows !== rows)
      throw damage(fileBytes, `column ${name} has ${ranged.rows} rows, its row group has ${rows}`)
    for (const range of [ranged.range, ranged.columnIndex, ranged.offsetIndex]) {
      if (
        range !== undefined && !(range.offset >= 0 && range.length >= 0 && range.offset + range.length <= fileBytes)
      ) {
        throw damage(fileBytes, `column ${name} is said to be beyond the file's end`)
      }
    }
    return ranged
  })
  return { firstRow, rows, chunks }
}

const rangeOf = (offset: bigint | undefined, length: number | undefined): FileRange | undefined =>
  offset === undefined || length === undefined ? undefined : { offset: Number(offset), length }

const layoutChunk = (metadata: ColumnMetaData, name: string): Omit<ChunkLayout, "columnIndex" | "offsetIndex"> => {
  const codec = codecs[metadata.codec]
  if (codec === undefined) throw unsupported(`column ${name} is compressed by ${metadata.codec}; ZSTD is read`)
  const dataOffset = Number(metadata.data_page_offset)
  const start = metadata.dictionary_page_offset === undefined ? dataOffset : Number(metadata.dictionary_page_offset)
  const { statistics } = metadata
  const hasDictionary = metadata.dictionary_page_offset !== undefined
  const other = metadata.encodings.find((encoding) => encodings[encoding] !== undefined)
  return {
    codec,
    range: { offset: start, length: Number(metadata.total_compressed_size) },
    hasDictionary,
    encoding: hasDictionary ? RLE_DICTIONARY : other === undefined ? PLAIN : encodings[other],
    dataOffset,
    plainBytes: Number(metadata.total_uncompressed_size),
    rows: Number(metadata.num_values),
    bounds: {
      min: boundOf(statistics?.min_value),
      max: boundOf(statistics?.max_value),
      nulls: Number(statistics?.null_count ?? 0)
    }
  }
}

const boundOf = (value: unknown): Bound | undefined => {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value
  if (typeof value === "boolean") return value ? 1 : 0
  // A copy: a view would keep the footer's bytes.
  if (value instanceof Uint8Array) return value.slice()
  return typeof value === "number" ? value : undefined
}
