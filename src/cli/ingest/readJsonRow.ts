/** JSON records to rows of a schema. */
import type { Problem } from "../../schema/problem.ts"
import type { Column, Json, TableSchema } from "../../schema/types.ts"
import { checkValue, type Value } from "../../schema/value.ts"
import { readTimestamp } from "./readTimestamp.ts"
import { absentValues, missingProblem, nullProblem, unknownProblem } from "./rowProblem.ts"

/**
 * Fills in the values of a record, or says what is wrong with it. `text` is the JSON that the record was parsed from,
 * where there is one: an int64 beyond 2^53 is read from it, since JSON.parse has rounded it.
 */
export type ReadJsonRow = (record: unknown, values: Array<Value>, text: string | undefined) => Problem | undefined

/** The value where its form is the column's own and nothing more has to be checked; `undefined` for all others. */
const plainValue = (column: Column, value: unknown): Value | undefined => {
  switch (column.type) {
    case "string":
      return typeof value === "string" && value.length < 4096 ? value : undefined
    case "int64":
      return Number.isSafeInteger(value) ? value as number : undefined
    case "int32":
      return typeof value === "number" && value === (value | 0) ? value | 0 : undefined
    case "float64":
      return typeof value === "number" ? value : undefined
    case "bool":
      return typeof value === "boolean" ? value : undefined
    case "timestamp":
      return typeof value === "string" ? readTimestamp(value) : undefined
    default:
      return undefined
  }
}

/** The digits of a whole number at the top of a JSON object's text; `undefined` where the value is none. */
const exactLiteral = (text: string, name: string): string | undefined => {
  // Parts of the record may have values of that name too: the holder tells them apart.
  const found: Array<{ readonly holder: unknown; readonly source: string }> = []
  const record: unknown = JSON.parse(text, function(this: unknown, key, value, context?: { readonly source?: string }) {
    if (key === name && context?.source !== undefined) found.push({ holder: this, source: context.source })
    return value
  })
  const source = found.find(({ holder }) => holder === record)?.source
  return source !== undefined && /^-?\d+$/.test(source) ? source : undefined
}

/** Reads the rows of a schema. */
export const makeReadJsonRow = (schema: TableSchema): ReadJsonRow => {
  const { columns } = schema
  const absent = absentValues(schema)
  const names = new Set(columns.map(({ name }) => name))

  /** Puts a value that needs a closer look into its place. */
  const readCarefully = (
    i: number,
    value: unknown,
    values: Array<Value>,
    text: string | undefined
  ): Problem | undefined => {
    const column = columns[i]
    if (value === null) {
      if (!column.nullable) return nullProblem(column)
      values[i] = null
      return undefined
    }
    const isRounded = column.type === "int64" && typeof value === "number" && text !== undefined
    const given = (isRounded ? exactLiteral(text, column.name) : undefined) ?? value
    const checked = checkValue(column.type, given as Json, column.name)
    if (checked.problem !== undefined) return checked.problem
    values[i] = checked.value
    return undefined
  }

  return (record, values, text) => {
    if (typeof record !== "object" || record === null || Array.isArray(record)) {
      return { reason: "WRONG_TYPE", field: "", message: "not a JSON object" }
    }
    const fields = record as Record<string, unknown>
    let known = 0
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i]
      const value = Object.hasOwn(fields, column.name) ? fields[column.name] : undefined
      if (value === undefined) {
        const fallback = absent[i]
        if (fallback === undefined) return missingProblem(column)
        values[i] = fallback
        continue
      }
      known++
      const plain = plainValue(column, value)
      if (plain !== undefined) values[i] = plain
      else {
        const problem = readCarefully(i, value, values, text)
        if (problem !== undefined) return problem
      }
    }
    let given = 0
    for (const _ in fields) given++
    if (given === known) return undefined
    return unknownProblem(Object.keys(fields).find((name) => !names.has(name))!, schema)
  }
}
