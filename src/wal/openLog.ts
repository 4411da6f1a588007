/** Opens a log: creates it, or finds the end of what a former process, however it ended, has left. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type { BlockFile, BlockStorageService, StorageError } from "../storage/BlockStorage.ts"
import { encodeFileHeader, type FileHeader, fileHeaderBytes, formatVersion, frameSeed } from "./format.ts"
import { judgeTail } from "./judgeTail.ts"
import { damaged, findLogFiles, type FoundFile, fromStorageError, logFileName, preparedFileName } from "./logFiles.ts"
import { LogFile, type LogState, Signal } from "./logState.ts"
import { prepareFile, type PreparedFile, removeIfPresent, writeZeros } from "./preparation.ts"
import { scanBlock } from "./scanFile.ts"
import type { WalError } from "./Wal.ts"

/** The file that the log is appended to. */
export interface CurrentFile {
  readonly file: BlockFile
  /** Closes the file. */
  readonly scope: Scope.Closeable
  /** Where the next frame goes. */
  end: number
  /** Allocated bytes; a group that does not fit goes into the next file. */
  capacity: number
}

/** A log that is ready to be appended to and read. */
export interface OpenedLog {
  readonly state: LogState
  readonly current: CurrentFile
}

/** Where a log lies and how its files are made. */
export interface LogPlace {
  readonly storage: BlockStorageService
  /** The folder of its files. */
  readonly folder: string
  /** Files are open until it closes. */
  readonly scope: Scope.Scope
  /** Size of the very first file. */
  readonly firstFileBytes: number
  /** Bytes that one read asks for. */
  readonly blockBytes: number
}

/** Writes and syncs the header of a prepared file. */
export const writeHeader = (prepared: PreparedFile, header: FileHeader): Effect.Effect<void, StorageError> =>
  Effect.andThen(prepared.file.write(0, [encodeFileHeader(header)]), prepared.file.sync)

/**
 * Makes a prepared file, whose header is synced, a log file. Only now does it have a name that recovery looks at, so a
 * log file never lacks its header, whenever the power fails.
 */
export const publishFile = (place: LogPlace, ordinal: number): Effect.Effect<void, StorageError> =>
  Effect.andThen(
    place.storage.rename(preparedFileName(place.folder), logFileName(place.folder, ordinal)),
    place.storage.syncDirectory(place.folder)
  )

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
  const name = logFileName(place.folder, 1)
  const logId = new Uint8Array(16)
  for (let i = 0; i < logId.length; i++) logId[i] = yield* Random.nextIntBetween(0, 255)
  const prepared = yield* prepareFile(
    place.storage,
    place.scope,
    preparedFileName(place.folder),
    place.firstFileBytes,
    () => Effect.void
  )
  yield* writeHeader(prepared, { version: formatVersion, ordinal: 1, firstPosition: 1, logId, commitTime: 0 })
  yield* publishFile(place, 1)
  const path = prepared.file.path.replace(preparedFileName(place.folder), name)
  const file = new LogFile(1, name, path, 1, fileHeaderBytes, fileHeaderBytes)
  const current = { file: prepared.file, scope: prepared.scope, end: fileHeaderBytes, capacity: prepared.capacity }
  return { state: makeState(logId, [file], 0, 0), current }
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
  seed: number
): Effect.fn.Return<{ file: LogFile; current: CurrentFile; commitTime: number; next: number }, WalError> {
  const scope = Scope.forkUnsafe(place.scope)
  const file = yield* place.storage.open(found.name).pipe(Scope.provide(scope), Effect.mapError(fromStorageError))
  const log = new LogFile(
    found.header.ordinal,
    found.name,
    found.path,
    found.header.firstPosition,
    fileHeaderBytes,
    fileHeaderBytes
  )
  let commitTime = found.header.commitTime
  let at = { offset: fileHeaderBytes, position: found.header.firstPosition }
  for (;;) {
    const block = yield* Effect.mapError(scanBlock(file, at, found.size, seed, place.blockBytes), fromStorageError)
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
  return { file: log, current: { file, scope, end: at.offset, capacity: found.size }, commitTime, next: at.position }
})

/** Opens the log in `place`. After this, everything in it is durable. */
export const openLog = Effect.fnUntraced(
  function*(place: LogPlace): Effect.fn.Return<OpenedLog, WalError> {
    const found = yield* findLogFiles(place.storage, place.folder)
    if (found.length === 0) return yield* Effect.mapError(createLog(place), fromStorageError)
    const last = found[found.length - 1]
    const files = found.slice(0, -1).map(({ header, name, path, size }) =>
      new LogFile(header.ordinal, name, path, header.firstPosition, fileHeaderBytes, size)
    )
    const recovered = yield* recoverLast(place, last, frameSeed(last.header.logId))
    yield* Effect.mapError(
      removeIfPresent(place.storage, preparedFileName(place.folder)),
      fromStorageError
    )
    files.push(recovered.file)
    const state = makeState(last.header.logId, files, recovered.next - 1, recovered.commitTime)
    return { state, current: recovered.current }
  }
)

/** Closes a file that is no longer written. */
export const closeFile = (scope: Scope.Closeable): Effect.Effect<void> => Scope.close(scope, Exit.void)
