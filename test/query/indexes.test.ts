/** Secondary indexes: the same answers from fewer pages, and said why where they were not used. */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import * as Position from "../../src/base/position.ts"
import { printExpression } from "../../src/query/expression/printExpression.ts"
import type { Comparison, Filter } from "../../src/query/filter.ts"
import type { AggregateRequest, QueryRequest } from "../../src/query/Query.ts"
import { isNested } from "../../src/schema/types.ts"
import { anyone, Dataset, type NewRow, read, run } from "./support/dataset.ts"
import { newDataset, newFilter } from "./support/generate.ts"
import { buildIndexes, damage, declareIndexes, indexFiles } from "./support/indexed.ts"
import { find } from "./support/model.ts"
import { Random, seedOf } from "./support/random.ts"

const seed = seedOf(20240608)

const page: QueryRequest = {
  ...read,
  filter: undefined,
  where: "",
  select: ["_key", "_position"],
  orderBy: [],
  limit: 10_000,
  offset: 0,
  cursor: ""
}

const keysOf = (rows: ReadonlyArray<{ readonly key: string; readonly position: number }>) =>
  rows.map(({ key, position }) => `${key}@${position}`)

/** A value that single rows have, in a random filter or by itself. */
const selective = (random: Random, dataset: Dataset): Filter => {
  const filter = newFilter(random, dataset)
  if (random.chance(0.3)) return filter
  const version = random.pick(dataset.versions)
  const note = version.values?.note ?? "SFO-1-LAX"
  const own: Comparison = random.chance(0.5)
    ? { kind: "comparison", column: "score", operator: "eq", values: [Number(version.values?.score ?? 1)] }
    : {
      kind: "comparison",
      column: "note",
      operator: random.pick(["eq", "starts_with", "in"] as const),
      values: [String(note)]
    }
  const column = dataset.columns.some(({ name }) => name === own.column) ? own : filter
  return random.chance(0.5)
    ? column
    : { kind: "and", filters: random.chance(0.5) ? [column, filter] : [filter, column] }
}

describe(`indexes change no answer (VARVE_SEED=${seed})`, () => {
  it.each([0, 1, 2])("in random tables, at random positions: %i", async (round) => {
    const random = new Random(seed + round)
    const dataset = newDataset(random, random.pick([400, 800, 1500]), 20_000, "spread")
    const query = dataset.query()
    const columns = dataset.columns.filter(({ type }) => !isNested(type)).map(({ name }) => name)
    let used = 0
    let pages = 0
    let pagesScanned = 0
    for (let i = 0; i < 45; i++) {
      if (i % 15 === 0) {
        declareIndexes(dataset, columns.filter(() => random.chance(0.7)), i + 1)
        buildIndexes(dataset, () => random.chance(0.9))
      }
      const filter = selective(random, dataset)
      const position = dataset.state.commitTimes.wholeAt(Position.make(random.integer(dataset.state.position + 1)))
      const expected = keysOf(find(dataset.table, dataset.rowsAt(position), filter))
      const context = `round ${round}.${i}: ${printExpression(filter)} at ${position}`
      const request = { ...page, asOf: { kind: "position", position }, filter } as const
      const answer = await run(query.query(request, anyone))
      expect({ context, rows: keysOf(answer.records) }).toEqual({ context, rows: expected })
      const streamed = await run(Stream.runCollect(query.queryStream({ ...request, limit: 0, batchRows: 7 }, anyone)))
      const rows = streamed.flatMap((part) => part.kind === "batch" ? keysOf(part.records) : [])
      expect({ context, rows: rows.sort() }).toEqual({ context, rows: [...expected].sort() })
      const count: AggregateRequest = {
        ...request,
        aggregates: [{ function: "count", column: "", alias: "" }],
        groupBy: [],
        having: "",
        orderBy: [],
        limit: 0
      }
      const counted = await run(query.aggregate(count, anyone))
      expect({ context, count: counted.rows[0][0] }).toEqual({ context, count: expected.length })
      if (answer.stats.index === "") continue
      used++
      pages += answer.stats.pages
      const { indexes } = dataset.table.settings
      declareIndexes(dataset, [])
      pagesScanned += (await run(query.query(request, anyone))).stats.pages
      const { id: tableId, settings } = dataset.table
      dataset.state.fold(
        { kind: "TableConfigured", tableId, settings: { ...settings, indexes } },
        Position.advance(dataset.state.position, 1),
        dataset.state.commitTimes.timeOf(Position.max)
      )
    }
    expect(used).toBeGreaterThan(0)
    expect(pages).toBeLessThan(pagesScanned)
  })
})

/** 4,000 rows in row groups of ten: 400 pages. */
const documented = {
  columns: [
    { name: "place", type: "string", nullable: true },
    { name: "n", type: "int64", nullable: true },
    { name: "score", type: "float64" },
    { name: "flag", type: "bool" },
    { name: "at", type: "timestamp" },
    { name: "few", type: "string" }
  ]
}

const rowCount = 4000

/** Neighbours by key have values from all over. */
const valueOf = (n: number): number => n * 1597 % rowCount

const rowOf = (n: number): NewRow => ({
  key: `k${String(n).padStart(5, "0")}`,
  values: {
    place: n % 10 === 9 ? null : `place ${String(valueOf(n)).padStart(20, "0")}`,
    n: n % 1000 === 0 ? 9_007_199_254_740_993n + BigInt(n) : valueOf(n),
    score: valueOf(n) / 8,
    flag: valueOf(n) >= 2000 && valueOf(n) < 2020,
    at: 1_700_000_000_000_000 + valueOf(n) * 1_000_000,
    few: ["a", "b", "c"][n % 3]
  }
})

const planned = (columns: ReadonlyArray<string>, isChosen?: Parameters<typeof buildIndexes>[1]): Dataset => {
  const dataset = new Dataset(1e9)
  dataset.register(documented)
  for (const half of [0, 1]) {
    dataset.write(Array.from({ length: rowCount / 2 }, (_, i) => rowOf(half * rowCount / 2 + i)))
    dataset.seal()
    dataset.flush(10)
  }
  dataset.write([rowOf(rowCount)])
  declareIndexes(dataset, columns)
  buildIndexes(dataset, isChosen)
  return dataset
}

/** What a filter finds, by which index, in how many pages of the filter's column at most, and how that is told. */
const plan = async (dataset: Dataset, where: string) => {
  const query = dataset.query()
  const request = { ...page, where }
  const { records, stats } = await run(query.query(request, anyone))
  const told = await run(query.explain({ subject: { kind: "query", query: request }, analyze: false }, anyone))
  return { rows: records.length, index: stats.index, scanned: stats.rowsScanned, told: told.steps[0].detail }
}

describe("an index", () => {
  const shared = planned(documented.columns.map(({ name }) => name))
  const place = (n: number) => `'place ${String(n).padStart(20, "0")}'`
  const time = (n: number) => `'${new Date(1_700_000_000_000 + n * 1000).toISOString()}'`

  it.each([
    ["place", `place = ${place(1977)}`],
    ["place", `place in (${place(1977)}, ${place(1978)}, 'nowhere')`],
    ["place", "place starts_with 'place 0000000000000000197'"],
    ["place", `place = ${place(1977)} and few = 'a'`],
    ["place", `place = ${place(1977)} or place = ${place(1978)}`],
    ["place", `place > ${place(1970)} and place <= ${place(1973)}`],
    ["place", `not (place <= ${place(1970)} or place > ${place(1973)})`],
    ["place", `place >= ${place(1970)} and place in (${place(1977)}, ${place(1), place(1978)})`],
    ["place", "place = 'place 000000000000000019775'"],
    ["place", `place < ${place(1970)} and place > ${place(1970)}`],
    ["n", "n = 1977"],
    ["n", "n = 1977.5 or n = 1978"],
    ["n", "n >= 1900 and n < 1903 and few != 'a'"],
    ["n", "n in (1905, 1906, 1907, 99999999)"],
    ["score", "score = 247.125"],
    ["score", "score >= 250 and score <= 250.5"],
    ["at", `at = ${time(1977)}`],
    ["at", `at > ${time(1990)} and at < ${time(1995)}`]
  ])("of %s serves %s", async (column, where) => {
    declareIndexes(shared, [column])
    const indexed = await plan(shared, where)
    declareIndexes(shared, [])
    const scan = await plan(shared, where)
    expect(scan).toMatchObject({ index: "", rows: indexed.rows })
    expect(indexed.index).toBe(`by_${column}`)
    expect(indexed.told).toMatch(new RegExp(`; index by_${column}: \\d+ of 400 pages$`))
    expect(indexed.scanned).toBeLessThan(scan.scanned / 2)
  })

  it.each([
    ["place", `place != ${place(1977)}`, "not used: the filter does not ask every row"],
    ["place", "place contains '77'", "not used: the filter does not ask every row"],
    ["place", "place is null", "not used: the filter does not ask every row"],
    ["place", `place = ${place(1977)} or n = 3`, "not used: the filter does not ask every row"],
    ["n", "n >= 3990", "not used: min and max tell as much of a range with an open end"],
    ["n", "n > 50 and n < 3950", "not used for 2 segments: most pages hold such values"],
    ["few", "few = 'a'", "not used for 2 segments: most pages hold such values"],
    ["flag", "not flag", "not used: the filter does not ask every row"],
    ["flag", "flag", "not used for 2 segments: min and max leave hardly more"],
    ["n", "n = 1977 and _key < 'k00030'", "not used for 1 segment: min and max leave few pages"]
  ])("of %s does not serve %s", async (column, where, why) => {
    declareIndexes(shared, [column])
    const { index, told } = await plan(shared, where)
    expect(index).toBe("")
    expect(told).toContain(`index by_${column} ${why}`)
    // A key that is looked up needs no index.
    expect((await plan(shared, `_key = 'k00001' and (${where})`)).told).not.toContain("index")
  })

  it("is used where a segment has a file, and not missed where it has none", async () => {
    const dataset = planned(["n"], ({ name }) => name.endsWith("/1.parquet"))
    const { index, rows, told } = await plan(dataset, "n in (1977, 1978, 1979, 1980)")
    expect([rows, index]).toEqual([4, "by_n"])
    expect(told).toMatch(/index by_n: [1-4] of 200 pages; index by_n not used for 1 segment: it has no file yet$/)
  })

  it("works with others: what all of them leave is read", async () => {
    const where = "n > 1900 and n < 1960 and score >= 240 and score <= 242"
    const dataset = planned(["place", "n", "score"])
    const { index, rows, scanned, told } = await plan(dataset, where)
    expect(rows).toBeGreaterThan(10)
    expect(index).toBe("by_n, by_score")
    expect(told).toMatch(/; index by_n: \d+ of 400 pages; index by_score: \d+ of 400 pages$/)
    const alone = await plan(planned(["n"]), where)
    expect(alone).toMatchObject({ rows, index: "by_n" })
    expect(scanned).toBeLessThan(alone.scanned)
    const enough = await plan(dataset, "score >= 240 and score <= 260 and n = 1977")
    expect(enough.index).toBe("by_n")
    expect(enough.told).toContain("index by_score not used for 2 segments: other indexes leave few pages")
  })

  it("of a column that has got a default since is not used where rows take it", async () => {
    const dataset = planned(["place", "n"])
    const columns = documented.columns.map((column) =>
      column.name === "place" ? { name: "place", type: "string", default: "home" } : column
    )
    dataset.register({ columns: [...columns, { name: "late", type: "int32", default: 5 }] })
    const filled = await plan(dataset, "place = 'home'")
    expect([filled.rows, filled.index]).toEqual([400, ""])
    expect(filled.told).toContain("index by_place not used for 2 segments: older rows take the column's default")
    declareIndexes(dataset, ["late"], 2)
    buildIndexes(dataset)
    expect((await plan(dataset, "late = 5")).rows).toBe(rowCount + 1)
    expect((await plan(dataset, "late = 6")).rows).toBe(0)
  })

  it("that cannot be read is done without, which is told once", async () => {
    const dataset = planned(["n"])
    for (const name of indexFiles(dataset)) await damage(dataset, name, 0.2)
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    const query = dataset.query()
    for (let times = 0; times < 3; times++) {
      const { records, stats } = await run(
        Effect.provide(query.query({ ...page, where: "n in (1971, 1972, 1973)" }, anyone), Logger.layer([logger]))
      )
      expect([records.length, stats.index]).toEqual([3, ""])
    }
    expect(lines.length).toBe(2)
    expect(lines.join("\n")).toMatch(
      /by_n\.1\.idx cannot be used and will be built anew: the index is damaged: .* at offset 0/
    )
    expect((await plan(dataset, "n = 1971")).told).toContain(
      "index by_n not used for 2 segments: its file cannot be read"
    )
  })
})
