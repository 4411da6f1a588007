/** Makes segments in worker threads, while the caller's thread goes on serving. */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { invariant } from "../../base/invariant.ts"
import { BlockStorage } from "../../storage/BlockStorage.ts"
import { withOwnMarks } from "./jobs.ts"
import { removingCreated } from "./jobStorage.ts"
import { toPlainRows } from "./plainRows.ts"
import type { JobKind, JobOrder, JobReport } from "./protocol.ts"
import { SegmentThread, stopped } from "./SegmentThread.ts"
import type { SegmentJobError, SegmentWorkersService } from "./SegmentWorkers.ts"

/** How threads are used. */
export interface SegmentThreadsOptions {
  /** How many there are at most, one at least. */
  readonly workers: number
  /** Most megabytes of JavaScript objects in each. Rows and encoded bytes are not among them. */
  readonly heapMegabytesMax: number
  /** A thread that has had nothing to do for so long is ended, with the memory that it holds. */
  readonly idleMillisMax: number
  /** Start them now. Otherwise each is started when there is first a job for it, which then waits for it. */
  readonly isEager: boolean
}

/** What holds where nothing else is said. */
export const segmentThreadsDefaults: SegmentThreadsOptions = {
  workers: 1,
  heapMegabytesMax: 128,
  idleMillisMax: 10_000,
  isEager: false
}

/**
 * Makes the service; its scope ends the threads.
 *
 * A thread does one job of each kind at a time, in turns: so no merge, which may take minutes, keeps a flush waiting,
 * and a thread has the memory of one of each to hold. A thread that died is replaced when the next job needs one.
 */
export const makeSegmentThreads = Effect.fnUntraced(function*(
  options: SegmentThreadsOptions
): Effect.fn.Return<SegmentWorkersService, never, BlockStorage | Scope.Scope> {
  const storage = yield* BlockStorage
  const background = yield* FiberSet.makeRuntime<never, void, never>()
  const threads: Array<SegmentThread | undefined> = Array.from({ length: options.workers })

  const start = (place: number): SegmentThread => {
    const leave = () => {
      if (threads[place] === thread) threads[place] = undefined
    }
    const thread = new SegmentThread({
      ...options,
      onIdle: () => {
        leave()
        background(thread.close)
      },
      onDeath: (error) => {
        leave()
        background(Effect.logError("a thread of segments died; another one is started for the next job", error))
      }
    })
    threads[place] = thread
    return thread
  }

  let isClosed = false
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      isClosed = true
      return Effect.forEach(threads, (thread) => thread?.close ?? Effect.void, {
        concurrency: "unbounded",
        discard: true
      })
    })
  )
  if (options.isEager) { for (let place = 0; place < options.workers; place++) start(place) }

  /** The thread with the fewest jobs that has none of the kind; rather one that runs already. */
  const threadFor = (kind: JobKind): SegmentThread => {
    let best: number | undefined
    const jobsAt = (place: number) => threads[place]?.jobCount ?? 0.5
    for (let place = 0; place < threads.length; place++) {
      if (threads[place]?.has(kind) === true) continue
      if (best === undefined || jobsAt(place) < jobsAt(best)) best = place
    }
    invariant(best !== undefined, "there are as many permits for jobs of a kind as there are threads")
    return threads[best] ?? start(best)
  }

  const permits: Record<JobKind, Semaphore.Semaphore> = {
    write: yield* Semaphore.make(options.workers),
    merge: yield* Semaphore.make(options.workers),
    index: yield* Semaphore.make(options.workers)
  }

  const run = (order: JobOrder, nameOf: (number: number) => string): Effect.Effect<JobReport, SegmentJobError> =>
    Semaphore.withPermit(
      permits[order.kind],
      removingCreated(
        storage,
        (own) => Effect.suspend(() => isClosed ? Effect.fail(stopped()) : threadFor(order.kind).run(order, own, nameOf))
      )
    )

  return {
    write: ({ count, name, owner, rows }) =>
      Effect.suspend(() =>
        Effect.map(run({ kind: "write", name, owner, rows: toPlainRows(rows), count }, () => name), (report) => {
          invariant(report.kind === "write", "a thread reports on the job that it was given")
          return { summary: report.summary, order: report.order }
        })
      ),
    merge: (request) =>
      Effect.suspend(() => {
        const { inputs, nameOf, policy, target } = withOwnMarks(request)
        const order: JobOrder = {
          kind: "merge",
          inputs: inputs.map(({ marks, name }) => ({ name, marks })),
          policy,
          target
        }
        return Effect.map(run(order, nameOf), (report) => {
          invariant(report.kind === "merge", "a thread reports on the job that it was given")
          return { outputs: report.outputs, rowMaps: report.rowMaps }
        })
      }),
    index: ({ columnId, name, segment }) =>
      Effect.map(run({ kind: "index", columnId, name, segment }, () => name), (report) => {
        invariant(report.kind === "index", "a thread reports on the job that it was given")
        return { bytes: report.bytes }
      })
  }
})
