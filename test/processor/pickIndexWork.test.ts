/** What is done first for indexes. */
import { assert, describe, it } from "@effect/vitest"
import { newTable, type Table } from "../../src/catalog/state.ts"
import type { SegmentEntry } from "../../src/event/Event.ts"
import { filesInUse, type Index, pickIndexWork, withFilesToRemove } from "../../src/processor/indexes/pickIndexWork.ts"

const fileOf = (segment: string, index: string, version: number) => ({
  index,
  version,
  name: `${segment}.${index}.${version}`,
  bytes: 10
})

const segment = (name: string, rows: number, ...files: ReadonlyArray<readonly [string, number]>) =>
  ({ name, rows, indexes: files.map(([index, version]) => fileOf(name, index, version)) }) as unknown as SegmentEntry

const index = (name: string, version: number): Index => ({ name, columnId: 1, version })

const tableOf = (indexes: ReadonlyArray<Index>, ...segments: ReadonlyArray<SegmentEntry>): Table => {
  const table = newTable(1, "t", "x")
  return { ...table, settings: { ...table.settings, indexes }, segments }
}

const never = () => false

const picked = (table: Table, isFaulty: (name: string) => boolean = never, isPutOff: typeof isFaulty = never) => {
  const work = pickIndexWork(table, isFaulty, ({ name }, { name: index }) => isPutOff(`${name}.${index}`))
  return work?.kind === "build" ? `${work.segment.name}.${work.index.name}.${work.index.version}` : work?.kind
}

describe("work on indexes", () => {
  it("is none where every segment has its files, or nothing is declared", () => {
    assert.isUndefined(picked(tableOf([])))
    assert.isUndefined(picked(tableOf([], segment("a", 1))))
    assert.isUndefined(picked(tableOf([index("i", 2)])))
    assert.isUndefined(picked(tableOf([index("i", 2)], segment("a", 1, ["i", 2]), segment("b", 1, ["i", 2]))))
  })

  it("builds one after another, of the largest segment first", () => {
    const indexes = [index("i", 1), index("j", 3)]
    assert.strictEqual(picked(tableOf(indexes, segment("a", 5), segment("b", 9), segment("c", 7))), "b.i.1")
    assert.strictEqual(picked(tableOf(indexes, segment("a", 5), segment("b", 9, ["i", 1]), segment("c", 7))), "b.j.3")
    const [b, c] = [segment("b", 9, ["i", 1], ["j", 3]), segment("c", 7, ["j", 3])]
    assert.strictEqual(picked(tableOf(indexes, segment("a", 5), b, c)), "c.i.1")
  })

  it("removes what was dropped, or is of an older version, before anything is built", () => {
    const table = tableOf(
      [index("i", 2)],
      segment("a", 1, ["i", 1]),
      segment("b", 1, ["i", 2], ["j", 1]),
      segment("c", 1)
    )
    assert.strictEqual(picked(table), "remove")
    assert.deepStrictEqual(withFilesToRemove(table).map(({ name }) => name), ["a", "b"])
    assert.deepStrictEqual(table.segments.map((each) => filesInUse(table, each).map(({ name }) => name)), [
      [],
      ["b.i.2"],
      []
    ])
  })

  it("builds again what cannot be read, and not yet what could not be built", () => {
    const table = tableOf([index("i", 1)], segment("a", 9, ["i", 1]), segment("b", 5))
    assert.strictEqual(picked(table, (name) => name === "a.i.1"), "a.i.1")
    assert.strictEqual(picked(table, (name) => name === "a.i.1", (name) => name === "a.i"), "b.i.1")
    assert.isUndefined(picked(table, never, (name) => name === "b.i"))
  })
})
