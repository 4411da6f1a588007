/** What reads refuse, and how they say it. */
import { describe, expect, it } from "vitest"
import * as Position from "../../src/base/position.ts"
import type { Filter, Literal, Operator } from "../../src/query/filter.ts"
import type { QueryRequest } from "../../src/query/Query.ts"
import { anyone, Dataset, read, refused, run, tableName } from "./support/dataset.ts"
import { firstSchema } from "./support/generate.ts"

const dataset = new Dataset(1e7)
dataset.register(firstSchema)
dataset.write([
  { key: "a", values: { small: 1, city: "SFO", ratio: 0.1, big: 9007199254740993n } },
  { key: "b", values: { small: 2, ratio: 2 } },
  { key: "gone", deleted: true }
])
const query = dataset.query()

const base: QueryRequest = {
  ...read,
  filter: undefined,
  where: "",
  select: [],
  orderBy: [],
  limit: 0,
  offset: 0,
  cursor: ""
}

const comparison = (column: string, operator: Operator, ...values: ReadonlyArray<Literal>): Filter => ({
  kind: "comparison",
  column,
  operator,
  values
})

const keysWhere = async (where: string): Promise<string> =>
  (await run(query.query({ ...base, where }, anyone))).records.map(({ key }) => key).join()

describe("filters are refused with the column, its type and the literal", () => {
  it.each<[Filter, string, string]>([
    [comparison("smal", "eq", 1), "COLUMN_NOT_FOUND", "table events has no column \"smal\"; there is \"small\""],
    [
      comparison("small", "eq", "x"),
      "WRONG_TYPE",
      "column small is int32 and is compared with a number, not with the text \"x\""
    ],
    [comparison("small", "eq", "5"), "WRONG_TYPE", "not with the text \"5\""],
    [comparison("big", "gt", "5x"), "WRONG_TYPE", "column big is int64"],
    [
      comparison("city", "eq", 5),
      "WRONG_TYPE",
      "column city is string and is compared with text, not with the number 5"
    ],
    [comparison("flag", "eq", 1), "WRONG_TYPE", "true or false"],
    [comparison("at", "gt", "yesterday"), "WRONG_TYPE", "RFC 3339"],
    [comparison("at", "gt", 5), "WRONG_TYPE", "RFC 3339"],
    [comparison("raw", "eq", "not base64!"), "WRONG_TYPE", "base64"],
    [comparison("small", "eq", null), "WRONG_TYPE", "use is_null"],
    [comparison("small", "in", 1, null), "WRONG_TYPE", "use is_null"],
    [comparison("small", "in"), "INVALID_FILTER", "at least one value"],
    [comparison("small", "gt", 1, 2), "INVALID_FILTER", "takes one value, not 2"],
    [comparison("small", "gt"), "INVALID_FILTER", "takes one value, not 0"],
    [comparison("small", "is_null", 1), "INVALID_FILTER", "takes no value"],
    [comparison("small", "contains", "1"), "INVALID_FILTER", "contains is for string and bytes columns"],
    [comparison("doc", "eq", "{}"), "INVALID_FILTER", "column doc is json; such values can be tested by is_null only"],
    [comparison("tags", "contains", "x"), "INVALID_FILTER", "column tags is array<string>"],
    [comparison("score", "gt", Number.NaN), "NOT_FINITE", "score"],
    [comparison("small", "in", ...Array.from({ length: 10_001 }, (_, n) => n)), "INVALID_FILTER", "10000 are allowed"],
    [nested(100), "INVALID_FILTER", "nested deeper than 64"],
    [
      { kind: "or", filters: Array.from({ length: 1001 }, () => comparison("small", "eq", 1)) },
      "INVALID_FILTER",
      "1000"
    ]
  ])("%#", async (filter, reason, message) => {
    const error = await refused(query.query({ ...base, filter }, anyone))
    expect(error.reason).toBe(reason)
    expect(error.field).toBe("filter")
    expect(error.message).toContain(message)
  })

  it("in text too, naming the column of the text", async () => {
    const error = await refused(query.query({ ...base, where: "small > " }, anyone))
    expect([error.reason, error.field]).toEqual(["INVALID_FILTER", "where"])
    expect(error.message).toBe(
      "where: column 9: expected a number, a text in single quotes, true or false, found the end"
    )
  })
})

function nested(depth: number): Filter {
  return depth === 0 ? comparison("small", "eq", 1) : { kind: "not", filter: nested(depth - 1) }
}

describe("literals take the column's type", () => {
  it.each([
    ["small > 1.5", "b"],
    ["small >= 1.5", "b"],
    ["small < 1.5", "a"],
    ["small <= 1.5", "a"],
    ["small = 1.5", ""],
    ["small != 1.5", "a,b"],
    ["not small = 1.5", "a,b"],
    ["small in (1.5, 2)", "b"],
    ["small not in (1.5, 2)", "a"],
    ["small > 9007199254740993", ""],
    ["small < 1e300", "a,b"],
    ["ratio = 0.1", "a"],
    ["big = 9007199254740993", "a"],
    ["big = '9007199254740993'", "a"],
    ["big = 9007199254740992", ""],
    ["big > 9007199254740992", "a"],
    ["big in ('9007199254740993', 5.5)", "a"],
    ["city = 'SFO' or city is null", "a,b"],
    ["city != 'SFO'", ""],
    ["not city = 'SFO'", ""],
    ["not (city = 'SFO' or small = 2)", ""],
    ["not (city = 'JFK' or small = 2)", "a"],
    ["_key > 'a'", "b"],
    ["_position < 3", "a"],
    ["_commit_time > '2023-01-01'", "a,b"],
    ["true", "a,b"],
    ["false", ""],
    ["not true or small = 2", "b"]
  ])("%s finds %s", async (where, keys) => expect(await keysWhere(where)).toBe(keys))
})

describe("reads", () => {
  it("name what is not there", async () => {
    const cases: ReadonlyArray<[Partial<QueryRequest>, string, string]> = [
      [{ tenant: "" }, "MISSING_ARGUMENT", "tenant_id"],
      [{ table: "" }, "MISSING_ARGUMENT", "table"],
      [{ tenant: "nobody" }, "TENANT_NOT_FOUND", "nobody"],
      [{ table: "event" }, "TABLE_NOT_FOUND", `there is "${tableName}"`],
      [{ select: ["small", "wrong"] }, "COLUMN_NOT_FOUND", "select[1]"],
      [{ orderBy: [{ column: "wrong", descending: false }] }, "COLUMN_NOT_FOUND", "order_by[0].column"],
      [{ orderBy: [{ column: "doc", descending: false }] }, "WRONG_TYPE", "has no order"]
    ]
    for (const [change, reason, message] of cases) {
      const error = await refused(query.query({ ...base, ...change }, anyone))
      expect(error.reason).toBe(reason)
      expect(error.message).toContain(message)
    }
  })

  it("do not tell a caller of one tenant about another", async () => {
    for (const tenant of [read.tenant, "nobody"]) {
      const error = await refused(query.query({ ...base, tenant }, { tenant: "rival" }))
      expect(error.reason).toBe("TENANT_FORBIDDEN")
    }
    expect((await run(query.query({ ...base, tenant: "" }, { tenant: read.tenant }))).records.length).toBe(2)
  })

  it("of keys say why there is no record", async () => {
    const get = (key: string, asOf: QueryRequest["asOf"] = { kind: "latest" }) =>
      query.getRecord({ ...read, key, select: [], asOf }, anyone)
    const absent = await refused(get("absent"))
    expect([absent.reason, absent.field]).toEqual(["KEY_NOT_FOUND", "key"])
    expect(absent.message).toContain("\"absent\" is not there, in table events at position 4")
    expect((await refused(get("gone"))).message).toContain("was deleted by then")
    expect((await refused(get("a", { kind: "position", position: Position.first }))).reason).toBe("KEY_NOT_FOUND")
    expect((await refused(get(""))).reason).toBe("INVALID_KEY")
    expect((await refused(get("x".repeat(1025)))).reason).toBe("INVALID_KEY")
    const { record } = await run(get("a"))
    expect(record.values[3]).toBe(9007199254740993n)
  })

  it("read as of a time", async () => {
    const row = dataset.versions[0]
    const at = (time: number) => run(query.query({ ...base, asOf: { kind: "time", time } }, anyone))
    expect((await at(row.commitTime)).records.length).toBe(2)
    expect((await at(row.commitTime - 1)).records.length).toBe(0)
  })
})
