/** What makes a Parquet file a segment: the checks around its footer, and what Varve wrote into it. */
import * as zlib from "node:zlib"
import { readCanonical } from "../../schema/document.ts"
import type { TableSchema } from "../../schema/types.ts"
import type { Bounds } from "../bounds.ts"
import { keyColumn, type SegmentColumn, segmentColumns } from "../columns.ts"
import {
  footerCheckBytes,
  footerMark,
  formatEntry,
  formatVersion,
  magic,
  positionsEntry,
  type RowGroupEntry,
  rowGroupsEntry,
  schemaEntry,
  schemaVersionEntry,
  tableEntry,
  trailerBytes
} from "../format.ts"
import { damage, SegmentFault } from "../SegmentError.ts"
import { type ChunkLayout, type FileLayout, readLayout } from "./layout.ts"

/** A row group of a segment. */
export interface SegmentRowGroup extends RowGroupEntry {
  /** Its first row, from the start of the segment. */
  readonly firstRow: number
  readonly rows: number
  /** In the order of `columns`. */
  readonly chunks: ReadonlyArray<ChunkLayout>
}

/** What a segment says of itself. */
export interface SegmentMetadata {
  readonly table: number
  readonly schemaVersion: number
  readonly schema: TableSchema
  readonly rows: number
  readonly minPosition: number
  readonly maxPosition: number
  /** The engine's columns, then the schema's. */
  readonly columns: ReadonlyArray<SegmentColumn>
  readonly rowGroups: ReadonlyArray<SegmentRowGroup>
  /** What each row group holds in `_key`: whole keys. */
  readonly keyBounds: ReadonlyArray<Bounds>
}

/** Bytes that hold the footer, for most segments; `footerLength` tells whether more are needed. */
export const tailBytes = 64 * 1024

/** Fewer bytes are no segment. */
export const fileBytesMin = 4 + footerCheckBytes + trailerBytes

/** How many of the file's last bytes the footer takes, with what is around it. `tail` ends where the file does. */
export const footerLength = (tail: Uint8Array, fileBytes: number): number => {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.length)
  if (view.getUint32(tail.length - 4, true) !== magic) {
    throw damage(fileBytes - 4, "the file does not end as a Parquet file does; it was cut or is not a segment")
  }
  const length = view.getUint32(tail.length - 8, true) + footerCheckBytes + trailerBytes
  if (length > fileBytes - 4) throw damage(fileBytes - 8, `a footer of ${length} bytes does not fit the file`)
  return length
}

/** Reads the footer; `bytes` are the last ones of the file, as many as `footerLength` said. Throws `SegmentFault`. */
export const readMetadata = (bytes: Uint8Array<ArrayBuffer>, fileBytes: number): SegmentMetadata => {
  const start = fileBytes - bytes.length
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint32(4, true) !== footerMark) {
    throw new SegmentFault(
      "Unsupported",
      start,
      "the mark of a segment is not before its footer; the file is another's, or damaged"
    )
  }
  const footer = bytes.subarray(footerCheckBytes, bytes.length - trailerBytes)
  if (view.getUint32(0, true) !== zlib.crc32(footer)) throw damage(start, "the footer's checksum is wrong")
  const layout = readLayout(bytes.subarray(footerCheckBytes), fileBytes)
  const version = Number(entry(layout, formatEntry, start))
  if (version > formatVersion) {
    throw new SegmentFault(
      "NewerFormat",
      start,
      `the segment has format version ${version}, this Varve reads up to version ${formatVersion}; ` +
        "start it with the version of Varve that wrote the file, or a newer one"
    )
  }
  const schema = readCanonical(entry(layout, schemaEntry, start))
  const columns = segmentColumns(schema)
  checkColumns(columns, layout, start)
  const [minPosition, maxPosition] = JSON.parse(entry(layout, positionsEntry, start)) as [number, number]
  const entries = JSON.parse(entry(layout, rowGroupsEntry, start)) as ReadonlyArray<RowGroupEntry>
  if (entries.length !== layout.rowGroups.length) throw damage(start, "the footer does not tell of every row group")
  return {
    table: Number(entry(layout, tableEntry, start)),
    schemaVersion: Number(entry(layout, schemaVersionEntry, start)),
    schema,
    rows: layout.rows,
    minPosition,
    maxPosition,
    columns,
    rowGroups: layout.rowGroups.map((rowGroup, i) => ({ ...rowGroup, ...entries[i] })),
    keyBounds: layout.rowGroups.map(({ chunks }) => chunks[keyColumn].bounds)
  }
}

const entry = (layout: FileLayout, name: string, offset: number): string => {
  const value = layout.entries.get(name)
  if (value === undefined) throw damage(offset, `the footer lacks the entry ${name}`)
  return value
}

/** The file's columns must be those that its schema makes. */
const checkColumns = (columns: ReadonlyArray<SegmentColumn>, layout: FileLayout, offset: number): void => {
  const same = columns.length === layout.columns.length && columns.every((column, i) => {
    const { fieldId, name, optional, physical } = layout.columns[i]
    return column.name === name && column.fieldId === fieldId && column.optional === optional &&
      column.physical === physical
  })
  if (!same) throw damage(offset, "the file's columns are not those of its schema")
}
