/** How a table's columns, and the engine's own, are columns of a Parquet file. */
import type { VectorKind } from "../event/vector.ts"
import { type ColumnType, isNested, type TableSchema, vectorKind } from "../schema/types.ts"
import { BOOLEAN, BYTE_ARRAY, DOUBLE, FLOAT, INT32, INT64, type PhysicalType } from "./parquet.ts"

/** What a column's values mean to other readers of the file. */
export type LogicalType = "string" | "timestamp" | "json" | undefined

/** One column of a segment. */
export interface SegmentColumn {
  readonly name: string
  /** Parquet's field id: the schema's column id, or one of the engine's own. */
  readonly fieldId: number
  readonly type: ColumnType
  readonly kind: VectorKind
  readonly physical: PhysicalType
  readonly logical: LogicalType
  /** Whether a row may be null. */
  readonly optional: boolean
  /** Whether it has min and max; json has none, since the order of its text means nothing. */
  readonly bounded: boolean
}

const physicalTypes: Readonly<Record<VectorKind, PhysicalType>> = {
  bool: BOOLEAN,
  int32: INT32,
  int64: INT64,
  float32: FLOAT,
  float64: DOUBLE,
  text: BYTE_ARRAY
}

const logicalType = (type: ColumnType): LogicalType =>
  isNested(type) ? "json" : type === "string" || type === "timestamp" ? type : undefined

/** A column of a Parquet file; one that is nested becomes JSON. */
export const columnOf = (name: string, fieldId: number, type: ColumnType, optional: boolean): SegmentColumn => {
  const kind = vectorKind(type)
  return {
    name,
    fieldId,
    type,
    kind,
    physical: physicalTypes[kind],
    logical: logicalType(type),
    optional,
    bounded: !isNested(type)
  }
}

/**
 * The engine's columns, which every segment begins with, in this order. Their field ids are far above those of schemas
 * and below those that Iceberg keeps for itself.
 *
 * `_key` is never null, but its pages have levels as those of the schema's columns do: a column that holds the key too
 * then has the same pages, and they are stored once.
 */
export const systemColumns: ReadonlyArray<SegmentColumn> = [
  columnOf("_key", 2_000_000_001, "string", true),
  columnOf("_position", 2_000_000_002, "int64", false),
  columnOf("_commit_time", 2_000_000_003, "timestamp", false),
  columnOf("_timestamp", 2_000_000_004, "timestamp", true),
  columnOf("_deleted", 2_000_000_005, "bool", false),
  columnOf("_metadata", 2_000_000_006, "json", true)
]

/** Where the engine's columns are among a segment's columns. */
export const keyColumn = 0
export const positionColumn = 1
export const commitTimeColumn = 2
export const timestampColumn = 3
export const deletedColumn = 4
export const metadataColumn = 5

/** Where the first column of the schema is; column i of the schema is at `firstSchemaColumn + i`. */
export const firstSchemaColumn = systemColumns.length

/**
 * The columns of a segment of a table. Columns of the schema may all be null, nullable or not: a row that deletes its
 * key has no values.
 */
export const segmentColumns = (schema: TableSchema): ReadonlyArray<SegmentColumn> => [
  ...systemColumns,
  ...schema.columns.map(({ id, name, type }) => columnOf(name, id, type, true))
]
