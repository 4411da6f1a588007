/** A column that a table has dropped is there again when a later version names it, whatever was merged meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { unrestricted } from "../../src/base/caller.ts"
import * as Position from "../../src/base/position.ts"
import { latest } from "../../src/catalog/state.ts"
import { RowBatch } from "../../src/event/rowBatch.ts"
import { setNull, type TextVector } from "../../src/event/vector.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import { type OpenEngine, openEngine, openProcessor } from "../support/openEngine.ts"

const names = { tenant: "t", table: "x" }
const id = { name: "id", type: "string" }
const s = { name: "s", type: "string", nullable: true }

const register = ({ administration }: OpenEngine, columns: ReadonlyArray<object>) =>
  administration.registerSchema({ ...names, definition: JSON.stringify({ columns }) }, unrestricted)

/** Writes a row in the table's latest version. */
const write = ({ catalog, pipeline }: OpenEngine, key: string, values: ReadonlyArray<string>) => {
  const batch = new RowBatch(latest(catalog.table("t", "x")!).shape, 1)
  batch.keys.set(0, Buffer.from(key))
  setNull(batch.timestamps, 0)
  setNull(batch.metadata, 0)
  values.forEach((value, i) => (batch.columns[i] as TextVector).set(0, Buffer.from(value)))
  batch.count = 1
  return pipeline.commit({
    kind: "rows",
    tenant: "t",
    transactional: false,
    batches: [batch],
    idempotency: undefined,
    expectedVersion: undefined,
    durability: undefined
  })
}

const read = ({ query }: OpenEngine, key: string) =>
  Effect.map(
    query.getRecord({ ...names, asOf: { kind: "latest" }, minPosition: Position.zero, key, select: [] }, unrestricted),
    ({ record }) => record.values
  )

describe("a dropped column", () => {
  it.live("keeps its values through merges, until a later version names it again", () =>
    Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      const engine = yield* openEngine(storage)
      const processor = yield* openProcessor(engine, storage)
      const merge = Effect.andThen(
        processor.flush(undefined),
        processor.compact({ tables: undefined, full: true })
      )
      yield* register(engine, [id, s])
      yield* write(engine, "a", ["a", "keep me"])
      yield* processor.flush(undefined)
      yield* register(engine, [id])
      yield* write(engine, "b", ["b"])
      yield* merge
      assert.deepStrictEqual(yield* read(engine, "a"), ["a"])
      // Merged once more, with rows that never had it.
      yield* write(engine, "c", ["c"])
      yield* merge
      assert.strictEqual(engine.catalog.table("t", "x")!.segments.length, 1)
      yield* register(engine, [id, s])
      assert.deepStrictEqual(yield* read(engine, "a"), ["a", "keep me"])
      assert.deepStrictEqual(yield* read(engine, "b"), ["b", null])
      yield* merge
      assert.deepStrictEqual(yield* read(engine, "a"), ["a", "keep me"])
    }))

  it.live("stays in the file, and no read answers with it", () =>
    Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      const engine = yield* openEngine(storage)
      const processor = yield* openProcessor(engine, storage)
      yield* register(engine, [id, s])
      yield* write(engine, "a", ["a", "keep me"])
      yield* processor.flush(undefined)
      yield* register(engine, [id])
      yield* write(engine, "b", ["b"])
      yield* processor.compact({ tables: undefined, full: true })
      const [segment] = engine.catalog.table("t", "x")!.segments
      const file = yield* engine.files.open(segment.name)
      assert.deepStrictEqual(file.metadata.schema.columns.map(({ name }) => name), ["id", "s"])
      assert.deepStrictEqual(yield* read(engine, "a"), ["a"])
    }))
})
