/** What of a record comes from where: its key and its event time. */
import * as Effect from "effect/Effect"
import type { Problem } from "../../schema/problem.ts"
import { type Column, formatType, type Json, type TableSchema } from "../../schema/types.ts"
import { checkValue, nameList, type Value } from "../../schema/value.ts"
import type { RecordWriter } from "../client/RecordWriter.ts"
import { type CommandFailure, usageFailure } from "../failure.ts"
import { keyAt, metadataAt, timestampAt } from "./exportedFile.ts"

/** Writes rows as records. */
export interface RecordPlan {
  /** What keys look like, where they are made; for the user. */
  readonly madeKeys: string | undefined
  /** Writes a row whose number in its input is `number`, or says why not. */
  readonly write: (writer: RecordWriter, values: ReadonlyArray<Value>, number: number) => Problem | undefined
}

/** Where a record's parts come from. */
export interface RecordPlanOptions {
  readonly schema: TableSchema
  /** The input's name; `-` for standard input. */
  readonly name: string
  readonly key: string | undefined
  readonly timestamp: string | undefined
  /** Rows have the values of `withRecordColumns`, and what these say goes into the records. */
  readonly isExport: boolean
}

const findColumn = (schema: TableSchema, name: string, flag: string): Effect.Effect<number, CommandFailure> => {
  const index = schema.columns.findIndex((column) => column.name === name)
  return index >= 0 ? Effect.succeed(index) : Effect.fail(
    usageFailure(`${flag} ${JSON.stringify(name)} is no column of the table; there are ${nameList(schema.columns)}`)
  )
}

/** Event times: timestamps as they are, texts in RFC 3339, whole numbers as milliseconds since 1970. */
const readInstant = (
  column: Column,
  value: Value
): { readonly micros: number | bigint } | { readonly problem: Problem } => {
  if (column.type === "timestamp") return { micros: value as number | bigint }
  const checked = checkValue("timestamp", value as Json, column.name)
  return checked.problem === undefined ? { micros: checked.value as number | bigint } : { problem: checked.problem }
}

const isKeyType = ({ type }: Column): boolean => type === "string" || type === "int32" || type === "int64"

const isInstantType = (column: Column): boolean => column.type === "timestamp" || isKeyType(column)

const noKey = (column: Column): Problem => ({
  reason: "INVALID_KEY",
  field: column.name,
  message: "null cannot be a key"
})

/** A row of standard input that has no key where its table has no key column either. */
const noKeyAtAll: Problem = {
  reason: "INVALID_KEY",
  field: "_key",
  message: "missing, the table has no key column, and standard input has no name that a key could be made of"
}

/** Standard input into a table without a key column. */
export const keylessInput: CommandFailure = usageFailure(
  "standard input has no name that keys could be made of, and the table has no key column; say --key COLUMN"
)

/** Decides how the rows of an input become records of a table. */
export const makeRecordPlan = Effect.fnUntraced(
  function*(
    { isExport, key, name, schema, timestamp }: RecordPlanOptions
  ): Effect.fn.Return<RecordPlan, CommandFailure> {
    // The server takes the key from the schema's own key column.
    const keyIndex = key === undefined || key === schema.key ? -1 : yield* findColumn(schema, key, "--key")
    const timeIndex = timestamp === undefined ? -1 : yield* findColumn(schema, timestamp, "--timestamp")
    if (keyIndex >= 0 && !isKeyType(schema.columns[keyIndex])) {
      return yield* usageFailure(
        `--key ${key}: the column is ${formatType(schema.columns[keyIndex].type)}; a key is a string or a whole number`
      )
    }
    if (timeIndex >= 0 && !isInstantType(schema.columns[timeIndex])) {
      return yield* usageFailure(
        `--timestamp ${timestamp}: the column is ${formatType(schema.columns[timeIndex].type)}; ` +
          "an event time is a timestamp, a string in RFC 3339 or whole milliseconds since 1970"
      )
    }
    const isMade = keyIndex < 0 && schema.key === undefined
    if (isMade && !isExport && name === "-") return yield* keylessInput
    const prefix = Buffer.from(`${name}#`)
    const recordAt = schema.columns.length
    const instantOf = (values: ReadonlyArray<Value>): ReturnType<typeof readInstant> | undefined => {
      if (timeIndex >= 0) {
        return values[timeIndex] === null ? undefined : readInstant(schema.columns[timeIndex], values[timeIndex])
      }
      const given = isExport ? values[recordAt + timestampAt] : null
      return given === null ? undefined : { micros: given as number | bigint }
    }
    const write: RecordPlan["write"] = (writer, values, number) => {
      const instant = instantOf(values)
      if (instant !== undefined && "problem" in instant) return instant.problem
      if (keyIndex >= 0 && values[keyIndex] === null) return noKey(schema.columns[keyIndex])
      const ownKey = isExport && key === undefined ? values[recordAt + keyAt] : null
      if (ownKey === null && isMade && name === "-") return noKeyAtAll
      const metadata = isExport ? values[recordAt + metadataAt] : null
      writer.begin()
      if (keyIndex >= 0) writer.key(String(values[keyIndex] as string | number | bigint))
      else if (ownKey !== null) writer.key(ownKey as string)
      else if (isMade) writer.numberedKey(prefix, number)
      writer.row(values)
      if (instant !== undefined) writer.timestamp(instant.micros)
      if (metadata !== null) writer.metadata(metadata as { readonly [name: string]: string })
      writer.end()
      return undefined
    }
    return { madeKeys: isMade && !isExport ? `${name}#00000001` : undefined, write }
  }
)
