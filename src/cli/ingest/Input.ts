/** What records are read from, whatever its format. */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { InferredColumn } from "../../schema/inference/inferred.ts"
import type { Problem } from "../../schema/problem.ts"
import type { TableSchema } from "../../schema/types.ts"
import type { Value } from "../../schema/value.ts"
import type { CommandFailure } from "../failure.ts"

/** Rows that were read together. Nothing of a row is made before it is asked for. */
export interface RowBatch {
  readonly count: number
  /** Where the row ends, in the units of `Input.total`; not to the byte. */
  readonly progress: (index: number) => number
  /** Fills in a row's values, in the order of the schema's columns, or says what is wrong with the row. */
  readonly read: (index: number, values: Array<Value>) => Problem | undefined
  /** The number of the row's line, or of the row itself where the format has no lines; from 1. */
  readonly line: (index: number) => number
  /** The row as it was found. */
  readonly text: (index: number) => string
}

/** An open file or standard input. */
export interface Input {
  /** The file's name without its folder; `-` for standard input. */
  readonly name: string
  /** What `RowBatch.line` counts. */
  readonly unit: "line" | "record" | "row"
  /** What `RowBatch.progress` counts. */
  readonly measure: "bytes" | "rows"
  /** Where the last row ends; `undefined` where that is not known. */
  readonly total: number | undefined
  /** Infers columns from a sample, or from the file's own schema. May be asked once, before the rows. */
  readonly infer: Effect.Effect<ReadonlyArray<InferredColumn>, CommandFailure>
  /** The table's schema, which an export to Parquet holds: its text; `undefined` for all other files. */
  readonly schema?: string | undefined
  /** The rows, read as a schema's columns. Fails where the rest cannot be read; rows before that were given. */
  readonly rows: (schema: TableSchema) => Stream.Stream<RowBatch, CommandFailure>
}

/** Formats that can be read. */
export const inputFormats = ["ndjson", "json", "csv", "parquet"] as const

/** See {@link inputFormats}. */
export type InputFormat = (typeof inputFormats)[number]

/** Records that an inference looks at where the format has no schema of its own. */
export const sampleRecordsMax = 10_000

/** Bytes that an inference looks at. */
export const sampleBytesMax = 64 * 1024 * 1024
