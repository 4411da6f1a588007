/** What every implementation of `SegmentWorkers` does. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { storeSegment } from "../../../src/segment/storeSegment.ts"
import { SegmentWorkers, type SegmentWorkersService } from "../../../src/segment/worker/SegmentWorkers.ts"
import { encodeSegment } from "../../../src/segment/write/SegmentWriter.ts"
import { BlockStorage, type BlockStorageService } from "../../../src/storage/BlockStorage.ts"
import { makeMemoryStorage, type MemoryOperation, type MemoryStorage } from "../../../src/storage/memoryStorage.ts"
import { join, randomRows } from "../support.ts"
import { plainOwner, plainRows } from "./plainRequest.ts"

/** Makes the workers under test on the storage that is provided. */
export type MakeWorkers = Effect.Effect<SegmentWorkersService, never, BlockStorage | Scope.Scope>

export const name = "segments/7/000001.parquet"

/** The bytes of a file. */
export const fileBytes = (storage: BlockStorageService, file: string) =>
  Effect.scoped(Effect.gen(function*() {
    const opened = yield* storage.open(file, { readOnly: true })
    return yield* opened.read(0, yield* opened.size)
  }))

/** Compares them at once, which comparing element by element does not. */
export const assertBytes = (actual: Uint8Array, expected: Uint8Array): void =>
  assert.strictEqual(Buffer.compare(actual, expected), 0, `${actual.length} bytes differ from ${expected.length}`)

/** Workers on a storage in memory, for the length of a test. */
export const withWorkers = <A, E>(
  make: MakeWorkers,
  use: (workers: SegmentWorkersService, storage: MemoryStorage) => Effect.Effect<A, E, Scope.Scope>
) =>
  Effect.scoped(Effect.gen(function*() {
    const storage = yield* makeMemoryStorage
    const workers = yield* Effect.provideService(make, BlockStorage, storage)
    return yield* use(SegmentWorkers.of(workers), storage)
  }))

/** A storage whose operations of a kind on some files wait: `reached` when one has come, until `open` is done. */
export const gated = Effect.fnUntraced(function*(
  storage: BlockStorageService,
  kind: "write" | "sync",
  concerns: (name: string) => boolean = () => true
) {
  const reached = yield* Deferred.make<void>()
  const gate = yield* Deferred.make<void>()
  let waiting = 0
  const wait = Effect.suspend(() => {
    waiting++
    return Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(gate))
  })
  const own: BlockStorageService = {
    ...storage,
    open: (file, options) =>
      Effect.map(storage.open(file, options), (opened) => {
        if (!concerns(file)) return opened
        return kind === "write"
          ? { ...opened, write: (offset, chunks) => Effect.andThen(wait, opened.write(offset, chunks)) }
          : { ...opened, sync: Effect.andThen(wait, opened.sync) }
      })
  }
  return {
    storage: own,
    reached: Deferred.await(reached),
    open: Deferred.succeed(gate, undefined),
    waiting: () => waiting
  }
})

/** `jobs`: how many jobs they do at a time. */
export const workersConformance = (kind: string, jobs: number, make: MakeWorkers): void => {
  describe(`workers of segments conformance: ${kind}`, () => {
    it.effect.each([1, 2, 3, 4, 5])(
      "writes what encoding in place gives, byte by byte (seed %i)",
      (seed) =>
        withWorkers(make, (workers, storage) =>
          Effect.gen(function*() {
            const count = [1, 700, 4500][seed % 3]
            // The rows are gone once they are given away.
            const { order, owner, rows } = randomRows(seed, count)
            const expected = encodeSegment(owner, rows, order)
            const written = yield* workers.write({ name, owner, rows: randomRows(seed, count).rows, count })
            assert.deepStrictEqual(written.order, order)
            assert.deepStrictEqual(written.summary, expected.summary)
            assertBytes(yield* fileBytes(storage, name), join(expected.chunks))
            for (let crash = 0; crash < 5; crash++) {
              const after = storage.crashClone(crash)
              assertBytes(yield* fileBytes(after, name), join(expected.chunks))
            }
          }))
    )

    it.effect("ignores what vectors hold beyond the rows", () =>
      withWorkers(make, (workers, storage) =>
        Effect.gen(function*() {
          const count = 1500
          const few = plainRows(count)
          const expected = encodeSegment(
            plainOwner,
            few,
            (yield* workers.write({
              name,
              owner: plainOwner,
              rows: plainRows(count),
              count
            })).order
          )
          const many = plainRows(4000)
          few.keys.offsets.forEach((offset, row) => many.keys.offsets[row] = offset)
          many.keys.heap.set(few.keys.heap.subarray(0, few.keys.offsets[count]))
          many.positions.fill(0, count)
          yield* workers.write({ name, owner: plainOwner, rows: many, count })
          assertBytes(yield* fileBytes(storage, name), join(expected.chunks))
        })))

    it.effect("writes row group by row group, no faster than the storage takes them, and makes the file last", () =>
      Effect.scoped(Effect.gen(function*() {
        const memory = yield* makeMemoryStorage
        const { open, reached, storage, waiting } = yield* gated(memory, "write")
        const workers = yield* Effect.provideService(make, BlockStorage, storage)
        const operations: Array<MemoryOperation["kind"]> = []
        memory.refuse = (operation) => {
          operations.push(operation.kind)
          return undefined
        }
        const count = 2 * 131_072 + 1
        const job = yield* Effect.forkChild(workers.write({ name, owner: plainOwner, rows: plainRows(count), count }), {
          startImmediately: true
        })
        yield* reached
        // More than encoding the second row group takes.
        yield* Effect.promise(() => new Promise((resume) => setTimeout(resume, 300)))
        assert.strictEqual(waiting(), 1)
        yield* open
        const { summary } = yield* Fiber.join(job)
        assert.deepStrictEqual([summary.rows, summary.rowGroups, summary.keys], [count, 3, count])
        // The last write has the footer.
        const writes = ["write", "write", "write", "write"] as const
        assert.deepStrictEqual(operations, ["open", "truncate", ...writes, "sync", "syncDirectory"])
      })))

    it.effect("fails as the storage does, and leaves no file", () =>
      withWorkers(make, (workers, storage) =>
        Effect.gen(function*() {
          for (const operation of ["open", "write", "sync", "syncDirectory", "truncate"] as const) {
            storage.refuse = ({ kind }) => kind === operation ? "StorageFull" : undefined
            const { order, owner, rows } = randomRows(14, 500)
            let at = 0
            const pieces = [{ rows, order }, undefined]
            const expected = yield* Effect.flip(storeSegment(storage, name, owner, Effect.sync(() => pieces[at++])))
            const error = yield* Effect.flip(
              workers.write({ name, owner, rows: randomRows(14, 500).rows, count: 500 })
            )
            storage.refuse = () => undefined
            assert.deepStrictEqual(error, expected)
            assert.deepStrictEqual(yield* storage.list(""), [], operation)
          }
        })))

    it.effect("dies of a bug, of its own or of the storage, and goes on with the next job", () =>
      withWorkers(make, (workers, storage) =>
        Effect.gen(function*() {
          const noRows = yield* Effect.exit(workers.write({ name, owner: plainOwner, rows: plainRows(1), count: 0 }))
          assert.match(defectOf(noRows), /invariant broken: a segment has rows/)
          storage.refuse = () => {
            throw new Error("a bug in the storage")
          }
          const storageBug = yield* Effect.exit(
            workers.write({ name, owner: plainOwner, rows: plainRows(1), count: 1 })
          )
          assert.match(defectOf(storageBug), /a bug in the storage/)
          storage.refuse = () => undefined
          assert.deepStrictEqual(yield* storage.list(""), [])
          yield* workers.write({ name, owner: plainOwner, rows: plainRows(1), count: 1 })
        })))

    it.effect("stops when it is interrupted, and leaves no file", () =>
      Effect.scoped(Effect.gen(function*() {
        const memory = yield* makeMemoryStorage
        for (const kind of ["write", "sync"] as const) {
          const { open, reached, storage } = yield* gated(memory, kind)
          const workers = yield* Effect.provideService(make, BlockStorage, storage)
          const request = () => ({ name, owner: plainOwner, rows: plainRows(3000), count: 3000 })
          const first = yield* Effect.forkChild(workers.write(request()), { startImmediately: true })
          // One waits for the other.
          const second = yield* Effect.forkChild(workers.write({ ...request(), name: "segments/7/2.parquet" }), {
            startImmediately: true
          })
          yield* reached
          assert.isNotEmpty(yield* memory.list(""))
          yield* Effect.all([Fiber.interrupt(second), Fiber.interrupt(first)], { concurrency: "unbounded" })
          assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(first)))
          assert.deepStrictEqual(yield* memory.list(""), [])
          yield* open
          yield* workers.write(request())
          assert.deepStrictEqual(yield* memory.list(""), [name])
          yield* memory.remove(name)
        }
      })))

    it.effect("does many jobs, each as if it were alone, in the order in which they came", () =>
      withWorkers(make, (workers, storage) =>
        Effect.gen(function*() {
          const opened: Array<string> = []
          storage.refuse = (operation) => {
            if (operation.kind === "open") opened.push(operation.name)
            return undefined
          }
          const nameOf = (seed: number) => `segments/${seed}.parquet`
          const seeds = Array.from({ length: 12 }, (_, seed) => seed)
          yield* Effect.forEach(seeds, (seed) => {
            const { owner, rows } = randomRows(seed, 400)
            return workers.write({ name: nameOf(seed), owner, rows, count: 400 })
          }, { concurrency: "unbounded" })
          // Of jobs that are done side by side either may be the first to come so far.
          assert.deepStrictEqual(
            jobs === 1 ? opened : opened.sort(),
            jobs === 1 ? seeds.map(nameOf) : seeds.map(nameOf).sort()
          )
          for (const seed of seeds) {
            const { order, owner, rows } = randomRows(seed, 400)
            assertBytes(yield* fileBytes(storage, nameOf(seed)), join(encodeSegment(owner, rows, order).chunks))
          }
        })))
  })
}

/** The message of the error that something died of. */
const defectOf = (exit: Exit.Exit<unknown, unknown>): string => {
  assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause), String(exit))
  const error = Cause.squash((exit as Exit.Failure<unknown, unknown>).cause)
  assert.instanceOf(error, Error)
  return (error as Error).message
}
