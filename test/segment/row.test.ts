/** A single row of a page is what the page has there, however often the page was met. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { BlockCache } from "../../src/segment/BlockCache.ts"
import { openSegment } from "../../src/segment/Segment.ts"
import { encodeSegment } from "../../src/segment/write/SegmentWriter.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import { below, makeDice, pick, randomRows, valueAt } from "./support.ts"

describe("a row of a segment", () => {
  it.effect.each([1, 2, 3, 4, 5, 6])(
    "is the page's, at the first time, at the second and from the cache (seed %i)",
    (seed) =>
      Effect.scoped(Effect.gen(function*() {
        const { order, owner, rows } = randomRows(seed, 9000)
        const storage = yield* makeMemoryStorage
        const file = yield* storage.open("s", { create: true })
        yield* file.write(0, encodeSegment(owner, rows, order).chunks)
        const dice = makeDice(seed)
        const whole = yield* openSegment(file, new BlockCache(1 << 26))
        const cache = new BlockCache(pick(dice, [0, 100_000, 1 << 26]))
        const segment = yield* openSegment(file, cache)
        for (let column = 0; column < segment.metadata.columns.length; column++) {
          for (let i = 0; i < 20; i++) {
            const { breaks, pageCount } = yield* segment.index(0)
            const page = below(dice, pageCount)
            const row = below(dice, breaks[page + 1] - breaks[page])
            const expected = valueAt(yield* whole.page(0, column, page), row)
            assert.deepStrictEqual(valueAt(yield* segment.row(0, column, page, row), 0), expected)
          }
        }
      }))
  )

  it.effect("leaves nothing in the cache but that its page was met, until that is met again", () =>
    Effect.scoped(Effect.gen(function*() {
      const { order, owner, rows } = randomRows(1, 9000)
      const storage = yield* makeMemoryStorage
      const file = yield* storage.open("s", { create: true })
      yield* file.write(0, encodeSegment(owner, rows, order).chunks)
      const cache = new BlockCache(1 << 26)
      const segment = yield* openSegment(file, cache)
      yield* segment.index(0)
      const before = cache.bytes
      yield* segment.row(0, 0, 0, 7)
      assert.isBelow(cache.bytes - before, 1000)
      yield* segment.row(0, 0, 0, 8)
      assert.isAbove(cache.bytes - before, 10_000)
    })))
})
