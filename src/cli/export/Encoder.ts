/** How rows become the bytes of a file. */
import type { RowVectors } from "./RowVectors.ts"

/** Forms of files. */
export const exportTypes = ["parquet", "ndjson", "csv"] as const

/** See {@link exportTypes}. */
export type ExportType = (typeof exportTypes)[number]

/** Makes a file, some rows at a time. */
export interface Encoder {
  /** Rows that are gathered before they are encoded. */
  readonly rowsMax: number
  /** The bytes that come next. They are valid until the next call. */
  readonly add: (rows: RowVectors) => ReadonlyArray<Uint8Array>
  /** What comes last. */
  readonly end: () => ReadonlyArray<Uint8Array>
}
