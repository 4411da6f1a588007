/** Answers: rows of values with named, typed columns, before any edge gives them a form. */
import type { Position } from "../base/position.ts"
import type { ColumnType } from "../schema/types.ts"

/**
 * A value in its column's own form: int64 and timestamps (microseconds) as a number where that is exact and a bigint
 * where not, bytes as bytes, json and nested values as JSON text.
 */
export type Value = null | boolean | number | bigint | string | Uint8Array

/** A column of an answer. */
export interface ResultColumn {
  readonly name: string
  readonly type: ColumnType
}

/** One version of a record. */
export interface RecordRow {
  readonly key: string
  readonly position: Position
  /** Microseconds since 1970. */
  readonly commitTime: number
  /** The event time in microseconds since 1970; the commit time where the record gave none. */
  readonly timestamp: number | bigint
  /** A JSON object of strings; `undefined` where the record has none. */
  readonly metadata: string | undefined
  /** The version that the row was written in. */
  readonly schemaVersion: number
  /** A version that deletes its key; its values are all null. */
  readonly deleted: boolean
  /** In the order of the answer's columns. */
  readonly values: ReadonlyArray<Value>
}

/** What a read cost. */
export interface QueryStats {
  /** Versions looked at, those not visible to the snapshot included. */
  readonly rowsScanned: number
  readonly rowsReturned: number
  readonly segments: number
  readonly memtables: number
  /** Pages of segments that were decoded. */
  readonly pages: number
  /** What found the rows: `key`, or the names of secondary indexes, joined by ", "; empty where all were scanned. */
  readonly index: string
  readonly elapsedMillis: number
}
