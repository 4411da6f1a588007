/** A value index finds every page that holds a value, and hardly any other. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { compareBytes, encodeUtf8 } from "../../../src/base/bytes.ts"
import { BlockCache } from "../../../src/segment/BlockCache.ts"
import { firstSchemaColumn } from "../../../src/segment/columns.ts"
import { openSegment, type Segment } from "../../../src/segment/Segment.ts"
import { buildValueIndex } from "../../../src/segment/valueIndex/buildValueIndex.ts"
import { pagesOfRowGroup } from "../../../src/segment/valueIndex/format.ts"
import {
  indexedNumber,
  indexedText,
  isWithin,
  prefixRange,
  type ValueRange
} from "../../../src/segment/valueIndex/indexedValue.ts"
import { SortedValues } from "../../../src/segment/valueIndex/SortedValues.ts"
import { openValueIndex } from "../../../src/segment/valueIndex/ValueIndex.ts"
import { ValueIndexWriter } from "../../../src/segment/valueIndex/ValueIndexWriter.ts"
import { verifyValueIndex } from "../../../src/segment/valueIndex/verifyValueIndex.ts"
import { encodeSegment } from "../../../src/segment/write/SegmentWriter.ts"
import { makeMemoryStorage } from "../../../src/storage/memoryStorage.ts"
import { below, type Dice, makeDice, pick, randomRows } from "../support.ts"

const stored = Effect.fnUntraced(function*(name: string, chunks: ReadonlyArray<Uint8Array>) {
  const storage = yield* makeMemoryStorage
  const file = yield* storage.open(name, { create: true })
  yield* file.write(0, chunks)
  return file
})

/** The file of an index, in pieces. */
const built = Effect.fnUntraced(function*(segment: Segment, column: number | undefined) {
  const chunks: Array<Uint8Array> = []
  const { bytes } = yield* buildValueIndex(segment, column, (more) => Effect.sync(() => chunks.push(...more)))
  assert.strictEqual(chunks.reduce((sum, { length }) => sum + length, 0), bytes)
  return chunks
})

/** The pages whose rows have a value in a range, read one by one. */
const pagesByReading = Effect.fnUntraced(function*(segment: Segment, column: number, range: ValueRange) {
  const found: Array<number> = []
  for (let rowGroup = 0; rowGroup < segment.metadata.rowGroups.length; rowGroup++) {
    const { breaks, pageCount } = yield* segment.index(rowGroup)
    const vector = yield* segment.readColumn(rowGroup, column)
    for (let page = 0; page < pageCount; page++) {
      for (let row = breaks[page]; row < breaks[page + 1]; row++) {
        if (vector.hasNulls && vector.nulls[row] === 1) continue
        const value = vector.kind === "text" || vector.kind === "dictionary"
          ? indexedText(vector.get(row))
          : indexedNumber(vector.values[row])
        if (value === undefined || !isWithin(value, range)) continue
        found.push(rowGroup * pagesOfRowGroup + page)
        break
      }
    }
  }
  return found
})

const randomRange = (dice: Dice, values: ReadonlyArray<Uint8Array>): ValueRange => {
  const one = pick(dice, values)
  const other = pick(dice, values)
  switch (below(dice, 5)) {
    case 0:
      return { from: one, to: undefined }
    case 1:
      return { from: undefined, to: one }
    case 2:
      return compareBytes(one, other) <= 0 ? { from: one, to: other } : { from: other, to: one }
    default:
      return { from: one, to: one }
  }
}

describe("a value index", () => {
  it.effect.each(Array.from({ length: 12 }, (_, seed) => seed))(
    "finds what reading everything finds (seed %i)",
    (seed) =>
      Effect.gen(function*() {
        const dice = makeDice(seed)
        const random = randomRows(seed, 1 + below(dice, 9000))
        const file = yield* stored("s", encodeSegment(random.owner, random.rows, random.order).chunks)
        const cache = new BlockCache(pick(dice, [0, 1 << 20]))
        const segment = yield* openSegment(file, cache)
        for (let column = firstSchemaColumn; column < segment.metadata.columns.length; column++) {
          const index = yield* openValueIndex(
            yield* stored("i", yield* built(segment, column)),
            cache
          )
          const { contentCrc } = yield* buildValueIndex(segment, column, () => Effect.void)
          assert.strictEqual(yield* index.verify, contentCrc)
          assert.strictEqual(index.pageCount, (yield* segment.index(0)).pageCount)
          const vector = yield* segment.readColumn(0, column)
          const values: Array<Uint8Array> = [encodeUtf8("absent"), indexedNumber(below(dice, 100))!]
          for (let i = 0; i < 6; i++) {
            const row = below(dice, segment.metadata.rowGroups[0].rows)
            const value = vector.kind === "text" || vector.kind === "dictionary"
              ? indexedText(vector.get(row))
              : indexedNumber(vector.values[row])
            if (value !== undefined) values.push(value)
          }
          for (let i = 0; i < 5; i++) {
            const range = randomRange(dice, values)
            assert.deepStrictEqual(
              yield* index.pagesOf([range], Infinity),
              yield* pagesByReading(segment, column, range)
            )
          }
        }
      }).pipe(Effect.scoped)
  )

  it.effect("is told from one of another column", () =>
    Effect.gen(function*() {
      const random = randomRows(3, 2000)
      const file = yield* stored("s", encodeSegment(random.owner, random.rows, random.order).chunks)
      const segment = yield* openSegment(file, new BlockCache(0))
      const ids = random.owner.schema.columns.map(({ id }) => id)
      assert.isAbove(ids.length, 1)
      for (let i = 0; i < ids.length; i++) {
        const index = yield* stored("i", yield* built(segment, firstSchemaColumn + i))
        yield* verifyValueIndex(index, segment, ids[i])
        yield* verifyValueIndex(index, undefined, ids[i])
        const other = (i + 1) % ids.length
        const error = yield* Effect.flip(verifyValueIndex(index, segment, ids[other]))
        assert.match(error.message, /does not hold the values of/)
      }
    }).pipe(Effect.scoped))

  it.effect("of a column that the segment does not have holds nothing", () =>
    Effect.gen(function*() {
      const random = randomRows(3, 2000)
      const file = yield* stored("s", encodeSegment(random.owner, random.rows, random.order).chunks)
      const segment = yield* openSegment(file, new BlockCache(0))
      const index = yield* openValueIndex(yield* stored("i", yield* built(segment, undefined)), new BlockCache(0))
      yield* index.verify
      assert.deepStrictEqual(yield* index.pagesOf([{ from: undefined, to: undefined }], Infinity), [])
    }).pipe(Effect.scoped))

  it.effect("has small blocks where values are on many pages", () =>
    Effect.gen(function*() {
      const writer = new ValueIndexWriter(5000)
      const pages = Array.from({ length: 5000 }, (_, page) => page)
      for (let n = 0; n < 100; n++) writer.add(indexedNumber(n)!, pages)
      writer.finish()
      const index = yield* openValueIndex(yield* stored("i", writer.take()), new BlockCache(0))
      yield* index.verify
      const range = (n: number) => ({ from: indexedNumber(n), to: indexedNumber(n) })
      for (const n of [0, 3, 4, 50, 99]) assert.deepStrictEqual(yield* index.pagesOf([range(n)], 1), pages)
      assert.isUndefined(yield* index.pagesOf([range(0), range(50)], 1))
      assert.deepStrictEqual(yield* index.pagesOf([range(100)], 1), [])
    }).pipe(Effect.scoped))

  it.each([1, 2, 3, 4, 5, 6])("is made of runs that are merged (seed %i)", (seed) => {
    const dice = makeDice(seed)
    const sorted = new SortedValues(pick(dice, [1, 7, 100, 9000, 40_000]))
    const given: Array<readonly [value: string, page: number]> = []
    const distinct = pick(dice, [1, 5, 1000, 1e9])
    for (let i = 0, page = 0; i < 20_000; i++) {
      if (dice() < 0.01) page += below(dice, 3)
      const value = `${below(dice, distinct)}`
      given.push([value, page])
      sorted.add(encodeUtf8(value), page)
    }
    given.sort((left, right) => left[0] < right[0] ? -1 : left[0] > right[0] ? 1 : left[1] - right[1])
    const merged = sorted.merge()
    for (const [value, page] of given) {
      assert.strictEqual(Buffer.from(merged.value!).toString(), value)
      assert.strictEqual(merged.page, page)
      merged.advance()
    }
    assert.isUndefined(merged.value)
  })

  it("orders numbers as numbers", () => {
    const numbers = [-Infinity, -1e300, -2.5, -1, -5e-324, 0, 5e-324, 0.1, 1, 2, 2 ** 53, 1e300, Infinity]
    for (let i = 1; i < numbers.length; i++) {
      assert.isBelow(compareBytes(indexedNumber(numbers[i - 1])!, indexedNumber(numbers[i])!), 0)
    }
    assert.deepStrictEqual(indexedNumber(-0), indexedNumber(0))
    assert.isUndefined(indexedNumber(NaN))
  })

  it("takes all texts with a prefix", () => {
    const range = prefixRange(encodeUtf8("ab"))
    for (const text of ["ab", "abc", `ab${"😀".repeat(40)}`]) {
      assert.isTrue(isWithin(indexedText(encodeUtf8(text)), range))
    }
    for (const text of ["a", "aa", "ac", "b"]) assert.isFalse(isWithin(indexedText(encodeUtf8(text)), range))
  })

  it.effect("says where it is damaged", () =>
    Effect.gen(function*() {
      const random = randomRows(1, 5000)
      const segment = yield* openSegment(
        yield* stored("s", encodeSegment(random.owner, random.rows, random.order).chunks),
        new BlockCache(0)
      )
      const bytes = Buffer.concat(yield* built(segment, firstSchemaColumn))
      for (let i = 0; i < bytes.length; i += 1 + (bytes.length >> 7)) {
        const damaged = Uint8Array.from(bytes)
        damaged[i] ^= 1 << (i & 7)
        const file = yield* stored("i", [damaged])
        const result = yield* Effect.exit(
          Effect.flatMap(openValueIndex(file, new BlockCache(0)), (index) => index.verify)
        )
        assert.strictEqual(result._tag, "Failure", `byte ${i} of ${bytes.length}`)
      }
    }).pipe(Effect.scoped))
})
