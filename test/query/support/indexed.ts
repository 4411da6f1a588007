/** Indexes of a dataset's columns, declared and built when a test says so. */
import * as Effect from "effect/Effect"
import * as Position from "../../../src/base/position.ts"
import type { SegmentEntry, TableSettings } from "../../../src/event/Event.ts"
import { storeValueIndex } from "../../../src/segment/valueIndex/storeValueIndex.ts"
import type { Dataset } from "./dataset.ts"

/** The position of an event that is folded next, and its commit time: that of the last one. */
const next = ({ state }: Dataset): readonly [Position.Position, number] => [
  Position.advance(state.position, 1),
  state.commitTimes.timeOf(Position.max)
]

/** Declares an index `by_<column>` of each of the columns; indexes that were declared before are dropped. */
export const declareIndexes = (dataset: Dataset, columns: ReadonlyArray<string>, version = 1): void => {
  const { id: tableId, settings } = dataset.table
  const indexes: TableSettings["indexes"] = columns.map((name) => ({
    name: `by_${name}`,
    columnId: dataset.columns.find((column) => column.name === name)!.id,
    version
  }))
  dataset.state.fold({ kind: "TableConfigured", tableId, settings: { ...settings, indexes } }, ...next(dataset))
}

/** Builds what is missing for the segments that `isChosen` takes, and publishes it. */
export const buildIndexes = (dataset: Dataset, isChosen: (segment: SegmentEntry) => boolean = () => true): void => {
  const { files, state, storage, table } = dataset
  const build = (segment: SegmentEntry, index: TableSettings["indexes"][number]) =>
    Effect.gen(function*() {
      const name = `${segment.name}.${index.name}.${index.version}.idx`
      const bytes = yield* storeValueIndex(storage, name, yield* files.open(segment.name), index.columnId)
      return { index: index.name, version: index.version, name, bytes }
    })
  const added = table.segments.filter(isChosen).map((segment) => ({
    ...segment,
    indexes: table.settings.indexes.map((index) => Effect.runSync(build(segment, index)))
  }))
  if (added.length === 0) return
  const removed = added.map(({ name }) => name)
  const through = table.flushedThrough
  state.fold(
    { kind: "SegmentsPublished", tableId: table.id, through, horizon: table.horizon, removed, added },
    ...next(dataset)
  )
}

/** Names of all files of indexes. */
export const indexFiles = ({ table }: Dataset): ReadonlyArray<string> =>
  table.segments.flatMap(({ indexes }) => indexes.map(({ name }) => name))

/** Turns a bit of a file at a share of its length. */
export const damage = ({ storage }: Dataset, name: string, share: number): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const file = yield* storage.open(name)
    const at = Math.floor((yield* file.size) * share)
    const [byte] = yield* file.read(at, 1)
    yield* file.write(at, [Uint8Array.of(byte ^ 1)])
  })))
