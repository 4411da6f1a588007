/** The only code that writes to an open log. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"
import { framePayloadBytesMax } from "../base/limits.ts"
import type { Position } from "../base/position.ts"
import type { StorageError } from "../storage/BlockStorage.ts"
import { moveToArchive } from "./archive.ts"
import { fileHeaderBytes, formatVersion, frameHeaderBytes } from "./format.ts"
import { GroupEncoder, isTooLarge, measureGroup } from "./groupEncoder.ts"
import { fromStorageError, logFileName, newFileName } from "./logFiles.ts"
import { LogFile } from "./logState.ts"
import { closeFile, createFile, type LogPlace, publishFile } from "./newFile.ts"
import type { OpenedLog } from "./openLog.ts"
import { type Appended, type AppendOptions, type FrameInput, type LogRetention, WalError } from "./Wal.ts"

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

/** What is allocated at once: little, so that a group seldom has to wait, and never long. */
const zeros = new Uint8Array(1024 * 1024)

/** A group up to this size gains more by allocated bytes than it costs to allocate them. */
const smallGroupBytes = 64 * 1024

/** Appends to a log; one operation at a time. */
export interface LogWriter {
  readonly append: (frames: ReadonlyArray<FrameInput>, options: AppendOptions) => Effect.Effect<Appended, WalError>
  readonly sync: Effect.Effect<Position, WalError>
  /** Removes the oldest files, of which no position is at or after `before`, unless `retention` keeps them. */
  readonly truncate: (before: Position, retention?: LogRetention) => Effect.Effect<number, WalError>
  /** Syncs, marks the end as durable, and refuses everything from then on. Never fails. */
  readonly close: Effect.Effect<void>
  /** Runs for ever: allocates the file ahead of its end while nothing is appended. */
  readonly allocateAhead: Effect.Effect<never>
  readonly counters: LogCounters
}

const tooLarge = (bytes: number): WalError =>
  new WalError({
    reason: "TooLarge",
    message: `a frame of ${bytes} bytes is over the limit of ${framePayloadBytesMax}; write smaller batches`
  })

/** How large files are. */
export interface FileSizes {
  /** A group that would make a file larger goes into the next one. */
  readonly segmentBytes: number
  /** Most bytes to allocate ahead of the end. */
  readonly aheadBytes: number
}

/** Writes the log that was opened. */
export const makeLogWriter = (
  opened: OpenedLog,
  place: LogPlace,
  clock: Clock.Clock,
  sizes: FileSizes
): LogWriter => {
  const { state } = opened
  let current = opened.current
  const encoder = new GroupEncoder()
  let isFull = false
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
    const ordinal = state.files[state.files.length - 1].ordinal + 1
    const firstPosition = state.writtenPosition + 1
    const header = {
      version: formatVersion,
      ordinal,
      firstPosition,
      logId: state.logId,
      commitTime: state.lastCommitTime
    }
    const next = yield* Effect.catch(
      createFile(place, header),
      // Where there is no room the old file is as it was, and the next group tries again.
      (error) =>
        error.reason === "StorageFull" ? Effect.fail(fromStorageError(error)) : poison("making a log file", error)
    )
    yield* current.file.truncate(current.end).pipe(
      Effect.andThen(current.file.sync),
      Effect.andThen(publishFile(place, ordinal)),
      Effect.catch((error) => poison("going on in a new log file", error))
    )
    yield* closeFile(current)
    state.durablePosition = state.writtenPosition
    current = { ...next, end: fileHeaderBytes, allocated: fileHeaderBytes }
    const name = logFileName(place.folder, ordinal)
    const path = next.file.path.replace(newFileName(place.folder), name)
    state.files.push(new LogFile(name, path, header, fileHeaderBytes, fileHeaderBytes))
    isFull = false
  })

  /** Takes back a group that the disk had no room for, so that it cannot come up again after a crash. */
  const undo = (error: StorageError): Effect.Effect<never, WalError> =>
    Effect.andThen(
      Effect.catch(
        Effect.andThen(current.file.truncate(current.end), current.file.sync),
        (failure) => poison("taking back a write that did not fit on the disk", failure)
      ),
      Effect.suspend(() => {
        current.allocated = current.end
        return Effect.fail(fromStorageError(error))
      })
    )

  /** How far the file should be allocated: a small log takes little more space than it needs. */
  const allocationGoal = (): number => {
    const ahead = Math.min(sizes.aheadBytes, Math.max(zeros.length, current.end))
    return isFull || state.closed || state.poisoned !== undefined
      ? 0
      : Math.min(current.end + ahead, sizes.segmentBytes)
  }

  /** Writes a group at the end; a small one that finds no allocated bytes allocates for those that follow it. */
  const write = (chunks: ReadonlyArray<Uint8Array>, bytes: number): Effect.Effect<void, WalError> => {
    const end = current.end + bytes
    const wanted = end > current.allocated && bytes <= smallGroupBytes ? allocationGoal() - end : 0
    const ahead = Math.max(0, Math.min(wanted, zeros.length))
    return current.file.write(current.end, ahead > 0 ? [...chunks, zeros.subarray(0, ahead)] : chunks).pipe(
      Effect.catch((error) => {
        if (error.reason !== "StorageFull") return poison("writing the log", error)
        if (ahead === 0) return undo(error)
        isFull = true
        return write(chunks, bytes)
      }),
      Effect.andThen(Effect.sync(() => {
        current.allocated = Math.max(current.allocated, end + ahead)
      }))
    )
  }

  const append = Effect.fnUntraced(function*(
    frames: ReadonlyArray<FrameInput>,
    options: AppendOptions
  ): Effect.fn.Return<Appended, WalError> {
    const size = measureGroup(frames)
    if (isTooLarge(size.lengthMax)) return yield* tooLarge(size.lengthMax)
    // A group lies in one file. One that is larger than any file has a file to itself.
    if (current.end + size.bytes > sizes.segmentBytes && current.end > fileHeaderBytes) yield* rotate
    const commitTime = Math.max(options.commitTime, state.lastCommitTime)
    const group = encoder.encode(frames, size, {
      position: state.writtenPosition + 1,
      durable: state.durablePosition,
      commitTime,
      seed: state.seed
    })
    yield* write(group.chunks, size.bytes)
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
    return { positions: group.positions, last: state.writtenPosition as Position, commitTime }
  })

  /** Whether so much is missing that it is worth a write. */
  const isAllocationLow = (): boolean => {
    const goal = allocationGoal()
    return current.allocated < goal - Math.min(zeros.length, (goal - current.end) / 2)
  }

  const allocate = Effect.gen(function*() {
    const start = current.allocated
    const end = Math.min(start + zeros.length, allocationGoal())
    if (end <= start) return
    yield* current.file.write(start, [zeros.subarray(0, end - start)])
    yield* current.file.sync
    current.allocated = end
  }).pipe(
    Effect.catch((error) => {
      if (error.reason !== "StorageFull") return Effect.ignore(poison("allocating the log file", error))
      isFull = true
      return Effect.logWarning(`the disk is nearly full, writes will soon be refused: ${error.message}`)
    })
  )

  /**
   * A sync of bytes that are allocated is up to five times faster than one that must allocate them. But allocating
   * costs as much as writing, so for large groups it is done only in moments in which none is written: a log that is
   * written without a pause would be slowed down by half.
   */
  const allocateAhead: Effect.Effect<never> = Effect.gen(function*() {
    for (;;) {
      const changed = state.changed.next
      if (!isAllocationLow()) yield* changed
      // Whoever has appended comes first: it may have the next group at hand.
      yield* Effect.yieldNow
      const allocated = yield* turn.withPermitsIfAvailable(1)(Effect.uninterruptible(allocate))
      if (Option.isNone(allocated)) yield* changed
    }
  })

  const sync = Effect.gen(function*() {
    if (state.durablePosition < state.writtenPosition) {
      yield* Effect.catch(syncCurrent, (error) => poison("syncing the log", error))
      state.durablePosition = state.writtenPosition
    }
    return state.durablePosition as Position
  })

  /** Whether the oldest file is to stay for those who follow the log. */
  const isRetained = ({ bytesMax, micros }: LogRetention): boolean => {
    const bytes = state.files.reduce((sum, file) => sum + file.end, 0)
    const now = Number(clock.currentTimeNanosUnsafe() / 1000n)
    return bytes <= bytesMax && now - state.files[1].commitTimeBefore < micros
  }

  const letGo = (file: LogFile): Effect.Effect<void, StorageError> => {
    const { archive, folder, storage } = place
    const gone = archive === undefined
      ? storage.remove(file.name)
      : moveToArchive(storage, archive, state.logId, file)
    return gone.pipe(
      // An earlier try came so far, and failed to sync it.
      Effect.catch((error) => error.reason === "NotFound" ? Effect.void : Effect.fail(error)),
      Effect.andThen(storage.syncDirectory(folder))
    )
  }

  const truncate = Effect.fnUntraced(
    function*(before: Position, retention: LogRetention | undefined): Effect.fn.Return<number, WalError> {
      let removed = 0
      while (state.files.length > 1 && state.files[1].firstPosition <= before) {
        if (retention !== undefined && isRetained(retention)) break
        // One after another, each synced: a crash between leaves no gap.
        yield* Effect.mapError(letGo(state.files[0]), fromStorageError)
        state.files.shift()
        removed++
      }
      return removed
    }
  )

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
    truncate: (before, retention) => exclusive(truncate(before, retention)),
    close,
    allocateAhead,
    counters
  }
}
