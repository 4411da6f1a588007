import { describe, expect, it } from "vitest"
import { BlockCache } from "../../src/segment/BlockCache.ts"
import { below, makeDice } from "./support.ts"

const [a, b] = [{ name: "a" }, { name: "b" }]

describe("the block cache", () => {
  it("keeps to its bytes, and loses what was used least lately", () => {
    const cache = new BlockCache(3 * 1200)
    for (const piece of [1, 2, 3]) cache.put(a, piece, `piece ${piece}`, 1000)
    expect(cache.get(a, 1)).toBe("piece 1")
    cache.put(b, 1, "of b", 1000)
    expect(cache.get(a, 2)).toBeUndefined()
    expect([cache.get(a, 1), cache.get(a, 3), cache.get(b, 1)]).toEqual(["piece 1", "piece 3", "of b"])
    expect([cache.bytes, cache.size, cache.hits, cache.misses]).toEqual([3600, 3, 4, 1])
    cache.touch(a, 1)
    cache.put(b, 2, "of b too", 1500)
    // Room for 1,700 bytes: two pieces had to go, the newest stays.
    expect([cache.get(a, 3), cache.get(b, 1), cache.get(a, 1), cache.get(b, 2)]).toEqual([
      undefined,
      undefined,
      "piece 1",
      "of b too"
    ])
  })

  it("replaces a piece, and does not keep one that is too large", () => {
    const cache = new BlockCache(2000)
    cache.put(a, 1, "first", 500)
    cache.put(a, 1, "second", 700)
    expect([cache.get(a, 1), cache.bytes]).toEqual(["second", 900])
    cache.put(a, 2, "too large", 5000)
    expect([cache.get(a, 2), cache.get(a, 1)]).toEqual([undefined, "second"])
    // The old one is gone also where the new one cannot be kept.
    cache.put(a, 1, "too large now", 5000)
    expect([cache.get(a, 1), cache.bytes, cache.size]).toEqual([undefined, 0, 0])
  })

  it("drops a file", () => {
    const cache = new BlockCache(1e6)
    for (let piece = 0; piece < 10; piece++) {
      cache.put(a, piece, piece, 100)
      cache.put(b, piece, -piece, 100)
    }
    cache.drop(a)
    cache.drop({})
    expect([cache.size, cache.bytes, cache.get(a, 3), cache.get(b, 3)]).toEqual([10, 3000, undefined, -3])
  })

  it.each([1, 2, 3])("equals a list in order of use (seed %i)", (seed) => {
    const dice = makeDice(seed)
    const cache = new BlockCache(5000)
    let model: Array<{ owner: object; piece: number; value: number; bytes: number }> = []
    for (let step = 0; step < 5000; step++) {
      const owner = dice() < 0.5 ? a : b
      const piece = below(dice, 20)
      const known = model.find((entry) => entry.owner === owner && entry.piece === piece)
      let got = known?.value
      if (dice() < 0.5) {
        got = cache.get(owner, piece) as number | undefined
        if (known !== undefined) model = [...model.filter((entry) => entry !== known), known]
      } else {
        const bytes = below(dice, 1500) + 200
        model = model.filter((entry) => entry !== known)
        while (model.reduce((sum, entry) => sum + entry.bytes, bytes) > 5000) model.shift()
        model.push({ owner, piece, value: step, bytes })
        cache.put(owner, piece, step, bytes - 200)
      }
      expect(got).toBe(known?.value)
      expect(cache.bytes).toBe(model.reduce((sum, entry) => sum + entry.bytes, 0))
      if (dice() < 0.01) {
        cache.drop(owner)
        model = model.filter((entry) => entry.owner !== owner)
      }
    }
  })
})
