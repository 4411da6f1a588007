/** The only code that writes to an open log. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { framePayloadBytesMax } from "../base/limits.ts"
import type { Position } from "../base/position.ts"
import type { StorageError } from "../storage/BlockStorage.ts"
import { fileHeaderBytes, formatVersion, frameHeaderBytes } from "./format.ts"
import { GroupEncoder, isTooLarge, measureGroup } from "./groupEncoder.ts"
import { fromStorageError, logFileName, preparedFileName } from "./logFiles.ts"
import { LogFile } from "./logState.ts"
import { closeFile, type LogPlace, type OpenedLog, publishFile, writeHeader } from "./openLog.ts"
import { makePreparation } from "./preparation.ts"
import { type Appended, type AppendOptions, type FrameInput, WalError } from "./Wal.ts"

/** Figures since the log was opened. */
export interface LogCounters {
  groups: number
  frames: number
  bytes: number
  syncs: number
  syncMicrosTotal: number
  syncMicrosLast: number
  /** Element i counts syncs of [2^(i-1), 2^i) microseconds. */
  readonly syncMicrosBuckets: Array<number>
}

/** Appends to a log; one operation at a time. */
export interface LogWriter {
  readonly append: (frames: ReadonlyArray<FrameInput>, options: AppendOptions) => Effect.Effect<Appended, WalError>
  readonly sync: Effect.Effect<Position, WalError>
  /** Removes the oldest files, of which no position is at or after `before`. */
  readonly truncate: (before: Position) => Effect.Effect<number, WalError>
  /** Syncs, marks the end as durable, and refuses everything from then on. Never fails. */
  readonly close: Effect.Effect<void>
  /** Begins to prepare the next file in the background. */
  readonly prepare: Effect.Effect<void>
  readonly counters: LogCounters
}

const tooLarge = (bytes: number): WalError =>
  new WalError({
    reason: "TooLarge",
    message: `a frame of ${bytes} bytes is over the limit of ${framePayloadBytesMax}; write smaller batches`
  })

/** Writes the log that was opened; the files that follow are of `segmentBytes`. */
export const makeLogWriter = (
  opened: OpenedLog,
  place: LogPlace,
  segmentBytes: number,
  clock: Clock.Clock
): LogWriter => {
  const { state } = opened
  let current = opened.current
  const encoder = new GroupEncoder()
  const turn = Semaphore.makeUnsafe(1)
  const counters: LogCounters = {
    groups: 0,
    frames: 0,
    bytes: 0,
    syncs: 0,
    syncMicrosTotal: 0,
    syncMicrosLast: 0,
    syncMicrosBuckets: new Array(25).fill(0)
  }

  const poison = (doing: string, error: StorageError): Effect.Effect<never, WalError> =>
    Effect.suspend(() => {
      const poisoned = new WalError({
        reason: "Poisoned",
        file: error.path,
        message: `the log takes no more writes because ${doing} failed: ${error.message}. What is on disk is not ` +
          "known; after the cause is mended restart, which recovers everything that was acknowledged as durable"
      })
      state.poisoned ??= poisoned
      return Effect.andThen(Effect.logError(poisoned.message), Effect.fail(poisoned))
    })

  const preparation = makePreparation({
    storage: place.storage,
    scope: place.scope,
    name: preparedFileName(place.folder),
    bytes: segmentBytes,
    onFailure: (error) => Effect.ignore(poison("preparing the next log file", error))
  })

  /** One operation at a time; none is left half done by an interruption. */
  const exclusive = <A>(operation: Effect.Effect<A, WalError>): Effect.Effect<A, WalError> =>
    Effect.uninterruptible(turn.withPermit(Effect.suspend(() => {
      if (state.closed) {
        return Effect.fail(new WalError({ reason: "Closed", message: "the log is closed; the server is stopping" }))
      }
      return state.poisoned === undefined ? operation : Effect.fail(state.poisoned)
    })))

  const syncCurrent = Effect.suspend(() => {
    const begun = clock.monotonicTimeNanosUnsafe()
    return Effect.map(current.file.sync, () => {
      const micros = Number((clock.monotonicTimeNanosUnsafe() - begun) / 1000n)
      counters.syncs++
      counters.syncMicrosLast = micros
      counters.syncMicrosTotal += micros
      counters.syncMicrosBuckets[Math.min(counters.syncMicrosBuckets.length - 1, 32 - Math.clz32(micros))]++
    })
  })

  /**
   * Goes on in the next file. The old file is whole and synced before the new one has its name, so a log file proves
   * that all before it were once whole.
   */
  const rotate = Effect.gen(function*() {
    const prepared = yield* Effect.catch(preparation.take, (error) =>
      error.reason === "StorageFull"
        ? Effect.fail(fromStorageError(error))
        : poison("preparing the next log file", error))
    const ordinal = state.files[state.files.length - 1].ordinal + 1
    const firstPosition = state.writtenPosition + 1
    const header = { version: formatVersion, ordinal, firstPosition, logId: state.logId, commitTime: state.lastCommitTime }
    const finishOld = Effect.andThen(current.file.truncate(current.end), current.file.sync)
    yield* Effect.all([finishOld, writeHeader(prepared, header)], { concurrency: 2, discard: true }).pipe(
      Effect.andThen(publishFile(place, ordinal)),
      Effect.catch((error) => poison("beginning the next log file", error))
    )
    state.durablePosition = state.writtenPosition
    yield* closeFile(current.scope)
    current = { ...prepared, end: fileHeaderBytes }
    const name = logFileName(place.folder, ordinal)
    const path = state.files[0].path.replace(state.files[0].name, name)
    state.files.push(new LogFile(ordinal, name, path, firstPosition, fileHeaderBytes, fileHeaderBytes))
    yield* preparation.start
  })

  /** Takes back a group that the disk had no room for, so that it cannot come up again after a crash. */
  const undo = (error: StorageError): Effect.Effect<never, WalError> =>
    Effect.andThen(
      Effect.catch(
        Effect.andThen(current.file.truncate(current.end), current.file.sync),
        (failure) => poison("taking back a write that did not fit on the disk", failure)
      ),
      Effect.suspend(() => {
        current.capacity = current.end
        return Effect.fail(fromStorageError(error))
      })
    )

  const append = Effect.fnUntraced(function*(
    frames: ReadonlyArray<FrameInput>,
    options: AppendOptions
  ): Effect.fn.Return<Appended, WalError> {
    const size = measureGroup(frames)
    if (isTooLarge(size.lengthMax)) return yield* tooLarge(size.lengthMax)
    // A group lies in one file. One that is larger than any file makes its file grow.
    if (current.end + size.bytes > current.capacity && current.end > fileHeaderBytes) yield* rotate
    const commitTime = Math.max(options.commitTime, state.lastCommitTime)
    const group = encoder.encode(frames, size, {
      position: state.writtenPosition + 1,
      durable: state.durablePosition,
      commitTime,
      seed: state.seed
    })
    yield* Effect.catch(current.file.write(current.end, group.chunks), (error) =>
      error.reason === "StorageFull" ? undo(error) : poison("writing the log", error))
    if (options.sync) yield* Effect.catch(syncCurrent, (error) => poison("syncing the log", error))
    // From here on the group counts.
    const log = state.files[state.files.length - 1]
    log.note(state.writtenPosition + 1, current.end)
    current.end += size.bytes
    log.end = current.end
    state.writtenPosition = group.next - 1
    if (options.sync) state.durablePosition = state.writtenPosition
    state.lastCommitTime = commitTime
    counters.groups++
    counters.frames += frames.length
    counters.bytes += size.bytes
    state.changed.notify()
    // Twice as fast as the present file fills, so that the next one is ready at half of it.
    preparation.allow(2 * segmentBytes * (current.end / current.capacity))
    return { positions: group.positions, last: state.writtenPosition as Position, commitTime }
  })

  const sync = Effect.gen(function*() {
    if (state.durablePosition < state.writtenPosition) {
      yield* Effect.catch(syncCurrent, (error) => poison("syncing the log", error))
      state.durablePosition = state.writtenPosition
    }
    return state.durablePosition as Position
  })

  const truncate = Effect.fnUntraced(function*(before: Position): Effect.fn.Return<number, WalError> {
    let removed = 0
    while (state.files.length > 1 && state.files[1].firstPosition <= before) {
      // One after another, each synced: a crash between leaves no gap.
      yield* Effect.mapError(
        Effect.andThen(place.storage.remove(state.files[0].name), place.storage.syncDirectory(place.folder)),
        fromStorageError
      )
      state.files.shift()
      removed++
    }
    return removed
  })

  /** Without a frame behind it nothing would prove the last group durable: see "mark" in format.ts. */
  const markEnd = Effect.gen(function*() {
    yield* sync
    if (counters.groups === 0) return
    const mark = encoder.encodeMark({
      position: state.writtenPosition + 1,
      durable: state.durablePosition,
      commitTime: state.lastCommitTime,
      seed: state.seed
    })
    yield* Effect.mapError(Effect.andThen(current.file.write(current.end, [mark]), current.file.sync), fromStorageError)
    current.end += frameHeaderBytes
    state.files[state.files.length - 1].end = current.end
  })

  const close = exclusive(markEnd).pipe(
    Effect.catch((error) => Effect.logWarning(`the log was not closed cleanly: ${error.message}`)),
    Effect.andThen(Effect.sync(() => {
      state.closed = true
      state.changed.notify()
    }))
  )

  return {
    append: (frames, options) => exclusive(append(frames, options)),
    sync: exclusive(sync),
    truncate: (before) => exclusive(truncate(before)),
    close,
    prepare: preparation.start,
    counters
  }
}
