/** What the processor does when it is asked: flush, compaction, garbage collection, checkpoints; and how it is. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { Administration } from "../../../administration/Administration.ts"
import { Inspection } from "../../../administration/Inspection.ts"
import * as Position from "../../../base/position.ts"
import { Catalog } from "../../../catalog/Catalog.ts"
import { Checkpoints } from "../../../mvcc/checkpoint/Checkpoints.ts"
import { CommitPipeline } from "../../../mvcc/CommitPipeline.ts"
import { Mvcc } from "../../../mvcc/Mvcc.ts"
import { SegmentFiles } from "../../../mvcc/SegmentFiles.ts"
import {
  type CompactionPlan,
  type CompactionReport,
  type CompactRequest,
  Processor,
  type ProcessorError
} from "../../../processor/Processor.ts"
import { timestampOf } from "../convert.ts"
import type { AdminService } from "../generated/varve/v1/admin_pb.ts"
import type { HandlersOf } from "../method.ts"
import { garbageAnswer, segmentAnswer } from "./answers.ts"
import { requireUnrestricted, selectionOf } from "./requests.ts"

/** The handlers. */
export const makeProcessingHandlers = Effect.gen(function*() {
  const administration = yield* Administration
  const inspection = yield* Inspection
  const processor = yield* Processor
  const catalog = yield* Catalog
  const checkpoints = yield* Checkpoints
  const pipeline = yield* CommitPipeline
  const files = yield* SegmentFiles
  const mvcc = yield* Mvcc

  const stepAnswer = (plan: CompactionPlan | CompactionReport) => {
    const table = catalog.state().tables.get(plan.table)!
    return {
      tenantId: table.tenant,
      table: table.name,
      move: plan.kind === "move",
      reason: plan.reason,
      outputLevel: plan.outputLevel,
      inputs: plan.inputs.map((segment) => segmentAnswer(table, segment)),
      outputs: "outputs" in plan ? plan.outputs.map((segment) => segmentAnswer(table, segment)) : [],
      elapsedMs: "outputs" in plan ? plan.elapsedMillis : 0
    }
  }

  /** The steps of a compaction as they are done. It is interrupted where nobody takes them any more. */
  const compact = (request: CompactRequest): Stream.Stream<CompactionReport, ProcessorError> =>
    Stream.callback<CompactionReport, ProcessorError>((queue) =>
      Effect.matchCauseEffect(processor.compact(request, (report) => void Queue.offerUnsafe(queue, report)), {
        onSuccess: () => Queue.end(queue),
        onFailure: (cause) => Queue.failCause(queue, cause)
      })
    )

  const tablesOf = (request: Parameters<typeof selectionOf>[0], caller: Parameters<typeof requireUnrestricted>[0]) =>
    Effect.map(
      administration.selectTables(selectionOf(request), caller),
      (tables) => tables.map(({ id }) => id)
    )

  return {
    flush: Effect.fnUntraced(function*(request, caller) {
      const tables = yield* administration.selectTables(selectionOf(request), caller)
      const segments = yield* Effect.forEach(
        tables,
        (table) =>
          Effect.map(processor.flush(table.id), (reports) =>
            reports.map(({ elapsedMillis, segment }) => ({
              segment: segmentAnswer(table, segment),
              elapsedMs: elapsedMillis
            })))
      )
      return { segments: segments.flat() }
    }),

    compact: (request, caller) =>
      Stream.unwrap(Effect.gen(function*() {
        const work = { tables: yield* tablesOf(request, caller), full: request.full }
        const steps: Stream.Stream<CompactionPlan | CompactionReport, ProcessorError> = request.dryRun
          ? Stream.fromIterable(yield* processor.planCompaction(work))
          : compact(work)
        return Stream.map(steps, (step) => ({ step: stepAnswer(step) }))
      })),

    collectGarbage: (request, caller) =>
      Stream.unwrap(
        Effect.map(administration.selectTables(selectionOf(request), caller), (tables) =>
          Stream.flatMap(Stream.fromIterable(tables), (table) =>
            Stream.unwrap(Effect.map(
              inspection.garbage(
                { tenant: table.tenant, table: table.name, history: undefined, ttlMicros: undefined },
                caller
              ),
              (garbage) => {
                const told = Stream.succeed({ event: { case: "garbage" as const, value: garbageAnswer(garbage) } })
                // What is in memory goes once it is in files.
                return request.dryRun || garbage.superseded + garbage.deletions + garbage.expired === 0
                  ? told
                  : Stream.concat(
                    told,
                    Stream.unwrap(Effect.as(
                      processor.flush(table.id),
                      Stream.map(
                        compact({ tables: [table.id], full: true }),
                        (step) => ({ event: { case: "step" as const, value: stepAnswer(step) } })
                      )
                    ))
                  )
              }
            ))))
      ),

    writeCheckpoint: (_request, caller) =>
      Effect.gen(function*() {
        yield* requireUnrestricted(caller)
        const began = yield* Clock.currentTimeMillis
        const position = yield* processor.checkpoint
        return { position: BigInt(position), elapsedMs: (yield* Clock.currentTimeMillis) - began }
      }),

    getStorageStatus: (_request, caller) =>
      Effect.gen(function*() {
        yield* requireUnrestricted(caller)
        const status = processor.status()
        const { position: checkpoint } = yield* checkpoints.status
        const oldestRead = yield* mvcc.oldestRead()
        const usage = mvcc.usage()
        const load = pipeline.status()
        const { cache } = files
        let segments = 0
        let segmentBytes = 0
        let markBytes = 0
        for (const table of catalog.state().tables.values()) {
          segments += table.segments.length
          for (const { bytes } of table.segments) segmentBytes += bytes
          markBytes += mvcc.versions(table.id)?.markBytes ?? 0
        }
        return {
          position: BigInt(mvcc.position()),
          tables: catalog.state().tables.size,
          segments,
          segmentBytes: BigInt(segmentBytes),
          openFiles: files.openCount(),
          processor: {
            flushes: BigInt(status.flushes),
            rowsFlushed: BigInt(status.rowsFlushed),
            bytesFlushed: BigInt(status.bytesFlushed),
            compactions: BigInt(status.compactions),
            rowsMerged: BigInt(status.rowsMerged),
            bytesMergedIn: BigInt(status.bytesMergedIn),
            bytesMergedOut: BigInt(status.bytesMergedOut),
            segmentsRemoved: BigInt(status.segmentsRemoved),
            checkpoints: BigInt(status.checkpoints),
            checkpointPosition: BigInt(checkpoint),
            ...(checkpoint === 0 ? {} : { checkpointTime: timestampOf(mvcc.commitTime(checkpoint)) }),
            sealedMemtables: status.sealedMemtables,
            running: [...status.running],
            lastFailure: status.lastFailure
          },
          cache: {
            hits: BigInt(cache.hits),
            misses: BigInt(cache.misses),
            bytes: BigInt(cache.bytes),
            bytesMax: BigInt(cache.capacityBytes),
            pieces: BigInt(cache.size)
          },
          memory: {
            bytes: BigInt(usage.bytes),
            rows: BigInt(usage.rows),
            memtables: usage.memtables,
            markBytes: BigInt(markBytes),
            readers: usage.readers,
            heldPositions: usage.heldPositions,
            ...(oldestRead === Position.max ? {} : { oldestReadPosition: BigInt(oldestRead) }),
            writeStalls: BigInt(load.waits),
            writeStallSeconds: load.waitedMillis / 1000
          }
        }
      })
  } satisfies HandlersOf<typeof AdminService["method"]>
})
