/** Finding many keys at once, against a Map of the first row of each key. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { encodeUtf8 } from "../../src/base/bytes.ts"
import { Int64Vector, NumberVector, setNull, TextVector } from "../../src/event/vector.ts"
import { BlockCache } from "../../src/segment/BlockCache.ts"
import { HashedKeys } from "../../src/segment/HashedKeys.ts"
import { probeKeys } from "../../src/segment/probeKeys.ts"
import { openSegment, type Segment } from "../../src/segment/Segment.ts"
import { sortKeys } from "../../src/segment/sortKeys.ts"
import { sortRows } from "../../src/segment/sortRows.ts"
import { storeSegment } from "../../src/segment/storeSegment.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import { type Dice, seededEffect } from "../support/dice.ts"
import { schemaOf } from "./support.ts"

const vectorOf = (keys: ReadonlyArray<string>): TextVector => {
  const vector = new TextVector(keys.length)
  keys.forEach((key, row) => vector.set(row, encodeUtf8(key)))
  return vector
}

const nulls = <A extends TextVector | Int64Vector>(vector: A, count: number): A => {
  for (let row = 0; row < count; row++) setNull(vector, row)
  return vector
}

/** A segment of keys that may repeat, in row groups of so many rows, and where each key is first. */
const makeSegment = Effect.fnUntraced(function*(keys: ReadonlyArray<string>, rowGroupRows: number, cacheBytes: number) {
  const count = keys.length
  const rows = {
    keys: vectorOf(keys),
    positions: Float64Array.from({ length: count }, (_, i) => i + 1),
    commitTimes: new Float64Array(count),
    timestamps: nulls(new Int64Vector(count), count),
    deleted: undefined,
    metadata: nulls(new TextVector(count), count),
    columns: [new NumberVector("bool", count)]
  }
  const order = sortRows(rows.keys, rows.positions, count)
  const first = new Map<string, number>()
  order.forEach((row, at) => {
    if (!first.has(keys[row])) first.set(keys[row], at)
  })
  const storage = yield* makeMemoryStorage
  let from = 0
  const next = Effect.sync(() => {
    if (from === count) return undefined
    const end = Math.min(count, from + rowGroupRows)
    const piece = { rows, order: order.subarray(from, end) }
    from = end
    return piece
  })
  const owner = { table: 1, schemaVersion: 1, schema: schemaOf(["bool"]) }
  yield* storeSegment(storage, "1.parquet", owner, next)
  const file = yield* storage.open("1.parquet", { readOnly: true })
  const cache = new BlockCache(cacheBytes)
  return { segment: yield* openSegment(file, cache), first, cache }
})

/** Probes for distinct keys in whatever order, some of them left out at either end. */
const assertFinds = Effect.fnUntraced(
  function*(dice: Dice, segment: Segment, first: ReadonlyMap<string, number>, wanted: ReadonlyArray<string>) {
    const distinct = dice.shuffle([...new Set(wanted)])
    const source = vectorOf(distinct)
    const { keys, rows } = yield* sortKeys(source, Int32Array.from(distinct, (_, i) => i))
    const sorted = Array.from(rows, (row) => distinct[row])
    const expected = distinct.map((key) => Buffer.from(key)).sort((left, right) => Buffer.compare(left, right))
    assert.strictEqual(sorted.join(), expected.join())
    const from = dice.below(2)
    const end = Math.max(from, sorted.length - dice.below(2))
    const hashed = new HashedKeys(keys, sorted.length)
    // A second time with the hashes known, and from the cache.
    for (let time = 0; time < 2; time++) {
      const found = yield* probeKeys(segment, hashed, rows.map((_, i) => i), from, end)
      assert.strictEqual(found.join(), sorted.slice(from, end).map((key) => first.get(key) ?? -1).join())
    }
  }
)

describe("probing a segment for many keys", () => {
  seededEffect(
    "finds the newest row of each key",
    20,
    Effect.fnUntraced(function*(dice) {
      const distinct = dice.pick([1, 5, 100])
      const nameOf = (i: number) => dice.seed % 3 === 0 ? "x".repeat(i % 50) + String.fromCodePoint(97 + i) : `key ${i}`
      const keys = dice.times(dice.pick([1, 20, 300]), () => nameOf(2 * dice.below(distinct)))
      const { first, segment } = yield* makeSegment(keys, dice.pick([1, 2, 7, 1000]), dice.pick([0, 1 << 20]))
      for (const share of [0.05, 0.5, 1]) {
        const wanted = dice.times(2 * distinct + 3, (i) => nameOf(i - 1 < 0 ? 0 : i)).filter(() => dice.chance(share))
        yield* assertFinds(dice, segment, first, wanted)
      }
    })
  )

  seededEffect(
    "finds it in pages that hold few of the keys, many, or one key alone",
    1,
    Effect.fnUntraced(function*(dice) {
      const keys = dice.times(45_000, () => `key ${2 * dice.below(40_000)}`)
      // Versions of one key that fill more than a page and begin in the row group before.
      for (let i = 0; i < 9000; i++) keys.push("key 5")
      const { first, segment } = yield* makeSegment(dice.shuffle(keys), dice.pick([20_000, 100_000]), 1 << 22)
      for (const count of [1, 1000, 40_000]) {
        yield* assertFinds(dice, segment, first, ["key 5", ...dice.times(count, () => `key ${dice.below(80_000)}`)])
      }
    })
  )

  it.effect("reads nothing where no key is within the bounds of a row group, and no page where the filter says no", () =>
    Effect.scoped(Effect.gen(function*() {
      const names = Array.from({ length: 1000 }, (_, i) => `key ${10_000 + 10 * i}`)
      const { cache, segment } = yield* makeSegment(names, 100, 1 << 20)
      const probe = (...keys: ReadonlyArray<string>) =>
        probeKeys(
          segment,
          new HashedKeys(vectorOf(keys), keys.length),
          Int32Array.from(keys, (_, i) => i),
          0,
          keys.length
        )
      assert.deepStrictEqual([...(yield* probe("a", "key 10995", "key 10997", "z"))], [-1, -1, -1, -1])
      assert.strictEqual(cache.misses, 0)
      assert.deepStrictEqual([...(yield* probe("key 10005", "key 10015", "key 19995"))], [-1, -1, -1])
      // One filter; the last key is beyond the last row group.
      assert.strictEqual(cache.misses, 1)
      assert.deepStrictEqual([...(yield* probe("key 10010", "key 10015"))], [1, -1])
      assert.strictEqual(cache.misses, 3)
    })))
})

describe("sorting many keys", () => {
  seededEffect(
    "orders them by their bytes, in as many buckets as it takes",
    3,
    Effect.fnUntraced(function*(dice) {
      const style = dice.seed % 3
      const names = Array.from(
        { length: 50_000 },
        (_, i) => style === 0 ? `${i}` : style === 1 ? `k${1e6 + i}` : `é${i % 7}-${i}`
      )
      const shuffled = style === 1 ? names : dice.shuffle(names)
      const source = vectorOf(shuffled)
      const { keys, rows } = yield* sortKeys(source, Int32Array.from(shuffled, (_, i) => i).filter((i) => i % 5 > 0))
      const expected = shuffled.filter((_, i) => i % 5 > 0).map((name) => Buffer.from(name)).sort((left, right) =>
        Buffer.compare(left, right)
      )
      assert.strictEqual(rows.length, expected.length)
      expected.forEach((key, i) => {
        if (Buffer.compare(key, keys.get(i)) !== 0 || Buffer.compare(key, source.get(rows[i])) !== 0) {
          assert.fail(`key ${i} is ${Buffer.from(keys.get(i)).toString()} instead of ${key.toString()}`)
        }
      })
    })
  )
})
