/** Where log files go that the log no longer needs, for those who want to keep all of it. */
import * as Effect from "effect/Effect"
import type { BlockStorageService, StorageError } from "../storage/BlockStorage.ts"
import { logFileName } from "./logFiles.ts"
import type { LogFile } from "./logState.ts"

/** The folder of the archive in the storage: `archive/<log id>/wal-000001.log`. */
export const archiveFolder = "archive"

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/**
 * Moves a log file there; its own folder is for the caller to sync. The files of each log lie in a folder of their own,
 * so that they can be read as a log. Nothing in the archive is ever written over: a log that was restored from a backup
 * and went on otherwise has files of the same names, which get another ending.
 */
export const moveToArchive = Effect.fnUntraced(function*(
  storage: BlockStorageService,
  archive: string,
  logId: Uint8Array,
  { name, ordinal }: LogFile
): Effect.fn.Return<void, StorageError> {
  const folder = `${archive}/${hex(logId)}`
  const wanted = logFileName(folder, ordinal)
  const taken = new Set(yield* storage.list(wanted))
  let target = wanted
  for (let copy = 2; taken.has(target); copy++) target = `${wanted}.${copy}`
  yield* storage.rename(name, target)
  yield* storage.syncDirectory(folder)
})
