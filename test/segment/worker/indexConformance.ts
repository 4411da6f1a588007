/** What every implementation of `SegmentWorkers` does when it indexes a column. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { BlockCache } from "../../../src/segment/BlockCache.ts"
import { firstSchemaColumn } from "../../../src/segment/columns.ts"
import { openSegment } from "../../../src/segment/Segment.ts"
import { buildValueIndex } from "../../../src/segment/valueIndex/buildValueIndex.ts"
import { encodeSegment } from "../../../src/segment/write/SegmentWriter.ts"
import { BlockStorage, type BlockStorageService } from "../../../src/storage/BlockStorage.ts"
import { makeMemoryStorage } from "../../../src/storage/memoryStorage.ts"
import { join, randomRows } from "../support.ts"
import { assertBytes, fileBytes, gated, type MakeWorkers, withWorkers } from "./conformance.ts"

const segment = "segments/7/000001.parquet"
const name = "segments/7/000001.by_x.v1.idx"

/** Stores rows as a segment; gives the ids of its columns. */
const storeRows = Effect.fnUntraced(function*(storage: BlockStorageService, seed: number, count: number) {
  const { order, owner, rows } = randomRows(seed, count)
  yield* Effect.scoped(Effect.gen(function*() {
    const file = yield* storage.open(segment, { create: true })
    yield* file.write(0, encodeSegment(owner, rows, order).chunks)
    yield* file.sync
  }))
  yield* storage.syncDirectory("segments/7")
  return owner.schema.columns.map(({ id }) => id)
})

/** What building in place gives. `undefined`: a column that is not there. */
const buildInPlace = (storage: BlockStorageService, place: number | undefined) =>
  Effect.scoped(Effect.gen(function*() {
    const opened = yield* openSegment(yield* storage.open(segment, { readOnly: true }), new BlockCache(0))
    const chunks: Array<Uint8Array> = []
    yield* buildValueIndex(opened, place, (more) => Effect.sync(() => chunks.push(...more)))
    return join(chunks)
  }))

export const indexConformance = (kind: string, make: MakeWorkers): void => {
  describe(`indexing workers conformance: ${kind}`, () => {
    it.effect.each([1, 2, 3])(
      "builds what building in place gives, to last (seed %i)",
      (seed) =>
        withWorkers(make, (workers, storage) =>
          Effect.gen(function*() {
            const ids = yield* storeRows(storage, seed, [1, 900, 9000][seed % 3])
            for (const [i, columnId] of [...ids, 4711].entries()) {
              const expected = yield* buildInPlace(storage, i < ids.length ? firstSchemaColumn + i : undefined)
              assert.deepStrictEqual(yield* workers.index({ name, segment, columnId }), { bytes: expected.length })
              for (const after of [storage, storage.crashClone(seed)]) {
                assertBytes(yield* fileBytes(after, name), expected)
              }
              // What a crash has left may be written over, though it is longer.
              const file = yield* storage.open(name)
              yield* file.write(expected.length, [new Uint8Array(100)])
            }
          }))
    )

    it.effect("fails as the storage does, and leaves no file", () =>
      withWorkers(make, (workers, storage) =>
        Effect.gen(function*() {
          const [columnId] = yield* storeRows(storage, 2, 900)
          for (const operation of ["open", "read", "write", "sync", "syncDirectory", "truncate"] as const) {
            storage.refuse = ({ kind }) => kind === operation ? "StorageFull" : undefined
            const error = yield* Effect.flip(workers.index({ name, segment, columnId }))
            assert.deepInclude(error, { _tag: "SegmentError", reason: "Storage" }, operation)
            storage.refuse = () => undefined
            assert.deepStrictEqual(yield* storage.list(""), [segment], operation)
          }
          const gone = yield* Effect.flip(workers.index({ name, segment: "segments/7/2.parquet", columnId }))
          assert.include(gone.message, "segments/7/2.parquet")
          const { bytes } = yield* workers.index({ name, segment, columnId })
          assert.isAbove(bytes, 0)
        })))

    it.effect("says where the segment is damaged, and leaves no file", () =>
      withWorkers(make, (workers, storage) =>
        Effect.gen(function*() {
          const [columnId] = yield* storeRows(storage, 4, 900)
          yield* Effect.scoped(Effect.gen(function*() {
            const file = yield* storage.open(segment)
            const at = (yield* file.size) - 20
            const [byte] = yield* file.read(at, 1)
            yield* file.write(at, [Uint8Array.of(byte ^ 1)])
          }))
          const error = yield* Effect.flip(workers.index({ name, segment, columnId }))
          assert.deepInclude(error, { _tag: "SegmentError", reason: "Damaged" })
          assert.include(error.message, segment)
          assert.deepStrictEqual(yield* storage.list(""), [segment])
        })))

    it.effect("stops when it is interrupted, and leaves no file", () =>
      Effect.scoped(Effect.gen(function*() {
        const memory = yield* makeMemoryStorage
        const [columnId] = yield* storeRows(memory, 5, 900)
        for (const operation of ["write", "sync"] as const) {
          const { open, reached, storage } = yield* gated(memory, operation, (file) => file === name)
          const workers = yield* Effect.provideService(make, BlockStorage, storage)
          const job = yield* Effect.forkChild(workers.index({ name, segment, columnId }), { startImmediately: true })
          yield* reached
          yield* Fiber.interrupt(job)
          assert.deepStrictEqual(yield* memory.list(""), [segment])
          yield* open
          yield* workers.index({ name, segment, columnId })
          assert.deepStrictEqual(yield* memory.list(""), [name, segment])
          yield* memory.remove(name)
        }
      })))
  })
}
