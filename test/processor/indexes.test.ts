/** Files of indexes come and go with segments and with what is declared, and never stand in anyone's way. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import type { Position } from "../../src/base/position.ts"
import type { BlockStorageService } from "../../src/storage/BlockStorage.ts"
import { makeMemoryStorage, type MemoryStorage } from "../../src/storage/memoryStorage.ts"
import { Dice } from "../support/dice.ts"
import {
  assertCovered,
  caller,
  find,
  flushRows,
  index,
  type IndexedEngine,
  keysWith,
  manyRows,
  openIndexed,
  storedIndexes,
  table,
  writeRows,
  type Written
} from "../support/indexedEngine.ts"
import { Gate, quiet } from "../support/openEngine.ts"

const byV = { ...index, column: "v" }

/** A value that one row has. */
const where = "v = 'v79190'"

/** Runs with what is logged kept. */
const withLog = <A, E, R>(use: (lines: Array<string>) => Effect.Effect<A, E, R>) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => {
    lines.push((message as ReadonlyArray<unknown>).map(String).join(" "))
  })
  return Effect.provide(use(lines), Logger.layer([logger]))
}

const nextTurn = Effect.promise(() => new Promise<void>((resume) => setImmediate(resume)))

const eventually = <E>(holds: Effect.Effect<void, E>) =>
  Effect.retry(
    Effect.catchDefect(holds, (defect) => Effect.fail(defect)),
    { schedule: Schedule.spaced("20 millis"), times: 1500 }
  )

/** Two segments with their indexes. */
const prepare = Effect.fnUntraced(function*(engine: IndexedEngine, written: Array<Written>) {
  yield* engine.administration.createIndex(byV, caller)
  yield* flushRows(engine, written, 0)
  yield* flushRows(engine, written, manyRows / 2)
  yield* engine.processor.buildIndexes(undefined)
  yield* assertCovered(engine, 1)
})

/** Asserts that a query answers as it should, by the index or not. */
const assertFinds = Effect.fnUntraced(function*(
  engine: IndexedEngine,
  written: ReadonlyArray<Written>,
  isIndexed: boolean
) {
  const found = yield* find(engine, where)
  assert.deepStrictEqual(found.keys, keysWith(written, Infinity, (value) => value === "v79190"))
  assert.strictEqual(found.index, isIndexed ? "by_v" : "")
})

describe("indexes", () => {
  it.live("are built by themselves, of what is flushed and what is merged", () =>
    Effect.scoped(Effect.gen(function*() {
      const engine = yield* openIndexed(yield* makeMemoryStorage)
      const written: Array<Written> = []
      yield* flushRows(engine, written, 0)
      yield* engine.administration.createIndex(byV, caller)
      yield* eventually(assertCovered(engine, 1))
      yield* assertFinds(engine, written, true)
      yield* flushRows(engine, written, manyRows / 2)
      yield* eventually(assertCovered(engine, 1))
      const before = yield* storedIndexes(engine)
      assert.strictEqual(before.length, 2)
      yield* engine.processor.compact({ tables: undefined, full: true })
      yield* eventually(assertCovered(engine, 1))
      const after = yield* storedIndexes(engine)
      assert.deepStrictEqual([after.length, before.includes(after[0])], [1, false])
      yield* assertFinds(engine, written, true)
      const { indexBytesBuilt, indexesBuilt, lastFailure, running } = engine.processor.status()
      assert.deepStrictEqual([indexesBuilt, lastFailure, running], [3, "", []])
      assert.isAbove(indexBytesBuilt, 0)
    })))

  it.live("are built anew as another version, and removed when they are dropped", () =>
    Effect.scoped(Effect.gen(function*() {
      const engine = yield* openIndexed(yield* makeMemoryStorage)
      const written: Array<Written> = []
      yield* prepare(engine, written)
      yield* engine.administration.rebuildIndex(index, caller)
      yield* eventually(assertCovered(engine, 2))
      yield* assertFinds(engine, written, true)
      const second = yield* storedIndexes(engine)
      yield* engine.administration.dropIndex(index, caller)
      yield* eventually(Effect.map(storedIndexes(engine), (names) => assert.deepStrictEqual(names, [])))
      assert.isTrue(engine.catalog.table("t", "x")!.segments.every(({ indexes }) => indexes.length === 0))
      yield* assertFinds(engine, written, false)
      yield* engine.administration.createIndex(byV, caller)
      yield* eventually(assertCovered(engine, 1))
      const third = yield* storedIndexes(engine)
      assert.isTrue(third.every((name) => !second.includes(name)))
      yield* assertFinds(engine, written, true)
    })))

  it.effect("of segments that were merged meanwhile, and of indexes that were dropped, leave no file", () =>
    Effect.scoped(Effect.gen(function*() {
      const { open, reached, storage } = yield* gated(yield* makeMemoryStorage)
      const engine = yield* openIndexed(storage)
      const written: Array<Written> = []
      yield* flushRows(engine, written, 0)
      yield* flushRows(engine, written, manyRows / 2)
      yield* engine.administration.createIndex(byV, caller)
      const first = yield* Effect.forkChild(engine.processor.buildIndexes(undefined), { startImmediately: true })
      yield* reached
      yield* engine.processor.compact({ tables: undefined, full: true })
      yield* open
      yield* Fiber.join(first)
      yield* engine.processor.buildIndexes(undefined)
      yield* assertCovered(engine, 1)
      yield* assertFinds(engine, written, true)
    })))

  it.effect("that are dropped while they are built leave no file", () =>
    Effect.scoped(Effect.gen(function*() {
      const { open, reached, storage } = yield* gated(yield* makeMemoryStorage)
      const engine = yield* openIndexed(storage)
      yield* flushRows(engine, [], 0)
      yield* engine.administration.createIndex(byV, caller)
      const building = yield* Effect.forkChild(engine.processor.buildIndexes(undefined), { startImmediately: true })
      yield* reached
      yield* engine.administration.dropIndex(index, caller)
      yield* open
      assert.deepStrictEqual(yield* Fiber.join(building), [])
      assert.deepStrictEqual(yield* storedIndexes(engine), [])
    })))

  it.effect("that a crash cuts off before they are published are removed, and built again", () =>
    Effect.gen(function*() {
      const written: Array<Written> = []
      const gate = new Gate()
      const after = yield* Effect.scoped(Effect.gen(function*() {
        const storage = yield* makeMemoryStorage
        const engine = yield* openIndexed(storage, { gate })
        yield* flushRows(engine, written, 0)
        yield* engine.administration.createIndex(byV, caller)
        const { arrivals } = gate
        gate.close()
        const building = yield* Effect.forkChild(engine.processor.buildIndexes(undefined), { startImmediately: true })
        yield* gate.arrived(arrivals + 1)
        const crashed = storage.crashClone(1)
        gate.open()
        yield* Fiber.join(building)
        return crashed
      }))
      assert.strictEqual((yield* after.list("segments/")).filter((name) => name.endsWith(".idx")).length, 1)
      yield* Effect.scoped(Effect.gen(function*() {
        const engine = yield* openIndexed(after)
        assert.deepStrictEqual(engine.catalog.table("t", "x")!.segments[0].indexes, [])
        yield* engine.processor.buildIndexes(undefined)
        yield* assertCovered(engine, 1)
        yield* assertFinds(engine, written, true)
      }))
    }).pipe(quiet))

  it.effect("that could not be published because of a crash of the log stay nobody's", () =>
    Effect.gen(function*() {
      for (const seed of [1, 2, 3, 4]) {
        const written: Array<Written> = []
        const storage = yield* makeMemoryStorage
        yield* Effect.scoped(Effect.gen(function*() {
          const engine = yield* openIndexed(storage)
          yield* flushRows(engine, written, 0)
          yield* engine.administration.createIndex(byV, caller)
          storage.refuse = (operation) =>
            "name" in operation && operation.name.startsWith("wal/") && operation.kind !== "read"
              ? "Failed"
              : undefined
          yield* Effect.flip(engine.processor.buildIndexes(undefined))
          storage.refuse = () => undefined
        }))
        yield* Effect.scoped(Effect.gen(function*() {
          const engine = yield* openIndexed(storage.crashClone(seed))
          yield* engine.processor.buildIndexes(undefined)
          yield* assertCovered(engine, 1)
          yield* assertFinds(engine, written, true)
        }))
      }
    }).pipe(quiet))

  it.effect.each(
    [
      [
        "its blocks",
        (storage, name) =>
          Effect.forEach(Array.from({ length: 90 }, (_, i) => i / 100), (share) => harmAt(share)(storage, name), {
            discard: true
          })
      ],
      ["its directory", harmAt(0.9995)],
      ["its end", harmAt(0.99999)],
      ["half of it is gone", (storage, name) => change(storage, name, (file, size) => file.truncate(size >> 1))],
      ["nothing is left of it", (storage, name) => change(storage, name, (file) => file.truncate(0))],
      ["it is missing", (storage, name) => Effect.orDie(storage.remove(name))]
    ] as ReadonlyArray<readonly [string, (storage: MemoryStorage, name: string) => Effect.Effect<void>]>
  )(
    "are done without, and built again, where one is damaged: %s",
    ([, harm]) =>
      withLog((lines) =>
        Effect.gen(function*() {
          const written: Array<Written> = []
          const storage = yield* makeMemoryStorage
          const names = yield* Effect.scoped(Effect.gen(function*() {
            const engine = yield* openIndexed(storage)
            yield* prepare(engine, written)
            return yield* storedIndexes(engine)
          }))
          for (const name of names) yield* harm(storage, name)
          lines.length = 0
          yield* Effect.scoped(Effect.gen(function*() {
            const { open, storage: held } = yield* gated(storage)
            const engine = yield* openIndexed(held)
            for (let times = 0; times < 3; times++) yield* assertFinds(engine, written, false)
            const told = lines.filter((line) => line.includes(".idx"))
            assert.deepStrictEqual(
              told.map((line) => names.findIndex((name) => line.includes(name))).sort((left, right) => left - right),
              [0, 1],
              told.join("\n")
            )
            yield* open
            yield* engine.processor.buildIndexes(undefined)
            yield* assertCovered(engine, 1)
            const after = yield* storedIndexes(engine)
            assert.isTrue(after.every((name) => !names.includes(name)))
            yield* assertFinds(engine, written, true)
          }))
        })
      )
  )

  it.live.each([1, 2])(
    "change no answer at any position, while rows are written, flushed and merged (seed %i)",
    (seed) =>
      Effect.scoped(Effect.gen(function*() {
        const dice = new Dice(seed)
        const engine = yield* openIndexed(yield* makeMemoryStorage)
        const written: Array<Written> = []
        yield* prepare(engine, written)
        let isDone = false
        let used = 0
        const changes = Effect.gen(function*() {
          for (let step = 0; step < 12; step++) {
            yield* dice.pick([
              engine.processor.compact({ tables: undefined, full: true }),
              engine.processor.buildIndexes(undefined),
              Effect.ignore(engine.administration.rebuildIndex(index, caller)),
              Effect.ignore(engine.administration.createIndex(byV, caller)),
              ...step > 8 ? [Effect.ignore(engine.administration.dropIndex(index, caller))] : [],
              flushRows(engine, written, dice.below(3) * manyRows / 2)
            ])
            const few = dice.times(
              2000,
              () => [`k${dice.below(60_000)}`, dice.chance(0.3) ? null : `v${dice.below(20) * 7919}`] as const
            )
            yield* writeRows(engine, written, few)
          }
          isDone = true
        })
        const reads = Effect.gen(function*() {
          while (!isDone) {
            const wanted = dice.times(dice.between(1, 4), () => `v${dice.below(30) * 7919}`)
            const newest = engine.mvcc.position()
            const position = dice.chance(0.3) ? newest : dice.between(1, newest)
            const found = yield* find(engine, `v in (${wanted.map((value) => `'${value}'`).join()})`, position)
            const expected = keysWith(written, position, (value) => wanted.includes(value))
            assert.deepStrictEqual(found.keys, expected.slice(0, 10_000), `${wanted.join()} at ${position}`)
            used += Number(found.index === "by_v")
            yield* Effect.sleep("1 millis")
          }
        })
        yield* Effect.all([changes, reads], { concurrency: "unbounded" })
        assert.isAbove(used, 2)
      }))
  )

  it.effect("of a segment that cannot be read are tried again later, and keep no other back", () =>
    withLog((lines) =>
      Effect.scoped(Effect.gen(function*() {
        const storage = yield* makeMemoryStorage
        const engine = yield* openIndexed(storage)
        const written: Array<Written> = []
        yield* flushRows(engine, written, 0)
        yield* flushRows(engine, written, manyRows / 2)
        const [first, second] = engine.catalog.table("t", "x")!.segments
        const harm = Effect.forEach([0.5, 0.55, 0.6], (share) => harmAt(share)(storage, first.name))
        yield* harm
        yield* engine.administration.createIndex(byV, caller)
        const covered = () =>
          engine.catalog.table("t", "x")!.segments.filter(({ indexes }) => indexes.length > 0).map(({ name }) => name)
        /** Lets seconds pass until so many segments have their file; gives how many passed. */
        const passUntil = Effect.fnUntraced(function*(count: number) {
          for (let seconds = 0; seconds < 300; seconds++) {
            if (covered().length === count) return seconds
            yield* TestClock.adjust("1 second")
            yield* Effect.repeat(nextTurn, { times: 50 })
          }
          return assert.fail(`${covered().join()} after 300 seconds`)
        })
        assert.isBelow(yield* passUntil(1), 10)
        assert.deepStrictEqual(covered(), [second.name])
        const told = lines.filter((line) => line.includes("could not be built"))
        assert.strictEqual(told.length, 1)
        assert.include(told[0], first.name)
        // Turned back.
        yield* harm
        assert.isAbove(yield* passUntil(2), 50)
        yield* assertCovered(engine, 1)
        yield* assertFinds(engine, written, true)
      }))
    ))

  it.effect("that a reader uses stay until it has read", () =>
    Effect.scoped(Effect.gen(function*() {
      const written: Array<Written> = []
      const engine = yield* openIndexed(yield* makeMemoryStorage)
      yield* prepare(engine, written)
      const before = yield* storedIndexes(engine)
      const values = ["v7919", "v15838", "v79190", "v158380", "v395950"]
      const expected = keysWith(written, Infinity, (value) => values.includes(value))
      const steps = [
        engine.administration.rebuildIndex(index, caller),
        engine.processor.buildIndexes(undefined),
        engine.processor.compact({ tables: undefined, full: true }),
        engine.processor.buildIndexes(undefined),
        engine.administration.dropIndex(index, caller),
        engine.processor.buildIndexes(undefined)
      ]
      const keys: Array<string> = []
      let used = ""
      const stream = engine.query.queryStream({
        ...table,
        minPosition: 0 as Position,
        asOf: { kind: "latest" },
        filter: undefined,
        where: `v in (${values.map((value) => `'${value}'`).join()})`,
        select: ["v"],
        orderBy: [],
        limit: 0,
        batchRows: 1
      }, caller)
      yield* Stream.runForEach(stream, (part) =>
        Effect.gen(function*() {
          if (part.kind === "batch") {
            for (const { key } of part.records) keys.push(key)
            const step = steps.shift()
            if (step !== undefined) yield* step
            if (keys.length === 2) {
              const there = yield* engine.storage.list("segments/")
              assert.isTrue(before.every((name) => there.includes(name)))
            }
          } else if (part.kind === "summary") used = part.stats.index
        }))
      for (const step of steps) yield* step
      assert.deepStrictEqual(keys.sort(), expected)
      assert.strictEqual(used, "by_v")
      assert.deepStrictEqual(yield* storedIndexes(engine), [])
      yield* assertFinds(engine, written, false)
    })))
})

/** Changes a file. */
function change(
  storage: MemoryStorage,
  name: string,
  run: (file: Effect.Success<ReturnType<BlockStorageService["open"]>>, size: number) => Effect.Effect<void, unknown>
): Effect.Effect<void> {
  return Effect.orDie(Effect.scoped(Effect.gen(function*() {
    const file = yield* storage.open(name)
    yield* run(file, yield* file.size)
    yield* file.sync
  })))
}

/** Turns a bit at a share of a file's length. */
function harmAt(share: number) {
  return (storage: MemoryStorage, name: string) =>
    change(
      storage,
      name,
      (file, size) =>
        Effect.flatMap(
          file.read(Math.floor(size * share), 1),
          ([byte]) => file.write(Math.floor(size * share), [Uint8Array.of(byte ^ 1)])
        )
    )
}

/** A storage in which files of indexes are written once `open` is done; `reached` when one is about to be. */
function gated(storage: BlockStorageService) {
  return Effect.gen(function*() {
    const reached = yield* Deferred.make<void>()
    const gate = yield* Deferred.make<void>()
    const held: BlockStorageService = {
      ...storage,
      open: (name, options) =>
        Effect.map(storage.open(name, options), (file) =>
          !name.endsWith(".idx") || options?.create !== true ? file : {
            ...file,
            write: (offset, chunks) =>
              Effect.andThen(
                Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(gate)),
                file.write(offset, chunks)
              )
          })
    }
    return { storage: held, reached: Deferred.await(reached), open: Deferred.succeed(gate, undefined) }
  })
}
