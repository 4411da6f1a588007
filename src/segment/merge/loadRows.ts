/** A row group of an input in memory, as the owner of the output has its columns. */
import * as Effect from "effect/Effect"
import { DictionaryVector } from "../../event/dictionary.ts"
import { Int64Vector, NumberVector, type TextVector, type VectorKind } from "../../event/vector.ts"
import { vectorAs } from "../../schema/storedColumn.ts"
import { type TableSchema, vectorKind } from "../../schema/types.ts"
import {
  commitTimeColumn,
  deletedColumn,
  firstSchemaColumn,
  keyColumn,
  metadataColumn,
  positionColumn,
  timestampColumn
} from "../columns.ts"
import type { Segment } from "../Segment.ts"
import type { SegmentError } from "../SegmentError.ts"
import type { SegmentRows, SegmentVector } from "../write/SegmentRows.ts"

/** Rows of one row group. They may share memory with others: they are not to be changed. */
export interface LoadedRows extends SegmentRows {
  readonly deleted: Uint8Array<ArrayBuffer>
  /** Bytes that a row takes in memory, on average. */
  readonly rowBytes: number
}

/** Reads a row group; `schema` is the owner's. */
export const loadRows = Effect.fnUntraced(function*(
  segment: Segment,
  rowGroup: number,
  schema: TableSchema
): Effect.fn.Return<LoadedRows, SegmentError> {
  const { rowGroups, schema: { columns: stored } } = segment.metadata
  const { chunks, rows: count } = rowGroups[rowGroup]
  const read = (column: number) =>
    Effect.map(
      segment.readColumn(rowGroup, column),
      (vector) => vector.kind === "text" && chunks[column].bounds.nulls === count ? nullCodes(count) : vector
    )
  const columns: Array<SegmentVector> = []
  for (const column of schema.columns) {
    const index = stored.findIndex(({ id }) => id === column.id)
    const vector = index < 0 ? undefined : yield* read(firstSchemaColumn + index)
    const found = vector === undefined ? undefined : { column: stored[index], vector }
    columns.push(widened(vectorKind(column.type), vectorAs(column, found, count), count))
  }
  const keys = (yield* read(keyColumn)) as TextVector
  const positions = (yield* read(positionColumn)) as Int64Vector
  const commitTimes = (yield* read(commitTimeColumn)) as Int64Vector
  const timestamps = (yield* read(timestampColumn)) as Int64Vector
  const deleted = (yield* read(deletedColumn)) as NumberVector
  const metadata = (yield* read(metadataColumn)) as TextVector | DictionaryVector
  const vectors = [...columns, keys, positions, commitTimes, timestamps, deleted, metadata]
  return {
    keys,
    positions: positions.values,
    commitTimes: commitTimes.values,
    timestamps,
    deleted: deleted.values as Uint8Array<ArrayBuffer>,
    metadata,
    columns,
    rowBytes: vectors.reduce((bytes, vector) => bytes + bytesOf(vector), 0) / count
  }
})

/** A dictionary is shared by many rows, and adds little to what each of them takes. */
const bytesOf = (vector: SegmentVector): number =>
  vector.kind === "dictionary" ? vector.codes.byteLength + vector.nulls.byteLength : vector.byteLength

/** Text of which every row is null: as codes it goes with codes and with text. */
const nullCodes = (count: number): DictionaryVector => {
  const vector = new DictionaryVector(count)
  vector.nulls.fill(1)
  vector.hasNulls = true
  return vector
}

/** Numbers of a narrower kind as those of a column's own. */
const widened = (kind: VectorKind, vector: SegmentVector, count: number): SegmentVector => {
  if (vector.kind === "text" || vector.kind === "dictionary" || vector.kind === kind) return vector
  const wide = kind === "int64" ? new Int64Vector(count) : new NumberVector(kind as NumberVector["kind"], count)
  wide.values.set(vector.values.subarray(0, count))
  wide.nulls.set(vector.nulls.subarray(0, count))
  wide.hasNulls = vector.hasNulls
  return wide
}
