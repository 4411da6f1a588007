/** Readers beside writers: whole transactions, nothing before it is durable, and every snapshot for ever the same. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import type { Position } from "../../src/base/position.ts"
import type { AsOf } from "../../src/mvcc/Mvcc.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import { type Dice, seededEffect } from "../support/dice.ts"
import { type OpenEngine, openEngine, registerTable, valueAt, writeOf } from "../support/openEngine.ts"

const at = (position: number) => position as Position

const keys = ["a", "b", "c", "d"]

/** What all keys are at a snapshot: one transaction writes all of them alike. */
const seenAt = (opened: OpenEngine, table: number, position: number) =>
  keys.map((key) => valueAt(opened, table, key, position))

const write = Effect.fnUntraced(function*(opened: OpenEngine, table: number, dice: Dice, writer: number) {
  for (let round = 0; round < 25; round++) {
    yield* opened.pipeline.commit(writeOf(table, keys.map((key) => [key, `${writer}/${round}`] as const)))
    if (dice.chance(0.5)) yield* opened.pipeline.commit(writeOf(table, [[`own ${writer}`, String(round)]]))
    if (dice.chance(0.3)) yield* Effect.yieldNow
  }
})

const read = Effect.fnUntraced(function*(opened: OpenEngine, table: number, dice: Dice) {
  const seen = new Map<number, string>()
  let newest = 0
  for (;;) {
    const asOf: AsOf = dice.chance(0.5)
      ? { kind: "latest" }
      : dice.chance(0.5)
      ? { kind: "position", position: at(dice.below(opened.mvcc.position() + 1)) }
      : { kind: "time", time: opened.mvcc.commitTime(at(dice.below(opened.mvcc.position() + 1))) }
    const { position, time } = yield* opened.mvcc.snapshot({ asOf, minPosition: at(0) })
    assert.isTrue(
      position <= opened.wal.durablePosition,
      `${position} is seen and ${opened.wal.durablePosition} durable`
    )
    if (asOf.kind === "latest") {
      assert.isTrue(position >= newest)
      newest = position
    }
    if (asOf.kind === "time") assert.isTrue(time <= asOf.time)
    const values = seenAt(opened, table, position)
    assert.strictEqual(new Set(values).size, 1, `part of a transaction at ${position}: ${values.join()}`)
    const whole = JSON.stringify([values, time])
    assert.strictEqual(seen.get(position) ?? whole, whole, `another answer at ${position}`)
    seen.set(position, whole)
    yield* Effect.yieldNow
  }
})

describe("a reader", () => {
  seededEffect(
    "never sees part of a transaction, nor what is not durable, and the same for ever at a position",
    12,
    Effect.fnUntraced(function*(dice: Dice) {
      const opened = yield* openEngine(yield* makeMemoryStorage, { memtableBytesMax: dice.pick([1, 60_000]) })
      const table = yield* registerTable(opened)
      const readers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(read(opened, table, dice)))
      yield* Effect.all([1, 2, 3].map((writer) => write(opened, table, dice, writer)), { concurrency: "unbounded" })
      for (const reader of readers) {
        yield* Fiber.interrupt(reader)
        const exit = yield* Fiber.await(reader)
        if (Exit.isFailure(exit) && Exit.hasDies(exit)) return yield* exit
      }
    })
  )

  it.live("of its own write waits for it, and gets it", () =>
    Effect.gen(function*() {
      const opened = yield* openEngine(yield* makeMemoryStorage)
      const table = yield* registerTable(opened)
      const reader = yield* Effect.forkChild(opened.mvcc.snapshot({ asOf: { kind: "latest" }, minPosition: at(3) }), {
        startImmediately: true
      })
      const future = yield* Effect.forkChild(
        opened.mvcc.snapshot({ asOf: { kind: "position", position: at(2) }, minPosition: at(0) }),
        { startImmediately: true }
      )
      yield* opened.pipeline.commit(writeOf(table, [["a", "1"]]))
      assert.strictEqual((yield* Fiber.join(future)).position, 2)
      assert.isUndefined(reader.pollUnsafe())
      yield* opened.pipeline.commit(writeOf(table, [["a", "2"], ["b", "2"]]))
      // Position 3 is the first row of a transaction, which ends at 4.
      assert.strictEqual((yield* Fiber.join(reader)).position, 4)
      const cut = yield* opened.mvcc.snapshot({ asOf: { kind: "position", position: at(3) }, minPosition: at(0) })
      assert.strictEqual(cut.position, 4)
    }))

  it.live("within rows that stand alone sees those up to its position", () =>
    Effect.gen(function*() {
      const opened = yield* openEngine(yield* makeMemoryStorage)
      const table = yield* registerTable(opened)
      const rows = [["a", "1"], ["b", "2"], ["a", "3"]] as const
      yield* opened.pipeline.commit({ ...writeOf(table, rows), transactional: false })
      for (const position of [1, 2, 3, 4]) {
        const snapshot = yield* opened.mvcc.snapshot({
          asOf: { kind: "position", position: at(position) },
          minPosition: at(0)
        })
        assert.strictEqual(snapshot.position, position)
      }
      assert.deepStrictEqual([1, 2, 3, 4].map((position) => valueAt(opened, table, "a", position)), [
        undefined,
        "1",
        "1",
        "3"
      ])
    }))

  it.effect("of a position that does not come gives up", () =>
    Effect.gen(function*() {
      const opened = yield* openEngine(yield* makeMemoryStorage)
      yield* registerTable(opened)
      const fiber = yield* Effect.forkChild(
        Effect.flip(opened.mvcc.snapshot({ asOf: { kind: "position", position: at(2) }, minPosition: at(0) }))
      )
      yield* TestClock.adjust("11 seconds")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason, "POSITION_NOT_REACHED")
      assert.strictEqual(error.field, "as_of.position")
      assert.match(error.message, /2 is not there yet: the newest position is 1/)
    }))

  it.live("of an empty engine sees nothing, at position and time 0", () =>
    Effect.gen(function*() {
      const opened = yield* openEngine(yield* makeMemoryStorage)
      for (
        const asOf of [{ kind: "latest" }, { kind: "position", position: at(0) }, { kind: "time", time: 5 }] as const
      ) {
        assert.deepStrictEqual(yield* opened.mvcc.snapshot({ asOf, minPosition: at(0) }), { position: at(0), time: 0 })
      }
      const table = yield* registerTable(opened)
      yield* opened.pipeline.commit(writeOf(table, [["a", "1"]]))
      assert.deepStrictEqual(
        yield* opened.mvcc.snapshot({ asOf: { kind: "position", position: at(0) }, minPosition: at(0) }),
        { position: at(0), time: 0 }
      )
    }))
})
