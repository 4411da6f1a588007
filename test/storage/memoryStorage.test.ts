import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { makeMemoryStorage, type MemoryStorage } from "../../src/storage/memoryStorage.ts"
import { storageConformance } from "./conformance.ts"

storageConformance("memory", makeMemoryStorage)

const seeds = Array.from({ length: 200 }, (_, seed) => seed)

const contentOf = (storage: MemoryStorage, name: string) =>
  Effect.scoped(Effect.flatMap(storage.open(name), (file) => file.read(0, 1_000_000)))

/** A synced file of 3 blocks of 1s in a synced folder. */
const makeSynced = Effect.gen(function*() {
  const storage = yield* makeMemoryStorage
  const file = yield* storage.open("f/a", { create: true })
  yield* file.write(0, [new Uint8Array(3 * 4096).fill(1)])
  yield* file.sync
  yield* storage.syncDirectory("f")
  return { storage, file }
})

describe("a crash of files in memory", () => {
  it.effect("keeps what was synced", () =>
    Effect.gen(function*() {
      const { storage } = yield* makeSynced
      for (const seed of seeds) {
        const content = yield* contentOf(storage.crashClone(seed), "f/a")
        assert.deepStrictEqual(content, new Uint8Array(3 * 4096).fill(1))
      }
    }))

  it.effect("keeps, loses and tears what was not, sector by sector", () =>
    Effect.gen(function*() {
      const { file, storage } = yield* makeSynced
      yield* file.write(100, [new Uint8Array(2 * 4096).fill(2)])
      const outcomes = new Set<string>()
      for (const seed of seeds) {
        const content = yield* contentOf(storage.crashClone(seed), "f/a")
        assert.strictEqual(content.length, 3 * 4096)
        const kept = content.filter((byte) => byte === 2).length
        assert.strictEqual(kept + content.filter((byte) => byte === 1).length, content.length)
        outcomes.add(kept === 0 ? "lost" : kept === 2 * 4096 ? "kept" : "torn")
        for (let sector = 512; sector < content.length; sector += 512) {
          if (sector + 512 > 100 + 2 * 4096) continue
          assert.strictEqual(new Set(content.subarray(sector, sector + 512)).size, 1)
        }
      }
      assert.deepStrictEqual(Array.from(outcomes).sort(), ["kept", "lost", "torn"])
    }))

  it.effect("keeps or loses what a file has grown by and shrunk by", () =>
    Effect.gen(function*() {
      const { file, storage } = yield* makeSynced
      yield* file.write(3 * 4096, [new Uint8Array(10_000).fill(2)])
      const grown = new Set<number>()
      for (const seed of seeds) grown.add((yield* contentOf(storage.crashClone(seed), "f/a")).length)
      assert.isTrue(grown.has(3 * 4096) && grown.has(3 * 4096 + 10_000) && grown.size > 2)
      yield* file.sync
      yield* file.truncate(10)
      const shrunk = new Set<number>()
      for (const seed of seeds) shrunk.add((yield* contentOf(storage.crashClone(seed), "f/a")).length)
      assert.isTrue(shrunk.has(10) && shrunk.has(3 * 4096 + 10_000))
    }))

  it.effect("keeps or loses names that were not synced", () =>
    Effect.gen(function*() {
      const { storage } = yield* makeSynced
      const made = yield* storage.open("f/new", { create: true })
      yield* made.sync
      yield* storage.rename("f/new", "f/b")
      yield* storage.remove("f/a")
      const outcomes = new Set<string>()
      for (const seed of seeds) outcomes.add((yield* storage.crashClone(seed).list("f/")).join())
      assert.isTrue(outcomes.has("f/a") && outcomes.has("f/b") && outcomes.has("f/a,f/new"))
      yield* storage.syncDirectory("f")
      for (const seed of seeds) assert.deepStrictEqual(yield* storage.crashClone(seed).list("f/"), ["f/b"])
    }))

  it.effect("is the same for the same seed, and leaves the storage as it was", () =>
    Effect.gen(function*() {
      const { file, storage } = yield* makeSynced
      yield* file.write(0, [new Uint8Array(9000).fill(2)])
      for (const seed of seeds) {
        const first = storage.crashClone(seed)
        const second = storage.crashClone(seed)
        assert.deepStrictEqual(yield* contentOf(first, "f/a"), yield* contentOf(second, "f/a"))
      }
      assert.deepStrictEqual((yield* file.read(0, 9000)).length, 9000)
      assert.isTrue((yield* file.read(0, 9000)).every((byte) => byte === 2))
    }))

  it.effect("can be followed by another crash", () =>
    Effect.gen(function*() {
      const { file, storage } = yield* makeSynced
      yield* file.write(0, [new Uint8Array(9000).fill(2)])
      const first = storage.crashClone(1)
      const content = yield* contentOf(first, "f/a")
      assert.deepStrictEqual(yield* contentOf(first.crashClone(2), "f/a"), content)
    }))
})

describe("failures of files in memory", () => {
  it.effect("are those that the test asks for", () =>
    Effect.gen(function*() {
      const { file, storage } = yield* makeSynced
      storage.refuse = ({ kind, name }) => kind === "sync" && name === "f/a" ? "Failed" : undefined
      yield* file.write(0, [new Uint8Array(1)])
      const error = yield* Effect.flip(file.sync)
      assert.strictEqual(error.reason, "Failed")
    }))

  it.effect("come with a full disk, which takes what fits", () =>
    Effect.gen(function*() {
      const { file, storage } = yield* makeSynced
      storage.capacityBytes = 3 * 4096 + 100
      yield* file.write(0, [new Uint8Array(500)])
      const error = yield* Effect.flip(file.write(3 * 4096, [new Uint8Array(60), new Uint8Array(60)]))
      assert.strictEqual(error.reason, "StorageFull")
      assert.strictEqual(yield* file.size, 3 * 4096 + 100)
      storage.capacityBytes = Infinity
      yield* file.write(3 * 4096, [new Uint8Array(500)])
    }))
})
