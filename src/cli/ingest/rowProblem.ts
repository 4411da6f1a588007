/** What is wrong with rows, in the words that the server has for the same. */
import { absentValue } from "../../schema/decoder/store.ts"
import type { Problem } from "../../schema/problem.ts"
import { type Column, formatType, type TableSchema } from "../../schema/types.ts"
import { article, nameList, type Value } from "../../schema/value.ts"
import { isRecordColumn } from "./exportedFile.ts"

/** A null where the column takes none. */
export const nullProblem = (column: Column): Problem => ({
  reason: "WRONG_TYPE",
  field: column.name,
  message: `null is not ${article(formatType(column.type))}; the column is not nullable`
})

/** No value where there must be one. */
export const missingProblem = (column: Column): Problem => ({
  reason: "MISSING_FIELD",
  field: column.name,
  message: "missing; the column is not nullable and has no default"
})

/** A value for which there is no column. */
export const unknownProblem = (name: string, schema: TableSchema): Problem => ({
  reason: "UNKNOWN_FIELD",
  field: name,
  message: isRecordColumn(name)
    ? "no such column; `varve import` reads what `varve export` wrote"
    : `no such column; the schema has ${nameList(schema.columns)}`
})

/** A line that is not UTF-8. */
export const utf8Problem: Problem = { reason: "INVALID_UTF8", field: "", message: "the line is not valid UTF-8" }

/** What absent values become, by column; `undefined` where there must be a value. */
export const absentValues = (schema: TableSchema): ReadonlyArray<Value | undefined> =>
  schema.columns.map((column) => absentValue(column))
