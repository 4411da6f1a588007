import { assert, it as effectIt } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
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

describe("loads of the block cache", () => {
  /** A load that waits until it is let go. */
  const held = Effect.gen(function*() {
    const gate = yield* Deferred.make<void>()
    let begun = 0
    const load = (outcome: Effect.Effect<string, string> = Effect.succeed("value")) => () => {
      begun++
      return Effect.andThen(Deferred.await(gate), Effect.map(outcome, (value) => ({ value, bytes: 100 })))
    }
    return { load, open: Deferred.succeed(gate, undefined), begun: () => begun }
  })

  effectIt.effect("are made once for all who ask meanwhile", () =>
    Effect.gen(function*() {
      const cache = new BlockCache(1e6)
      const { begun, load, open } = yield* held
      const readers = yield* Effect.forEach([1, 2, 3, 4], () => Effect.forkChild(cache.load(a, 1, load())))
      const other = yield* Effect.forkChild(cache.load(b, 1, load(Effect.succeed("of b"))))
      yield* Effect.yieldNow
      assert.strictEqual(begun(), 2)
      yield* open
      const values = yield* Effect.forEach([...readers, other], (fiber) => Fiber.join(fiber))
      assert.deepStrictEqual(values, ["value", "value", "value", "value", "of b"])
      assert.strictEqual(yield* cache.load(a, 1, () => Effect.die("not asked")), "value")
      assert.strictEqual(cache.size, 2)
    }))

  effectIt.effect("that fail are not kept", () =>
    Effect.gen(function*() {
      const cache = new BlockCache(1e6)
      const { begun, load, open } = yield* held
      const readers = yield* Effect.forEach(
        [1, 2],
        () => Effect.forkChild(Effect.flip(cache.load(a, 1, load(Effect.fail("no disk")))))
      )
      yield* Effect.yieldNow
      yield* open
      assert.deepStrictEqual(yield* Effect.forEach(readers, (fiber) => Fiber.join(fiber)), ["no disk", "no disk"])
      assert.strictEqual(begun(), 1)
      assert.strictEqual(cache.size, 0)
      // One that dies neither.
      const died = yield* Effect.exit(cache.load(a, 1, () => Effect.die("a bug")))
      assert.isTrue(Exit.isFailure(died))
      assert.strictEqual(yield* cache.load(a, 1, load()), "value")
      assert.strictEqual(cache.size, 1)
    }))

  effectIt.effect(
    "go on for the others when one who waits is interrupted, also the first",
    () =>
      Effect.gen(function*() {
        for (const interrupted of [0, 1, 2]) {
          const cache = new BlockCache(1e6)
          const { begun, load, open } = yield* held
          const readers = yield* Effect.forEach([0, 1, 2], () => Effect.forkChild(cache.load(a, 1, load())))
          yield* Effect.yieldNow
          const ending = yield* Effect.forkChild(Fiber.interrupt(readers[interrupted]))
          yield* Effect.yieldNow
          yield* open
          yield* Fiber.join(ending)
          const exits = yield* Effect.forEach(readers, (fiber) => Fiber.await(fiber))
          assert.deepStrictEqual(
            exits.flatMap((exit, i) => i === interrupted ? [] : [Exit.isSuccess(exit) ? exit.value : "failed"]),
            ["value", "value"]
          )
          assert.isTrue(Exit.isFailure(exits[interrupted]))
          assert.strictEqual(begun(), 1)
          assert.strictEqual(cache.get(a, 1), "value")
        }
      })
  )

  effectIt.effect("of a file that is dropped are not kept, and later ones are", () =>
    Effect.gen(function*() {
      const cache = new BlockCache(1e6)
      const [first, second] = [yield* held, yield* held]
      const before = yield* Effect.forkChild(cache.load(a, 1, first.load(Effect.succeed("old"))))
      yield* Effect.yieldNow
      cache.drop(a)
      const after = yield* Effect.forkChild(cache.load(a, 1, second.load(Effect.succeed("new"))))
      yield* Effect.yieldNow
      yield* first.open
      assert.strictEqual(yield* Fiber.join(before), "old")
      assert.strictEqual(cache.size, 0)
      yield* second.open
      assert.strictEqual(yield* Fiber.join(after), "new")
      assert.strictEqual(cache.get(a, 1), "new")
    }))
})
