/** Reading segments: whole columns, single pages, keys and ranges of keys. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { encodeUtf8 } from "../../src/base/bytes.ts"
import { Int64Vector, setNull, TextVector } from "../../src/event/vector.ts"
import { BlockCache } from "../../src/segment/BlockCache.ts"
import { keyColumn, systemColumns } from "../../src/segment/columns.ts"
import { findKey, hashKey, placeOf } from "../../src/segment/lookup.ts"
import { openSegment, type Segment } from "../../src/segment/Segment.ts"
import { encodeSegment } from "../../src/segment/write/SegmentWriter.ts"
import { makeMemoryStorage, type MemoryOperation } from "../../src/storage/memoryStorage.ts"
import {
  below,
  doubles,
  expectedColumns,
  makeDice,
  type RandomRows,
  randomRows,
  schemaOf,
  valueAt,
  valuesOf
} from "./support.ts"

/** A segment of random rows, in memory, with a list of the reads that it makes. */
const segmentOf = Effect.fnUntraced(function*(random: RandomRows, cacheBytes = 64 * 2 ** 20) {
  const storage = yield* makeMemoryStorage
  const file = yield* storage.open("segments/1.parquet", { create: true })
  const { chunks, summary } = encodeSegment(random.owner, random.rows, random.order)
  yield* file.write(0, chunks)
  const reads: Array<MemoryOperation> = []
  storage.refuse = (operation) => {
    if (operation.kind === "read") reads.push(operation)
    return undefined
  }
  const cache = new BlockCache(cacheBytes)
  const segment = yield* openSegment(file, cache)
  return { segment, summary, cache, reads, expected: expectedColumns(random) }
})

const noText = (count: number): TextVector => {
  const vector = new TextVector(count)
  for (let row = 0; row < count; row++) setNull(vector, row)
  return vector
}

/** What a column of the whole segment holds, page by page through the cache. */
const readByPages = Effect.fnUntraced(function*(segment: Segment, column: number) {
  const values = []
  for (let rowGroup = 0; rowGroup < segment.metadata.rowGroups.length; rowGroup++) {
    const index = yield* segment.index(rowGroup)
    for (let page = 0; page < index.pageCount; page++) {
      const vector = yield* segment.page(rowGroup, column, page)
      values.push(...valuesOf(vector, index.breaks[page + 1] - index.breaks[page]))
    }
  }
  return values
})

const sizes = [1, 5, 4096, 4097, 9000]

describe("a segment", () => {
  it.effect.each(Array.from({ length: 15 }, (_, seed) => seed))(
    "holds what was written (seed %i)",
    (seed) =>
      Effect.scoped(Effect.gen(function*() {
        const random = randomRows(seed, sizes[seed % sizes.length])
        const { expected, segment } = yield* segmentOf(random)
        const { metadata } = segment
        assert.deepStrictEqual(
          [metadata.table, metadata.schemaVersion, metadata.schema, metadata.rows],
          [7, 3, random.owner.schema, random.order.length]
        )
        assert.strictEqual(metadata.columns.length, systemColumns.length + random.owner.schema.columns.length)
        const [group] = metadata.rowGroups
        for (let column = 0; column < metadata.columns.length; column++) {
          const whole = valuesOf(yield* segment.readColumn(0, column), group.rows)
          assert.deepStrictEqual(whole, expected[column], `column ${column}`)
          assert.deepStrictEqual(yield* readByPages(segment, column), expected[column], `column ${column} by pages`)
          const pages = Math.ceil(group.rows / 4096)
          const some = yield* segment.readColumn(0, column, pages - 1)
          const first = (pages - 1) * 4096
          assert.deepStrictEqual(valuesOf(some, group.rows - first), expected[column].slice(first))
        }
      }))
  )

  it.effect("of several row groups is read, and its keys are found across them", () =>
    Effect.scoped(Effect.gen(function*() {
      const random = randomRows(8, 140_000)
      const { expected, segment } = yield* segmentOf(random)
      assert.strictEqual(segment.metadata.rowGroups.length, 2)
      for (const column of [0, 1, 4, 6, 8, 11, 14]) {
        assert.deepStrictEqual(yield* readByPages(segment, column), expected[column])
      }
      for (let row = 0; row < 140_000; row += 1 + (row < 130_000 || row > 132_000 ? 3000 : 40)) {
        const key = Buffer.from(expected[0][row] as string, "hex")
        const rows = (yield* findKey(segment, key))!
        assert.strictEqual(rows.first, expected[0].indexOf(expected[0][row]))
        assert.strictEqual(rows.end, expected[0].lastIndexOf(expected[0][row]) + 1)
        const place = yield* placeOf(segment, rows.first)
        const keys = yield* segment.page(place.rowGroup, keyColumn, place.page)
        assert.strictEqual(valueAt(keys, place.row), expected[0][row])
      }
    })))

  it.effect("finds versions of a key that reach from one row group into the next", () =>
    Effect.scoped(Effect.gen(function*() {
      const count = 132_000
      const { owner, rows } = randomRows(0, 1)
      const vectors = {
        positions: new Float64Array(count),
        keys: new TextVector(count),
        timestamps: new Int64Vector(count)
      }
      for (let row = 0; row < count; row++) {
        const key = row < 130_900 ? `a${String(row).padStart(7, "0")}` : row < 131_300 ? "m" : `z${row}`
        vectors.keys.set(row, encodeUtf8(key))
        vectors.positions[row] = count - row
        setNull(vectors.timestamps, row)
      }
      const { segment, summary } = yield* segmentOf({
        owner: { ...owner, schema: schemaOf(["float64"]) },
        rows: {
          ...rows,
          ...vectors,
          commitTimes: vectors.positions,
          deleted: undefined,
          metadata: noText(count),
          columns: [doubles(Array.from(vectors.positions))]
        },
        order: Int32Array.from({ length: count }, (_, row) => row)
      })
      assert.deepStrictEqual(yield* findKey(segment, encodeUtf8("m")), { first: 130_900, end: 131_300 })
      assert.deepStrictEqual(yield* findKey(segment, encodeUtf8("z131999")), { first: 131_999, end: 132_000 })
      assert.strictEqual(summary.keys, count - 399)
      assert.deepStrictEqual(segment.metadata.rowGroups.map((group) => group.keys), [130_901, 700])
    })))

  it.effect.each([1, 2, 3, 4, 9, 12])(
    "finds every key and no other (seed %i)",
    (seed) =>
      Effect.scoped(Effect.gen(function*() {
        const random = randomRows(seed, 5000)
        const { expected, segment } = yield* segmentOf(random)
        const [keys] = expected
        const dice = makeDice(seed)
        for (let i = 0; i < 300; i++) {
          const hex = keys[below(dice, keys.length)] as string
          const rows = yield* findKey(segment, Buffer.from(hex, "hex"))
          assert.deepStrictEqual(rows, { first: keys.indexOf(hex), end: keys.lastIndexOf(hex) + 1 })
          const other = Buffer.from(`${hex}00`, "hex")
          const expectedRows = keys.includes(`${hex}00`)
          assert.strictEqual((yield* findKey(segment, other, hashKey(other))) !== undefined, expectedRows)
        }
        for (const absent of ["", "\uffff\uffff", "nothing"]) {
          const bytes = encodeUtf8(absent)
          const hex = Buffer.from(bytes).toString("hex")
          assert.strictEqual((yield* findKey(segment, bytes)) !== undefined, keys.includes(hex))
        }
      }))
  )

  it.effect("shares a dictionary between the pages of a column", () =>
    Effect.scoped(Effect.gen(function*() {
      let shared = 0
      for (let seed = 0; seed < 10; seed++) {
        const { segment } = yield* segmentOf(randomRows(seed, 9000))
        for (let column = 11; column < segment.metadata.columns.length; column++) {
          const [first, second] = [yield* segment.page(0, column, 0), yield* segment.page(0, column, 1)]
          if (first.kind !== "dictionary" || second.kind !== "dictionary") continue
          assert.strictEqual(first.dictionary, second.dictionary)
          shared++
        }
      }
      assert.isAbove(shared, 2)
    })))

  it.effect("reads a page once, and nothing for columns without values", () =>
    Effect.scoped(Effect.gen(function*() {
      const random = randomRows(1, 9000)
      const empty = { ...random, rows: { ...random.rows, deleted: undefined } }
      const { reads, segment } = yield* segmentOf(empty)
      yield* segment.page(0, keyColumn, 0)
      const before = reads.length
      yield* segment.page(0, keyColumn, 0)
      assert.strictEqual(reads.length, before)
      yield* segment.page(0, keyColumn, 1)
      assert.strictEqual(reads.length, before + 1)
      // No row deletes its key: the bounds say so.
      yield* segment.page(0, 4, 1)
      yield* segment.readColumn(0, 4)
      assert.strictEqual(reads.length, before + 1)
      yield* segment.forget
      yield* segment.page(0, keyColumn, 0)
      assert.isAbove(reads.length, before + 1)
    })))

  it.effect("reads a page once for all who ask at the same time", () =>
    Effect.scoped(Effect.gen(function*() {
      const { expected, reads, segment } = yield* segmentOf(randomRows(1, 9000))
      const before = reads.length
      const pages = yield* Effect.forEach([1, 2, 3, 4], () => segment.page(0, keyColumn, 1), {
        concurrency: "unbounded"
      })
      // The index, then the page.
      assert.strictEqual(reads.length, before + 2)
      for (const page of pages) assert.strictEqual(page, pages[0])
      assert.deepStrictEqual(valuesOf(pages[0], 4096), expected[keyColumn].slice(4096, 8192))
    })))

  it.effect("answers the same with a cache that holds nothing", () =>
    Effect.scoped(Effect.gen(function*() {
      const { cache, expected, segment } = yield* segmentOf(randomRows(4, 9000), 0)
      assert.deepStrictEqual(yield* readByPages(segment, 11), expected[11])
      assert.strictEqual(cache.size, 0)
      assert.strictEqual(cache.bytes, 0)
    })))

  it.effect("says what row groups and pages hold", () =>
    Effect.scoped(Effect.gen(function*() {
      const { expected, segment, summary } = yield* segmentOf(randomRows(9, 9000))
      const [group] = segment.metadata.rowGroups
      assert.strictEqual(group.keys, summary.keys)
      assert.strictEqual(group.deletions, summary.deletions)
      const positions = (yield* segment.index(0)).boundsOf(1)!
      positions.forEach(({ max, min }, page) => {
        const values = expected[1].slice(4096 * page, 4096 * (page + 1)).map(Number)
        assert.deepStrictEqual([min, max], [Math.min(...values), Math.max(...values)])
      })
      assert.isUndefined((yield* segment.index(0)).boundsOf(5))
    })))
})
