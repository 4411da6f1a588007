/** Merges a table's segments as the picker says, one merge at a time. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Position from "../../base/position.ts"
import { expiredBefore, latest, type Table } from "../../catalog/state.ts"
import type { SegmentEntry } from "../../event/Event.ts"
import type { CommitError } from "../../mvcc/CommitPipeline.ts"
import type { Marks } from "../../mvcc/marks.ts"
import type { MvccService } from "../../mvcc/Mvcc.ts"
import type { SegmentJobError, SegmentWorkersService } from "../../segment/worker/SegmentWorkers.ts"
import { horizonOf } from "../horizon.ts"
import type { CompactionPlan, CompactionReport } from "../Processor.ts"
import { publishChange, type Publisher, publishSegments } from "../publish.ts"
import { segmentEntry } from "../segmentEntry.ts"
import { mergedName } from "../segmentNames.ts"
import { withKeptColumns } from "./keptColumns.ts"
import { type CompactionAim, type CompactionOptions, pickCompaction } from "./pickCompaction.ts"

/** Why a merge failed. The segments are as they were, and it can be tried again. */
export type CompactionError = SegmentJobError | CommitError

export interface Compactor {
  /** What would be done first for a table; `undefined` where there is nothing to do. */
  readonly plan: (table: number, aim: CompactionAim) => Effect.Effect<CompactionPlan | undefined>
  /** Does it; `undefined` where there was nothing to do. */
  readonly step: (table: number, aim: CompactionAim) => Effect.Effect<CompactionReport | undefined, CompactionError>
}

interface Chosen {
  readonly table: Table
  readonly plan: CompactionPlan
  readonly dropsDeletions: boolean
  readonly horizon: Position.Position
}

/** Rows are numbered by 32-bit integers. */
const rowsMax = 2 ** 31 - 1

const namesOf = ({ inputs }: { readonly inputs: ReadonlyArray<{ readonly name: string }> }): ReadonlyArray<string> =>
  inputs.map(({ name }) => name)

/** Rows that versions elsewhere hide from every snapshot at or above the horizon. */
const countGarbage = (marks: Marks, horizon: Position.Position): number => {
  let garbage = 0
  for (const position of marks.all().positions) garbage += Number(position <= horizon)
  return garbage
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
    const oldestRead = yield* mvcc.oldestRead(tableId)
    const table = state.catalog.tables.get(tableId)
    if (table === undefined || table.segments.length === 0) return undefined
    const horizon = horizonOf(table, state, oldestRead, now)
    const expired = expiredBefore(table, horizon)
    const versions = state.tableVersions(tableId).segments
    const picked = pickCompaction(
      versions.map(({ entry, marks }) => ({
        ...entry,
        garbage: countGarbage(marks, horizon),
        isExpired: entry.lastEventTime < expired && entry.lastPosition <= horizon
      })),
      table.settings.compaction,
      options,
      aim,
      { horizon, now }
    )
    if (picked === undefined) return undefined
    const { dropsDeletions, kind, outputLevel, reason } = picked
    const inputs = namesOf(picked).map((name) => table.segments.find((segment) => segment.name === name)!)
    const chosen: Chosen = {
      table,
      dropsDeletions,
      horizon,
      plan: { table: tableId, kind, inputs, outputLevel, reason }
    }
    return chosen
  })

  const merge = Effect.fnUntraced(function*({ dropsDeletions, horizon, plan, table }: Chosen) {
    const names = namesOf(plan)
    // Read to the end, whatever is published meanwhile.
    yield* files.pin(() => ({ names, value: undefined }))
    const segments = state.tableVersions(table.id).segments
    const { version } = latest(table)
    const began = state.position
    const { outputs, rowMaps } = yield* workers.merge({
      inputs: names.map((name) => ({
        name,
        marks: segments.find(({ entry }) => entry.name === name)!.marks.all()
      })),
      policy: {
        horizon,
        expiredBefore: expiredBefore(table, horizon),
        dropsDeletions
      },
      target: {
        owner: { table: table.id, schemaVersion: version, schema: withKeptColumns(table, plan.inputs) },
        // Segments of level 0 are told apart by their age: what was merged there is one file.
        fileBytesMax: plan.outputLevel === 0 ? Number.POSITIVE_INFINITY : options.fileBytesMax,
        rowsMax: rowsMax
      },
      nameOf: (number) => mergedName(table.id, began, number)
    })
    const added = outputs.map(({ name, summary }) => segmentEntry(name, plan.outputLevel, version, summary))
    yield* publishSegments(
      publisher,
      { table: table.id, through: Position.zero, horizon, removed: names, added },
      {
        kind: "merge",
        outputs: added.map(({ name }) => name),
        rowMaps: new Map(names.map((name, i) => [name, rowMaps[i]]))
      }
    ).pipe(
      Effect.tapError(({ reason }) =>
        reason === "SEGMENTS_CHANGED" ? Effect.forEach(namesOf({ inputs: added }), files.drop) : Effect.void
      )
    )
    return added
  }, Effect.scoped)

  const move = Effect.fnUntraced(function*({ plan, table }: Chosen) {
    const removed = namesOf(plan)
    // As they are by then: an index may have been built for one of them meanwhile.
    const moved = (now: Table): ReadonlyArray<SegmentEntry> =>
      plan.inputs.map((input) => ({
        ...now.segments.find(({ name }) => name === input.name) ?? input,
        level: plan.outputLevel
      }))
    yield* publishChange(
      publisher,
      table.id,
      (now) => ({ through: Position.zero, horizon: Position.zero, removed, added: moved(now) }),
      undefined
    )
    return moved(table)
  })

  return {
    plan: (table, aim) => Effect.map(choose(table, aim), (chosen) => chosen?.plan),
    step: (table, aim) =>
      turn.withPermit(Effect.gen(function*() {
        const clock = yield* Clock.Clock
        const started = clock.currentTimeMillisUnsafe()
        const chosen = yield* choose(table, aim)
        if (chosen === undefined) return undefined
        const outputs = yield* chosen.plan.kind === "merge" ? merge(chosen) : move(chosen)
        return { ...chosen.plan, outputs, elapsedMillis: clock.currentTimeMillisUnsafe() - started }
      }))
  }
}
