/** The log on a BlockStorage: files of one machine, or memory. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { invariant } from "../base/invariant.ts"
import type { Position } from "../base/position.ts"
import { BlockStorage } from "../storage/BlockStorage.ts"
import { archiveFolder } from "./archive.ts"
import { alignmentBytes, fileHeaderBytes, frameHeaderBytes } from "./format.ts"
import { fromStorageError } from "./logFiles.ts"
import { readLog, tailLog } from "./logReader.ts"
import type { LogState } from "./logState.ts"
import { type LogCounters, makeLogWriter } from "./logWriter.ts"
import { openLog } from "./openLog.ts"
import { blockBytesDefault } from "./scanFile.ts"
import type { WalError, WalService, WalStatus } from "./Wal.ts"

/** Size of a log file, in bytes, where nothing else is said. */
export const segmentBytesDefault = 64 * 1024 * 1024

/** Smallest size of a log file. */
export const segmentBytesMin = 4096

/** How far ahead of its end the log's file is allocated, where nothing else is said. */
export const aheadBytesDefault = 8 * 1024 * 1024

/** The folder of the log in its storage, where nothing else is said. */
export const logFolderDefault = "wal"

/** How to make a log. */
export interface WalOptions {
  /** Size of a log file: a multiple of 8, at least 4096. Default 64 MiB. */
  readonly segmentBytes?: number
  /** Most bytes that the file is allocated ahead of its end; 0 = none. Default 8 MiB. */
  readonly aheadBytes?: number
  /** Folder in the storage. Default `wal`. */
  readonly folder?: string
  /** Bytes that a reader reads at once. Default 8 MiB. */
  readonly blockBytes?: number
  /** Move files that are no longer needed to the folder `archive` of the storage instead of removing them. */
  readonly archive?: boolean
}

const statusOf = (state: LogState, counters: LogCounters): WalStatus => ({
  files: state.files.length,
  bytes: state.files.reduce((sum, file) => sum + file.end, 0),
  firstPosition: state.files[0].firstPosition as Position,
  writtenPosition: state.writtenPosition as Position,
  durablePosition: state.durablePosition as Position,
  lastCommitTime: state.lastCommitTime,
  poisoned: state.poisoned?.message,
  groupsAppended: counters.groups,
  framesAppended: counters.frames,
  bytesAppended: counters.bytes,
  syncs: counters.syncs,
  syncMicrosTotal: counters.syncMicrosTotal,
  syncMicrosLast: counters.syncMicrosLast,
  syncMicrosBuckets: counters.syncMicrosBuckets.slice()
})

/**
 * Opens or creates the log in the storage, which it owns until the scope closes. Everything that is found in the log
 * is durable when this completes. Fails with `Damaged`, `InUse`, `NewerFormat` or `Storage`.
 */
export const makeWal = Effect.fnUntraced(function*(
  options: WalOptions = {}
): Effect.fn.Return<WalService, WalError, BlockStorage | Scope.Scope> {
  const segmentBytes = options.segmentBytes ?? segmentBytesDefault
  const blockBytes = options.blockBytes ?? blockBytesDefault
  invariant(segmentBytes >= segmentBytesMin && segmentBytes % alignmentBytes === 0, "the segment size is valid")
  invariant(
    blockBytes % alignmentBytes === 0 && blockBytes >= fileHeaderBytes + frameHeaderBytes,
    "the block size is valid"
  )
  const storage = yield* BlockStorage
  const clock = yield* Clock.Clock
  yield* Effect.mapError(storage.lock, fromStorageError)
  // Closed after the log, which syncs its file in its own finalizer, and before the lock is given up.
  const files = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const place = {
    storage,
    folder: options.folder ?? logFolderDefault,
    scope: files,
    archive: options.archive === true ? archiveFolder : undefined
  }
  const opened = yield* openLog(place, blockBytes)
  const writer = makeLogWriter(opened, place, clock, {
    segmentBytes,
    aheadBytes: options.aheadBytes ?? aheadBytesDefault
  })
  yield* Effect.addFinalizer(() => writer.close)
  yield* writer.allocateAhead.pipe(
    // The log goes on without it, only slower; but nobody else would hear of it.
    Effect.tapCause((cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError("the log is no longer allocated ahead", cause)
    ),
    Effect.forkIn(files)
  )
  const { state } = opened
  const source = { storage, state, blockBytes }
  return {
    logId: state.logId,
    append: writer.append,
    sync: writer.sync,
    read: (from) => readLog(source, from),
    tail: (from) => tailLog(source, from),
    get durablePosition() {
      return state.durablePosition as Position
    },
    get writtenPosition() {
      return state.writtenPosition as Position
    },
    truncate: writer.truncate,
    status: Effect.sync(() => statusOf(state, writer.counters))
  }
})
