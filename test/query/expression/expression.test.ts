/** The text form of filters. */
import { describe, expect, it } from "vitest"
import { parseExpression } from "../../../src/query/expression/parseExpression.ts"
import { printExpression } from "../../../src/query/expression/printExpression.ts"
import type { Filter, Literal, Operator } from "../../../src/query/filter.ts"
import { Random, seedOf } from "../support/random.ts"

const seed = seedOf(5)

const parsed = (text: string): Filter => {
  const result = parseExpression(text)
  if (result.problem !== undefined) throw new Error(`${text}: ${result.problem.message}`)
  return result.filter
}

const problemOf = (text: string): string => {
  const { problem } = parseExpression(text)
  return problem === undefined ? "none" : problem.message
}

describe("parsing", () => {
  it.each([
    ["a = 1 or b = 2 and not c = 3", "a = 1 or (b = 2 and (not (c = 3)))"],
    ["not a and b", "(not a) and b"],
    ["not not a", "not (not a)"],
    ["a and b and c", "a and b and c"],
    ["cancelled", "cancelled = true"],
    ["a == 1", "a = 1"],
    ["a <> 1", "a != 1"],
    ["A = 1 AND B IS NOT NULL", "A = 1 and not (B is null)"],
    ["a not in (1,2)", "a not in (1, 2)"],
    ["a not contains 'x'", "not (a contains 'x')"],
    ["a starts with 'x'", "a starts_with 'x'"],
    ["\"a\" = 1", "a = 1"],
    ["delay>-5and(b)", "delay > -5 and b"]
  ])("%s means %s", (left, right) => expect(parsed(left)).toEqual(parsed(right)))

  it.each<[string, Literal]>([
    ["'it''s'", "it's"],
    ["''", ""],
    ["'\u{1F600}'", "\u{1F600}"],
    ["-1.5e3", -1500],
    [".5", 0.5],
    ["9007199254740991", 9007199254740991],
    ["9007199254740993", 9007199254740993n],
    ["-9223372036854775808", -9223372036854775808n],
    ["1e20", 1e20],
    ["true", true],
    ["FALSE", false]
  ])(
    "the literal %s",
    (text, value) =>
      expect(parsed(`x = ${text}`)).toEqual({ kind: "comparison", column: "x", operator: "eq", values: [value] })
  )

  it.each<[string, string]>([
    ["\"a b\"", "a b"],
    ["\"say \"\"hi\"\"\"", "say \"hi\""],
    ["\"not\"", "not"],
    ["größe", "größe"],
    ["_key", "_key"],
    ["a.b", "a.b"]
  ])(
    "the name %s",
    (text, column) =>
      expect(parsed(`${text} is null`)).toEqual({ kind: "comparison", column, operator: "is_null", values: [] })
  )
})

describe("problems name the column of the text and what was expected", () => {
  it.each([
    ["", "column 1: expected a column, not or (, found the end"],
    ["a =", "column 4: expected a number, a text in single quotes, true or false, found the end"],
    ["a = b", "column 5: expected a number"],
    ["a = \"b\"", "single quotes"],
    ["a = null", "write is null"],
    ["a is 5", "column 6: expected null or not null, found 5"],
    ["5 < a", "the column stands on the left"],
    ["(a = 1", "column 7: expected and, or, or ), found the end"],
    ["a = 1)", "column 6: expected and, or, or the end, found )"],
    ["a = 1 b = 2", "column 7: expected and, or, or the end, found b"],
    ["a in 1", "column 6: expected ( and a list, found 1"],
    ["a in ()", "column 7: expected a number"],
    ["a in (1 2)", "column 9: expected ,"],
    ["a like '%x'", "write contains 'text' or starts with 'text'"],
    ["a contains 5", "column 12: expected a text in single quotes, found 5"],
    ["a starts 'x'", "column 10: expected with"],
    ["a not 5", "column 7: expected in, contains or starts with"],
    ["a = 'open", "column 5: this ' is never closed"],
    ["a = 1 && b", "column 7: unexpected &; write and"],
    ["!a", "column 1: unexpected !; write not"],
    ["a = 1e999", "too large"],
    ["a ~ 1", "column 3: unexpected ~"]
  ])("%s", (text, message) => expect(problemOf(text)).toContain(message))

  it("nesting and length are bounded", () => {
    expect(problemOf(`${"(".repeat(100_000)}a${")".repeat(100_000)}`)).toContain("nested deeper than 64")
    expect(problemOf(`${"not ".repeat(100_000)}a`)).toContain("nested deeper than 64")
    expect(problemOf(Array.from({ length: 1001 }, () => "a").join(" or "))).toContain("more than 1000 comparisons")
    expect(problemOf(Array.from({ length: 1000 }, () => "a").join(" or "))).toBe("none")
  })
})

const names = ["a", "a b", "not", "say \"x\"", "größe", "_key", "1st", "", "x.y", "true"]

const newLiteral = (random: Random): Literal =>
  random.pick<() => Literal>([
    () => random.chance(0.5),
    () => random.integer(2000) - 1000,
    () => (random.next() - 0.5) * 10 ** random.integer(40),
    () => 2n ** 60n + BigInt(random.integer(100)),
    () => random.pick(["", "'", "it''s", "\"", "a\nb", "\u{1F600}", "\\", "and"])
  ])()

const newTree = (random: Random, depth: number): Filter => {
  const column = random.pick(names)
  if (depth === 0 || random.chance(0.3)) {
    const operator = random.pick<Operator>([
      "eq",
      "ne",
      "gt",
      "gte",
      "lt",
      "lte",
      "in",
      "not_in",
      "is_null",
      "contains",
      "starts_with"
    ])
    const values = operator === "is_null"
      ? []
      : operator === "in" || operator === "not_in"
      ? Array.from({ length: 1 + random.integer(4) }, () => newLiteral(random))
      : [operator === "contains" || operator === "starts_with" ? "it's" : newLiteral(random)]
    return { kind: "comparison", column, operator, values }
  }
  if (random.chance(0.25)) return { kind: "not", filter: newTree(random, depth - 1) }
  const length = random.pick([0, 2, 2, 3])
  return { kind: random.pick(["and", "or"]), filters: Array.from({ length }, () => newTree(random, depth - 1)) }
}

describe(`printing (VARVE_SEED=${seed})`, () => {
  it("comes back as it was", () => {
    const random = new Random(seed)
    for (let round = 0; round < 3000; round++) {
      const filter = newTree(random, 4)
      const text = printExpression(filter)
      expect({ text, filter: normalised(parsed(text)) }).toEqual({ text, filter: normalised(filter) })
    }
  })

  it("is readable", () => {
    const text =
      "delay > 30 and (origin = 'SFO' or dest in ('LAX', 'JFK')) and not cancelled = true and note is not null"
    expect(printExpression(parsed(text))).toBe(text)
  })
})

/** Whole numbers beyond 2^53 are bigints in text, whatever they were. */
const normalised = (filter: Filter): Filter => {
  switch (filter.kind) {
    case "comparison":
      return {
        ...filter,
        values: filter.values.map((value) =>
          typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)
            ? /e/.test(String(value)) ? value : BigInt(String(value))
            : value
        )
      }
    case "not":
      return { kind: "not", filter: normalised(filter.filter) }
    default:
      return { kind: filter.kind, filters: filter.filters.map(normalised) }
  }
}
