/** What queries mean, told once more in the plainest way: on objects, one row at a time, with three-valued logic. */
import { latest, type Table } from "../../../src/catalog/state.ts"
import { systemColumns } from "../../../src/query/columns.ts"
import type { Comparison, Filter } from "../../../src/query/filter.ts"
import { comparableOf, numberLiteral, textLiteral } from "../../../src/query/literals.ts"
import type { OrderBy } from "../../../src/query/Query.ts"
import type { Value } from "../../../src/query/result.ts"
import type { Column } from "../../../src/schema/types.ts"
import { checkValue } from "../../../src/schema/value.ts"
import type { ModelVersion } from "./dataset.ts"

/** The value of a column of a version, as the latest schema reads it. */
export const valueOf = (table: Table, version: ModelVersion, column: Column): Value => {
  switch (column.name) {
    case "_key":
      return version.key
    case "_position":
      return version.position
    case "_timestamp":
      return version.timestamp ?? version.commitTime
    case "_commit_time":
      return version.commitTime
  }
  if (version.deleted === true) return null
  const stored = table.versions[version.schemaVersion - 1].schema.columns.find(({ id }) => id === column.id)
  const value = stored === undefined ? undefined : version.values?.[stored.name] ?? null
  const absent = value === undefined || (value === null && !column.nullable)
  if (absent) return column.default === undefined ? null : checked(column)
  if (value === null) return null
  if (stored!.type === "float32") return Math.fround(value as number)
  return column.type === "float64" ? Number(value) : value
}

const checked = (column: Column): Value => {
  const { value } = { value: null, ...checkValue(column.type, column.default!, "") }
  return value as Value
}

/** All columns that a request may name. */
export const columnsOf = (table: Table): ReadonlyArray<Column> => [...latest(table).schema.columns, ...systemColumns]

/** Negative, zero, positive. Text is compared by its bytes. */
export const compareValues = (left: Exclude<Value, null>, right: Exclude<Value, null>): number => {
  if (typeof left === "string" || left instanceof Uint8Array) {
    return Buffer.compare(Buffer.from(left as string), Buffer.from(right as string))
  }
  return left < right ? -1 : left > right ? 1 : 0
}

/** True, false, or null for neither. */
export const evaluate = (filter: Filter, valueIn: (column: string) => [Column, Value]): boolean | null => {
  switch (filter.kind) {
    case "comparison":
      return compare(filter, ...valueIn(filter.column))
    case "not": {
      const inner = evaluate(filter.filter, valueIn)
      return inner === null ? null : !inner
    }
    case "and": {
      const parts = filter.filters.map((part) => evaluate(part, valueIn))
      return parts.includes(false) ? false : parts.includes(null) ? null : true
    }
    case "or": {
      const parts = filter.filters.map((part) => evaluate(part, valueIn))
      return parts.includes(true) ? true : parts.includes(null) ? null : false
    }
  }
}

const compare = ({ operator, values }: Comparison, column: Column, value: Value): boolean | null => {
  if (operator === "is_null") return value === null
  if (value === null) return null
  const isText = comparableOf(column) === "text"
  const literals = values.map((literal) =>
    isText ? textLiteral(column, literal, "") : numberLiteral(column, literal, "")
  )
  const comparable = isText ? value : typeof value === "boolean" ? Number(value) : value
  const differences = literals.map((literal) => compareValues(comparable as number, literal as number))
  const bytes = Buffer.from(isText ? value as string : "")
  switch (operator) {
    case "eq":
      return differences[0] === 0
    case "ne":
      return differences[0] !== 0
    case "gt":
      return differences[0] > 0
    case "gte":
      return differences[0] >= 0
    case "lt":
      return differences[0] < 0
    case "lte":
      return differences[0] <= 0
    case "in":
      return differences.includes(0)
    case "not_in":
      return !differences.includes(0)
    case "contains":
      return bytes.includes(Buffer.from(literals[0] as Uint8Array))
    case "starts_with":
      return Buffer.compare(bytes.subarray(0, (literals[0] as Uint8Array).length), literals[0] as Uint8Array) === 0
  }
}

/** Orders rows; nulls last either way. */
export const compareRows = <Row>(
  orderBy: ReadonlyArray<OrderBy>,
  valueIn: (row: Row, column: string) => Value
) =>
(left: Row, right: Row): number => {
  for (const { column, descending } of orderBy) {
    const a = valueIn(left, column)
    const b = valueIn(right, column)
    if (a === null || b === null) {
      if (a === b) continue
      return a === null ? 1 : -1
    }
    const difference = compareValues(a, b)
    if (difference !== 0) return descending ? -difference : difference
  }
  return 0
}

/** The rows of a table at a position that a filter finds, in order, ties by key. */
export const find = (
  table: Table,
  rows: ReadonlyArray<ModelVersion>,
  filter: Filter | undefined,
  orderBy: ReadonlyArray<OrderBy> = []
): Array<ModelVersion> => {
  const columns = new Map(columnsOf(table).map((column) => [column.name, column]))
  const valueIn = (row: ModelVersion, name: string): Value => valueOf(table, row, columns.get(name)!)
  return rows
    .filter((row) =>
      filter === undefined || evaluate(filter, (name) => [columns.get(name)!, valueIn(row, name)]) === true
    )
    .sort(compareRows([...orderBy, { column: "_key", descending: false }], valueIn))
}
