/**
 * Segments: immutable Parquet files of versions of one table's rows, sorted by (key bytes, position descending).
 * On disk: do not change what is here; a new layout is a new `formatVersion`. docs/segments.md tells the whole.
 *
 * ```text
 * file         0  "PAR1"
 *              4  row groups, one after another
 *                 u32 CRC-32 of the footer, "VSEG"
 *                 footer: FileMetaData, Thrift compact
 *                 u32 length of the footer, "PAR1"
 *
 * row group       for each column: dictionary page, if it has one; data pages
 *                 bloom filter of `_key`: header, then blocks of 32 bytes
 *                 index block: for each column its column index, if it has one, and its offset index
 * ```
 *
 * Each page holds its CRC-32 in its header, as Parquet has it. The CRC-32 of bloom filters and index blocks is in the
 * footer (`rowGroupsEntry`), and that of the footer before it: no byte that an answer depends on goes unchecked.
 */

/** The layout that this code writes, and the newest that it reads. */
export const formatVersion = 1

/** Most rows of a row group. */
export const rowGroupRows = 131_072

/** Most rows of a page. All columns of a row group break at the same rows. */
export const pageRows = 4096

/** Bytes of text that one column may have in a page of more than one row; larger ones are broken earlier. */
export const pageTextBytesMax = 16 * 1024 * 1024

/** Bytes of text that a row group may have together, where values are long; it is closed when a page passes this. */
export const rowGroupTextBytesMax = 128 * 1024 * 1024

/** Most bytes of a dictionary page; a column with more in a row group is written plain there. */
export const dictionaryBytesMax = 1024 * 1024

/** Most values of a dictionary page. */
export const dictionaryValuesMax = 65_536

/** Bytes of a bloom filter for each key: 1 of about 2000 absent keys is taken for present. */
export const bloomBytesPerKey = 2

/** Bytes that min and max of text are cut to; those of `_key` are whole. */
export const boundBytesMax = 64

/** What every Parquet file begins and ends with. */
export const magic = 0x31524150

/** "VSEG", before the footer. */
export const footerMark = 0x47455356

/** Bytes before the footer: its CRC-32 and the mark. */
export const footerCheckBytes = 8

/** Bytes after the footer: its length and the magic. */
export const trailerBytes = 8

/** Names of entries in the footer's key-value metadata. */
export const formatEntry = "varve.format"
export const tableEntry = "varve.table"
export const schemaVersionEntry = "varve.schema_version"
export const schemaEntry = "varve.schema"
export const positionsEntry = "varve.positions"
export const rowGroupsEntry = "varve.row_groups"

/** What the footer says of each row group beside Parquet's own: the JSON of `rowGroupsEntry`. */
export interface RowGroupEntry {
  /** Offset, length and CRC-32 of the index block. */
  readonly index: readonly [offset: number, length: number, crc: number]
  /** Offset, length and CRC-32 of the bloom filter with its header. */
  readonly bloom: readonly [offset: number, length: number, crc: number]
  /** Rows that begin a new key: as many as rows where no row is an older version of the one before it. */
  readonly keys: number
  /** Rows that delete their key. */
  readonly deletions: number
}
