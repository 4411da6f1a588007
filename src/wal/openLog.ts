/** Opens a log: creates it, or finds the end of what a former process, however it ended, has left. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { BlockFile, StorageError } from "../storage/BlockStorage.ts"
import { fileHeaderBytes, formatVersion, frameSeed } from "./format.ts"
import { judgeTail } from "./judgeTail.ts"
import { damaged, findLogFiles, type FoundFile, fromStorageError, logFileName, newFileName } from "./logFiles.ts"
import { LogFile, type LogState, Signal } from "./logState.ts"
import {
  createFile,
  type LogPlace,
  type OpenFile,
  openFile,
  publishFile,
  removeNewFile,
  writeZeros
} from "./newFile.ts"
import { scanBlock } from "./scanFile.ts"
import type { WalError } from "./Wal.ts"

/** The file that the log is appended to. */
export interface CurrentFile extends OpenFile {
  /** Where the next frame goes. */
  end: number
  /** The file's size: from `end` to here it is zeros. */
  allocated: number
}

/** A log that is ready to be appended to and read. */
export interface OpenedLog {
  readonly state: LogState
  readonly current: CurrentFile
}

const makeState = (
  logId: Uint8Array,
  files: Array<LogFile>,
  lastPosition: number,
  lastCommitTime: number
): LogState => ({
  logId,
  seed: frameSeed(logId),
  files,
  writtenPosition: lastPosition,
  durablePosition: lastPosition,
  lastCommitTime,
  poisoned: undefined,
  closed: false,
  changed: new Signal()
})

/** A new, empty log. */
const createLog = Effect.fnUntraced(function*(place: LogPlace): Effect.fn.Return<OpenedLog, StorageError> {
  const logId = new Uint8Array(16)
  for (let i = 0; i < logId.length; i++) logId[i] = yield* Random.nextIntBetween(0, 255)
  const header = { version: formatVersion, ordinal: 1, firstPosition: 1, logId, commitTime: 0 }
  const open = yield* createFile(place, header)
  yield* publishFile(place, 1)
  const name = logFileName(place.folder, 1)
  const path = open.file.path.replace(newFileName(place.folder), name)
  const file = new LogFile(name, path, header, fileHeaderBytes, fileHeaderBytes)
  return {
    state: makeState(logId, [file], 0, 0),
    current: { ...open, end: fileHeaderBytes, allocated: fileHeaderBytes }
  }
})

/** Cuts a torn tail: its bytes become zeros, as the preallocated rest of the file is, before anything is appended. */
const cutTail = Effect.fnUntraced(function*(file: BlockFile, start: number, end: number) {
  yield* Effect.logWarning(
    `cut ${end - start} bytes at offset ${start} from ${file.path}: a write that a crash left unfinished, ` +
      "and that was not yet acknowledged as synced"
  )
  yield* writeZeros(file, start, end)
})

/** Finds the end of the last file; cuts what is torn behind it. */
const recoverLast = Effect.fnUntraced(function*(
  place: LogPlace,
  found: FoundFile,
  seed: number,
  blockBytes: number
): Effect.fn.Return<{ file: LogFile; current: CurrentFile; commitTime: number; next: number }, WalError> {
  const open = yield* Effect.mapError(openFile(place.storage, place.scope, found.name), fromStorageError)
  const { file } = open
  const log = new LogFile(found.name, found.path, found.header, fileHeaderBytes, fileHeaderBytes)
  let commitTime = found.header.commitTime
  let at = { offset: fileHeaderBytes, position: found.header.firstPosition }
  for (;;) {
    const block = yield* Effect.mapError(scanBlock(file, at, found.size, seed, blockBytes), fromStorageError)
    for (const frame of block.frames) log.note(frame.position, frame.offset)
    if (block.frames.length > 0) commitTime = block.frames[block.frames.length - 1].commitTime
    at = { offset: block.offset, position: block.position }
    if (block.stop === "More") continue
    if (block.stop === "Limit") break
    const tail = yield* Effect.mapError(judgeTail(file, at, found.size, seed), fromStorageError)
    if (tail.kind === "Damaged") {
      const problem = block.stop === "Zero" ? "zeros where a frame was" : block.problem
      return yield* damaged(
        found.path,
        at.offset,
        `${problem}, and the frame at offset ${tail.witness} proves that it was once whole`
      )
    }
    if (tail.kind === "Torn") yield* Effect.mapError(cutTail(file, at.offset, tail.end), fromStorageError)
    break
  }
  log.end = at.offset
  // A process that was killed, unlike a machine that lost power, leaves frames that can be read and are not synced.
  yield* Effect.mapError(
    Effect.andThen(file.sync, place.storage.syncDirectory(place.folder)),
    fromStorageError
  )
  return { file: log, current: { ...open, end: at.offset, allocated: found.size }, commitTime, next: at.position }
})

/** Opens the log in `place`. After this, everything in it is durable. */
export const openLog = Effect.fnUntraced(
  function*(place: LogPlace, blockBytes: number): Effect.fn.Return<OpenedLog, WalError> {
    const found = yield* findLogFiles(place.storage, place.folder)
    if (found.length === 0) return yield* Effect.mapError(createLog(place), fromStorageError)
    const last = found[found.length - 1]
    const files = found.slice(0, -1).map(({ header, name, path, size }) =>
      new LogFile(name, path, header, fileHeaderBytes, size)
    )
    const recovered = yield* recoverLast(place, last, frameSeed(last.header.logId), blockBytes)
    yield* Effect.mapError(removeNewFile(place), fromStorageError)
    files.push(recovered.file)
    // What was found is synced now, so all of it is durable.
    const state = makeState(last.header.logId, files, recovered.next - 1, recovered.commitTime)
    return { state, current: recovered.current }
  }
)
