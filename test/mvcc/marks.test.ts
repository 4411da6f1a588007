/** Marks against a Map of the earliest position of each row. */
import { assert, describe, it } from "@effect/vitest"
import { Marks } from "../../src/mvcc/marks.ts"
import { seeded } from "../support/dice.ts"

const assertHolds = (marks: Marks, model: ReadonlyMap<number, number>) => {
  const expected = [...model].sort(([left], [right]) => left - right)
  const { positions, rows } = marks.all()
  assert.deepStrictEqual(Array.from(rows, (row, i) => [row, positions[i]]), expected)
  assert.strictEqual(marks.count, expected.length)
}

describe("marks", () => {
  seeded("hold the earliest position of each row, in whatever order rows come", 200, (dice) => {
    const marks = new Marks()
    const model = new Map<number, number>()
    const rows = dice.pick([3, 100, 5000, 2 ** 31 - 1])
    for (let step = dice.between(1, 12); step > 0; step--) {
      const ascending = dice.chance(0.4)
      let row = dice.below(rows)
      for (let i = dice.pick([1, 3, 100, 600]); i > 0; i--) {
        row = ascending ? row + dice.between(1, 3) : dice.below(rows)
        if (row >= rows) break
        const position = dice.chance(0.1) ? dice.below(10) : dice.below(2 ** 50)
        marks.add(row, position)
        model.set(row, Math.min(position, model.get(row) ?? Infinity))
      }
      const looked = dice.chance(0.5) ? [...model.keys()] : []
      for (const row of [...looked.slice(0, 20), 0, rows - 1, dice.below(rows)]) {
        assert.strictEqual(marks.of(row), model.get(row) ?? Infinity)
      }
      if (dice.chance(0.5)) assertHolds(marks, model)
    }
    assertHolds(marks, model)
  })

  seeded("take out of a batch of rows those that are superseded", 100, (dice) => {
    const marks = new Marks()
    const model = new Map<number, number>()
    for (let i = dice.pick([0, 1, 30, 400]); i > 0; i--) {
      const row = dice.below(1000)
      const position = dice.below(100)
      marks.add(row, position)
      model.set(row, Math.min(position, model.get(row) ?? Infinity))
    }
    for (let step = 0; step < 10; step++) {
      const base = dice.below(900)
      const share = dice.pick([0.01, 0.3, 1])
      const chosen = Array.from({ length: 200 }, (_, i) => i).filter(() => dice.chance(share))
      const position = dice.below(110)
      const rows = Int32Array.from(chosen)
      const kept = marks.subtract(base, rows, chosen.length, position)
      assert.deepStrictEqual(
        [...rows.subarray(0, kept)],
        chosen.filter((row) => (model.get(base + row) ?? Infinity) > position)
      )
    }
  })

  it("take no more memory when the same rows are marked again and again", () => {
    const marks = new Marks()
    for (let row = 0; row < 50_000; row++) marks.add(row * 7 % 50_000, row)
    const { byteLength, count } = marks
    assert.strictEqual(count, 50_000)
    assert.isAtMost(byteLength, 2 * 12 * 50_000)
    for (let round = 0; round < 20; round++) {
      for (let row = 0; row < 50_000; row++) marks.add(row, 100_000 + round)
    }
    assert.isAtMost(marks.byteLength, byteLength * 1.5)
    assert.strictEqual(marks.count, 50_000)
    assert.strictEqual(marks.of(7), 1)
  })

  it("know how much memory they hold", () => {
    const marks = new Marks()
    assert.strictEqual(marks.byteLength, 0)
    marks.add(1, 1)
    assert.strictEqual(marks.byteLength, 64 * 12)
  })
})
