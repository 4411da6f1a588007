/** What can go wrong with a segment, and how plain functions say so. */
import * as Schema from "effect/Schema"
import { FormatError } from "../base/byteCursor.ts"
import type { StorageError } from "../storage/BlockStorage.ts"

/**
 * Why a segment could not be read or written.
 *
 * - `Damaged`: the file is not what was written. `offset` says where.
 * - `NewerFormat`: a newer version of Varve wrote the file.
 * - `Unsupported`: a Parquet file, but not one that Varve writes: another encoding, compression or nesting.
 * - `Storage`: anything that the storage reports.
 */
export const SegmentReason = Schema.Literals(["Damaged", "NewerFormat", "Unsupported", "Storage"])

/** See {@link SegmentReason}. */
export type SegmentReason = typeof SegmentReason.Type

/** A failure to read or write a segment. `message` names the file, the problem and the way out. */
export class SegmentError extends Schema.TaggedError<SegmentError>()("SegmentError", {
  reason: SegmentReason,
  message: Schema.String,
  /** The file to blame, as the user knows it. */
  file: Schema.String,
  /** Where in that file, in bytes. */
  offset: Schema.optionalKey(Schema.Number)
}) {}

/** What plain functions throw; they know the place in the file, but not its name. */
export class SegmentFault extends FormatError {
  readonly reason: Exclude<SegmentReason, "Storage">
  readonly offset: number

  constructor(reason: Exclude<SegmentReason, "Storage">, offset: number, problem: string) {
    super(problem)
    this.reason = reason
    this.offset = offset
  }
}

/** A fault at an offset of the file: what is there is not what was written. */
export const damage = (offset: number, problem: string): SegmentFault => new SegmentFault("Damaged", offset, problem)

/** A storage error as a segment tells it. */
export const fromStorageError = (error: StorageError): SegmentError =>
  new SegmentError({ reason: "Storage", file: error.path, message: error.message })

/**
 * What a plain function threw while it read `file` from `offset` on, as an error. Bytes whose checksum is right can
 * still make no sense, so that anything thrown is damage, but for a lack of memory, which is thrown on.
 */
export const fromThrown = (file: string, offset: number, thrown: unknown): SegmentError => {
  if (thrown instanceof RangeError && /allocation/.test(thrown.message)) throw thrown
  const fault = thrown instanceof SegmentFault
    ? thrown
    : damage(offset, thrown instanceof Error ? thrown.message : String(thrown))
  switch (fault.reason) {
    case "Damaged":
      return new SegmentError({
        reason: "Damaged",
        file,
        offset: fault.offset,
        message: `the segment is damaged: ${file} at offset ${fault.offset}: ${fault.message}. ` +
          "Restore the file from a backup; nothing was changed"
      })
    case "NewerFormat":
      return new SegmentError({ reason: "NewerFormat", file, message: `${file}: ${fault.message}` })
    case "Unsupported":
      return new SegmentError({
        reason: "Unsupported",
        file,
        offset: fault.offset,
        message: `${file} is not a segment that Varve wrote: ${fault.message}`
      })
  }
}
