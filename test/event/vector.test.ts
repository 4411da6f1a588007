/** Vectors and dictionaries against plain arrays of text. */
import { assert, describe, it } from "@effect/vitest"
import { hashRange } from "../../src/base/bytes.ts"
import { Dictionary, DictionaryVector } from "../../src/event/dictionary.ts"
import {
  appendVector,
  Int64Vector,
  makeVector,
  type TextVector,
  type Vector,
  type VectorKind
} from "../../src/event/vector.ts"
import { collidingKeys } from "../support/collisions.ts"
import { type Dice, seeded } from "../support/dice.ts"
import { cellOf, setRandom } from "../support/randomBatch.ts"

const kinds: ReadonlyArray<VectorKind> = ["bool", "int32", "int64", "float32", "float64", "text"]

const randomVector = (dice: Dice, kind: VectorKind, rows: number): Vector => {
  const vector = makeVector(kind, dice.pick([0, 1, rows]))
  for (let row = 0; row < rows; row++) {
    vector.reserve(row + 1, row)
    setRandom(dice, vector, row)
    // Now and then a row is written again, as one that was refused at first is.
    if (dice.chance(0.1)) setRandom(dice, vector, row)
  }
  return vector
}

const cellsOf = (vector: Parameters<typeof cellOf>[0], rows: number) =>
  Array.from({ length: rows }, (_, row) => cellOf(vector, row))

describe("a vector", () => {
  seeded("holds what slices of others were appended to it, in whatever order they came", 200, (dice) => {
    const kind = dice.pick(kinds)
    const target = makeVector(kind, dice.below(3))
    const expected: Array<string | null> = []
    for (let step = dice.between(1, 8); step > 0; step--) {
      const rows = dice.below(40)
      const source = randomVector(dice, kind, rows)
      const from = dice.below(rows + 1)
      const count = dice.below(rows - from + 1)
      target.reserve(expected.length + count, expected.length)
      appendVector(target, expected.length, source, from, count)
      expected.push(...cellsOf(source, rows).slice(from, from + count))
      assert.deepStrictEqual(cellsOf(target, expected.length), expected)
    }
  })

  seeded("forgets everything when it is reset", 60, (dice) => {
    const kind = dice.pick(kinds)
    const vector = randomVector(dice, kind, 50)
    vector.reset()
    assert.isFalse(vector.hasNulls)
    assert.isTrue(vector.kind !== "int64" || vector.wide === undefined)
    const fresh = makeVector(kind, 1)
    const source = randomVector(dice, kind, 20)
    for (const target of [vector, fresh]) appendVector(target, 0, source, 0, 20)
    assert.deepStrictEqual(cellsOf(vector, 20), cellsOf(fresh, 20))
  })

  it("of int64 is exact on both sides of the widening", () => {
    const vector = new Int64Vector(2)
    const values = [1n, -(2n ** 53n) + 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n - 1n, 5n]
    values.forEach((value, row) => {
      vector.reserve(row + 1, row)
      vector.setBigInt(row, value)
      assert.strictEqual(vector.wide === undefined, row < 3)
      for (let earlier = 0; earlier <= row; earlier++) assert.strictEqual(BigInt(vector.get(earlier)), values[earlier])
    })
    assert.strictEqual(typeof vector.get(7), "number")
  })
})

const utf8 = (text: string) => new TextEncoder().encode(text)

describe("a dictionary", () => {
  seeded("numbers values from 0 as they come, for ever", 40, (dice) => {
    const dictionary = new Dictionary()
    const codes = new Map<string, number>()
    const pairs = dice.chance(0.2) ? collisions : []
    const values = [...dice.times(dice.pick([3, 60, 2000]), () => dice.text(dice.below(12))), ...pairs.flat()]
    for (const value of dice.times(values.length * 3, () => dice.pick(values))) {
      const padded = utf8(`<${value}>`)
      if (!codes.has(value)) {
        assert.strictEqual(dictionary.find(utf8(value)), -1)
        codes.set(value, codes.size)
      }
      assert.strictEqual(dictionary.code(padded, 1, padded.length - 1), codes.get(value))
      assert.strictEqual(dictionary.find(utf8(value)), codes.get(value))
    }
    assert.strictEqual(dictionary.count, codes.size)
    for (const [value, code] of codes) assert.strictEqual(Buffer.from(dictionary.values.get(code)).toString(), value)
  })

  it("tells values of equal hash apart", () => {
    const dictionary = new Dictionary()
    for (const [one, other] of collisions) {
      assert.strictEqual(hashRange(utf8(one), 0, one.length), hashRange(utf8(other), 0, other.length))
      dictionary.code(utf8(one), 0, one.length)
      assert.strictEqual(dictionary.find(utf8(other)), -1)
      assert.notStrictEqual(dictionary.code(utf8(other), 0, other.length), dictionary.find(utf8(one)))
    }
  })

  seeded("column is the text that was appended, and the same as plain text", 80, (dice) => {
    const column = new DictionaryVector(dice.below(20))
    const expected: Array<string | null> = []
    for (let step = dice.between(1, 6); step > 0; step--) {
      const rows = dice.below(50)
      const source = randomVector(dice, "text", rows) as TextVector
      const from = dice.below(rows + 1)
      column.append(expected.length, source, from, rows - from)
      expected.push(...cellsOf(source, rows).slice(from))
    }
    assert.deepStrictEqual(cellsOf(column, expected.length), expected)
    assert.deepStrictEqual(cellsOf(column.toText(expected.length), expected.length), expected)
  })
})

const collisions = collidingKeys(3)
