/** Memtables and their index against a Map that keeps every version of every key. */
import { assert, describe, it } from "@effect/vitest"
import { hashRange } from "../../src/base/bytes.ts"
import type * as Position from "../../src/base/position.ts"
import { RowBatch } from "../../src/event/rowBatch.ts"
import { setNull, TextVector } from "../../src/event/vector.ts"
import { KeyIndex } from "../../src/mvcc/keyIndex.ts"
import { TableVersions, type Version } from "../../src/mvcc/tableVersions.ts"
import { collidingKeys } from "../support/collisions.ts"
import { type Dice, seeded } from "../support/dice.ts"
import { randomBatch, randomKinds, rowOf, rowsOf } from "../support/randomBatch.ts"

const collisions = collidingKeys(4)
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A version as text, with its position. */
const versionOf = ({ memtable, row }: Version): string =>
  `${memtable.positions[row]} ${memtable.shape.schemaVersion} ${rowOf(memtable, row)}`

/** Every version of every key, oldest first. */
type Model = Map<string, Array<{ readonly position: number; readonly text: string }>>

/** Versions that a snapshot sees by the two comparisons that scans make, by key. */
const visibleAt = (versions: TableVersions, position: number): Map<string, string> => {
  const visible = new Map<string, string>()
  for (const memtable of versions.memtables) {
    for (let row = 0; row < memtable.count; row++) {
      if (memtable.positions[row] > position || position >= memtable.superseded[row]) continue
      const key = Buffer.from(memtable.keys.get(row)).toString()
      assert.isFalse(visible.has(key), `two versions of ${JSON.stringify(key)} are visible at ${position}`)
      visible.set(key, versionOf({ memtable, row }))
    }
  }
  return visible
}

const check = (versions: TableVersions, model: Model, position: number, keys: ReadonlyArray<string>): void => {
  const expected = new Map<string, string>()
  for (const [key, all] of model) {
    const newest = all.findLast((version) => version.position <= position)
    if (newest !== undefined) expected.set(key, newest.text)
  }
  assert.deepStrictEqual(Object.fromEntries(visibleAt(versions, position)), Object.fromEntries(expected))
  for (const key of keys) {
    const found = versions.find(utf8(key), position as Position.Position)
    assert.strictEqual(found && versionOf(found), expected.get(key), `${JSON.stringify(key)} at ${position}`)
    assert.deepStrictEqual(
      versions.history(utf8(key), position as Position.Position).map(versionOf),
      (model.get(key) ?? []).filter((version) => version.position <= position).map((version) => version.text).reverse()
    )
  }
}

describe("versions of a table", () => {
  seeded("are those of a Map at every position, over as many memtables as it takes", 60, (dice) => {
    // From a memtable for nearly every batch to one for all.
    const versions = new TableVersions(1, dice.pick([1, 60_000, 100_000, 1 << 30]))
    const kinds = [randomKinds(dice, 3), randomKinds(dice, 4)]
    const keys = [...dice.times(dice.between(1, 30), (i) => `k${i}`), ...collisions.flat(), "長い", "k", "", "\ufeffk1"]
      .filter((key) => key !== "")
    const model: Model = new Map()
    let position = 0
    let version = 0
    for (let step = dice.between(1, 12); step > 0; step--) {
      if (version === 0 && dice.chance(0.15)) version = 1
      // Between groups there are rows of other tables.
      position += dice.below(3)
      const batch = randomBatch(dice, { table: 1, schemaVersion: version + 1, columns: kinds[version] }, {
        rows: dice.pick([1, 2, 10, 60]),
        keys
      })
      versions.append(batch, (position + 1) as Position.Position)
      rowsOf(batch).forEach((row, i) => {
        const key = Buffer.from(batch.keys.get(i)).toString()
        position++
        model.set(key, [...model.get(key) ?? [], { position, text: `${position} ${version + 1} ${row}` }])
      })
      // The batch is the caller's again: what was taken in is a copy.
      batch.keys.heap.fill(0xff)
      for (const column of batch.columns) if (column.kind === "text") column.heap.fill(0xff)
    }
    for (let at = 0; at <= position + 1; at += dice.chance(0.8) ? 1 : 5) {
      check(versions, model, at, [dice.pick(keys), dice.pick(keys), "nobody"])
    }
    check(versions, model, position, keys)
    assert.strictEqual(versions.rowCount, [...model.values()].reduce((rows, all) => rows + all.length, 0))
    versions.memtables.forEach((memtable, i) => {
      if (i > 0) assert.isTrue(memtable.firstPosition > versions.memtables[i - 1].lastPosition)
      assert.strictEqual(
        memtable.keyCount,
        new Set(Array.from({ length: memtable.count }, (_, row) => Buffer.from(memtable.keys.get(row)).toString())).size
      )
    })
  })

  it("a memtable is sealed when it is full, and when the schema changes", () => {
    const versions = new TableVersions(1, 200_000)
    const append = (schemaVersion: number, rows: number, first: number) => {
      const batch = new RowBatch({ table: 1, schemaVersion, columns: [] }, rows)
      for (let row = 0; row < rows; row++) {
        batch.keys.set(row, utf8(`${first + row}`))
        setNull(batch.timestamps, row)
        setNull(batch.metadata, row)
      }
      batch.count = rows
      versions.append(batch, first as Position.Position)
    }
    append(1, 10, 1)
    append(1, 10, 11)
    assert.strictEqual(versions.memtables.length, 1)
    append(2, 10, 21)
    assert.strictEqual(versions.memtables.length, 2)
    append(2, 5000, 31)
    assert.strictEqual(versions.memtables.length, 2)
    append(2, 1, 5031)
    assert.strictEqual(versions.memtables.length, 3)
    assert.isTrue(versions.usedBytes > 100_000)
  })
})

describe("a text column", () => {
  const grow = (dice: Dice, distinct: (row: number) => string) => {
    const versions = new TableVersions(1, 1 << 30)
    const expected: Array<string | null> = []
    let position = 1
    while (expected.length < 12_000) {
      const rows = dice.between(1, 2000)
      const batch = new RowBatch({ table: 1, schemaVersion: 1, columns: ["text"] }, rows)
      for (let row = 0; row < rows; row++) {
        batch.keys.set(row, utf8(`k${position + row}`))
        setNull(batch.timestamps, row)
        setNull(batch.metadata, row)
        const text = batch.columns[0] as TextVector
        if (dice.chance(0.1)) {
          setNull(text, row)
          expected.push(null)
        } else {
          const value = distinct(expected.length)
          text.nulls[row] = 0
          text.set(row, utf8(value))
          expected.push(value)
        }
      }
      batch.count = rows
      versions.append(batch, position as Position.Position)
      position += rows
    }
    const { columns, count } = versions.memtables[0]
    const [column] = columns
    assert.strictEqual(count, expected.length)
    if (column.kind !== "text" && column.kind !== "dictionary") throw new Error(column.kind)
    const found = expected.map((_, row) =>
      column.hasNulls && column.nulls[row] === 1 ? null : Buffer.from(column.get(row)).toString()
    )
    assert.deepStrictEqual(found, expected)
    return column.kind
  }

  seeded(
    "of few values stays a dictionary",
    2,
    (dice) => assert.strictEqual(grow(dice, (row) => `v${row % 100}`), "dictionary")
  )
  seeded(
    "of many values becomes plain text, and holds the same",
    2,
    (dice) => assert.strictEqual(grow(dice, (row) => `v${row}`), "text")
  )
  seeded(
    "whose values become many late becomes plain text",
    2,
    (dice) => assert.strictEqual(grow(dice, (row) => row < 5000 ? "same" : `v${row}`), "text")
  )
})

describe("the key index", () => {
  seeded("gives the newest row of each key, however many collide", 40, (dice) => {
    const keys = new TextVector(0, 0)
    const index = new KeyIndex(dice.pick([0, 10_000]))
    const model = new Map<string, number>()
    const names = [...dice.times(dice.pick([5, 500, 3000]), (i) => `n${i}`), ...collisions.flat()]
    // Any hash will do, as long as equal keys have equal ones: few of them make long probes.
    const hashes = dice.pick([1, 7, 1 << 30])
    const hashOf = (key: Uint8Array) => hashRange(key, 0, key.length) % hashes | 0
    const rows = hashes === 1 ? 300 : 4000
    for (let row = 0; row < rows; row++) {
      const name = dice.pick(names)
      const key = utf8(name)
      keys.reserve(row + 1, row)
      keys.set(row, key)
      assert.strictEqual(index.find(hashOf(key), key, 0, key.length, keys), model.get(name) ?? -1)
      assert.strictEqual(index.put(hashOf(key), row, keys), model.get(name) ?? -1)
      model.set(name, row)
    }
    assert.strictEqual(index.size, model.size)
    for (const [name, row] of model) {
      const padded = utf8(`(${name})`)
      assert.strictEqual(index.find(hashOf(utf8(name)), padded, 1, padded.length - 1, keys), row)
    }
  })
})
