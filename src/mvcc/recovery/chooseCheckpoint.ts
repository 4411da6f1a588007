/** Finds the checkpoint that a start begins with. */
import * as Effect from "effect/Effect"
import type { BlockStorageService, StorageError } from "../../storage/BlockStorage.ts"
import type { WalService, WalStatus } from "../../wal/Wal.ts"
import type { CheckpointError } from "../checkpoint/CheckpointError.ts"
import {
  checkpointFolder,
  listCheckpoints,
  type NamedCheckpoint,
  readCheckpoint,
  type StoredCheckpoint
} from "../checkpoint/store.ts"
import { RecoveryError } from "./RecoveryError.ts"

const wayOut =
  "restore the data directory, its log, checkpoints and segments together, from a backup; nothing was changed"

/** A storage error as recovery tells it. */
export const fromStorageError = (error: StorageError): RecoveryError =>
  new RecoveryError({ position: 0, file: error.path, message: error.message })

/** What keeps a checkpoint that was read from being used with this log. Another checkpoint would not help. */
const findMismatch = (
  { position, replayFrom, logId }: StoredCheckpoint["header"],
  name: string,
  wal: WalService,
  { firstPosition, writtenPosition }: WalStatus
): RecoveryError | undefined => {
  const mismatch = (at: number, problem: string) =>
    new RecoveryError({ position: at, file: name, message: `${name} ${problem}; ${wayOut}` })
  if (Buffer.compare(logId, wal.logId) !== 0) return mismatch(0, "belongs to another log than the one beside it")
  if (position > writtenPosition) {
    return mismatch(
      writtenPosition + 1,
      `is of position ${position}, but the log ends at position ${writtenPosition}, though it was synced further: its end is lost`
    )
  }
  if (replayFrom < firstPosition) {
    return mismatch(
      replayFrom,
      `needs the log from position ${replayFrom} on, but that begins at position ${firstPosition}: its beginning is lost`
    )
  }
  return undefined
}

/**
 * The newest checkpoint that is not damaged; `undefined` where there is none and the log is whole. A damaged one is told
 * of, and the one before is taken. Fails where what is left does not lead to the newest state, or a newer Varve wrote it.
 */
export const chooseCheckpoint = Effect.fnUntraced(function*(
  storage: BlockStorageService,
  wal: WalService
): Effect.fn.Return<StoredCheckpoint | undefined, RecoveryError> {
  const status = yield* wal.status
  const { firstPosition } = status
  const damages: Array<string> = []
  const read = (named: NamedCheckpoint) =>
    Effect.catch(
      readCheckpoint(storage, named),
      (error: CheckpointError): Effect.Effect<undefined, RecoveryError> => {
        if (error.reason !== "Damaged") {
          return Effect.fail(new RecoveryError({ position: 0, file: error.file, message: error.message }))
        }
        damages.push(error.message)
        return Effect.as(Effect.logWarning(`${error.message}; an older one, or the log, takes its place`), undefined)
      }
    )
  const found = yield* Effect.mapError(listCheckpoints(storage), fromStorageError)
  for (const named of found) {
    const stored = yield* read(named)
    if (stored === undefined) continue
    const mismatch = findMismatch(stored.header, named.name, wal, status)
    if (mismatch === undefined) return stored
    return yield* withDamages(mismatch, damages)
  }
  if (firstPosition === 1) return undefined
  return yield* withDamages(
    new RecoveryError({
      position: 1,
      message: `the log begins at position ${firstPosition}, and there is no checkpoint in ${checkpointFolder}/ that ` +
        `holds what was before; ${wayOut}`
    }),
    damages
  )
})

/** What was passed over on the way is part of the problem. */
const withDamages = (error: RecoveryError, damages: ReadonlyArray<string>): RecoveryError =>
  damages.length === 0
    ? error
    : new RecoveryError({
      position: error.position,
      message: [...damages, error.message].join("; and "),
      ...error.file === undefined ? {} : { file: error.file }
    })
