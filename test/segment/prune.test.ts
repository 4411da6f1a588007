/** Pruning never loses a row, and leaves out what bounds can tell. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { BlockCache } from "../../src/segment/BlockCache.ts"
import { type Bound, compareBound } from "../../src/segment/bounds.ts"
import { type MayMatch, pruneSegment } from "../../src/segment/prune.ts"
import { openSegment } from "../../src/segment/Segment.ts"
import { encodeSegment } from "../../src/segment/write/SegmentWriter.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import { below, expectedColumns, makeDice, type PlainValue, type RandomRows, randomRows } from "./support.ts"

const segmentOf = Effect.fnUntraced(function*({ order, owner, rows }: RandomRows) {
  const storage = yield* makeMemoryStorage
  const file = yield* storage.open("1.parquet", { create: true })
  yield* file.write(0, encodeSegment(owner, rows, order).chunks)
  return yield* openSegment(file, new BlockCache(2 ** 24))
})

const boundOf = (value: PlainValue): Bound =>
  typeof value === "string"
    ? value === "-0" ? 0 : Buffer.from(value, "hex")
    : Number.isSafeInteger(Number(value))
    ? Number(value)
    : value as bigint

/** `column = value`, with null as a value. */
const equals = (column: number, value: PlainValue): MayMatch => (boundsOf) => {
  const bounds = boundsOf(column)
  if (bounds === undefined) return true
  if (value === null) return bounds.nulls > 0
  return bounds.min !== undefined && compareBound(bounds.min, boundOf(value)) <= 0 &&
    compareBound(bounds.max!, boundOf(value)) >= 0
}

describe("pruning", () => {
  it.effect.each([1, 2, 3, 4, 5, 6])(
    "keeps every row that equals a value (seed %i)",
    (seed) =>
      Effect.scoped(Effect.gen(function*() {
        const random = randomRows(seed, 20_000)
        const segment = yield* segmentOf(random)
        const expected = expectedColumns(random)
        const dice = makeDice(seed)
        for (let i = 0; i < 100; i++) {
          const column = below(dice, expected.length)
          const value = expected[column][below(dice, 20_000)]
          const { pages, pagesOf, ranges, rows } = yield* pruneSegment(segment, equals(column, value))
          const kept = new Uint8Array(20_000)
          for (const range of ranges) kept.fill(1, range.firstRow, range.endRow)
          const lost = expected[column].findIndex((other, row) => Object.is(other, value) && kept[row] === 0)
          assert.strictEqual(lost, -1, `column ${column}, value ${value}`)
          assert.strictEqual(rows, kept.reduce((sum, flag) => sum + flag, 0))
          assert.deepStrictEqual([pagesOf, pages <= 5], [5, true])
        }
      }))
  )

  it.effect("by the key leaves one page, and joins neighbours", () =>
    Effect.scoped(Effect.gen(function*() {
      const random = randomRows(7, 20_000)
      const segment = yield* segmentOf(random)
      const keys = expectedColumns(random)[0]
      const one = yield* pruneSegment(segment, equals(0, keys[10_000]))
      assert.deepInclude(one.ranges[0], { rowGroup: 0, firstRow: one.ranges[0].first * 4096 })
      assert.isBelow(one.pages, 3)
      const all = yield* pruneSegment(segment, () => true)
      assert.deepStrictEqual(all, {
        ranges: [{ rowGroup: 0, first: 0, end: 5, firstRow: 0, endRow: 20_000 }],
        rows: 20_000,
        rowGroups: 1,
        pages: 5,
        pagesOf: 5
      })
      // Row groups that hold nothing wanted are not even looked into.
      assert.deepStrictEqual(yield* pruneSegment(segment, () => false), {
        ranges: [],
        rows: 0,
        rowGroups: 0,
        pages: 0,
        pagesOf: 0
      })
      const outer = yield* pruneSegment(segment, (_, rows) => rows > 10_000 || rows < 4096)
      assert.deepStrictEqual(outer.ranges.map(({ end, first }) => [first, end]), [[4, 5]])
    })))
})
