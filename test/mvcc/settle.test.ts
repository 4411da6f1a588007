/** Looking up what was written before a scan: how much is read for it, and that nobody has to wait. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { benchSettle } from "../../bench/settle.ts"
import { isSettled } from "../../src/mvcc/settleMarks.ts"
import { makeSegmentTable, type SegmentTable } from "../support/segmentTable.ts"

const mebibyte = 1 << 20

/** Writes keys `k0000000`, ... by their numbers. */
const write = (table: SegmentTable, numbers: ReadonlyArray<number>): void =>
  table.append(numbers.map((number) => ({ key: `k${String(number).padStart(7, "0")}`, deleted: false })))

const range = (from: number, end: number, step = 1): ReadonlyArray<number> =>
  Array.from({ length: Math.ceil((end - from) / step) }, (_, i) => from + i * step)

/** Numbers in no order: neighbours are far apart. */
const scattered = (numbers: ReadonlyArray<number>): ReadonlyArray<number> =>
  numbers.map((_, i) => numbers[i * 7919 % numbers.length])

const marksOf = (table: SegmentTable): ReadonlyArray<number> => table.versions.segments.map(({ marks }) => marks.count)

describe("settling", () => {
  it.live("opens no file for keys beyond all that segments hold", () =>
    Effect.scoped(Effect.gen(function*() {
      const table = yield* makeSegmentTable(64 * mebibyte)
      for (let flush = 0; flush < 3; flush++) {
        write(table, range(100 * flush, 100 * flush + 100))
        yield* table.flush(true)
      }
      write(table, scattered(range(300, 400)))
      yield* table.settle
      assert.isTrue(isSettled(table.versions, table.position))
      assert.strictEqual(table.files.openCount(), 0)
      table.restart()
      yield* table.settle
      assert.strictEqual(table.files.openCount(), 0)
      // One key of the middle one: that file, and no other.
      write(table, [150])
      yield* table.settle
      assert.strictEqual(table.files.openCount(), 1)
      assert.deepStrictEqual(marksOf(table), [0, 1, 0])
    })))

  it.live("lets others run, and finds every row among many", () =>
    Effect.scoped(Effect.gen(function*() {
      const table = yield* makeSegmentTable(64 * mebibyte)
      const keys = 30_000
      for (const step of [1, 2, 3]) {
        write(table, range(0, keys, step))
        yield* table.flush(true)
      }
      write(table, scattered(range(0, keys + 1)))
      table.restart()
      let turns = 0
      const others = yield* Effect.forkChild(
        Effect.forever(Effect.andThen(Effect.yieldNow, Effect.sync(() => turns++)))
      )
      yield* table.settle
      yield* Fiber.interrupt(others)
      assert.isAtLeast(turns, 5)
      assert.deepStrictEqual(marksOf(table), [keys, keys / 2, keys / 3])
      table.check(table.position)
      table.check(keys)
      yield* table.checkMarks
    })))

  it.live("keeps what is settled when a memtable becomes a segment half way", () =>
    Effect.scoped(Effect.gen(function*() {
      const table = yield* makeSegmentTable(64 * mebibyte)
      write(table, range(0, 100))
      yield* table.flush(true)
      write(table, range(0, 50))
      yield* table.settle
      const through = table.position
      write(table, range(40, 60))
      yield* table.flush(true)
      // Who reads what was settled need not wait again; who reads more has to.
      assert.isTrue(isSettled(table.versions, through))
      table.check(through)
      assert.isFalse(isSettled(table.versions, table.position))
      yield* table.settle
      assert.isTrue(isSettled(table.versions, table.position))
      table.check(table.position)
      assert.deepStrictEqual(marksOf(table), [60, 0])
    })))

  it.live("may be given up at any point and begun again", () =>
    Effect.scoped(Effect.gen(function*() {
      const table = yield* makeSegmentTable(64 * mebibyte)
      for (let flush = 0; flush < 3; flush++) {
        write(table, range(0, 1000))
        yield* table.flush(false)
      }
      write(table, scattered(range(0, 1000)))
      for (let turns = 0; turns < 30; turns += 3) {
        const fiber = yield* Effect.forkChild(table.settle, { startImmediately: true })
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        if (isSettled(table.versions, table.position)) table.check(table.position)
      }
      yield* table.settle
      table.check(table.position)
      assert.deepStrictEqual(marksOf(table), [1000, 1000, 1000])
      const bytes = table.versions.segments.map(({ marks }) => marks.byteLength)
      for (const memtable of table.versions.memtables) memtable.settled = 0
      yield* table.settle
      assert.deepStrictEqual(marksOf(table), [1000, 1000, 1000])
      table.versions.segments.forEach(({ marks }, i) => assert.isAtMost(marks.byteLength, 2 * bytes[i]))
    })))
})

it("the benchmark of settling runs, and finds what it should", async () => {
  const figures = await benchSettle({ rows: 3000, segments: [1, 3], runs: 1 })
  assert.strictEqual(figures.length, 6)
  assert.deepStrictEqual(figures.filter(({ median }) => !(median > 0)), [])
})
