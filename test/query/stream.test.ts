/** Streams: every row once, in batches, at the pace of whoever takes them. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import * as Position from "../../src/base/position.ts"
import type { QueryStreamAnswer, QueryStreamRequest } from "../../src/query/Query.ts"
import { anyone, Dataset, read, refused, run } from "./support/dataset.ts"
import { newDataset, newFilter, newRow, spread } from "./support/generate.ts"
import { find } from "./support/model.ts"
import { Random, seedOf } from "./support/random.ts"

const seed = seedOf(99)

const base: QueryStreamRequest = {
  ...read,
  filter: undefined,
  where: "",
  select: ["_key"],
  orderBy: [],
  limit: 0,
  batchRows: 7
}

const collect = (stream: Stream.Stream<QueryStreamAnswer, unknown>) => run(Stream.runCollect(stream))

const batchesOf = (answers: ReadonlyArray<QueryStreamAnswer>) =>
  answers.flatMap((answer) => answer.kind === "batch" ? [answer.records] : [])

const keysOf = (answers: ReadonlyArray<QueryStreamAnswer>): ReadonlyArray<string> =>
  batchesOf(answers).flatMap((records) => records.map(({ key }) => key))

const byKey = [{ column: "_key", descending: true }]

describe(`streams (VARVE_SEED=${seed})`, () => {
  it("hold what pages hold, ordered or not, limited or not", async () => {
    const random = new Random(seed)
    for (let round = 0; round < 60; round++) {
      const dataset = newDataset(random, 500, random.pick([3_000, 1e7]), random.pick(["memory", "spread"]))
      const query = dataset.query()
      const filter = random.chance(0.3) ? undefined : newFilter(random, dataset, 2)
      const orderBy = random.chance(0.5)
        ? []
        : [{ column: random.pick(["score", "city", "big", "_key"]), descending: random.chance(0.5) }]
      const limit = random.chance(0.5) ? 0 : 1 + random.integer(100)
      const expected = find(dataset.table, dataset.rowsAt(Position.max), filter, orderBy).map(({ key }) => key)
      const count = limit === 0 ? expected.length : Math.min(limit, expected.length)
      const answers = await collect(query.queryStream({ ...base, filter, orderBy, limit }, anyone))
      const keys = keysOf(answers)
      const right = orderBy.length > 0
        ? keys.join() === expected.slice(0, count).join()
        : new Set(keys).size === count && keys.every((key) => expected.includes(key))
      expect({ keys, right }).toEqual({ keys, right: true })
      expect(answers[0].kind).toBe("header")
      const last = answers[answers.length - 1]
      expect(last.kind === "summary" ? last.stats.rowsReturned : undefined).toBe(count)
      for (const records of batchesOf(answers)) expect(records.length).toBeLessThanOrEqual(base.batchRows)
    }
  })

  it("merge what is too much to keep the first of", async () => {
    const dataset = new Dataset(2_000_000)
    dataset.register({ columns: [{ name: "n", type: "int32" }] })
    for (let part = 0; part < 4; part++) {
      dataset.write(
        Array.from({ length: 40_000 }, (_, i) => ({ key: `${part}/${i}`, values: { n: (i * 7919) % 40_000 } }))
      )
    }
    expect(dataset.memtables).toBeGreaterThan(2)
    const orderBy = [{ column: "n", descending: false }]
    const answers = await collect(dataset.query().queryStream({ ...base, orderBy, batchRows: 10_000 }, anyone))
    const keys = keysOf(answers)
    expect(keys).toEqual(
      find(dataset.table, dataset.rowsAt(Position.max), undefined, orderBy).map(({ key }) => key)
    )
  })

  it("are of one snapshot, and read no further than they are pulled", async () => {
    const random = new Random(seed)
    const dataset = newDataset(random, 800, 10_000, "spread")
    const expected = new Set(dataset.rowsAt(Position.max).map(({ key, position }) => `${key}@${position}`))
    const found: Array<string> = []
    let batches = 0
    await run(Stream.runForEach(dataset.query().queryStream(base, anyone), (answer) =>
      Effect.sync(() => {
        if (answer.kind !== "batch") return
        batches++
        found.push(...answer.records.map(({ key, position }) => `${key}@${position}`))
        dataset.write([newRow(random, dataset, 250)])
        if (random.chance(0.1)) spread(random, dataset)
      })))
    expect(batches).toBeGreaterThan(20)
    expect(found.length).toBe(expected.size)
    expect(new Set(found)).toEqual(expected)
    const one = await run(Stream.runCollect(Stream.take(dataset.query().queryStream(base, anyone), 2)))
    expect(one.map(({ kind }) => kind)).toEqual(["header", "batch"])
  })

  it("refuse before they answer", async () => {
    const dataset = newDataset(new Random(seed), 20, 1e7)
    const query = dataset.query()
    const reasonOf = async (change: Partial<QueryStreamRequest>) =>
      (await refused(Stream.runDrain(query.queryStream({ ...base, ...change }, anyone)))).reason
    expect(await reasonOf({ where: "score >" })).toBe("INVALID_FILTER")
    expect(await reasonOf({ table: "nothing" })).toBe("TABLE_NOT_FOUND")
    expect(await reasonOf({ batchRows: 10_001 })).toBe("VALUE_OUT_OF_RANGE")
    expect(await reasonOf({ orderBy: [...byKey, { column: "doc", descending: false }] })).toBe("WRONG_TYPE")
  })
})
