/** The columns of a file against those of a table, before any row is read. */
import * as Effect from "effect/Effect"
import { absentValue } from "../../schema/decoder/store.ts"
import type { TableSchema } from "../../schema/types.ts"
import { nameList } from "../../schema/value.ts"
import { type CommandFailure, failure } from "../failure.ts"
import { exportedHint, isRecordColumn } from "./exportedFile.ts"

/** Fails where the file has a column that the table has not, or lacks one that every row needs. */
export const checkColumns = (
  file: string,
  names: ReadonlyArray<string>,
  schema: TableSchema
): Effect.Effect<void, CommandFailure> => {
  const unknown = names.find((name) => !schema.columns.some((column) => column.name === name))
  if (unknown !== undefined && isRecordColumn(unknown)) {
    return Effect.fail(failure(`${file} ${exportedHint(unknown)}`))
  }
  if (unknown !== undefined) {
    return Effect.fail(failure(
      `${file} has a column ${JSON.stringify(unknown)} and the table has not: it has ${nameList(schema.columns)}; ` +
        "register a schema version with it, or take it out of the file"
    ))
  }
  const missing = schema.columns.find((column) => !names.includes(column.name) && absentValue(column) === undefined)
  if (missing !== undefined) {
    return Effect.fail(failure(
      `${file} has no column ${JSON.stringify(missing.name)}, which every row of the table needs: ` +
        "it is not nullable and has no default"
    ))
  }
  return Effect.void
}
