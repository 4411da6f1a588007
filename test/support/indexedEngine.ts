/** An engine with a table of many small texts, for indexes: what was written, and reads that an index can serve. */
import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Position } from "../../src/base/position.ts"
import { filesOf } from "../../src/catalog/state.ts"
import type { ProcessorOptions } from "../../src/processor/makeProcessor.ts"
import type { ProcessorService } from "../../src/processor/Processor.ts"
import type { BlockStorageService } from "../../src/storage/BlockStorage.ts"
import { type EngineSetting, type OpenEngine, openEngine, openProcessor, registerTable, writeOf } from "./openEngine.ts"

export const caller = { tenant: undefined }
export const table = { tenant: "t", table: "x" }
export const index = { ...table, name: "by_v" }

/** Rows of ten pages: an index is asked for no less than five. */
export const manyRows = 40_000

/** An engine with its processor, which does nothing by itself but build indexes. */
export interface IndexedEngine extends OpenEngine {
  readonly processor: ProcessorService
  readonly tableId: number
  readonly storage: BlockStorageService
}

/** Opens it until the scope closes. */
export const openIndexed = Effect.fnUntraced(function*(
  storage: BlockStorageService,
  setting: EngineSetting = {},
  options: Partial<ProcessorOptions> = {}
) {
  const engine = yield* openEngine(storage, { memtableBytesMax: 1 << 28, cacheBytesMax: 1 << 24, ...setting })
  const tableId = yield* registerTable(engine)
  const processor = yield* openProcessor(engine, storage, {
    memtableAgeMax: Duration.infinity,
    level0Files: 1000,
    compactionInterval: Duration.infinity,
    ...options
  })
  const opened: IndexedEngine = { ...engine, processor, tableId, storage }
  return opened
})

/** Versions that were written: `undefined` deletes. */
export interface Written {
  readonly key: string
  readonly position: number
  readonly value: string | null
}

/** Writes rows and remembers them. */
export const writeRows = Effect.fnUntraced(function*(
  { pipeline, tableId }: IndexedEngine,
  written: Array<Written>,
  rows: ReadonlyArray<readonly [string, string | null]>
) {
  const { firstPosition } = yield* pipeline.commit({ ...writeOf(tableId, rows), transactional: false })
  rows.forEach(([key, value], i) => written.push({ key, value, position: firstPosition + i }))
})

/** Rows `from` to `from + manyRows`, each value once, and flushes them. */
export const flushRows = Effect.fnUntraced(function*(engine: IndexedEngine, written: Array<Written>, from: number) {
  // Neighbours by key are none by value.
  yield* writeRows(
    engine,
    written,
    Array.from({ length: manyRows }, (_, i) => [`k${from + i}`, `v${(from + i) * 7919 % 1_000_003}`] as const)
  )
  yield* engine.processor.flush(undefined)
})

/** Keys that have a value at a position, as they were written, in order. */
export const keysWith = (
  written: ReadonlyArray<Written>,
  position: number,
  passes: (value: string) => boolean
): ReadonlyArray<string> => {
  const newest = new Map<string, string | null>()
  for (const { key, position: at, value } of written) if (at <= position) newest.set(key, value)
  return [...newest].filter(([, value]) => value !== null && passes(value)).map(([key]) => key).sort()
}

/** Queries; gives the keys in order, the index that was used and the pages that were read. */
export const find = Effect.fnUntraced(function*({ query }: OpenEngine, where: string, position?: number) {
  const { records, stats } = yield* query.query({
    ...table,
    minPosition: 0 as Position,
    asOf: position === undefined ? { kind: "latest" } : { kind: "position", position: position as Position },
    filter: undefined,
    where,
    select: ["v"],
    orderBy: [],
    limit: 10_000,
    offset: 0,
    cursor: ""
  }, caller)
  return { keys: records.map(({ key }) => key).sort(), index: stats.index, pages: stats.pages }
})

/** The files of indexes in the storage. */
export const storedIndexes = ({ storage }: IndexedEngine) =>
  Effect.map(storage.list("segments/"), (names) => names.filter((name) => name.endsWith(".idx")))

/** Asserts that the storage holds what the catalog names, and that each segment has a file of the index's version. */
export const assertCovered = Effect.fnUntraced(function*(engine: IndexedEngine, version: number) {
  const { segments } = engine.catalog.table("t", "x")!
  assert.isAbove(segments.length, 0)
  for (const { indexes } of segments) {
    assert.deepStrictEqual(indexes.map(({ index, version }) => [index, version]), [["by_v", version]])
  }
  assert.deepStrictEqual(yield* engine.storage.list("segments/"), segments.flatMap(filesOf).sort())
  const [status] = yield* engine.administration.listIndexes({ tenant: "t", table: "x" }, caller)
  assert.deepInclude(status, { version, segments: segments.length, segmentsCovered: segments.length })
  assert.strictEqual(status.bytes, segments.reduce((sum, { indexes }) => sum + indexes[0].bytes, 0))
})
