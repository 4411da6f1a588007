/** Rows that are to become a segment, as columns in memory. */
import type { DictionaryVector } from "../../event/dictionary.ts"
import { Int64Vector, NumberVector, type TextVector, type Vector } from "../../event/vector.ts"

/** Any vector that holds a column of a segment. */
export type SegmentVector = Vector | DictionaryVector

/** Rows as columns, in any order. What memtables hold can be given as it is: nothing is copied. */
export interface SegmentRows {
  /** The keys' UTF-8 bytes. */
  readonly keys: TextVector
  readonly positions: Float64Array<ArrayBuffer>
  /** Microseconds since 1970. */
  readonly commitTimes: Float64Array<ArrayBuffer>
  /** Event times in microseconds; null = the commit time. */
  readonly timestamps: Int64Vector
  /** 1 for a row that deletes its key; `undefined` where none does. */
  readonly deleted: Uint8Array<ArrayBuffer> | undefined
  /** JSON objects; null = none. */
  readonly metadata: TextVector | DictionaryVector
  /** In the order of the schema's columns. */
  readonly columns: ReadonlyArray<SegmentVector>
}

/** All columns, in the order of `segmentColumns`. */
export const vectorsOf = (rows: SegmentRows): ReadonlyArray<SegmentVector> => {
  const positions = new Int64Vector(0)
  positions.values = rows.positions
  const commitTimes = new Int64Vector(0)
  commitTimes.values = rows.commitTimes
  const deleted = new NumberVector("bool", 0)
  deleted.values = rows.deleted ?? new Uint8Array(rows.positions.length)
  return [rows.keys, positions, commitTimes, rows.timestamps, deleted, rows.metadata, ...rows.columns]
}
