/** Disks that are full, and disks that fail. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { seededDice } from "../../src/storage/crashImage.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import { append, frameOf, openWal, readFrom, withWal } from "./support.ts"

describe("a full disk", () => {
  for (const aheadBytes of [0, 8192]) {
    it.effect(`fails groups until there is space again, and loses and repeats nothing (${aheadBytes} bytes ahead)`, () =>
      Effect.gen(function*() {
        const storage = yield* makeMemoryStorage
        const options = { segmentBytes: 16 * 1024, aheadBytes }
        const kinds: Array<number> = []
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            for (let round = 0; round < 5; round++) {
              storage.capacityBytes = 40_000 + round * 30_000
              for (let i = 0; i < 60; i++) {
                const kind = round * 100 + i
                const result = yield* Effect.result(append(wal, [{ ...frameOf(i, 900), kind }]))
                if (result._tag === "Success") kinds.push(kind)
                else {
                  assert.strictEqual(result.failure.reason, "StorageFull")
                  assert.include(result.failure.message, "no space")
                  // Reading goes on.
                  assert.strictEqual((yield* readFrom(wal)).length, kinds.length)
                }
              }
            }
            storage.capacityBytes = Infinity
            yield* append(wal, [{ ...frameOf(1, 10), kind: 9999 }])
            kinds.push(9999)
            assert.strictEqual((yield* wal.status).poisoned, undefined)
          }), options)
        assert.isTrue(kinds.length > 60 && kinds.length < 250)
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            const frames = yield* readFrom(wal)
            assert.deepStrictEqual(frames.map((frame) => frame.kind), kinds)
            frames.forEach((frame, i) => assert.strictEqual(frame.position, i + 1))
          }), options)
      }))
  }

  it.effect("does not bring back a group that was refused, when the power fails after it", () =>
    Effect.gen(function*() {
      for (let seed = 0; seed < 1000; seed++) {
        const storage = yield* makeMemoryStorage
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            yield* append(wal, [frameOf(1, 500)])
            storage.capacityBytes = 64 + 552 + 152 * 2 + 60
            const error = yield* Effect.flip(append(wal, [2, 3, 4, 5].map((kind) => ({ ...frameOf(kind, 100), kind }))))
            assert.strictEqual(error.reason, "StorageFull")
            const clone = storage.crashClone(seed)
            yield* withWal(clone, (other) =>
              Effect.map(readFrom(other), (frames) => assert.strictEqual(frames.length, 1)))
          }), { aheadBytes: 0 })
      }
    }))

  it.effect("at any write, sync or creation never hurts what was acknowledged", () =>
    Effect.gen(function*() {
      for (let seed = 0; seed < 60; seed++) {
        const dice = seededDice(seed)
        const storage = yield* makeMemoryStorage
        const options = { segmentBytes: 4096, aheadBytes: seed % 2 === 0 ? 0 : 4096 }
        const kinds: Array<number> = []
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            storage.refuse = ({ kind }) =>
              (kind === "write" || kind === "open") && dice() < 0.1 ? "StorageFull" : undefined
            for (let i = 1; i <= 40; i++) {
              const result = yield* Effect.result(append(wal, [{ ...frameOf(i, 500), kind: i }]))
              if (result._tag === "Success") kinds.push(i)
              else assert.strictEqual(result.failure.reason, "StorageFull")
            }
            storage.refuse = () => undefined
          }), options)
        assert.isTrue(kinds.length > 20)
        yield* withWal(storage, (wal) =>
          Effect.map(readFrom(wal), (frames) =>
            assert.deepStrictEqual(frames.map((frame) => frame.kind), kinds)), options)
      }
    }))
})

describe("a failing disk", () => {
  for (const failing of ["write", "sync"] as const) {
    it.effect(`that fails one ${failing} gets no more writes until the log is reopened; reading goes on`, () =>
      Effect.gen(function*() {
        const storage = yield* makeMemoryStorage
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            yield* append(wal, [frameOf(1, 100)])
            storage.refuse = ({ kind }) => kind === failing ? "Failed" : undefined
            const first = yield* Effect.flip(append(wal, [frameOf(2, 100)]))
            assert.strictEqual(first.reason, "Poisoned")
            assert.include(first.message, `cannot ${failing} wal/wal-`)
            assert.include(first.message, "restart")
            let operations = 0
            storage.refuse = ({ kind }) => {
              if (kind !== "read" && kind !== "open") operations++
              return undefined
            }
            assert.strictEqual((yield* Effect.flip(append(wal, [frameOf(3, 100)]))).reason, "Poisoned")
            assert.strictEqual((yield* Effect.flip(wal.sync)).reason, "Poisoned")
            assert.strictEqual(wal.durablePosition, 1)
            assert.strictEqual((yield* readFrom(wal)).length, 1)
            assert.include((yield* wal.status).poisoned, "takes no more writes")
            assert.strictEqual(operations, 0)
          }), { aheadBytes: 0 })
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            const { length } = yield* readFrom(wal)
            // The outcome of the group that failed is open; it is one of the two.
            assert.isTrue(length === 1 || length === 2)
            yield* append(wal, [frameOf(4, 100)])
            assert.strictEqual((yield* readFrom(wal)).length, length + 1)
          }))
      }))
  }

  it.effect("while it goes on in a new file stops writes, and the log is whole when it is reopened", () =>
    Effect.gen(function*() {
      for (const kind of ["open", "write", "sync", "truncate", "rename", "syncDirectory"] as const) {
        for (let nth = 1; nth <= 2; nth++) {
          const storage = yield* makeMemoryStorage
          const options = { segmentBytes: 4096, aheadBytes: 0 }
          let acknowledged = 0
          yield* withWal(storage, (wal) =>
            Effect.gen(function*() {
              for (let i = 0; i < 3; i++) yield* append(wal, [frameOf(i, 1000)])
              acknowledged = 3
              let seen = 0
              storage.refuse = (operation) => operation.kind === kind && ++seen === nth ? "Failed" : undefined
              const result = yield* Effect.result(append(wal, [frameOf(3, 1000)]))
              if (result._tag === "Success") acknowledged++
              else assert.strictEqual(result.failure.reason, "Poisoned")
              storage.refuse = () => undefined
            }), options)
          yield* withWal(storage, (wal) =>
            Effect.gen(function*() {
              const frames = yield* readFrom(wal)
              assert.isTrue(frames.length >= acknowledged)
              assert.strictEqual((yield* append(wal, [frameOf(9, 10)])).last, frames.length + 1)
            }), options)
        }
      }
    }))

  it.effect("that cannot be opened says so, and leaves the storage to others", () =>
    Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      storage.refuse = ({ kind }) => kind === "open" ? "PermissionDenied" : undefined
      const error = yield* Effect.flip(Effect.scoped(openWal(storage)))
      assert.strictEqual(error.reason, "Storage")
      assert.include(error.message, "permission denied")
      storage.refuse = () => undefined
      yield* withWal(storage, (wal) => append(wal, [frameOf(1, 1)]))
    }))
})
