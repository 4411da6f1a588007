/** Schema documents: from JSON to a checked schema, and back to the canonical form that the log keeps. */
import { FormatError } from "../base/byteCursor.ts"
import { columnsMax, nestingDepthMax } from "../base/limits.ts"
import { columnNameProblem } from "../base/names.ts"
import type { Reason } from "../base/reason.ts"
import type { Problem } from "./problem.ts"
import { type Column, type ColumnType, type Json, primitiveTypes, type TableSchema } from "./types.ts"
import { checkValue, nameList } from "./value.ts"

/** A schema, or the first thing that is wrong with its document. */
export type Parsed = { readonly schema: TableSchema; readonly problem?: undefined } | { readonly problem: Problem }

class Refusal extends Error {
  readonly problem: Problem
  constructor(field: string, message: string, reason: Reason = "INVALID_SCHEMA") {
    super(message)
    this.problem = { reason, field, message }
  }
}

const typeNames = `${primitiveTypes.join(", ")}, {"array": TYPE}, {"map": TYPE} or {"struct": [COLUMN, ...]}`
const columnProperties = new Set(["name", "type", "nullable", "default", "id"])
const documentProperties = new Set(["columns", "key"])

/**
 * Reads a document. Columns that an earlier version of the table has by the same name keep their ids; new ones take
 * the next free ones.
 */
export const parseDocument = (text: string, earlier: ReadonlyArray<TableSchema> = []): Parsed => {
  try {
    return { schema: readSchema(JSON.parse(text), earlier) }
  } catch (error) {
    if (error instanceof Refusal) return { problem: error.problem }
    if (error instanceof SyntaxError) {
      return { problem: { reason: "INVALID_SCHEMA", field: "", message: `the schema is not JSON: ${error.message}` } }
    }
    throw error
  }
}

/** Reads what `canonicalDocument` wrote: the log's own copy, ids included. Throws `FormatError` for anything else. */
export const readCanonical = (text: string): TableSchema => {
  try {
    return readSchema(JSON.parse(text), [], true)
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof SyntaxError)) throw error
    const where = error instanceof Refusal ? `${error.problem.field}: ` : ""
    throw new FormatError(
      `schema is not readable, a newer version of Varve may have written it: ${where}${error.message}`
    )
  }
}

/** The document in one form for one schema. */
export const canonicalDocument = (schema: TableSchema): string =>
  JSON.stringify({ columns: schema.columns.map(writeColumn), ...(schema.key === undefined ? {} : { key: schema.key }) })

const writeColumn = (column: Column): Json => ({
  id: column.id,
  name: column.name,
  type: writeType(column.type),
  ...(column.nullable ? { nullable: true } : {}),
  ...(column.default === undefined ? {} : { default: column.default })
})

const writeType = (type: ColumnType): Json =>
  typeof type === "string"
    ? type
    : "array" in type
    ? { array: writeType(type.array) }
    : "map" in type
    ? { map: writeType(type.map) }
    : { struct: type.struct.map(writeColumn) }

const readObject = (value: unknown, field: string, allowed: ReadonlySet<string>, example: string) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Refusal(field, `must be an object like ${example}`)
  }
  for (const name of Object.keys(value)) {
    if (!allowed.has(name)) {
      throw new Refusal(
        field === "" ? name : `${field}.${name}`,
        `no such property; ${[...allowed].join(", ")} are known`
      )
    }
  }
  return value as Record<string, unknown>
}

const readSchema = (document: unknown, earlier: ReadonlyArray<TableSchema>, keepIds = false): TableSchema => {
  const { columns, key } = readObject(
    document,
    "",
    documentProperties,
    `{"columns": [{"name": "id", "type": "string"}], "key": "id"}`
  )
  if (!Array.isArray(columns) || columns.length === 0)
    throw new Refusal("columns", "must be a list of at least one column")
  if (columns.length > columnsMax) throw new Refusal("columns", `${columns.length} columns; ${columnsMax} are allowed`)
  const ids = new Map<string, number>()
  for (const schema of earlier) for (const column of schema.columns) ids.set(column.name, column.id)
  let nextId = Math.max(0, ...ids.values()) + 1
  const read = readColumns(columns, "columns", 0, keepIds, (name) => ids.get(name) ?? nextId++)
  if (key === undefined || key === null) return { columns: read, key: undefined }
  const keyColumn = read.find((column) => column.name === key)
  if (keyColumn === undefined)
    throw new Refusal("key", `${JSON.stringify(key)} is no column; there are ${nameList(read)}`)
  if (keyColumn.nullable) throw new Refusal("key", `column ${keyColumn.name} is nullable; a key must always be there`)
  if (!["string", "int32", "int64"].includes(keyColumn.type as string)) {
    throw new Refusal("key", `column ${keyColumn.name} must be a string, int32 or int64 to be the key`)
  }
  return { columns: read, key: keyColumn.name }
}

const readColumns = (
  columns: ReadonlyArray<unknown>,
  field: string,
  depth: number,
  keepIds: boolean,
  idOf: (name: string) => number
): ReadonlyArray<Column> => {
  const seen = new Set<string>()
  return columns.map((column, i) => {
    const read = readColumn(column, `${field}[${i}]`, depth, keepIds, idOf)
    if (seen.has(read.name)) throw new Refusal(`${field}[${i}].name`, `${JSON.stringify(read.name)} is there twice`)
    seen.add(read.name)
    return read
  })
}

const readColumn = (
  value: unknown,
  field: string,
  depth: number,
  keepIds: boolean,
  idOf: (name: string) => number
): Column => {
  const column = readObject(value, field, columnProperties, `{"name": "delay", "type": "int32", "nullable": true}`)
  if (typeof column.name !== "string") throw new Refusal(`${field}.name`, "must be a string")
  const problem = columnNameProblem(column.name)
  if (problem !== undefined) throw new Refusal(`${field}.name`, problem)
  if (column.nullable !== undefined && typeof column.nullable !== "boolean") {
    throw new Refusal(`${field}.nullable`, "must be true or false")
  }
  const type = readType(column.type, `${field}.type`, depth, keepIds)
  const nullable = column.nullable === true
  const fallback = column.default as Json | undefined
  if (fallback === null && !nullable) throw new Refusal(`${field}.default`, "null; the column is not nullable")
  if (fallback !== undefined && fallback !== null) {
    const checked = checkValue(type, fallback, `${field}.default`)
    if (checked.problem !== undefined) {
      throw new Refusal(checked.problem.field, checked.problem.message)
    }
  }
  return {
    name: column.name,
    type,
    nullable,
    // A default of null is what a nullable column has anyway.
    default: fallback === null ? undefined : fallback,
    id: keepIds && typeof column.id === "number" ? column.id : idOf(column.name)
  }
}

const readType = (value: unknown, field: string, depth: number, keepIds: boolean): ColumnType => {
  if (depth > nestingDepthMax) throw new Refusal(field, `nested deeper than ${nestingDepthMax} levels`)
  if (typeof value === "string") {
    if ((primitiveTypes as ReadonlyArray<string>).includes(value)) return value as ColumnType
    throw new Refusal(field, `${JSON.stringify(value)} is no type; use ${typeNames}`)
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 1) {
    const nested = value as Record<string, unknown>
    if (nested.array !== undefined) return { array: readType(nested.array, `${field}.array`, depth + 1, keepIds) }
    if (nested.map !== undefined) return { map: readType(nested.map, `${field}.map`, depth + 1, keepIds) }
    if (Array.isArray(nested.struct)) {
      let nextId = 1
      return { struct: readColumns(nested.struct, `${field}.struct`, depth + 1, keepIds, () => nextId++) }
    }
  }
  throw new Refusal(field, `must be ${typeNames}`)
}
