/** Writes filters as text that parses into the same filter again. */
import { formatTimestamp } from "../../schema/timestamp.ts"
import type { Comparison, Filter, Literal, Operator } from "../filter.ts"
import { keywords } from "./parseExpression.ts"
import { bareName } from "./tokenize.ts"

const signs: Readonly<Partial<Record<Operator, string>>> = {
  eq: "=",
  ne: "!=",
  gt: ">",
  gte: ">=",
  lt: "<",
  lte: "<=",
  contains: "contains",
  starts_with: "starts with"
}

/** The filter's text. Bytes and instants become the text that a column of their type reads. */
export const printExpression = (filter: Filter): string => print(filter, 0)

/** How tightly the surrounding binds: 0 = `or`, 1 = `and`, 2 = `not`. */
const print = (filter: Filter, binding: number): string => {
  switch (filter.kind) {
    case "comparison":
      return printComparison(filter, "")
    case "not": {
      const negated = filter.filter
      const inside = negated.kind === "comparison" && insideNot.has(negated.operator)
      return inside ? printComparison(negated, "not ") : `not ${print(negated, 2)}`
    }
    case "and":
    case "or": {
      if (filter.filters.length === 0) return filter.kind === "and" ? "true" : "false"
      if (filter.filters.length === 1) return print(filter.filters[0], binding)
      const own = filter.kind === "or" ? 0 : 1
      // A list within a list of its own kind keeps its parentheses, so that the tree comes back as it was.
      const text = filter.filters.map((part) => print(part, own + 1)).join(` ${filter.kind} `)
      return binding > own ? `(${text})` : text
    }
  }
}

/** Operators that are negated by a `not` of their own: `is not null`, `not contains`. */
const insideNot: ReadonlySet<Operator> = new Set<Operator>(["is_null", "contains", "starts_with"])

const printComparison = ({ column, operator, values }: Comparison, not: "" | "not "): string => {
  const name = printName(column)
  switch (operator) {
    case "is_null":
      return `${name} is ${not}null`
    case "in":
    case "not_in":
      return `${name} ${operator === "in" ? "in" : "not in"} (${values.map(printLiteral).join(", ")})`
    default:
      return `${name} ${not}${signs[operator]} ${printLiteral(values[0] ?? null)}`
  }
}

/** A column's name, quoted where it has to be. */
export const printName = (name: string): string => {
  bareName.lastIndex = 0
  const bare = bareName.exec(name)?.[0] === name && !keywords.has(name.toLowerCase())
  return bare ? name : quote(name, "\"")
}

/** A literal as the language writes it. */
export const printLiteral = (value: Literal): string => {
  if (typeof value === "string") return quote(value, "'")
  if (value instanceof Uint8Array) return quote(Buffer.from(value).toString("base64"), "'")
  if (typeof value === "object" && value !== null) return quote(formatTimestamp(value.micros), "'")
  return String(value)
}

const quote = (text: string, mark: string): string => mark + text.replaceAll(mark, mark + mark) + mark
