import { describe, expect, it } from "vitest"
import { compareBytes, encodeUtf8 } from "../../src/base/bytes.ts"
import { TextVector } from "../../src/event/vector.ts"
import { sortRows } from "../../src/segment/sortRows.ts"
import { below, makeDice, pick, randomText } from "./support.ts"

const keysOf = (keys: ReadonlyArray<Uint8Array>): TextVector => {
  const vector = new TextVector(keys.length)
  keys.forEach((key, row) => vector.set(row, key))
  return vector
}

const naive = (keys: ReadonlyArray<Uint8Array>, positions: Float64Array): Array<number> =>
  keys.map((_, row) => row).sort((left, right) =>
    compareBytes(keys[left], keys[right]) || positions[right] - positions[left]
  )

const expectSorted = (keys: ReadonlyArray<Uint8Array>, positions = Float64Array.from(keys, (_, row) => row + 1)) =>
  expect(Array.from(sortRows(keysOf(keys), positions, keys.length))).toEqual(naive(keys, positions))

const texts = (...keys: ReadonlyArray<string>) => keys.map(encodeUtf8)

describe("the order of rows", () => {
  it("is that of bytes, not of JavaScript strings", () => {
    const keys = texts("\uffff", "😀", "\ue000", "z", "é", "\u{10ffff}")
    expectSorted(keys)
    const order = Array.from(sortRows(keysOf(keys), new Float64Array(6), 6))
    // As UTF-16 the surrogates of 😀 would come before U+E000.
    expect(order.indexOf(1)).toBeGreaterThan(order.indexOf(0))
  })

  it("puts a prefix first, also where zeros follow", () => {
    expectSorted(texts("abcdefg\0\0", "abcdefg", "abcdefg\0", "", "\0", "\0\0", "abcdef", "abcdefg\0\0\0\0\0\0\0\0"))
    const padded = Array.from({ length: 200 }, (_, i) => encodeUtf8("abc" + "\0".repeat(i % 40)))
    expectSorted(padded)
  })

  it("puts the newest version of a key first, in whatever order rows come", () => {
    const dice = makeDice(1)
    const keys = Array.from({ length: 3000 }, () => encodeUtf8(`key ${below(dice, 40)}`))
    const shuffled = Float64Array.from(keys, (_, row) => row).sort(() => dice() - 0.5)
    expectSorted(keys)
    expectSorted(keys, shuffled)
  })

  it("goes through long common prefixes", () => {
    const prefix = "x".repeat(1000)
    const dice = makeDice(2)
    const keys = Array.from(
      { length: 2000 },
      (_, i) => encodeUtf8(prefix + (i % 2 === 0 ? "" : "y".repeat(20)) + below(dice, 500))
    )
    expectSorted(keys)
    expectSorted(Array.from({ length: 100 }, () => encodeUtf8(prefix)))
  })

  it.each(Array.from({ length: 60 }, (_, seed) => seed))("equals that of a comparing sort (seed %i)", (seed) => {
    const dice = makeDice(seed)
    const count = pick(dice, [0, 1, 2, 24, 25, 26, 300, 5000])
    const style = below(dice, 4)
    const keys = Array.from({ length: count }, () => {
      if (style === 0) return encodeUtf8(randomText(dice, 3))
      if (style === 1) return encodeUtf8(`user-${below(dice, count).toString().padStart(12, "0")}`)
      if (style === 2) return Uint8Array.from({ length: below(dice, 30) }, () => pick(dice, [0, 1, 255]))
      return encodeUtf8(randomText(dice, 60))
    })
    expectSorted(keys)
  })
})
