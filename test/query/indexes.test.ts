/** Secondary indexes: the same answers from fewer pages, and said why where they were not used. */
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import * as Position from "../../src/base/position.ts"
import { printExpression } from "../../src/query/expression/printExpression.ts"
import type { Comparison, Filter } from "../../src/query/filter.ts"
import type { AggregateRequest, QueryRequest } from "../../src/query/Query.ts"
import { isNested } from "../../src/schema/types.ts"
import { anyone, Dataset, read, run } from "./support/dataset.ts"
import { newDataset, newFilter } from "./support/generate.ts"
import { buildIndexes, declareIndexes } from "./support/indexed.ts"
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
