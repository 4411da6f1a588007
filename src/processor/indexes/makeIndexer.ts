/**
 * Keeps the files of secondary indexes with what is declared and with the segments there are: builds what is missing,
 * removes what nothing needs, a step at a time. Readers and writers wait for none of it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Position from "../../base/position.ts"
import type { Table } from "../../catalog/state.ts"
import type { SegmentEntry } from "../../event/Event.ts"
import type { CommitError } from "../../mvcc/CommitPipeline.ts"
import { type Refusal, refuse } from "../../mvcc/intent.ts"
import type { SegmentJobError, SegmentWorkersService } from "../../segment/worker/SegmentWorkers.ts"
import type { IndexReport } from "../Processor.ts"
import { publishChange, type Publisher, type SegmentsChange } from "../publish.ts"
import { indexFileName } from "../segmentNames.ts"
import { filesInUse, type Index, type IndexWork, pickIndexWork, withFilesToRemove } from "./pickIndexWork.ts"

/** Why a step failed. Rows are found without the file, and it can be tried again. */
export type IndexError = SegmentJobError | CommitError

/** What a step did. */
export type IndexStep =
  | { readonly kind: "built"; readonly report: IndexReport }
  | { readonly kind: "removed" }
  /** The segment was merged, or the index dropped, while the file was built: it is gone again. */
  | { readonly kind: "overtaken" }

export interface Indexer {
  /** Whether there is something to be done for a table. */
  readonly isDue: (table: number) => Effect.Effect<boolean>
  /** Does what is to be done first for a table; `undefined` where there is nothing. */
  readonly step: (table: number) => Effect.Effect<IndexStep | undefined, IndexError>
  /** Whether something could not be built, and is to be tried again. */
  readonly hasPutOff: () => boolean
}

/** How long a file that could not be built is not tried again. */
const putOffMillis = 60_000

/** What stays the same of a table when files of indexes come and go. */
const unmoved = { through: Position.zero, horizon: Position.zero }

/** Segments told of anew. */
const toldAnew = (added: ReadonlyArray<SegmentEntry>): SegmentsChange => ({
  ...unmoved,
  removed: added.map(({ name }) => name),
  added
})

/** Makes it. */
export const makeIndexer = (publisher: Publisher, workers: SegmentWorkersService): Indexer => {
  const { engine, files } = publisher
  const { state } = engine
  const turn = Semaphore.makeUnsafe(1)
  /** Until when, in milliseconds. */
  const putOff = new Map<string, number>()
  const keyOf = (segment: SegmentEntry, { name, version }: Index): string => `${segment.name} ${name} ${version}`

  const pick = (id: number, now: number): IndexWork | undefined => {
    for (const [key, until] of putOff) if (until <= now) putOff.delete(key)
    const table = state.catalog.tables.get(id)
    return table && pickIndexWork(
      table,
      (name) => files.faultyIndexes.has(name),
      (segment, index) => putOff.has(keyOf(segment, index))
    )
  }

  const remove = (table: number) =>
    publishChange(
      publisher,
      table,
      (now) => {
        const changed = withFilesToRemove(now)
        return changed.length === 0
          ? undefined
          : toldAnew(changed.map((segment) => ({ ...segment, indexes: filesInUse(now, segment) })))
      },
      undefined
    )

  const build = Effect.fnUntraced(function*(table: number, segment: SegmentEntry, index: Index) {
    // It stays until the file is built, whatever is merged meanwhile.
    yield* files.pin(() => ({ names: [segment.name], value: undefined }))
    const name = indexFileName(segment.name, index.name, index.version, state.position)
    const { bytes } = yield* workers.index({ name, segment: segment.name, columnId: index.columnId })
    const file = { index: index.name, version: index.version, name, bytes }
    const change = (now: Table): SegmentsChange | Refusal => {
      const present = now.segments.find((each) => each.name === segment.name)
      const isDeclared = now.settings.indexes.some((each) =>
        each.name === index.name && each.version === index.version && each.columnId === index.columnId
      )
      if (present === undefined || !isDeclared) {
        const gone = present === undefined ? `${segment.name} was replaced` : `index ${index.name} was changed`
        return refuse("SEGMENTS_CHANGED", "", `${gone} while ${name} was built`)
      }
      const others = filesInUse(now, present).filter((each) => each.index !== index.name)
      return toldAnew([{ ...present, indexes: [...others, file] }])
    }
    return yield* publishChange(publisher, table, change, undefined).pipe(
      Effect.as(file),
      Effect.catch((error) =>
        error.reason === "SEGMENTS_CHANGED" ? Effect.as(files.drop(name), undefined) : Effect.fail(error)
      )
    )
  }, Effect.scoped)

  return {
    hasPutOff: () => putOff.size > 0,
    isDue: (table) => Effect.map(Clock.currentTimeMillis, (now) => pick(table, now) !== undefined),
    step: (id) =>
      turn.withPermit(Effect.gen(function*() {
        const clock = yield* Clock.Clock
        const started = clock.currentTimeMillisUnsafe()
        const work = pick(id, started)
        if (work === undefined) return undefined
        if (work.kind === "remove") return yield* Effect.as(remove(id), { kind: "removed" } as const)
        const { index, segment } = work
        const key = keyOf(segment, index)
        const built = yield* Effect.tapError(
          build(id, segment, index),
          () => Effect.sync(() => putOff.set(key, clock.currentTimeMillisUnsafe() + putOffMillis))
        )
        if (built === undefined) return { kind: "overtaken" } as const
        const report: IndexReport = {
          table: id,
          index: index.name,
          segment: segment.name,
          bytes: built.bytes,
          elapsedMillis: clock.currentTimeMillisUnsafe() - started
        }
        return { kind: "built", report } as const
      }))
  }
}
