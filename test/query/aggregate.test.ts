/** Aggregates against the same figures worked out on plain objects. */
import { describe, expect, it } from "vitest"
import * as Position from "../../src/base/position.ts"
import { parseExpression } from "../../src/query/expression/parseExpression.ts"
import { printExpression } from "../../src/query/expression/printExpression.ts"
import { comparableOf } from "../../src/query/literals.ts"
import type { AggregateFunction, AggregateRequest, Aggregation, OrderBy } from "../../src/query/Query.ts"
import type { Value } from "../../src/query/result.ts"
import { type Column, isNested } from "../../src/schema/types.ts"
import { anyone, Dataset, type ModelVersion, read, refused, run } from "./support/dataset.ts"
import { newDataset, newFilter } from "./support/generate.ts"
import { columnsOf, compareRows, compareValues, evaluate, find, valueOf } from "./support/model.ts"
import { Random, seedOf } from "./support/random.ts"

const seed = seedOf(31337)

const base: AggregateRequest = {
  ...read,
  filter: undefined,
  where: "",
  aggregates: [{ function: "count", column: "", alias: "" }],
  groupBy: [],
  having: "",
  orderBy: [],
  limit: 0
}

const figure = (name: AggregateFunction, column = "", alias = ""): Aggregation => ({ function: name, column, alias })

const identity = (value: Value): string =>
  value instanceof Uint8Array ? `bytes ${value.join()}` : `${typeof value} ${String(value)}`

const exact = (value: bigint): number | bigint => Number.isSafeInteger(Number(value)) ? Number(value) : value

/** One figure over the values of a group. */
const work = (name: AggregateFunction, column: Column | undefined, rows: ReadonlyArray<Value>): Value => {
  if (column === undefined) return rows.length
  const values = rows.filter((value) => value !== null)
  const isInteger = column.type === "int32" || column.type === "int64"
  const sum = (): bigint => values.reduce<bigint>((sum, value) => sum + BigInt(value as number | bigint), 0n)
  const sumOfDoubles = (): number => values.reduce<number>((sum, value) => sum + (value as number), 0)
  switch (name) {
    case "count":
      return values.length
    case "distinct_count":
      return new Set(values.map(identity)).size
    case "sum":
      return values.length === 0 ? null : isInteger ? exact(sum()) : sumOfDoubles()
    case "avg":
      return values.length === 0 ? null : (isInteger ? Number(sum()) : sumOfDoubles()) / values.length
    default: {
      if (values.length === 0) return null
      const sorted = values.sort(compareValues)
      return sorted[name === "min" ? 0 : sorted.length - 1]
    }
  }
}

const close = (left: Value | undefined, right: Value): boolean => {
  if (left === undefined) return false
  if (typeof left === "number" && typeof right === "number" && !Number.isInteger(left)) {
    return Math.abs(left - right) <= 1e-9 * Math.max(1, Math.abs(left), Math.abs(right))
  }
  return identity(left) === identity(right)
}

const functionsFor = (column: Column): ReadonlyArray<AggregateFunction> =>
  ["int32", "int64", "float32", "float64"].includes(column.type as string)
    ? ["count", "sum", "avg", "min", "max", "distinct_count"]
    : isNested(column.type)
    ? ["count"]
    : ["count", "min", "max", "distinct_count"]

describe(`aggregates answer as the model does (VARVE_SEED=${seed})`, () => {
  it.each(
    [
      [1500, 4_000, "memory"],
      [1500, 1e8, "memory"],
      [9000, 1e8, "memory"],
      [700, 4_000, "spread"],
      [6000, 1e8, "spread"]
    ] as const
  )(
    "%i rows, memtables of %i bytes: %s",
    async (rows, memtableBytesMax, placement) => {
      const random = new Random(seed + rows + memtableBytesMax)
      const dataset = newDataset(random, rows, memtableBytesMax, placement)
      const { table } = dataset
      const query = dataset.query()
      const columns = columnsOf(table)
      const groupable = columns.filter((column) => comparableOf(column) !== undefined)
      for (let round = 0; round < (rows > 2000 ? 15 : 80); round++) {
        const groupBy = [...new Set(Array.from({ length: random.integer(4) }, () => random.pick(groupable)))]
        const figures = [
          { column: undefined, name: "count" as AggregateFunction },
          ...Array.from({ length: random.integer(5) }, () => {
            const column = random.pick(columns)
            return { column, name: random.pick(functionsFor(column)) }
          })
        ]
        const aggregates = figures.map(({ column, name }, i) => figure(name, column?.name, i === 0 ? "" : `f${i}`))
        const filter = random.chance(0.5) ? undefined : newFilter(random, dataset, 2)
        const position = random.chance(0.5)
          ? dataset.state.position
          : dataset.state.commitTimes.wholeAt(Position.make(random.integer(dataset.state.position + 1)))
        const having = random.chance(0.3) ? "count > 1" : ""
        const orderBy: ReadonlyArray<OrderBy> = random.chance(0.5) ? [{ column: "count", descending: true }] : []
        const limit = random.chance(0.3) ? 1 + random.integer(5) : 0

        const groups = new Map<string, Array<ModelVersion>>()
        if (groupBy.length === 0) groups.set("", [])
        for (const row of find(table, dataset.rowsAt(position), filter)) {
          const name = groupBy.map((column) => identity(valueOf(table, row, column))).join("|")
          groups.set(name, [...groups.get(name) ?? [], row])
        }
        const results = [...groups.values()].map((members) => [
          ...groupBy.map((column) => valueOf(table, members[0], column)),
          ...figures.map(({ column, name }) =>
            work(name, column, members.map((row) => column === undefined ? 1 : valueOf(table, row, column)))
          )
        ])
        const names = [...groupBy.map(({ name }) => name), ...aggregates.map(({ alias }) => alias || "count")]
        const valueIn = (row: ReadonlyArray<Value>, name: string): Value => row[names.indexOf(name)]
        const expected = results
          .filter((row) => having === "" || (valueIn(row, "count") as number) > 1)
          .sort(compareRows([...orderBy, ...groupBy.map(({ name }) => ({ column: name, descending: false }))], valueIn))

        const answer = await run(query.aggregate({
          ...base,
          asOf: { kind: "position", position },
          filter,
          aggregates,
          groupBy: groupBy.map(({ name }) => name),
          having,
          orderBy,
          limit
        }, anyone))
        const context = `round ${round}: ${JSON.stringify({ groupBy: names, aggregates, position })} ${
          filter === undefined ? "" : printExpression(filter)
        }`
        expect(answer.columns.map(({ name }) => name)).toEqual(names)
        const shown = limit === 0 ? expected : expected.slice(0, limit)
        // Sums of doubles depend on their order: what is close enough stands for what was expected.
        const rows = answer.rows.map((row, i) =>
          row.map((value, c) => close(shown[i]?.[c], value) ? shown[i][c] : value)
        )
        expect({ context, groups: answer.groups, rows }).toEqual({ context, groups: expected.length, rows: shown })
      }
    }
  )
})

describe("aggregates", () => {
  const numbers = (values: ReadonlyArray<Value>, type = "int64"): Dataset => {
    const dataset = new Dataset(1e8)
    dataset.register({ columns: [{ name: "n", type, nullable: true }, { name: "g", type: "string", nullable: true }] })
    dataset.write(values.map((n, i) => ({ key: `k${i}`, values: { n, g: i % 2 === 0 ? "even" : "odd" } })))
    return dataset
  }

  it("sum whole numbers exactly, beyond 2^53 and beyond 2^63", async () => {
    const large = 9_007_199_254_740_991
    const cases: ReadonlyArray<[ReadonlyArray<Value>, Value]> = [
      [[large, 1, 1], 9_007_199_254_740_993n],
      [Array.from({ length: 1001 }, () => large), BigInt(large) * 1001n],
      [[2n ** 63n - 1n, 2n ** 63n - 1n], 2n ** 64n - 2n],
      [[large, -large, 5], 5],
      [[2n ** 62n, -(2n ** 62n), 3, null], 3],
      [[null, null], null],
      [[], null]
    ]
    for (const [values, expected] of cases) {
      const query = numbers(values).query()
      const whole = await run(query.aggregate({ ...base, aggregates: [figure("sum", "n")] }, anyone))
      expect(whole.rows).toEqual([[expected]])
      const grouped = await run(query.aggregate({ ...base, aggregates: [figure("sum", "n")], groupBy: ["g"] }, anyone))
      const total = grouped.rows.reduce<bigint>((sum, [, value]) => sum + BigInt(value as number ?? 0), 0n)
      expect(total).toBe(BigInt(expected as number ?? 0))
    }
  })

  it("keep sums exact across slices of millions of large int32s", async () => {
    const dataset = new Dataset(1e9)
    dataset.register({ columns: [{ name: "n", type: "int32" }] })
    for (let part = 0; part < 4; part++) {
      dataset.write(Array.from({ length: 50_000 }, (_, i) => ({ key: `${part}/${i}`, values: { n: 2_147_483_647 } })))
    }
    const answer = await run(
      dataset.query().aggregate(
        { ...base, aggregates: [figure("sum", "n"), figure("avg", "n"), figure("min", "n"), figure("max", "n")] },
        anyone
      )
    )
    expect(answer.rows).toEqual([[2_147_483_647 * 200_000, 2_147_483_647, 2_147_483_647, 2_147_483_647]])
  })

  it("name their columns, and refuse names that are there twice", async () => {
    const query = numbers([1, 2, 3]).query()
    const answer = await run(query.aggregate({
      ...base,
      aggregates: [figure("count"), figure("avg", "n"), figure("distinct_count", "n"), figure("max", "n", "top")],
      having: "avg_n >= 2 and top = 3",
      groupBy: []
    }, anyone))
    expect(answer.columns.map(({ name, type }) => [name, type])).toEqual([
      ["count", "int64"],
      ["avg_n", "float64"],
      ["distinct_count_n", "int64"],
      ["top", "int64"]
    ])
    expect(answer.rows).toEqual([[3, 2, 3, 3]])
    const twice = { ...base, aggregates: [figure("sum", "n"), figure("sum", "n")] }
    expect((await refused(query.aggregate(twice, anyone))).reason).toBe("INVALID_NAME")
  })

  it.each<[string, Partial<AggregateRequest>, string, string]>([
    ["no figure and no group", { aggregates: [] }, "MISSING_ARGUMENT", "at least one"],
    [
      "a sum of text",
      { aggregates: [figure("sum", "g")] },
      "WRONG_TYPE",
      "column g is string; sum is for numeric columns"
    ],
    ["a sum of nothing", { aggregates: [figure("sum")] }, "MISSING_ARGUMENT", "sum needs a column"],
    ["an unknown column", { aggregates: [figure("sum", "nn")] }, "COLUMN_NOT_FOUND", "there is \"n\""],
    ["an unknown group", { groupBy: ["x"] }, "COLUMN_NOT_FOUND", "group_by[0]"],
    ["having over the table", { having: "n > 1" }, "COLUMN_NOT_FOUND", "the aggregate's result has no column \"n\""],
    ["having with a wrong literal", { having: "count > 'x'" }, "WRONG_TYPE", "column count is int64"],
    ["an order over the table", { orderBy: [{ column: "n", descending: false }] }, "COLUMN_NOT_FOUND", "order_by[0]"]
  ])("refuse %s", async (_, change, reason, message) => {
    const error = await refused(numbers([1]).query().aggregate({ ...base, ...change }, anyone))
    expect(error.reason).toBe(reason)
    expect(error.message).toContain(message)
  })

  it("group a table without rows", async () => {
    const query = numbers([]).query()
    expect((await run(query.aggregate({ ...base, groupBy: ["g"] }, anyone))).rows).toEqual([])
    expect((await run(query.aggregate(base, anyone))).rows).toEqual([[0]])
    expect((await run(query.aggregate({ ...base, aggregates: [], groupBy: ["g", "n"] }, anyone))).rows).toEqual([])
  })

  it("the model's own having agrees with the language's", () => {
    const parsed = parseExpression("count > 1")
    if (parsed.problem !== undefined) throw new Error(parsed.problem.message)
    const count: Column = { name: "count", type: "int64", nullable: false, default: undefined, id: 1 }
    expect(evaluate(parsed.filter, () => [count, 2])).toBe(true)
    expect(evaluate(parsed.filter, () => [count, 1])).toBe(false)
  })
})
