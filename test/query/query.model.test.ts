/** Queries against a model on plain objects: random rows, filters, orders and positions. */
import { describe, expect, it } from "vitest"
import * as Position from "../../src/base/position.ts"
import { printExpression } from "../../src/query/expression/printExpression.ts"
import type { OrderBy, QueryRequest } from "../../src/query/Query.ts"
import { isNested } from "../../src/schema/types.ts"
import { anyone, type Dataset, type ModelVersion, read, run } from "./support/dataset.ts"
import { newDataset, newFilter } from "./support/generate.ts"
import { columnsOf, find, valueOf } from "./support/model.ts"
import { Random, seedOf } from "./support/random.ts"

const seed = seedOf(20240607)

const all: QueryRequest = {
  ...read,
  filter: undefined,
  where: "",
  select: [],
  orderBy: [],
  limit: 0,
  offset: 0,
  cursor: ""
}

const newOrder = (random: Random, dataset: Dataset): ReadonlyArray<OrderBy> => {
  const columns = columnsOf(dataset.table).filter(({ type }) => !isNested(type))
  return Array.from({ length: random.integer(3) }, () => ({
    column: random.pick(columns).name,
    descending: random.chance(0.5)
  }))
}

const valuesOf = (dataset: Dataset, row: ModelVersion) =>
  dataset.columns.map((column) => valueOf(dataset.table, row, column))

describe(`queries answer as the model does (VARVE_SEED=${seed})`, () => {
  it.each(
    [
      { rows: 1500, memtableBytesMax: 4_000, rounds: 200, placement: "memory" },
      { rows: 1500, memtableBytesMax: 100_000_000, rounds: 200, placement: "memory" },
      // So many different notes that they are no longer kept in a dictionary.
      { rows: 9000, memtableBytesMax: 100_000_000, rounds: 40, placement: "memory" },
      { rows: 400, memtableBytesMax: 2_000, rounds: 80, placement: "spread" },
      { rows: 800, memtableBytesMax: 4_000, rounds: 40, placement: "spread" },
      { rows: 1500, memtableBytesMax: 100_000_000, rounds: 40, placement: "spread" },
      // Row groups of several pages.
      { rows: 9_000, memtableBytesMax: 100_000_000, rounds: 8, placement: "spread" }
    ] as const
  )("%o", async ({ memtableBytesMax, placement, rounds, rows }) => {
    const random = new Random(seed + rows + memtableBytesMax)
    const dataset = newDataset(random, rows, memtableBytesMax, placement)
    const query = dataset.query()
    expect(placement === "memory" ? dataset.memtables > 5 : dataset.table.segments.length > 1)
      .toBe(placement === "spread" || memtableBytesMax < 10_000)
    const { memtables } = dataset.state.tables.get(1)!
    const kinds = memtables.flatMap(({ columns }) => columns.map(({ kind }) => kind))
    expect(placement === "spread" || new Set(kinds).has("text") === (rows === 9000)).toBe(true)
    for (let round = 0; round < rounds; round++) {
      const filter = newFilter(random, dataset)
      const orderBy = newOrder(random, dataset)
      const position = random.chance(0.3)
        ? dataset.state.position
        : dataset.state.commitTimes.wholeAt(Position.make(random.integer(dataset.state.position + 1)))
      const offset = random.chance(0.3) ? random.integer(30) : 0
      const limit = 1 + random.integer(random.chance(0.5) ? 20 : 1000)
      const asText = random.chance(0.5)
      const answer = await run(query.query({
        ...all,
        asOf: { kind: "position", position },
        filter: asText ? undefined : filter,
        where: asText ? printExpression(filter) : "",
        orderBy,
        offset,
        limit
      }, anyone))
      const matching = find(dataset.table, dataset.rowsAt(position), filter, orderBy)
      const expected = matching.slice(offset, offset + limit)
      const context = `round ${round}: ${printExpression(filter)} order ${JSON.stringify(orderBy)} at ${position}`
      expect({
        context,
        rows: answer.records.map(({ key, position, values }) => ({ key, position, values })),
        more: answer.nextCursor !== ""
      }).toEqual({
        context,
        rows: expected.map((row) => ({ key: row.key, position: row.position, values: valuesOf(dataset, row) })),
        more: matching.length > offset + limit
      })
      expect(answer.position).toBe(position)
    }
  })

  it("selects system columns, and tells of each record when it was", async () => {
    const random = new Random(seed)
    const dataset = newDataset(random, 300, 10_000)
    const select = ["_key", "_position", "score", "_timestamp", "_commit_time"]
    const answer = await run(dataset.query().query({ ...all, select }, anyone))
    const expected = find(dataset.table, dataset.rowsAt(Position.max), undefined)
    expect(answer.columns.map(({ name }) => name)).toEqual(select)
    expect(answer.records).toEqual(expected.map((row) => ({
      key: row.key,
      position: row.position,
      commitTime: row.commitTime,
      timestamp: row.timestamp ?? row.commitTime,
      metadata: row.metadata === undefined ? undefined : JSON.stringify(row.metadata),
      schemaVersion: row.schemaVersion,
      deleted: false,
      values: [
        row.key,
        row.position,
        row.values?.score ?? null,
        row.timestamp ?? row.commitTime,
        row.commitTime
      ]
    })))
  })

  it.each(["memory", "spread"] as const)(
    "gives each key as it was at each position, and all versions: %s",
    async (placement) => {
      const random = new Random(seed)
      const dataset = newDataset(random, 600, 20_000, placement)
      const query = dataset.query()
      const keys = [...new Set(dataset.versions.map(({ key }) => key))]
      for (let round = 0; round < 40; round++) {
        const position = dataset.state.commitTimes.wholeAt(Position.make(random.integer(dataset.state.position + 1)))
        const asOf = { kind: "position", position } as const
        const chosen = Array.from({ length: 20 }, () => random.chance(0.1) ? "absent" : random.pick(keys))
        const rows = new Map(dataset.rowsAt(position).map((row) => [row.key, row]))
        const answer = await run(query.getRecords({ ...read, asOf, keys: chosen, select: [] }, anyone))
        expect(answer.records.map(({ key, position }) => [key, position]))
          .toEqual(chosen.flatMap((key) => rows.has(key) ? [[key, rows.get(key)!.position]] : []))
        expect(answer.missingKeys).toEqual(chosen.filter((key) => !rows.has(key)))

        const key = random.pick(keys)
        const versions = dataset.versions.filter((version) => version.key === key && version.position <= position)
        const positions: Array<number> = []
        let cursor = ""
        do {
          const page = await run(query.getHistory({ ...read, asOf, key, select: [], limit: 2, cursor }, anyone))
          positions.push(...page.records.map(({ position }) => position))
          cursor = page.nextCursor
          for (const record of page.records) {
            const version = versions.find(({ position }) => position === record.position)!
            expect(record.deleted).toBe(version.deleted ?? false)
            expect(record.values).toEqual(valuesOf(dataset, version))
          }
        } while (cursor !== "")
        expect(positions).toEqual(versions.map(({ position }) => position).reverse())
      }
    }
  )
})
