/** What can go wrong with a checkpoint. */
import * as Schema from "effect/Schema"
import type { StorageError } from "../../storage/BlockStorage.ts"
import type { WalError } from "../../wal/Wal.ts"

/**
 * Why a checkpoint could not be written or read.
 *
 * - `Damaged`: the file is not what was written. `offset` says where.
 * - `NewerFormat`: a newer version of Varve wrote the file.
 * - `Log`: the log could not be synced.
 * - `Storage`: anything that the storage reports.
 */
export const CheckpointReason = Schema.Literals(["Damaged", "NewerFormat", "Log", "Storage"])

/** See {@link CheckpointReason}. */
export type CheckpointReason = typeof CheckpointReason.Type

/** A failure to write or read a checkpoint. `message` names the file and the problem. */
export class CheckpointError extends Schema.TaggedError<CheckpointError>()("CheckpointError", {
  reason: CheckpointReason,
  message: Schema.String,
  /** The file to blame, as the user knows it. */
  file: Schema.String,
  /** Where in that file, in bytes. */
  offset: Schema.optionalKey(Schema.Number)
}) {}

/** A storage error as a checkpoint tells it. */
export const fromStorageError = (error: StorageError): CheckpointError =>
  new CheckpointError({ reason: "Storage", file: error.path, message: error.message })

/** An error of the log as a checkpoint tells it. */
export const fromWalError = (error: WalError): CheckpointError =>
  new CheckpointError({ reason: "Log", file: error.file ?? "", message: error.message })

/** Something in a file is not what was written. */
export const damaged = (file: string, offset: number, problem: string): CheckpointError =>
  new CheckpointError({
    reason: "Damaged",
    file,
    offset,
    message: `the checkpoint is damaged: ${file} at offset ${offset}: ${problem}`
  })
