/** One worker thread, seen from the main thread: gives it jobs, serves their storage, and notices its death. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import { inspect } from "node:util"
import { Worker } from "node:worker_threads"
import type { BlockStorageService, StorageError } from "../../storage/BlockStorage.ts"
import { SegmentError } from "../SegmentError.ts"
import { buffersOf } from "./plainRows.ts"
import type {
  FromThread,
  JobKind,
  JobOrder,
  JobOutcome,
  JobReport,
  StorageAnswer,
  StorageOperation,
  ThreadData,
  ToThread
} from "./protocol.ts"
import { type SegmentJobError, SegmentThreadError } from "./SegmentWorkers.ts"
import { serveStorage } from "./serveStorage.ts"

/** The module stands beside this one, as TypeScript in the repository, compiled in the package. */
const threadModule = new URL(import.meta.url.endsWith(".ts") ? "./threadMain.ts" : "./threadMain.js", import.meta.url)

/** Short-lived objects get little room: what they hold in buffers is given back soon. */
const maxYoungGenerationSizeMb = 8

/** How a thread is started. */
export interface SegmentThreadOptions {
  /** Most megabytes of JavaScript objects; vectors and buffers lie outside of it. */
  readonly heapMegabytesMax: number
  /** How long it has nothing to do before `onIdle` is told. */
  readonly idleMillisMax: number
  /** Told when the thread has had nothing to do for a while. */
  readonly onIdle: () => void
  /** Told when the thread dies, which is to say ends without `close`. */
  readonly onDeath: (error: SegmentThreadError) => void
}

interface ActiveJob {
  readonly kind: JobKind
  readonly outcome: Deferred.Deferred<JobReport, SegmentJobError>
  /** Does a call of the job in a fiber, which ends with the job. */
  readonly serve: (call: number, operation: StorageOperation) => void
  /** Whether the thread has said how it ended, or can say nothing more. */
  hasEnded: boolean
}

export class SegmentThread {
  private readonly worker: Worker
  private readonly jobs = new Map<number, ActiveJob>()
  private readonly options: SegmentThreadOptions
  private lastJob = 0
  private isClosing = false
  private uncaught: unknown

  /** Starts the thread. It can be given jobs at once. */
  constructor(options: SegmentThreadOptions) {
    this.options = options
    const data: ThreadData = { idleMillisMax: options.idleMillisMax }
    this.worker = new Worker(threadModule, {
      name: "varve-segment",
      workerData: data,
      // Of Node's flags the thread needs none, and some that a program may be run by, --input-type, keep it from starting.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: options.heapMegabytesMax, maxYoungGenerationSizeMb }
    })
    this.worker.on("message", (message: FromThread) => this.hear(message))
    this.worker.on("error", (error) => {
      this.uncaught = error
    })
    // A message that cannot be read back leaves nobody who knows what it said.
    this.worker.on("messageerror", (error) => {
      this.uncaught = error
      void this.worker.terminate()
    })
    this.worker.on("exit", (code) => this.end(code))
    this.worker.unref()
  }

  /** How many jobs it has. */
  get jobCount(): number {
    return this.jobs.size
  }

  /** Whether it has a job of a kind. */
  has(kind: JobKind): boolean {
    for (const job of this.jobs.values()) if (job.kind === kind) return true
    return false
  }

  /**
   * Does a job with that storage; `nameOf` names the outputs of a merge. An interruption cancels it: operations of the
   * storage that have begun are waited for, and no more begin; the thread itself stops a little later.
   */
  readonly run = (
    order: JobOrder,
    storage: BlockStorageService,
    nameOf: (number: number) => string
  ): Effect.Effect<JobReport, SegmentJobError> =>
    Effect.suspend(() => {
      const job = ++this.lastJob
      return Effect.acquireUseRelease(
        Scope.make(),
        (scope) =>
          Effect.flatMap(this.admit(job, order.kind, storage, nameOf, scope), (active) => {
            this.post({ kind: "start", job, order }, orderBuffers(order))
            return Deferred.await(active.outcome)
          }),
        (scope, exit) =>
          Effect.suspend(() => {
            const active = this.jobs.get(job)
            this.jobs.delete(job)
            if (active?.hasEnded === false) this.post({ kind: "cancel", job }, [])
            return Effect.ensuring(Scope.close(scope, exit), Effect.sync(() => this.rest()))
          })
      )
    })

  /** Ends the thread, whatever it is doing. */
  readonly close: Effect.Effect<void> = Effect.promise(async () => {
    this.isClosing = true
    await this.worker.terminate()
  })

  /** Takes a job on: from now on its calls are served. */
  private readonly admit = Effect.fnUntraced(
    function*(
      this: SegmentThread,
      job: number,
      kind: JobKind,
      storage: BlockStorageService,
      nameOf: (number: number) => string,
      scope: Scope.Scope
    ) {
      const outcome = yield* Deferred.make<JobReport, SegmentJobError>()
      const perform = serveStorage(storage, yield* Scope.fork(scope), nameOf)
      // Made after the scope of the files, so that it is closed before: no file is closed that is in use.
      const fork = yield* Scope.provide(FiberSet.makeRuntime<never, void, never>(), scope)
      const active: ActiveJob = {
        kind,
        outcome,
        hasEnded: false,
        serve: (call, operation) => {
          fork(this.serve(job, call, perform(operation), outcome))
        }
      }
      this.jobs.set(job, active)
      this.worker.ref()
      return active
    }
  )

  /** Does a call and answers it. What is no error of the storage is a bug, and ends the job. */
  private serve(
    job: number,
    call: number,
    performed: Effect.Effect<StorageAnswer, StorageError>,
    outcome: ActiveJob["outcome"]
  ): Effect.Effect<void> {
    return performed.pipe(
      Effect.map((answer) =>
        this.post({ kind: "answer", job, call, answer }, answer instanceof Uint8Array ? [answer.buffer] : [])
      ),
      Effect.catch(({ message, path, reason }) =>
        Effect.sync(() => this.post({ kind: "answer", job, call, error: { reason, path, message } }, []))
      ),
      Effect.catchCause((cause) => Effect.asVoid(Deferred.failCause(outcome, cause)))
    )
  }

  private post(message: ToThread, transfer: ReadonlyArray<ArrayBuffer>): void {
    this.worker.postMessage(message, transfer)
  }

  private hear(message: FromThread): void {
    if (message.kind === "idle") {
      // It may have been given a job meanwhile.
      if (this.jobs.size === 0) this.options.onIdle()
      return
    }
    const active = this.jobs.get(message.job)
    // A cancelled job goes on until it hears of it.
    if (active === undefined) return
    if (message.kind === "call") return active.serve(message.call, message.operation)
    active.hasEnded = true
    Deferred.doneUnsafe(active.outcome, effectOf(message.outcome))
  }

  /** The thread is gone: its jobs fail. */
  private end(code: number): void {
    const error = this.isClosing ? stopped() : deathOf(this.uncaught, code)
    for (const active of this.jobs.values()) {
      active.hasEnded = true
      Deferred.doneUnsafe(active.outcome, Effect.fail(error))
    }
    if (!this.isClosing) this.options.onDeath(error)
  }

  /** Lets the process end where it has nothing else to do. */
  private rest(): void {
    if (this.jobs.size === 0) this.worker.unref()
  }
}

/** What is given away with an order. */
const orderBuffers = (order: JobOrder): ReadonlyArray<ArrayBuffer> => {
  switch (order.kind) {
    case "write":
      return buffersOf(order.rows)
    case "merge":
      return buffersOf(order.inputs)
    case "index":
      return []
  }
}

const effectOf = (outcome: JobOutcome): Effect.Effect<JobReport, SegmentJobError> => {
  switch (outcome.kind) {
    case "done":
      return Effect.succeed(outcome.report)
    case "failed":
      return Effect.fail(new SegmentError(outcome.error))
    case "defect":
      return Effect.die(outcome.defect)
  }
}

/** What jobs fail with that their caller's engine leaves no time for. */
export const stopped = (): SegmentThreadError =>
  new SegmentThreadError({
    reason: "Died",
    message: "the threads that make segments were stopped; nothing was written"
  })

const deathOf = (uncaught: unknown, code: number): SegmentThreadError => {
  const isOutOfMemory = uncaught instanceof Error && "code" in uncaught && uncaught.code === "ERR_WORKER_OUT_OF_MEMORY"
  const why = uncaught === undefined
    ? `it ended with code ${code}`
    : uncaught instanceof Error
    ? uncaught.stack ?? uncaught.message
    : inspect(uncaught)
  return isOutOfMemory
    ? new SegmentThreadError({
      reason: "OutOfMemory",
      message: "the thread that made the segment ran out of memory; its job wrote nothing. " +
        "Make memtables and segments smaller, or give the thread a larger heap"
    })
    : new SegmentThreadError({
      reason: "Died",
      message: `the thread that made the segment died; its job wrote nothing and can be tried again: ${why}`
    })
}
