/** Merges a table's segments as the picker says, one merge at a time. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Position from "../../base/position.ts"
import { expiredBefore, latest, type Table } from "../../catalog/state.ts"
import type { SegmentEntry } from "../../event/Event.ts"
import type { CommitError } from "../../mvcc/CommitPipeline.ts"
import type { MvccService } from "../../mvcc/Mvcc.ts"
import type { SegmentJobError, SegmentWorkersService } from "../../segment/worker/SegmentWorkers.ts"
import { horizonOf } from "../horizon.ts"
import type { CompactionPlan, CompactionReport } from "../Processor.ts"
import { publishSegments, type Publisher } from "../publish.ts"
import { segmentEntry } from "../segmentEntry.ts"
import { mergedName } from "../segmentNames.ts"
import { type CompactionOptions, pickCompaction, type Pick } from "./pickCompaction.ts"

/** Why a merge failed. The segments are as they were, and it can be tried again. */
export type CompactionError = SegmentJobError | CommitError

/** What to look for: what is due, whatever has garbage, or everything. */
export type CompactionAim = "due" | "garbage" | "full"

export interface Compactor {
  /** What would be done first for a table; `undefined` where there is nothing to do. */
  readonly plan: (table: number, aim: CompactionAim) => Effect.Effect<CompactionPlan | undefined>
  /** Does it; `undefined` where there was nothing to do. */
  readonly step: (table: number, aim: CompactionAim) => Effect.Effect<CompactionReport | undefined, CompactionError>
}

interface Picked {
  readonly table: Table
  readonly pick: Pick
  readonly plan: CompactionPlan
  readonly horizon: Position.Position
}

/** Makes it. */
export const makeCompactor = (
  publisher: Publisher,
  mvcc: MvccService,
  workers: SegmentWorkersService,
  options: CompactionOptions
): Compactor => {
  const { engine, files } = publisher
  const { state } = engine
  const turn = Semaphore.makeUnsafe(1)

  const choose = Effect.fnUntraced(function*(tableId: number, aim: CompactionAim) {
    const now = (yield* Clock.currentTimeMillis) * 1000
    const oldestRead = yield* mvcc.oldestRead
    const table = state.catalog.tables.get(tableId)
    if (table === undefined || table.segments.length === 0) return undefined
    const horizon = horizonOf(table, state, oldestRead, now)
    const marks = new Map(state.tables.get(tableId)?.segments.map((segment) => [segment.entry.name, segment.marks]))
    const candidates = table.segments.map((segment) => ({
      ...segment,
      garbage: marks.get(segment.name)?.countUpTo(horizon) ?? 0
    }))
    const pick = pickCompaction(candidates, table.settings.compaction, options, { aim, horizon, now })
    if (pick === undefined) return undefined
    const named = new Map(table.segments.map((segment) => [segment.name, segment]))
    const inputs = pick.inputs.map((name) => named.get(name)!)
    const { kind, outputLevel, reason } = pick
    const picked: Picked = { table, pick, plan: { table: tableId, kind, inputs, outputLevel, reason }, horizon }
    return picked
  })

  const merge = Effect.fnUntraced(function*({ horizon, pick, plan, table }: Picked) {
    // Read to the end, whatever is published meanwhile.
    yield* files.pin(() => ({ names: pick.inputs, value: undefined }))
    const segments = state.tableVersions(table.id).segments
    const { schema, version } = latest(table)
    const began = state.position
    const { outputs, rowMaps } = yield* workers.merge({
      inputs: pick.inputs.map((name) => ({
        name,
        marks: segments.find(({ entry }) => entry.name === name)!.marks.all()
      })),
      policy: {
        horizon,
        expiredBefore: expiredBefore(table, horizon),
        dropsDeletions: pick.dropsDeletions
      },
      target: { owner: { table: table.id, schemaVersion: version, schema }, ...options.target },
      nameOf: (number) => mergedName(table.id, began, number)
    })
    const added = outputs.map(({ name, summary }) => segmentEntry(name, plan.outputLevel, version, summary))
    yield* publishSegments(
      publisher,
      { table: table.id, through: Position.zero, horizon, removed: pick.inputs, added },
      {
        kind: "merge",
        outputs: added.map(({ name }) => name),
        rowMaps: new Map(pick.inputs.map((name, i) => [name, rowMaps[i]]))
      }
    )
    return added
  }, Effect.scoped)

  const move = Effect.fnUntraced(function*({ plan, table }: Picked) {
    const added = plan.inputs.map((segment): SegmentEntry => ({ ...segment, level: plan.outputLevel }))
    yield* publishSegments(
      publisher,
      { table: table.id, through: Position.zero, horizon: Position.zero, removed: added.map(({ name }) => name), added },
      undefined
    )
    return added
  })

  return {
    plan: (table, aim) => Effect.map(choose(table, aim), (picked) => picked?.plan),
    step: (table, aim) =>
      turn.withPermit(Effect.gen(function*() {
        const clock = yield* Clock.Clock
        const started = clock.currentTimeMillisUnsafe()
        const picked = yield* choose(table, aim)
        if (picked === undefined) return undefined
        const outputs = yield* picked.plan.kind === "merge" ? merge(picked) : move(picked)
        return { ...picked.plan, outputs, elapsedMillis: clock.currentTimeMillisUnsafe() - started }
      }))
  }
}
