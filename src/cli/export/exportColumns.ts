/** What an export holds: the columns of the table, and those that make records of its rows. */
import type { Vector } from "../../event/vector.ts"
import {
  type ColumnType,
  formatType,
  type PrimitiveType,
  primitiveTypes,
  type TableSchema
} from "../../schema/types.ts"
import { systemColumns } from "../../segment/columns.ts"
import type { ResultColumn } from "../../transport/grpc/generated/varve/v1/query_pb.ts"
import type { RowVectors } from "./RowVectors.ts"

/** A column of a file. */
export interface ExportColumn {
  readonly name: string
  readonly type: ColumnType
  /** Whether a row may be null. */
  readonly optional: boolean
  /** Its id in Parquet files; `undefined` where it has none. */
  readonly fieldId: number | undefined
  /** Its values; the same vector for as long as the rows are. */
  readonly vector: (rows: RowVectors) => Vector
}

const fieldIdOf = (name: string): number | undefined => systemColumns.find((column) => column.name === name)?.fieldId

/** What a record has beside its columns: without these an export could not be read back as the same records. */
const recordColumns: ReadonlyArray<ExportColumn> = [
  { name: "_key", type: "string", optional: false, fieldId: fieldIdOf("_key"), vector: (rows) => rows.keys },
  {
    name: "_timestamp",
    type: "timestamp",
    optional: true,
    fieldId: fieldIdOf("_timestamp"),
    vector: (rows) => rows.timestamps
  },
  {
    name: "_metadata",
    type: { map: "string" },
    optional: true,
    fieldId: fieldIdOf("_metadata"),
    vector: (rows) => rows.metadata
  }
]

/** The names of columns that no answer has, although a selection may name them. */
const unknownToQueries = ["_metadata"]

/** What to ask for. `select` holds the names that the user gave; none = all columns of the table. */
export interface Selection {
  readonly select: ReadonlyArray<string>
  /** Whether the record's columns are wanted, named or not. */
  readonly withSystem: boolean
}

/** The names that a query is asked for. */
export const queriedNames = ({ select }: Selection): ReadonlyArray<string> => {
  const names = select.filter((name) => !unknownToQueries.includes(name))
  // No name at all would stand for every column.
  return select.length > 0 && names.length === 0 ? ["_key"] : names
}

const isPrimitive = (type: string): type is PrimitiveType => primitiveTypes.includes(type as PrimitiveType)

/** The types of an answer's columns: what is nested is JSON on its way. */
export const answerTypes = (columns: ReadonlyArray<ResultColumn>): ReadonlyArray<ColumnType> =>
  columns.map(({ type }) => isPrimitive(type) ? type : "json")

/**
 * The columns of the file: those of the record, as far as no answer's column is the same, and then the answer's.
 * `schema` says what the answer's names do not: it may be missing.
 */
export const exportColumns = (
  selection: Selection,
  columns: ReadonlyArray<ResultColumn>,
  schema: TableSchema | undefined
): ReadonlyArray<ExportColumn> => {
  const { select, withSystem } = selection
  const types = answerTypes(columns)
  // A query that was asked for nothing but metadata had to name something else.
  const isStandIn = select.length > 0 && select.every((name) => unknownToQueries.includes(name))
  const answered = isStandIn ? [] : columns.map(({ name }, i): ExportColumn => ({
    name,
    type: types[i],
    // A column that is not nullable now may have been so when a row was written.
    optional: !name.startsWith("_"),
    fieldId: schema?.columns.find((column) => column.name === name)?.id ?? fieldIdOf(name),
    vector: (rows) => rows.columns[i]
  }))
  const ofRecord = recordColumns.filter(({ name }) =>
    (withSystem || select.includes(name)) && !answered.some((column) => column.name === name)
  )
  return [...ofRecord, ...answered]
}

/**
 * The schema of the table that an import of the file makes: the columns that the file has of it. `undefined` where the
 * answer's columns are not those of the schema, because another version was registered meanwhile.
 */
export const exportedSchema = (
  columns: ReadonlyArray<ResultColumn>,
  schema: TableSchema
): TableSchema | undefined => {
  const exported = columns.filter(({ name }) => !name.startsWith("_")).map(({ name, type }) =>
    schema.columns.find((column) => column.name === name && formatType(column.type) === type)
  )
  if (exported.length === 0 || !exported.every((column) => column !== undefined)) return undefined
  const { key } = schema
  return { columns: exported, key: exported.some(({ name }) => name === key) ? key : undefined }
}
