/** Names in requests to columns: those of the table's latest schema, and the system's. */
import type { Column, ColumnType } from "../schema/types.ts"
import { nearestNames } from "./nearestNames.ts"
import { refuse } from "./refuse.ts"
import type { ResultColumn } from "./result.ts"

const system = (name: string, type: ColumnType, id: number): Column => ({
  name,
  type,
  nullable: false,
  default: undefined,
  id
})

/** The record's key. */
export const keyColumn = system("_key", "string", -1)
/** The version's position. */
export const positionColumn = system("_position", "int64", -2)
/** The event time; the commit time where the record gave none. */
export const timestampColumn = system("_timestamp", "timestamp", -3)
/** When the version was committed. */
export const commitTimeColumn = system("_commit_time", "timestamp", -4)

/** Columns that every table has. Their ids are negative; those of a schema's columns are positive. */
export const systemColumns: ReadonlyArray<Column> = [keyColumn, positionColumn, timestampColumn, commitTimeColumn]

/** What names can stand for in one request. */
export interface ColumnScope {
  /** By name, system columns included. */
  readonly byName: ReadonlyMap<string, Column>
  /** What `*` stands for. */
  readonly all: ReadonlyArray<Column>
  /** What the columns belong to, for messages: `table flights`. */
  readonly of: string
}

/** The columns of a table, with the system's. */
export const tableScope = (table: string, columns: ReadonlyArray<Column>): ColumnScope => ({
  byName: new Map([...columns, ...systemColumns].map((column) => [column.name, column])),
  all: columns,
  of: `table ${table}`
})

/** The columns of an aggregate's result. */
export const resultScope = (columns: ReadonlyArray<Column>): ColumnScope => ({
  byName: new Map(columns.map((column) => [column.name, column])),
  all: columns,
  of: "the aggregate's result"
})

/** The column of a name. Refuses with COLUMN_NOT_FOUND, naming the nearest. */
export const resolveColumn = (scope: ColumnScope, name: string, field: string): Column => {
  const column = scope.byName.get(name)
  if (column !== undefined) return column
  const names = nearestNames(name, [...scope.byName.keys()])
  return refuse("COLUMN_NOT_FOUND", field, `${scope.of} has no column ${JSON.stringify(name)}; there is ${names}`)
}

/** The columns of a projection: `*` and an empty list stand for all. */
export const resolveSelect = (scope: ColumnScope, select: ReadonlyArray<string>): ReadonlyArray<Column> => {
  if (select.length === 0) return scope.all
  const columns: Array<Column> = []
  select.forEach((name, i) => {
    const chosen = name === "*" ? scope.all : [resolveColumn(scope, name, `select[${i}]`)]
    for (const column of chosen) if (!columns.includes(column)) columns.push(column)
  })
  return columns
}

/** A column as an answer names it. */
export const resultColumn = ({ name, type }: Column): ResultColumn => ({ name, type })
