/** Turns memtables into segments, one at a time: what it holds beside the memtable is one copy of it. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Position from "../../base/position.ts"
import type { CommitError } from "../../mvcc/CommitPipeline.ts"
import type { Memtable } from "../../mvcc/memtable.ts"
import type { TableVersions } from "../../mvcc/tableVersions.ts"
import type { SegmentJobError, SegmentWorkersService } from "../../segment/worker/SegmentWorkers.ts"
import type { FlushReport } from "../Processor.ts"
import { type Publisher, publishSegments } from "../publish.ts"
import { segmentEntry } from "../segmentEntry.ts"
import { flushedName } from "../segmentNames.ts"
import { copyRows } from "./copyRows.ts"

/** Why a flush failed. Nothing is lost: the rows are in the log and in memory, and it can be tried again. */
export type FlushError = SegmentJobError | CommitError

export interface Flusher {
  /** Flushes the memtables of a table that take no more rows, oldest first. */
  readonly flushSealed: (table: number) => Effect.Effect<ReadonlyArray<FlushReport>, FlushError>
}

/** Makes it. `onFlushed` is told of each memtable that became a segment. */
export const makeFlusher = (
  publisher: Publisher,
  workers: SegmentWorkersService,
  onFlushed: (report: FlushReport) => void
): Flusher => {
  const { engine, pipeline } = publisher
  const { state } = engine
  const turn = Semaphore.makeUnsafe(1)

  const flush = Effect.fnUntraced(function*(versions: TableVersions, memtable: Memtable) {
    const clock = yield* Clock.Clock
    const started = clock.currentTimeMillisUnsafe()
    const { count, lastPosition, shape } = memtable
    const { schema } = state.catalog.tables.get(versions.table)!.versions[shape.schemaVersion - 1]
    const name = flushedName(versions.table, lastPosition)
    const rows = yield* copyRows(
      memtable,
      (positions, count, times) => state.commitTimes.fillTimes(positions, count, times)
    )
    const owner = { table: versions.table, schemaVersion: shape.schemaVersion, schema }
    const { order, summary } = yield* workers.write({ name, owner, rows, count })
    const segment = segmentEntry(name, 0, shape.schemaVersion, summary)
    yield* publishSegments(
      publisher,
      { table: versions.table, through: lastPosition, horizon: Position.zero, removed: [], added: [segment] },
      { kind: "flush", memtable, segment: name, order }
    )
    const elapsedMillis = clock.currentTimeMillisUnsafe() - started
    yield* pipeline.freed(memtable.usedBytes, elapsedMillis)
    const report: FlushReport = { table: versions.table, segment, elapsedMillis }
    onFlushed(report)
    return report
  })

  return {
    flushSealed: (table) =>
      turn.withPermit(Effect.gen(function*() {
        const reports: Array<FlushReport> = []
        const versions = state.tables.get(table)
        for (let next = versions?.sealed[0]; next !== undefined; next = versions?.sealed[0]) {
          reports.push(yield* flush(versions!, next))
        }
        return reports
      }))
  }
}
