/** Files that `varve export` wrote: beside a table's columns they hold what makes records of the rows. */
import type { InferredColumn } from "../../schema/inference/inferred.ts"
import type { Column, ColumnType, TableSchema } from "../../schema/types.ts"

const column = (name: string, type: ColumnType): Column => ({ name, type, nullable: true, default: undefined, id: 0 })

/**
 * What may stand behind a table's columns, each in its place or not at all. Positions and commit times are those of
 * the table that was exported: records that are written anew get new ones.
 */
const recordColumns: ReadonlyArray<Column> = [
  column("_key", "string"),
  column("_timestamp", "timestamp"),
  column("_metadata", { map: "string" }),
  column("_position", "int64"),
  column("_commit_time", "timestamp")
]

/** Where a record's own parts are, counted from the end of the table's columns. */
export const keyAt = 0
/** See {@link keyAt}. */
export const timestampAt = 1
/** See {@link keyAt}. */
export const metadataAt = 2

/** The schema that rows of an exported file are read by. */
export const withRecordColumns = (schema: TableSchema): TableSchema => ({
  ...schema,
  columns: [...schema.columns, ...recordColumns]
})

/** Whether a column is none of the table's. */
export const isRecordColumn = (name: string): boolean => recordColumns.some((column) => column.name === name)

/** What to say of such a column where nobody expects it. */
export const exportedHint = (name: string): string =>
  `has a column ${JSON.stringify(name)}, as \`varve export\` writes it; bring it back with \`varve import\``

/** The columns of the table. */
export const withoutRecordColumns = (columns: ReadonlyArray<InferredColumn>): ReadonlyArray<InferredColumn> =>
  columns.filter(({ name }) => !isRecordColumn(name))
