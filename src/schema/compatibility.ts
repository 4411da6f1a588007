/**
 * Whether rows of the stored versions can be read as a new version. That is the least a schema change must keep:
 * old versions stay in the log for ever.
 */
import type { Problem } from "./problem.ts"
import { type Column, type ColumnType, formatType, type TableSchema } from "./types.ts"

/** Types whose every value is a value of the wider type too. */
const promotions: Readonly<Record<string, ReadonlyArray<string>>> = {
  int32: ["int64", "float64"],
  int64: ["float64"],
  float32: ["float64"]
}

/** Whether values of `from` can be read as `to`. `isPart`: they are parts of nested values. */
const isReadableAs = (from: ColumnType, to: ColumnType, isPart: boolean): boolean => {
  if (typeof from === "string" && typeof to === "string") {
    if (from === to) return true
    // Nested values are read as they were written, so their parts may not change their JSON form: an int64 beyond 2^53
    // is a string there.
    return (promotions[from]?.includes(to) ?? false) && !(isPart && from === "int64")
  }
  if (to === "json") return typeof from !== "string"
  if (typeof from === "string" || typeof to === "string") return false
  if ("array" in from && "array" in to) return isReadableAs(from.array, to.array, true)
  if ("map" in from && "map" in to) return isReadableAs(from.map, to.map, true)
  if ("struct" in from && "struct" in to) return structProblem(from.struct, to.struct, "", true) === undefined
  return false
}

/** The first reason why rows of an earlier version cannot be read as `next`; `undefined` where all can. */
export const incompatibility = (earlier: TableSchema, version: number, next: TableSchema): Problem | undefined => {
  if (earlier.key !== next.key) {
    return problem(
      "key",
      `${name(next.key)}, but version ${version} has ${
        name(earlier.key)
      }; a table's key cannot change, make a new table`
    )
  }
  return structProblem(earlier.columns, next.columns, ` (version ${version})`, false)
}

const name = (key: string | undefined): string => key === undefined ? "no key column" : JSON.stringify(key)

const structProblem = (
  earlier: ReadonlyArray<Column>,
  next: ReadonlyArray<Column>,
  where: string,
  isPart: boolean
): Problem | undefined => {
  for (const column of next) {
    const before = earlier.find((candidate) => candidate.name === column.name)
    const field = `columns.${column.name}`
    if (before === undefined) {
      if (column.nullable || column.default !== undefined) continue
      return problem(
        field,
        `is new${where} and has no default; make it nullable or give it one, so that old rows can be read`
      )
    }
    if (!isReadableAs(before.type, column.type, isPart)) {
      return problem(
        field,
        `was ${formatType(before.type)}${where} and cannot be read as ${
          formatType(column.type)
        }; keep the type or use another name`
      )
    }
    if (before.nullable && !column.nullable && column.default === undefined) {
      return problem(field, `was nullable${where} and may hold nulls; keep it nullable or give it a default`)
    }
  }
  return undefined
}

const problem = (field: string, message: string): Problem => ({ reason: "SCHEMA_INCOMPATIBLE", field, message })
