/**
 * A source of rows of one table: what scans and lookups run over. Memtables are sources now; immutable files will be.
 * A source is opened for one snapshot and answers for that snapshot only.
 */
import type { Column } from "../../schema/types.ts"
import type { ReadVector } from "./readVector.ts"

/** Rows with columns: what loops need to know. */
export interface RowSource {
  /** Rows that may concern the snapshot: rows [0, count). */
  readonly count: number
  /**
   * Writes the rows of [from, to) that the snapshot sees, ascending, to the front of `rows` and returns how many they
   * are. A row is seen when it is the newest of its key at the snapshot and no deletion.
   */
  readonly visible: (from: number, to: number, rows: Int32Array) => number
  /** The column, as the table's latest schema has it; the same vector at each call. */
  readonly vector: (column: Column) => ReadVector
}

/** Rows of a table, which have keys and versions too. */
export interface ScanSource extends RowSource {
  readonly kind: "memtable" | "segment"
  /** The schema version that its rows were written in. */
  readonly schemaVersion: number
  /** Versions of a key at or below the snapshot's position, newest first, deletions included. */
  readonly versions: (key: Uint8Array) => ReadonlyArray<number>
  /** The newest version of a key at or below the snapshot's position, a deletion included, or -1. */
  readonly newest: (key: Uint8Array) => number
  readonly isDeletion: (row: number) => boolean
  /** The event time that a row was given, in microseconds; `undefined` where it was given none. */
  readonly timestamp: (row: number) => number | bigint | undefined
  /** The JSON text of a row's metadata. */
  readonly metadata: (row: number) => string | undefined
}
