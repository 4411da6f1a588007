/** The processor's service and its daemons. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { forkDaemon } from "../base/daemon.ts"
import { Checkpoints } from "../mvcc/checkpoint/Checkpoints.ts"
import { CommitPipeline } from "../mvcc/CommitPipeline.ts"
import { Engine } from "../mvcc/Engine.ts"
import { Mvcc } from "../mvcc/Mvcc.ts"
import { SegmentFiles } from "../mvcc/SegmentFiles.ts"
import { SegmentWorkers } from "../segment/worker/SegmentWorkers.ts"
import { type CompactionError, makeCompactor } from "./compaction/makeCompactor.ts"
import { type CompactionAim, compactionDefaults, type CompactionOptions } from "./compaction/pickCompaction.ts"
import { expireRows } from "./expire.ts"
import { type FlushError, makeFlusher } from "./flush/makeFlusher.ts"
import { sealLargest, sealOld } from "./flush/seal.ts"
import type { IndexError } from "./indexes/makeIndexer.ts"
import { makeIndexKeeper } from "./indexes/makeIndexKeeper.ts"
import { Meters } from "./Meters.ts"
import { type CompactionReport, ProcessorError, type ProcessorService } from "./Processor.ts"

/** When the processor acts by itself. */
export interface ProcessorOptions extends CompactionOptions {
  /** Bytes that rows in memory may hold before the largest memtable is flushed though it is not full. */
  readonly memoryBytesFlush: number
  /** How long a row stays in memory at most, so that the log before it can go. */
  readonly memtableAgeMax: Duration.Duration
  /** How often it is looked for what is due though nothing was flushed: time passes, and histories end. */
  readonly compactionInterval: Duration.Duration
}

/** Flushes at 2 GiB of rows, and after ten minutes. */
export const processorDefaults: ProcessorOptions = {
  memoryBytesFlush: 2 * 1024 * 1024 * 1024,
  memtableAgeMax: Duration.minutes(10),
  compactionInterval: Duration.minutes(1),
  ...compactionDefaults
}

/** How often memtables are looked at for their age. */
const ageInterval = Duration.seconds(1)

/** How often it is asked whether a checkpoint is worth writing, and whether old log may go. */
const checkpointInterval = Duration.seconds(1)
const retentionInterval = Duration.minutes(1)

/** Between tries of what failed: from a tenth of a second to five. */
const retrying = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])

const aimOf = (full: boolean): CompactionAim => full ? "full" : "due"

const fromJobError = (error: FlushError | CompactionError | IndexError): ProcessorError =>
  error._tag === "CommitError"
    ? new ProcessorError({ reason: error.reason, message: error.message, field: error.field })
    : new ProcessorError({
      reason: error._tag === "SegmentError" && error.reason === "Storage" ? "SEGMENT_UNAVAILABLE" : "UNEXPECTED",
      message: error.message,
      field: ""
    })

/** Makes the processor. Closing its scope interrupts what it does: nothing of it is lost, and nothing half done. */
export const makeProcessor = Effect.fnUntraced(function*(
  options: ProcessorOptions
): Effect.fn.Return<
  ProcessorService,
  never,
  Checkpoints | CommitPipeline | Engine | Mvcc | SegmentFiles | SegmentWorkers | Scope.Scope
> {
  const engine = yield* Engine
  const { state } = engine
  const publisher = { engine, pipeline: yield* CommitPipeline, files: yield* SegmentFiles }
  const checkpoints = yield* Checkpoints
  const meters = new Meters()
  const workers = yield* SegmentWorkers
  const flusher = makeFlusher(publisher, workers, (report) => {
    meters.flushed(report)
    compactionDue.openUnsafe()
  })
  const compactor = makeCompactor(publisher, yield* Mvcc, workers, options)
  const compactionDue = Latch.makeUnsafe(true)
  let isCompacting = false
  engine.bytesNoticed = options.memoryBytesFlush

  /** Says what runs and how it went. */
  const metered = <A, E extends { readonly message: string }, R>(
    name: string,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      meters.running.add(name)
      return Effect.onExit(effect, (exit) => Effect.sync(() => meters.ended(name, exit)))
    })

  const indexKeeper = makeIndexKeeper(publisher, workers, {
    isBusy: () => isCompacting || compactionDue.isOpen(),
    onBuilt: (report) => meters.indexed(report),
    metered: (table, step) => metered(`index of ${nameOf(table)}`, step)
  })

  const nameOf = (table: number): string => {
    const { name, tenant } = state.catalog.tables.get(table)!
    return `${tenant}.${name}`
  }

  const flushTable = (table: number) =>
    metered(`flush of ${nameOf(table)}`, flusher.flushSealed(table)).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          // Writers that wait for memory are told why they do.
          engine.flushFailure = Exit.isSuccess(exit) ? "" : meters.status(state).lastFailure
        })
      )
    )

  /** Flushes all that a table has in memory, full or not. */
  const flushAll = (table: number) =>
    Effect.suspend(() => {
      state.tables.get(table)?.seal()
      return flushTable(table)
    })

  /** Flushes what is sealed; what fails is tried again, since memory has to become free. */
  const flushDue = Effect.gen(function*() {
    if (state.sealedTables.size === 0) sealLargest(state, options.memoryBytesFlush)
    for (const table of [...state.sealedTables]) {
      state.sealedTables.delete(table)
      yield* flushTable(table).pipe(
        Effect.tapError((error) =>
          Effect.logWarning(`flush of ${nameOf(table)} failed, trying again: ${error.message}`)
        ),
        Effect.retry(retrying),
        Effect.ignore
      )
    }
  })

  yield* forkDaemon(
    "flush",
    Effect.forever(Effect.andThen(
      engine.flushDue.await,
      Effect.suspend(() => {
        engine.flushDue.closeUnsafe()
        return flushDue
      })
    ))
  )
  yield* forkDaemon(
    "memtable age",
    Effect.repeat(
      Effect.map(Clock.currentTimeMillis, (now) => {
        if (sealOld(state, now * 1000 - Duration.toMillis(options.memtableAgeMax) * 1000)) engine.flushDue.openUnsafe()
      }),
      Schedule.spaced(ageInterval)
    )
  )
  /** Merges until nothing is left of the aim. */
  const compactTable = Effect.fnUntraced(function*(
    table: number,
    aim: CompactionAim,
    onStep: (report: CompactionReport) => void = () => {}
  ) {
    const reports: Array<CompactionReport> = []
    for (;;) {
      const report = yield* metered(`merge of ${nameOf(table)}`, compactor.step(table, aim))
      if (report === undefined) return reports
      meters.compacted(report)
      reports.push(report)
      onStep(report)
    }
  })

  /** Expires and merges what is due, table by table. What fails is tried again at the next turn. */
  const compactDue = Effect.suspend(() =>
    Effect.forEach(
      [...state.catalog.tables.values()].filter(({ segments }) => segments.length > 0),
      ({ id }) =>
        Effect.andThen(expireRows(publisher.pipeline, id), compactTable(id, "due")).pipe(
          Effect.catch((error) => Effect.logWarning(`merge of ${nameOf(id)} failed, trying again: ${error.message}`))
        ),
      { discard: true }
    )
  )
  yield* forkDaemon(
    "compaction",
    Effect.forever(
      Effect.andThen(
        Effect.timeoutOption(compactionDue.await, options.compactionInterval),
        Effect.suspend(() => {
          compactionDue.closeUnsafe()
          isCompacting = true
          return compactDue
        }).pipe(Effect.ensuring(Effect.sync(() => {
          isCompacting = false
          indexKeeper.due.openUnsafe()
        })))
      )
    )
  )

  yield* forkDaemon("indexes", indexKeeper.keep)

  const writeCheckpoint = metered(
    "checkpoint",
    Effect.tap(checkpoints.write, (position) => Effect.sync(() => meters.checkpointed(position)))
  )
  yield* forkDaemon(
    "checkpoints",
    checkpoints.isNeeded.pipe(
      Effect.flatMap((isNeeded) => isNeeded ? Effect.asVoid(writeCheckpoint) : Effect.void),
      Effect.catch((error) => Effect.logWarning(`a checkpoint failed, trying again: ${error.message}`)),
      Effect.repeat(Schedule.spaced(checkpointInterval))
    )
  )
  yield* forkDaemon("log retention", Effect.repeat(checkpoints.releaseLog, Schedule.spaced(retentionInterval)))
  yield* Effect.addFinalizer(() => checkpoints.finish)

  // What was recovered may be waiting already.
  if (state.sealedTables.size > 0 || state.bytes > options.memoryBytesFlush) engine.flushDue.openUnsafe()

  const service: ProcessorService = {
    flush: (table) =>
      Effect.mapError(
        Effect.forEach(
          table === undefined ? [...state.tables.keys()] : [table],
          flushAll
        ),
        fromJobError
      ).pipe(Effect.map((reports) => reports.flat())),
    planCompaction: ({ full, tables }) =>
      Effect.map(
        Effect.forEach(tables ?? [...state.catalog.tables.keys()], (table) => compactor.plan(table, aimOf(full))),
        (plans) => plans.filter((plan) => plan !== undefined)
      ),
    compact: ({ full, tables }, onStep) =>
      Effect.mapError(
        Effect.forEach(tables ?? [...state.catalog.tables.keys()], (table) =>
          // Everything is what lies in memory too: it may supersede or delete all the rest.
          Effect.andThen(full ? flushAll(table) : Effect.void, compactTable(table, aimOf(full), onStep))),
        fromJobError
      ).pipe(Effect.map((reports) => reports.flat())),
    buildIndexes: (table) => Effect.mapError(indexKeeper.build(table), fromJobError),
    checkpoint: Effect.mapError(
      writeCheckpoint,
      ({ message }) => new ProcessorError({ reason: "SEGMENT_UNAVAILABLE", message, field: "" })
    ),
    status: () => meters.status(state)
  }
  return service
})
