/** The schema document that suits an input. */
import * as Effect from "effect/Effect"
import { parseDocument } from "../../schema/document.ts"
import { documentOf, formatDocument } from "../../schema/inference/inferred.ts"
import { type CommandFailure, failure } from "../failure.ts"
import { exportedHint, isRecordColumn, withoutRecordColumns } from "./exportedFile.ts"
import type { Input } from "./Input.ts"

/** A schema document, with how many columns it has. */
export interface InputDocument {
  readonly document: string
  readonly columns: number
}

/**
 * The document that an export holds, or what the rows look like. `isExport`: columns of records among those of the
 * table are known for what they are, and left out.
 */
export const inputDocument = Effect.fnUntraced(
  function*(
    input: Input,
    key: string | undefined,
    isExport: boolean
  ): Effect.fn.Return<InputDocument, CommandFailure> {
    if (isExport && input.schema !== undefined) {
      const parsed = parseDocument(input.schema)
      if (parsed.problem !== undefined) {
        return yield* failure(`${input.name}: the schema that it holds cannot be read: ${parsed.problem.message}`)
      }
      const { columns } = parsed.schema
      return { columns: columns.length, document: formatDocument(columns, key ?? parsed.schema.key) }
    }
    const inferred = yield* input.infer
    const ofRecord = isExport ? undefined : inferred.find(({ name }) => isRecordColumn(name))
    if (ofRecord !== undefined) return yield* failure(`${input.name} ${exportedHint(ofRecord.name)}`)
    const columns = withoutRecordColumns(inferred)
    const made = documentOf(columns, key)
    if (made.problem !== undefined) {
      return yield* failure(`${input.name}: no schema can be inferred: ${made.problem.field}: ${made.problem.message}`)
    }
    return { columns: columns.length, document: made.document }
  }
)
