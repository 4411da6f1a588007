/** Runs the commit pipeline: one fiber, from its scope's opening to its closing. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { forkDaemon } from "../base/daemon.ts"
import { messageBytesMax } from "../base/limits.ts"
import { Wal } from "../wal/Wal.ts"
import { makeCommitGroup, type Waiting } from "./commitGroup.ts"
import { CommitError, type CommitPipelineService, type CommitReceipt } from "./CommitPipeline.ts"
import { Engine } from "./Engine.ts"
import type { Intent } from "./intent.ts"
import { SegmentFiles } from "./SegmentFiles.ts"
import { Throttle } from "./throttle.ts"

/** When the log is synced: for each group, at intervals, or by the operating system alone. */
export type SyncMode = "commit" | "interval" | "none"

export interface CommitPipelineOptions {
  readonly sync: SyncMode
  /** Between two syncs in mode `interval`. */
  readonly syncInterval: Duration.Duration
  /** Bytes that rows in memory may hold; from there on new rows are refused with MEMORY_LIMIT. */
  readonly memoryBytesMax: number
}

/** Syncs for each group; 4 GiB of rows. */
export const commitPipelineDefaults: CommitPipelineOptions = {
  sync: "commit",
  syncInterval: Duration.millis(100),
  memoryBytesMax: 4 * 1024 * 1024 * 1024
}

/** Requests in flight may hold this many bytes; others wait. */
const admittedBytesMax = 2 * messageBytesMax

/** Requests may wait for admission with this many bytes; others are refused. */
const waitingBytesMax = 8 * messageBytesMax

/** A group takes no more intents once its requests hold this many rows. */
const groupRowsMax = 65_536

/**
 * Of the limit: where rows are refused that were let in. Waiting keeps memory below the limit; a request may take a little
 * more than its bytes said, since columns and indexes grow by steps.
 */
const refusedShare = 1.5

/** How long a request waits while memory is full, and how often it looks, in milliseconds. */
const memoryWaitMillisMax = 10_000
const memoryPollMillis = 2

const death = "the commit pipeline died; see the server's log"

/** Admission is counted in units of a KiB. */
const unitsOf = (bytes: number): number => Math.max(1, Math.ceil(bytes / 1024))

const rowsOf = (intent: Intent): number =>
  intent.kind === "rows" ? intent.batches.reduce((rows, batch) => rows + batch.count, 0) : 0

/** Makes the pipeline. Closing its scope commits what was taken, refuses what waits, and ends the fiber. */
export const makeCommitPipeline = Effect.fnUntraced(function*(
  options: CommitPipelineOptions
): Effect.fn.Return<CommitPipelineService, never, Engine | SegmentFiles | Wal | Scope.Scope> {
  const engine = yield* Engine
  const wal = yield* Wal
  const throttle = new Throttle(options.memoryBytesMax)
  const queue: Array<Waiting> = []
  const arrival = Latch.makeUnsafe(false)
  const admission = yield* Semaphore.make(unitsOf(admittedBytesMax))
  // Only one request waits for room at a time, the others behind it: a large one is not overtaken for ever.
  const turnstile = yield* Semaphore.make(1)
  const commitGroup = makeCommitGroup(engine, wal, yield* SegmentFiles, {
    syncDefault: options.sync === "commit",
    memoryBytesMax: options.memoryBytesMax * refusedShare
  })
  let pendingRows = 0
  let pendingBytes = 0
  let waitingBytes = 0
  let stopped: string | undefined

  /** Stops for good. From here on nothing is taken into the queue; what is in it, and the group, is refused. */
  const stop = (group: ReadonlyArray<Waiting>, isDead: boolean) =>
    Effect.sync(() => {
      stopped ??= isDead ? death : "the engine is closing; send the request again when it is back"
      const error = new CommitError({ reason: isDead ? "UNEXPECTED" : "DRAINING", message: stopped, field: "" })
      for (const { answer } of [...group, ...queue.splice(0)]) Deferred.doneUnsafe(answer, Effect.fail(error))
    })

  /** Takes the next group out of the queue and commits it. */
  const commitNext = Effect.suspend(() => {
    let intents = 0
    for (let rows = 0; intents < queue.length && rows < groupRowsMax;) rows += rowsOf(queue[intents++].intent)
    const group = queue.splice(0, intents)
    return Effect.onExit(commitGroup(group), (exit) => Exit.isFailure(exit) ? stop(group, true) : Effect.void)
  })

  const run = Effect.gen(function*() {
    for (;;) {
      yield* arrival.await
      arrival.closeUnsafe()
      // A group that was taken is decided, whatever happens around it: its callers must learn the outcome.
      while (queue.length > 0) yield* Effect.uninterruptible(commitNext)
    }
  })

  yield* forkDaemon("commit pipeline", Effect.onExit(run, (exit) => stop([], Exit.hasDies(exit))))

  if (options.sync === "interval") {
    // A failed sync poisons the log, which the next append reports.
    yield* forkDaemon(
      "log sync",
      Effect.repeat(Effect.ignore(wal.sync), Schedule.spaced(options.syncInterval))
    )
  }

  // Uninterruptible from the moment it is in the queue, since the pipeline reads the intent's rows until it answers.
  const commit = (intent: Intent, onQueued?: () => void): Effect.Effect<CommitReceipt, CommitError> =>
    Effect.uninterruptible(Effect.suspend(() => {
      if (stopped !== undefined) {
        return Effect.fail(new CommitError({ reason: "DRAINING", message: stopped, field: "" }))
      }
      if (intent.kind === "rows" && intent.durability === "REPLICATED") {
        return Effect.fail(
          new CommitError({
            reason: "DURABILITY_UNAVAILABLE",
            message: "REPLICATED needs a log in an object store; this one reaches FSYNCED",
            field: "durability"
          })
        )
      }
      const answer = Deferred.makeUnsafe<CommitReceipt, CommitError>()
      const rows = rowsOf(intent)
      pendingRows += rows
      queue.push({ intent, answer })
      arrival.openUnsafe()
      onQueued?.()
      return Effect.onExit(Deferred.await(answer), () =>
        Effect.sync(() => {
          pendingRows -= rows
        }))
    }))

  /** Waits until memory has room for a request, a little for each byte as it gets less. */
  const awaitMemory = Effect.fnUntraced(function*(bytes: number) {
    const { state } = engine
    const clock = yield* Clock.Clock
    const started = clock.currentTimeMillisUnsafe()
    for (;;) {
      const delay = throttle.delayMillis(bytes, state.bytes + pendingBytes, clock.currentTimeMillisUnsafe())
      if (delay === 0) break
      if (delay === undefined && clock.currentTimeMillisUnsafe() - started > memoryWaitMillisMax) {
        return yield* new CommitError({
          reason: "MEMORY_LIMIT",
          message: `rows in memory hold ${state.bytes} bytes of memtable.limit, and ` +
            (engine.flushFailure === ""
              ? "flushing does not keep up; send it again later"
              : `cannot be flushed: ${engine.flushFailure}; send it again when that is mended`),
          field: ""
        })
      }
      yield* Effect.sleep(delay ?? memoryPollMillis)
      if (delay !== undefined) break
    }
    const waited = clock.currentTimeMillisUnsafe() - started
    if (waited > 0) {
      throttle.waits++
      throttle.waitedMillis += waited
    }
  })

  const admit = <A, E, R>(bytes: number, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | CommitError, R> => {
    const units = Math.min(unitsOf(bytes), unitsOf(admittedBytesMax))
    const enter = turnstile.withPermit(Effect.andThen(awaitMemory(bytes), admission.take(units)))
    return Effect.acquireUseRelease(
      Effect.suspend(() => {
        if (waitingBytes > waitingBytesMax) {
          return Effect.fail(
            new CommitError({
              reason: "BACK_PRESSURE",
              message: `${waitingBytes} bytes of requests wait already; slow down and send it again`,
              field: ""
            })
          )
        }
        waitingBytes += bytes
        return Effect.tap(
          Effect.onExit(enter, () =>
            Effect.sync(() => {
              waitingBytes -= bytes
            })),
          () =>
            Effect.sync(() => {
              pendingBytes += bytes
            })
        )
      }),
      () => effect,
      () =>
        Effect.suspend(() => {
          pendingBytes -= bytes
          return admission.release(units)
        })
    )
  }

  return {
    admit,
    commit,
    freed: (bytes, millis) => Effect.map(Clock.currentTimeMillis, (now) => throttle.freed(bytes, millis, now)),
    status: () => ({
      pendingRows,
      pendingBytes,
      stopped,
      waits: throttle.waits,
      waitedMillis: throttle.waitedMillis
    })
  }
})
