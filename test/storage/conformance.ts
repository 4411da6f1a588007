/** What every storage must do. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BlockStorageService, StorageError } from "../../src/storage/BlockStorage.ts"

const bytes = (...values: ReadonlyArray<number>): Uint8Array => Uint8Array.from(values)
const numbered = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i % 251)

/** Runs the suite against storages that `make` makes, each new and empty. */
export const storageConformance = (
  name: string,
  make: Effect.Effect<BlockStorageService, StorageError, Scope.Scope>
): void => {
  describe(`storage conformance: ${name}`, () => {
    it.effect("reads back what was written, in pieces, at an offset", () =>
      Effect.gen(function*() {
        const storage = yield* make
        const file = yield* storage.open("folder/a", { create: true })
        yield* file.write(0, [bytes(1, 2), bytes(), bytes(3, 4, 5)])
        yield* file.write(3, [bytes(9)])
        assert.strictEqual(yield* file.size, 5)
        assert.deepStrictEqual(Array.from(yield* file.read(0, 5)), [1, 2, 3, 9, 5])
        assert.deepStrictEqual(Array.from(yield* file.read(2, 2)), [3, 9])
      }))

    it.effect("reads fewer bytes only where the file ends", () =>
      Effect.gen(function*() {
        const storage = yield* make
        const file = yield* storage.open("a", { create: true })
        yield* file.write(0, [numbered(100)])
        assert.strictEqual((yield* file.read(90, 50)).length, 10)
        assert.strictEqual((yield* file.read(100, 50)).length, 0)
        assert.strictEqual((yield* file.read(500, 50)).length, 0)
        assert.strictEqual((yield* file.read(10, 0)).length, 0)
      }))

    it.effect("gives bytes that begin at an aligned address and are the reader's own", () =>
      Effect.gen(function*() {
        const storage = yield* make
        const file = yield* storage.open("a", { create: true })
        yield* file.write(0, [numbered(100)])
        for (const offset of [0, 1, 7, 33]) {
          const read = yield* file.read(offset, 40)
          assert.strictEqual(read.byteOffset % 8, 0)
          assert.isFalse(Buffer.isBuffer(read))
        }
        const first = yield* file.read(0, 10)
        yield* file.write(0, [new Uint8Array(10)])
        assert.deepStrictEqual(first, numbered(10))
      }))

    it.effect("writes more chunks than one system call takes", () =>
      Effect.gen(function*() {
        const storage = yield* make
        const file = yield* storage.open("a", { create: true })
        const chunks = Array.from({ length: 3000 }, (_, i) => new Uint8Array(1 + i % 5).fill(i))
        yield* file.write(7, chunks)
        assert.deepStrictEqual(Buffer.from(yield* file.read(7, 100_000)), Buffer.concat(chunks))
      }))

    it.effect("writes large chunks", () =>
      Effect.gen(function*() {
        const storage = yield* make
        const file = yield* storage.open("a", { create: true })
        const chunk = numbered(5_000_000)
        yield* file.write(0, [chunk, chunk])
        assert.isTrue(Buffer.from(yield* file.read(5_000_000, 6_000_000)).equals(chunk))
      }))

    it.effect("fills what was never written with zeros, also after a truncation", () =>
      Effect.gen(function*() {
        const storage = yield* make
        const file = yield* storage.open("a", { create: true })
        yield* file.write(4, [bytes(1, 2, 3, 4)])
        yield* file.truncate(6)
        yield* file.truncate(9)
        yield* file.sync
        assert.deepStrictEqual(Array.from(yield* file.read(0, 20)), [0, 0, 0, 0, 1, 2, 0, 0, 0])
      }))

    it.effect("keeps a file after it is closed, and opens it for several at once", () =>
      Effect.gen(function*() {
        const storage = yield* make
        yield* Effect.scoped(Effect.gen(function*() {
          const file = yield* storage.open("a", { create: true })
          yield* file.write(0, [bytes(1)])
        }))
        const one = yield* storage.open("a")
        const other = yield* storage.open("a", { readOnly: true })
        yield* one.write(1, [bytes(2)])
        assert.deepStrictEqual(Array.from(yield* other.read(0, 9)), [1, 2])
      }))

    it.effect("says NotFound, and names the file, where there is none", () =>
      Effect.gen(function*() {
        const storage = yield* make
        for (
          const attempt of [
            storage.open("folder/missing"),
            storage.remove("folder/missing"),
            storage.rename("folder/missing", "folder/b")
          ]
        ) {
          const error = yield* Effect.flip(attempt)
          assert.strictEqual(error.reason, "NotFound")
          assert.include(error.message, "folder/missing")
        }
      }))

    it.effect("lists names by prefix, at any depth, sorted", () =>
      Effect.gen(function*() {
        const storage = yield* make
        assert.deepStrictEqual(yield* storage.list("wal/"), [])
        for (const name of ["wal/b", "wal/a", "wal/deep/er/c", "walnut", "x"]) {
          yield* storage.open(name, { create: true })
        }
        assert.deepStrictEqual(yield* storage.list("wal/"), ["wal/a", "wal/b", "wal/deep/er/c"])
        assert.deepStrictEqual(yield* storage.list("wal/d"), ["wal/deep/er/c"])
        assert.deepStrictEqual(yield* storage.list("wal"), ["wal/a", "wal/b", "wal/deep/er/c", "walnut"])
      }))

    it.effect("renames over another file, and syncs the folder", () =>
      Effect.gen(function*() {
        const storage = yield* make
        const a = yield* storage.open("f/a", { create: true })
        yield* a.write(0, [bytes(1)])
        const b = yield* storage.open("f/b", { create: true })
        yield* b.write(0, [bytes(2)])
        yield* storage.rename("f/a", "f/b")
        yield* storage.syncDirectory("f")
        yield* storage.syncDirectory("")
        assert.deepStrictEqual(yield* storage.list("f/"), ["f/b"])
        const renamed = yield* storage.open("f/b")
        assert.deepStrictEqual(Array.from(yield* renamed.read(0, 9)), [1])
        assert.deepStrictEqual(Array.from(yield* b.read(0, 9)), [2])
      }))

    it.effect("lets those who have a removed file open go on reading it", () =>
      Effect.gen(function*() {
        const storage = yield* make
        const file = yield* storage.open("a", { create: true })
        yield* file.write(0, [bytes(1, 2)])
        yield* storage.remove("a")
        assert.deepStrictEqual(yield* storage.list("a"), [])
        assert.deepStrictEqual(Array.from(yield* file.read(0, 9)), [1, 2])
      }))

    it.effect("has one owner at a time", () =>
      Effect.gen(function*() {
        const storage = yield* make
        yield* Effect.scoped(Effect.gen(function*() {
          yield* storage.lock
          const refused = yield* Effect.flip(Effect.scoped(storage.lock))
          assert.strictEqual(refused.reason, "InUse")
          assert.include(refused.message, "in use by")
          // To be refused does not take the lock from its owner.
          assert.strictEqual((yield* Effect.flip(Effect.scoped(storage.lock))).reason, "InUse")
        }))
        yield* Effect.scoped(storage.lock)
      }))
  })
}
