/** The numbers of Parquet's format that segments use: physical types, encodings, codecs, kinds of page. */

/** Physical types. */
export const BOOLEAN = 0
export const INT32 = 1
export const INT64 = 2
export const FLOAT = 4
export const DOUBLE = 5
export const BYTE_ARRAY = 6

/** A physical type that segments use. */
export type PhysicalType =
  | typeof BOOLEAN
  | typeof INT32
  | typeof INT64
  | typeof FLOAT
  | typeof DOUBLE
  | typeof BYTE_ARRAY

/** By number, with the names that others know them by. */
export const physicalNames: Readonly<Record<PhysicalType, string>> = {
  [BOOLEAN]: "BOOLEAN",
  [INT32]: "INT32",
  [INT64]: "INT64",
  [FLOAT]: "FLOAT",
  [DOUBLE]: "DOUBLE",
  [BYTE_ARRAY]: "BYTE_ARRAY"
}

/** Bytes of a plain value; 0 where it depends on the value, and for bits. */
export const plainWidths: Readonly<Record<PhysicalType, number>> = {
  [BOOLEAN]: 0,
  [INT32]: 4,
  [INT64]: 8,
  [FLOAT]: 4,
  [DOUBLE]: 8,
  [BYTE_ARRAY]: 0
}

/** Encodings. */
export const PLAIN = 0
export const PLAIN_DICTIONARY = 2
export const RLE = 3
export const DELTA_BINARY_PACKED = 5
export const DELTA_BYTE_ARRAY = 7
export const RLE_DICTIONARY = 8

/** Compression codecs. */
export const UNCOMPRESSED = 0
export const ZSTD = 6

/** Kinds of page. */
export const DATA_PAGE = 0
export const DICTIONARY_PAGE = 2
export const DATA_PAGE_V2 = 3
