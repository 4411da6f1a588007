/** Plans: the path that is said is the path that is taken. */
import { describe, expect, it } from "vitest"
import type { AggregateRequest, QueryRequest } from "../../src/query/Query.ts"
import { anyone, Dataset, read, run } from "./support/dataset.ts"

const dataset = new Dataset(1e7)
dataset.register({ columns: [{ name: "origin", type: "string" }, { name: "delay", type: "int32", nullable: true }] })
dataset.write(Array.from({ length: 1000 }, (_, n) => ({
  key: `k${n}`,
  values: { origin: ["SFO", "LAX", "JFK", "ATL"][n % 4], delay: n % 100 }
})))
dataset.write([{ key: "k7", values: { origin: "SFO", delay: null } }, { key: "k8", deleted: true }])
const query = dataset.query()

const base: QueryRequest = {
  ...read,
  filter: undefined,
  where: "",
  select: ["delay"],
  orderBy: [],
  limit: 10,
  offset: 0,
  cursor: ""
}

const explained = (change: Partial<QueryRequest>, analyze: boolean) =>
  run(query.explain({ subject: { kind: "query", query: { ...base, ...change } }, analyze }, anyone))

describe("explain", () => {
  it("tells of a scan, without running it", async () => {
    const answer = await explained({
      where: "origin = 'SFO' and delay > 50",
      orderBy: [{ column: "delay", descending: true }]
    }, false)
    expect(answer.steps.map(({ name }) => name)).toEqual(["scan", "filter", "order", "project"])
    expect(answer.steps[1].detail).toBe("origin = 'SFO' and delay > 50")
    expect(answer.steps[1].columns).toEqual(["origin", "delay"])
    expect(answer.steps[1].estimatedRows).toBeGreaterThan(30)
    expect(answer.steps[1].estimatedRows).toBeLessThan(250)
    expect(answer.steps[2].detail).toBe("first 10 by delay descending, _key")
    expect(answer.steps.every(({ actualRows }) => actualRows === undefined)).toBe(true)
    expect(answer.stats).toBeUndefined()
  })

  it("tells of a scan that it ran", async () => {
    const answer = await explained({ where: "origin = 'SFO' and delay > 50" }, true)
    expect(answer.steps.map(({ actualRows }) => actualRows)).toEqual([999, 120, 10, 10])
    expect(answer.stats?.rowsScanned).toBe(1002)
    expect(answer.stats?.index).toBe("")
    expect(answer.text).toContain("in fact 120")
  })

  it("looks keys up where the filter pins them", async () => {
    const cases: ReadonlyArray<[string, string, number]> = [
      ["_key = 'k5'", "key lookup", 1],
      ["_key in ('k5', 'k6', 'k6', 'absent', 'k8') and delay >= 0", "key lookup", 2],
      ["_key = 'k7' and delay is null", "key lookup", 1],
      ["_key = 'k7' and _key in ('k5', 'k7')", "key lookup", 1],
      ["_key = 'k5' or delay = 3", "scan", 11],
      ["not _key = 'k5' and delay = 5", "scan", 9],
      ["not _key != 'k5'", "key lookup", 1]
    ]
    for (const [where, path, rows] of cases) {
      const answer = await explained({ where, limit: 1000 }, true)
      const isScan = path === "scan"
      expect({
        where,
        path: answer.steps[0].name,
        rows: answer.steps.at(-1)?.actualRows,
        index: answer.stats?.index,
        few: (answer.stats?.rowsScanned ?? 0) < 6
      }).toEqual({ where, path, rows, index: isScan ? "" : "key", few: !isScan })
    }
  })

  it("looks keys up by the table's key column, whose text they are", async () => {
    for (const type of ["string", "int64"]) {
      const keyed = new Dataset(1e7)
      keyed.register({ columns: [{ name: "id", type }, { name: "n", type: "int32" }], key: "id" })
      const id = (n: number) => type === "string" ? `id${n}` : n - 5
      keyed.write(Array.from({ length: 100 }, (_, n) => ({ key: String(id(n)), values: { id: id(n), n } })))
      const literal = (n: number) => type === "string" ? `'id${n}'` : String(n - 5)
      const cases: ReadonlyArray<[string, string, number]> = [
        [`id = ${literal(3)}`, "key lookup", 1],
        [`id in (${literal(0)}, ${literal(99)}, ${literal(500)}) and n < 50`, "key lookup", 1],
        [`id != ${literal(3)}`, "scan", 99],
        [`id >= ${literal(3)} and n = 3`, "scan", 1]
      ]
      for (const [where, path, rows] of cases) {
        const query = { ...base, select: [], limit: 1000, where }
        const answer = await run(keyed.query().explain({ subject: { kind: "query", query }, analyze: true }, anyone))
        expect([where, answer.steps[0].name, answer.steps.at(-1)?.actualRows]).toEqual([where, path, rows])
      }
    }
  })

  it("tells of an aggregate", async () => {
    const aggregate: AggregateRequest = {
      ...read,
      filter: undefined,
      where: "delay is not null",
      aggregates: [{ function: "count", column: "", alias: "" }, { function: "avg", column: "delay", alias: "" }],
      groupBy: ["origin"],
      having: "count > 249",
      orderBy: [{ column: "avg_delay", descending: true }],
      limit: 2
    }
    const answer = await run(query.explain({ subject: { kind: "aggregate", aggregate }, analyze: true }, anyone))
    expect(answer.steps.map(({ actualRows, name }) => [name, actualRows])).toEqual([
      ["scan", 999],
      ["filter", 998],
      ["group", 4],
      ["having", 2],
      ["order", 2]
    ])
    expect(answer.steps[2].estimatedRows).toBe(4)
    expect(answer.steps[2].columns).toEqual(["origin", "delay"])
    expect(answer.text).toContain("count, avg_delay by origin")
  })
})
