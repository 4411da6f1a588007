/**
 * Marks of segments, over whatever sequence of writes, flushes, merges and restarts: every reader finds what a Map with
 * the whole history has, and the marks are those that would be found if nothing were known.
 */
import { describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { compareBytes } from "../../src/base/bytes.ts"
import type { SegmentEntry } from "../../src/event/Event.ts"
import { isSettled } from "../../src/mvcc/settleMarks.ts"
import { type Dice, seededEffect } from "../support/dice.ts"
import { makeSegmentTable, type SegmentTable } from "../support/segmentTable.ts"

const overlap = (left: SegmentEntry, right: SegmentEntry): boolean =>
  compareBytes(left.firstKey, right.lastKey) <= 0 && compareBytes(right.firstKey, left.lastKey) <= 0

/** Rows for keys that begin anywhere: memtables and segments overlap in some keys, in all, or in none. */
const write = (dice: Dice, table: SegmentTable, keys: number): void => {
  const first = dice.below(keys)
  const width = dice.pick([1, 5, keys])
  const deletions = dice.pick([0, 0.3])
  table.append(dice.times(dice.pick([1, 4, 25]), () => ({
    key: `key ${String((first + dice.below(width)) % keys).padStart(3, "0")}`,
    deleted: dice.chance(deletions)
  })))
}

/** Merges some segments that lie side by side in time, as compaction may. */
const merge = (dice: Dice, table: SegmentTable) => {
  const { entries } = table
  const of = (level: number) => entries.filter((entry) => entry.level === level)
  const kind = dice.pick(["tier", "down", "deep", "all"])
  const common = {
    outputRows: dice.pick([1, 10, 1000]),
    horizon: dice.chance(0.5) ? 0 : dice.between(table.horizon, table.position),
    mapsAll: dice.chance(0.5)
  }
  const names = (inputs: ReadonlyArray<SegmentEntry>) => inputs.map(({ name }) => name)
  const isHandedOver = dice.chance(0.85)
  const newest = of(0)
  if (kind === "tier" && newest.length > 1) {
    const from = dice.below(newest.length - 1)
    const inputs = names(newest.slice(from, dice.between(from + 2, newest.length)))
    return table.merge({ ...common, outputRows: 1000, inputs, level: 0, isDeepest: false }, isHandedOver)
  }
  if (kind === "down") {
    const begun = newest.slice(0, dice.between(1, Math.max(1, newest.length)))
    const inputs = names([...of(1), ...begun])
    if (inputs.length === 0) return Effect.void
    return table.merge({ ...common, inputs, level: 1, isDeepest: of(2).length === 0 }, isHandedOver)
  }
  if (kind === "deep" && of(1).length > 0) {
    const chosen = dice.pick(of(1))
    const inputs = names([chosen, ...of(2).filter((entry) => overlap(entry, chosen))])
    return table.merge({ ...common, inputs, level: 2, isDeepest: true }, isHandedOver)
  }
  if (entries.length === 0) return Effect.void
  return table.merge({ ...common, inputs: names(entries), level: 2, isDeepest: true }, isHandedOver)
}

/** Moves the oldest segment of a level one deeper where none lies in its way. */
const move = (dice: Dice, table: SegmentTable) => {
  const level = dice.pick([0, 1])
  const chosen = table.entries.find((entry) => entry.level === level)
  const isFree = chosen !== undefined &&
    !table.entries.some((entry) => entry.level === level + 1 && overlap(entry, chosen))
  return isFree ? table.move(chosen.name, level + 1) : Effect.void
}

/** Settles while rows are added; may give up at any point. */
const settleBesideWrites = Effect.fnUntraced(function*(dice: Dice, table: SegmentTable, keys: number) {
  const fiber = yield* Effect.forkChild(table.settle, { startImmediately: true })
  for (let i = dice.below(12); i > 0; i--) {
    if (dice.chance(0.5)) write(dice, table, keys)
    yield* Effect.yieldNow
  }
  if (dice.chance(0.4)) yield* Fiber.interrupt(fiber)
  else yield* Fiber.join(fiber)
})

/** What any reader may rely on. */
const check = (dice: Dice, table: SegmentTable): void => {
  for (const position of [table.position, ...dice.times(4, () => dice.between(table.horizon, table.position))]) {
    if (isSettled(table.versions, position)) table.check(position)
  }
}

describe("marks of segments", () => {
  seededEffect(
    "are right whatever is written, flushed, merged, moved and forgotten",
    30,
    Effect.fnUntraced(function*(dice) {
      const table = yield* makeSegmentTable(dice.pick([1, 40_000, 1 << 30]))
      const keys = dice.pick([3, 20, 200])
      for (let step = dice.between(5, 40); step > 0; step--) {
        table.rowGroupRows = dice.pick([1, 3, 10, 1000])
        const chance = dice.below(100)
        if (chance < 35) write(dice, table, keys)
        else if (chance < 45) yield* table.settle
        else if (chance < 55) yield* settleBesideWrites(dice, table, keys)
        else if (chance < 75) {
          yield* table.flush(dice.chance(0.85), () => dice.chance(0.5) ? write(dice, table, keys) : undefined)
        } else if (chance < 90) yield* merge(dice, table)
        else if (chance < 96) yield* move(dice, table)
        else table.restart()
        check(dice, table)
      }
      yield* table.settle
      for (let position = table.horizon; position <= table.position; position++) table.check(position)
      yield* table.checkMarks
    })
  )
})
