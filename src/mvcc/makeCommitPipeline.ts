/** Runs the commit pipeline: one fiber, from its scope's opening to its closing. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
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

const death = "the commit pipeline died; see the server's log"

/** Admission is counted in units of a KiB. */
const unitsOf = (bytes: number): number => Math.max(1, Math.ceil(bytes / 1024))

const rowsOf = (intent: Intent): number =>
  intent.kind === "rows" ? intent.batches.reduce((rows, batch) => rows + batch.count, 0) : 0

/** Makes the pipeline. Closing its scope commits what was taken, refuses what waits, and ends the fiber. */
export const makeCommitPipeline = Effect.fnUntraced(function*(
  options: CommitPipelineOptions
): Effect.fn.Return<CommitPipelineService, never, Engine | Wal | Scope.Scope> {
  const engine = yield* Engine
  const wal = yield* Wal
  const queue = yield* Queue.unbounded<Waiting>()
  const admission = yield* Semaphore.make(unitsOf(admittedBytesMax))
  const commitGroup = makeCommitGroup(engine, wal, {
    syncDefault: options.sync === "commit",
    memoryBytesMax: options.memoryBytesMax
  })
  let pendingRows = 0
  let pendingBytes = 0
  let waitingBytes = 0
  let stopped: string | undefined

  const refuseAll = (waiting: ReadonlyArray<Waiting>, reason: "DRAINING" | "UNEXPECTED", message: string) =>
    Effect.sync(() => {
      stopped = message
      for (const { answer } of waiting) {
        Deferred.doneUnsafe(answer, Effect.fail(new CommitError({ reason, message, field: "" })))
      }
    })

  const run = Effect.gen(function*() {
    for (;;) {
      const waiting = yield* Queue.takeAll(queue)
      for (let from = 0; from < waiting.length;) {
        let to = from
        let rows = 0
        while (to < waiting.length && rows < groupRowsMax) rows += rowsOf(waiting[to++].intent)
        const group = waiting.slice(from, to)
        // A group that was taken is decided, whatever happens around it: its callers must learn the outcome.
        yield* Effect.uninterruptible(
          Effect.onExit(commitGroup(group), (exit) =>
            Exit.isFailure(exit)
              ? refuseAll(waiting.slice(from), "UNEXPECTED", death)
              : Effect.void)
        )
        from = to
      }
    }
  })

  yield* forkDaemon(
    "commit pipeline",
    Effect.onExit(run, (exit) =>
      Effect.flatMap(Queue.clear(queue), (rest) =>
        Exit.hasDies(exit)
          ? refuseAll(rest, "UNEXPECTED", death)
          : refuseAll(rest, "DRAINING", "the engine is closing; send the request again when it is back")))
  )

  if (options.sync === "interval") {
    // A failed sync poisons the log, which the next append reports.
    yield* forkDaemon(
      "log sync",
      Effect.repeat(Effect.ignore(wal.sync), Schedule.spaced(options.syncInterval))
    )
  }

  const commit = (intent: Intent): Effect.Effect<CommitReceipt, CommitError> =>
    Effect.suspend(() => {
      if (stopped !== undefined)
        return Effect.fail(new CommitError({ reason: "DRAINING", message: stopped, field: "" }))
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
      Queue.offerUnsafe(queue, { intent, answer })
      // Uninterruptible, since the pipeline reads the intent's rows until it answers.
      return Effect.uninterruptible(Effect.onExit(Deferred.await(answer), () =>
        Effect.sync(() => {
          pendingRows -= rows
        })))
    })

  const admit = <A, E, R>(bytes: number, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | CommitError, R> => {
    const units = Math.min(unitsOf(bytes), unitsOf(admittedBytesMax))
    return Effect.suspend((): Effect.Effect<A, E | CommitError, R> => {
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
      let waits = true
      const stopWaiting = () => {
        if (waits) waitingBytes -= bytes
        waits = false
      }
      return Semaphore.withPermits(
        admission,
        units,
        Effect.suspend(() => {
          stopWaiting()
          pendingBytes += bytes
          return Effect.onExit(effect, () =>
            Effect.sync(() => {
              pendingBytes -= bytes
            }))
        })
      ).pipe(Effect.onExit(() => Effect.sync(stopWaiting)))
    })
  }

  return {
    admit,
    commit,
    status: () => ({ pendingRows, pendingBytes, stopped })
  }
})
