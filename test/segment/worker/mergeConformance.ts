/** What every implementation of `SegmentWorkers` does when it merges. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { BlockCache } from "../../../src/segment/BlockCache.ts"
import { type MergeInput, mergeSegments } from "../../../src/segment/merge/mergeSegments.ts"
import { openSegment } from "../../../src/segment/Segment.ts"
import type { StoredMergeRequest } from "../../../src/segment/worker/SegmentWorkers.ts"
import { encodeSegment, type SegmentOwner } from "../../../src/segment/write/SegmentWriter.ts"
import { BlockStorage, type BlockStorageService } from "../../../src/storage/BlockStorage.ts"
import { makeMemoryStorage } from "../../../src/storage/memoryStorage.ts"
import { below, makeDice, randomRows } from "../support.ts"
import { assertBytes, fileBytes, gated, type MakeWorkers, withWorkers } from "./conformance.ts"
import { plainOwner, plainRows } from "./plainRequest.ts"

/** Files of a merge's outputs lie in folders of their own, so that any confusion of names shows. */
const nameOf = (number: number) => `outputs ${number}/${number}.parquet`

/** Stores rows as three segments, each newer than the one before, and says how to merge them. */
const storeInputs = Effect.fnUntraced(function*(storage: BlockStorageService, seed: number, count: number) {
  const dice = makeDice(seed)
  const { order, owner, rows } = randomRows(seed, count)
  const inputs: Array<StoredMergeRequest["inputs"][number]> = []
  for (let part = 0; part < 3; part++) {
    const own = order.filter((row) => Math.floor(row * 3 / count) === part)
    const name = `inputs/${part}.parquet`
    yield* Effect.scoped(Effect.gen(function*() {
      const file = yield* storage.open(name, { create: true })
      yield* file.write(0, encodeSegment(owner, rows, own).chunks)
      yield* file.sync
    }))
    const marked = Int32Array.from(own.keys()).filter(() => dice() < 0.1)
    const positions = Float64Array.from(marked, () => rows.positions[below(dice, count)])
    inputs.push(dice() < 0.3 ? { name } : { name, marks: { rows: marked, positions } })
  }
  yield* storage.syncDirectory("inputs")
  const request: StoredMergeRequest = {
    inputs,
    policy: {
      horizon: rows.positions[below(dice, count)],
      expiredBefore: dice() < 0.5 ? Number.NEGATIVE_INFINITY : rows.commitTimes[below(dice, count)],
      dropsDeletions: dice() < 0.5
    },
    target: { owner, fileBytesMax: 2 ** 30, rowsMax: Math.ceil(count / 3), rowGroupRowsMax: Math.ceil(count / 9) },
    nameOf
  }
  return request
})

/** What merging in place gives. */
const mergeInPlace = (storage: BlockStorageService, { inputs, ...request }: StoredMergeRequest) =>
  Effect.scoped(Effect.gen(function*() {
    const opened: Array<MergeInput> = []
    for (const { name, ...rest } of inputs) {
      const file = yield* storage.open(name, { readOnly: true })
      opened.push({ segment: yield* openSegment(file, new BlockCache(0)), ...rest })
    }
    return yield* mergeSegments(storage, { ...request, inputs: opened })
  }))

const inputNames = ["inputs/0.parquet", "inputs/1.parquet", "inputs/2.parquet"]

export const mergeConformance = (kind: string, make: MakeWorkers): void => {
  describe(`merging workers conformance: ${kind}`, () => {
    it.effect.each([1, 2, 3, 4, 5])(
      "merges as merging in place does, byte by byte (seed %i)",
      (seed) =>
        withWorkers(make, (workers, storage) =>
          Effect.gen(function*() {
            const other = yield* makeMemoryStorage
            const count = [30, 900, 3000][seed % 3]
            const expected = yield* mergeInPlace(other, yield* storeInputs(other, seed, count))
            const merged = yield* workers.merge(yield* storeInputs(storage, seed, count))
            assert.deepStrictEqual(merged, expected)
            assert.isAbove(merged.outputs.length, count < 100 ? 0 : 1)
            for (const after of [storage, storage.crashClone(seed)]) {
              assert.deepStrictEqual(yield* after.list(""), [...inputNames, ...merged.outputs.map(({ name }) => name)])
              for (const { name } of merged.outputs) {
                assertBytes(yield* fileBytes(after, name), yield* fileBytes(other, name))
              }
            }
          }))
    )

    it.effect("gives no output where no row is kept", () =>
      withWorkers(make, (workers, storage) =>
        Effect.gen(function*() {
          const request = yield* storeInputs(storage, 2, 300)
          const policy = { horizon: 2 ** 52, expiredBefore: Number.POSITIVE_INFINITY, dropsDeletions: true }
          const { outputs, rowMaps } = yield* workers.merge({ ...request, policy })
          assert.deepStrictEqual(outputs, [])
          assert.deepStrictEqual(rowMaps.map((rows) => rows.every((row) => row === -1)), [true, true, true])
          assert.deepStrictEqual(yield* storage.list(""), inputNames)
        })))

    it.effect("takes the marks as they are when it is asked", () =>
      withWorkers(make, (workers, storage) =>
        Effect.gen(function*() {
          const other = yield* makeMemoryStorage
          const { inputs, ...rest } = yield* storeInputs(storage, 6, 900)
          const marksOf = () => ({ rows: Int32Array.of(1, 2, 3), positions: new Float64Array(3).fill(1) })
          const policy = { ...rest.policy, horizon: 2 ** 52 }
          const request = () => ({ ...rest, policy, inputs: inputs.map(({ name }) => ({ name, marks: marksOf() })) })
          yield* storeInputs(other, 6, 900)
          const expected = yield* mergeInPlace(other, request())
          const changing = request()
          // The first merge keeps the second one waiting.
          const merges = yield* Effect.forkChild(
            Effect.all([
              workers.merge({ ...request(), nameOf: (number) => `first/${number}` }),
              workers.merge(changing)
            ], {
              concurrency: "unbounded"
            }),
            { startImmediately: true }
          )
          yield* Effect.yieldNow
          for (const { marks } of changing.inputs) marks.positions.fill(2 ** 53)
          const [, merged] = yield* Fiber.join(merges)
          assert.deepStrictEqual(merged, expected)
          // They are still the caller's.
          assert.strictEqual(changing.inputs[0].marks.rows.length, 3)
        })))

    it.effect("says which input is damaged, and where, and leaves no file", () =>
      withWorkers(make, (workers, storage) =>
        Effect.gen(function*() {
          const other = yield* makeMemoryStorage
          for (const target of [other, storage]) yield* storeInputs(target, 5, 2000)
          for (const back of [20, 3000]) {
            for (const target of [other, storage]) {
              yield* Effect.scoped(Effect.gen(function*() {
                const file = yield* target.open("inputs/1.parquet")
                const at = (yield* file.size) - back
                const [byte] = yield* file.read(at, 1)
                yield* file.write(at, [Uint8Array.of(byte ^ 1)])
              }))
            }
            const request = yield* storeInputs(yield* makeMemoryStorage, 5, 2000)
            const expected = yield* Effect.flip(mergeInPlace(other, request))
            const error = yield* Effect.flip(workers.merge(request))
            assert.deepStrictEqual<unknown>(error, expected)
            assert.include(error.message, "inputs/1.parquet")
            assert.deepStrictEqual(yield* storage.list(""), inputNames)
          }
        })))

    it.effect("fails where an input is missing, or the storage fails at any output, and leaves no file", () =>
      withWorkers(make, (workers, storage) =>
        Effect.gen(function*() {
          const request = yield* storeInputs(storage, 4, 3000)
          for (const kind of ["open", "write", "sync", "syncDirectory"] as const) {
            for (const output of ["outputs 0", "outputs 1"]) {
              storage.refuse = (operation) =>
                operation.kind === kind && operation.name.startsWith(output) ? "StorageFull" : undefined
              const error = yield* Effect.flip(workers.merge(request))
              assert.deepStrictEqual([error._tag, error.reason], ["SegmentError", "Storage"])
              assert.include(error.message, output)
              storage.refuse = () => undefined
              assert.deepStrictEqual(yield* storage.list(""), inputNames)
            }
          }
          yield* storage.remove("inputs/2.parquet")
          const missing = yield* Effect.flip(workers.merge(request))
          assert.deepStrictEqual([missing._tag, missing.reason], ["SegmentError", "Storage"])
          assert.match(missing.message, /inputs\/2\.parquet.*no such file/)
          assert.deepStrictEqual(yield* storage.list(""), inputNames.slice(0, 2))
        })))

    it.effect("stops when it is interrupted, and leaves no file; a write does not wait for it", () =>
      Effect.scoped(Effect.gen(function*() {
        const memory = yield* makeMemoryStorage
        const { open, reached, storage } = yield* gated(memory, "sync", (name) => name === nameOf(1))
        const workers = yield* Effect.provideService(make, BlockStorage, storage)
        const request = yield* storeInputs(memory, 4, 3000)
        const merge = yield* Effect.forkChild(workers.merge(request), { startImmediately: true })
        yield* reached
        const owner: SegmentOwner = plainOwner
        yield* workers.write({ name: "flushed", owner, rows: plainRows(10), count: 10 })
        assert.deepStrictEqual(yield* memory.list(""), ["flushed", ...inputNames, nameOf(0), nameOf(1)])
        yield* Fiber.interrupt(merge)
        assert.deepStrictEqual(yield* memory.list(""), ["flushed", ...inputNames])
        yield* open
        const { outputs } = yield* workers.merge(request)
        assert.deepStrictEqual(outputs.slice(0, 2).map(({ name }) => name), [nameOf(0), nameOf(1)])
      })))
  })
}
