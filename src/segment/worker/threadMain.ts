/**
 * The module that a thread of segments runs. It loads what jobs need and nothing else: this is what starting costs.
 *
 * Anything thrown here outside of a job ends the thread; the main thread sees it and says why.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { inspect } from "node:util"
import { parentPort, workerData } from "node:worker_threads"
import { invariant } from "../../base/invariant.ts"
import type { BlockStorageService } from "../../storage/BlockStorage.ts"
import type { SegmentError } from "../SegmentError.ts"
import type { SegmentSummary } from "../write/SegmentSummary.ts"
import { indexJob, mergeJob, writeJob } from "./jobs.ts"
import { buffersOf, freeBuffers, fromPlainRows } from "./plainRows.ts"
import type {
  FromThread,
  IndexOrder,
  JobOrder,
  JobOutcome,
  JobReport,
  MergeOrder,
  ThreadData,
  ToThread,
  WriteOrder
} from "./protocol.ts"
import { type RemoteStorage, remoteStorage } from "./remoteStorage.ts"

const port = parentPort
invariant(port !== null, "the module of a worker thread runs in one")

interface RunningJob {
  readonly remote: RemoteStorage
  readonly fiber: Fiber.Fiber<JobReport, SegmentError>
}

const jobs = new Map<number, RunningJob>()

const post = (message: FromThread, transfer: ReadonlyArray<ArrayBuffer>): void => port.postMessage(message, transfer)

/** A summary whose keys and bounds lie in no larger buffer. */
const ownSummary = (summary: SegmentSummary): SegmentSummary => ({
  ...summary,
  minKey: summary.minKey.slice(),
  maxKey: summary.maxKey.slice(),
  columns: summary.columns.map((column) => ({
    ...column,
    min: typeof column.min === "object" ? column.min.slice() : column.min,
    max: typeof column.max === "object" ? column.max.slice() : column.max
  }))
})

const write = (order: WriteOrder, { storage }: RemoteStorage): Effect.Effect<JobReport, SegmentError> =>
  Effect.map(
    Effect.ensuring(
      writeJob(storage, { ...order, rows: fromPlainRows(order.rows) }),
      Effect.sync(() => freeBuffers(buffersOf(order.rows)))
    ),
    (result): JobReport => ({ kind: "write", summary: ownSummary(result.summary), order: result.order })
  )

/**
 * A merge asks for the names of its outputs without waiting, and one after another: so each is fetched before the file of
 * the one before is opened.
 */
const merge = Effect.fnUntraced(function*(
  { inputs, policy, target }: MergeOrder,
  { nameOf, storage }: RemoteStorage
): Effect.fn.Return<JobReport, SegmentError> {
  const names = [yield* nameOf(0)]
  const naming: BlockStorageService = {
    ...storage,
    open: (name, options) =>
      options?.create === true
        ? Effect.flatMap(nameOf(names.length), (next) => {
          names.push(next)
          return storage.open(name, options)
        })
        : storage.open(name, options)
  }
  const { outputs, rowMaps } = yield* mergeJob(naming, {
    inputs: inputs.map(({ marks, name }) => marks === undefined ? { name } : { name, marks }),
    policy,
    target,
    nameOf: (number) => names[number]
  })
  return {
    kind: "merge",
    outputs: outputs.map(({ name, summary }) => ({ name, summary: ownSummary(summary) })),
    rowMaps
  }
})

const index = (order: IndexOrder, { storage }: RemoteStorage): Effect.Effect<JobReport, SegmentError> =>
  Effect.map(indexJob(storage, order), ({ bytes }): JobReport => ({ kind: "index", bytes }))

const perform = (order: JobOrder, remote: RemoteStorage): Effect.Effect<JobReport, SegmentError> => {
  switch (order.kind) {
    case "write":
      return write(order, remote)
    case "merge":
      return merge(order, remote)
    case "index":
      return index(order, remote)
  }
}

/** An error that can be cloned, whatever it carries. */
const plainDefect = (thrown: unknown): Error => {
  if (!(thrown instanceof Error)) return new Error(inspect(thrown))
  const plain = new Error(thrown.message)
  plain.name = thrown.name
  if (thrown.stack !== undefined) plain.stack = thrown.stack
  return plain
}

const outcomeOf = (exit: Exit.Exit<JobReport, SegmentError>): JobOutcome => {
  if (Exit.isSuccess(exit)) return { kind: "done", report: exit.value }
  const thrown = Cause.squash(exit.cause)
  if (Cause.hasFails(exit.cause)) {
    const { file, message, offset, reason } = thrown as SegmentError
    return { kind: "failed", error: { reason, message, file, ...(offset === undefined ? {} : { offset }) } }
  }
  return { kind: "defect", defect: plainDefect(thrown) }
}

const resultBuffers = (report: JobReport): ReadonlyArray<ArrayBuffer> => {
  switch (report.kind) {
    case "write":
      return buffersOf(report.order)
    case "merge":
      return buffersOf(report.rowMaps)
    case "index":
      return []
  }
}

/**
 * An idle thread collects no garbage, and a merge leaves a good deal of it: rather than keep that, it is ended. The clock is
 * the thread's own, and keeps no process alive.
 */
const sayIdle = Effect.andThen(
  Effect.sleep((workerData as ThreadData).idleMillisMax),
  Effect.sync(() => post({ kind: "idle" }, []))
)

let resting: Fiber.Fiber<void> | undefined

/** After each job: where it was the last, the thread begins to be idle. */
const rest = (): void => {
  resting?.interruptUnsafe()
  resting = jobs.size === 0 ? Effect.runFork(sayIdle) : undefined
}

const start = (job: number, order: JobOrder): void => {
  resting?.interruptUnsafe()
  const remote = remoteStorage(job, post)
  const fiber = Effect.runFork(perform(order, remote))
  jobs.set(job, { remote, fiber })
  fiber.addObserver((exit) => {
    // A cancelled job is no longer there.
    const isWanted = jobs.delete(job)
    rest()
    if (!isWanted) return
    const outcome = outcomeOf(exit)
    post({ kind: "end", job, outcome }, outcome.kind === "done" ? resultBuffers(outcome.report) : [])
  })
}

const cancel = (job: number): void => {
  const running = jobs.get(job)
  jobs.delete(job)
  running?.fiber.interruptUnsafe()
  running?.remote.cancel()
}

port.on("message", (message: ToThread) => {
  switch (message.kind) {
    case "start":
      return start(message.job, message.order)
    case "cancel":
      return cancel(message.job)
    case "answer":
      return jobs.get(message.job)?.remote.answer(message)
    default:
      throw new Error(`a thread of segments was told something unknown: ${JSON.stringify(message)}`)
  }
})
