/** What inference finds: columns, and the schema document that they make. */
import { columnsMax } from "../../base/limits.ts"
import { columnNameProblem } from "../../base/names.ts"
import type { Problem } from "../problem.ts"
import { type ColumnType, formatType, type Json } from "../types.ts"
import { nameList } from "../value.ts"

/** A column as data or a foreign schema shows it. */
export interface InferredColumn {
  readonly name: string
  readonly type: ColumnType
  readonly nullable: boolean
}

/** A schema document, or why the data makes none. */
export type InferredDocument =
  | { readonly document: string; readonly problem?: undefined }
  | { readonly problem: Problem }

const problem = (field: string, message: string): InferredDocument => ({
  problem: { reason: "INVALID_SCHEMA", field, message }
})

/** Writes the schema document of some columns, ready to be registered. `key` names the column that keys are taken from. */
export const documentOf = (columns: ReadonlyArray<InferredColumn>, key: string | undefined): InferredDocument => {
  if (columns.length === 0) return problem("", "the data has no columns")
  if (columns.length > columnsMax)
    return problem("", `the data has ${columns.length} columns; ${columnsMax} are allowed`)
  for (const { name } of columns) {
    const wrong = columnNameProblem(name)
    if (wrong !== undefined) return problem(name, `the column's name ${wrong}; rename it in the data`)
  }
  if (key !== undefined) {
    const column = columns.find(({ name }) => name === key)
    if (column === undefined)
      return problem("key", `${JSON.stringify(key)} is no column; there are ${nameList(columns)}`)
    if (column.nullable) return problem("key", `column ${key} has nulls; a key must always be there`)
    if (!["string", "int32", "int64"].includes(column.type as string)) {
      return problem("key", `column ${key} is ${formatType(column.type)}; a key must be a string, int32 or int64`)
    }
  }
  return { document: formatDocument(columns, key) }
}

/** A schema document as people write it: a column on each line. */
export const formatDocument = (
  columns: ReadonlyArray<InferredColumn & { readonly default?: Json | undefined }>,
  key: string | undefined
): string => {
  const lines = columns.map((column) => `    ${writeInline(writeColumn(column))}`)
  const end = key === undefined ? "" : `,\n  "key": ${JSON.stringify(key)}`
  return `{\n  "columns": [\n${lines.join(",\n")}\n  ]${end}\n}\n`
}

const writeColumn = (column: InferredColumn & { readonly default?: Json | undefined }): Json => ({
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

/** JSON on one line, with the spaces that people put there. */
const writeInline = (value: Json): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(writeInline).join(", ")}]`
  return `{ ${
    Object.entries(value).map(([name, part]) => `${JSON.stringify(name)}: ${writeInline(part)}`).join(", ")
  } }`
}
