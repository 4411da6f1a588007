/**
 * From a request's filter to one that can be run: names resolved, literals in their columns' own form, and `not` pushed
 * down to the comparisons. With no `not` left, "not true" needs no third value: a comparison simply never holds for a
 * null, negated or not, which is what SQL's logic comes to.
 */
import { filterValuesMax } from "../base/limits.ts"
import type { Column } from "../schema/types.ts"
import { type ColumnScope, resolveColumn } from "./columns.ts"
import { parseExpression } from "./expression/parseExpression.ts"
import { type Comparison, type Filter, filterComparisonsMax, filterDepthMax } from "./filter.ts"
import { checkOperator, comparableOf, numberLiteral, textLiteral } from "./literals.ts"
import { refuse } from "./refuse.ts"

/** Comparisons of a value with one literal. */
export type Order = "eq" | "ne" | "gt" | "gte" | "lt" | "lte"

/** One test of one column. Each holds for rows that are not null only, but for `null` itself. */
export type Test =
  | {
    readonly kind: "number"
    readonly column: Column
    readonly order: Order
    /** A bigint where a number would not be exact. */
    readonly value: number | bigint
  }
  | {
    readonly kind: "numbers"
    readonly column: Column
    readonly values: ReadonlyArray<number | bigint>
    readonly negated: boolean
  }
  | { readonly kind: "text"; readonly column: Column; readonly order: Order; readonly value: Uint8Array }
  | {
    readonly kind: "texts"
    readonly column: Column
    readonly values: ReadonlyArray<Uint8Array>
    readonly negated: boolean
  }
  | {
    readonly kind: "contains" | "starts_with"
    readonly column: Column
    readonly value: Uint8Array
    readonly negated: boolean
  }
  /** Negated: is not null. */
  | { readonly kind: "null"; readonly column: Column; readonly negated: boolean }

/** A filter without `not`. */
export type CheckedFilter =
  | Test
  | { readonly kind: "and"; readonly filters: ReadonlyArray<CheckedFilter> }
  | { readonly kind: "or"; readonly filters: ReadonlyArray<CheckedFilter> }

/** Holds for every row. */
export const always: CheckedFilter = { kind: "and", filters: [] }
/** Holds for no row. */
export const never: CheckedFilter = { kind: "or", filters: [] }

/** A filter's text as a filter. Refuses with INVALID_FILTER, naming the column of the text. */
export const filterOfText = (text: string, field: string): Filter => {
  const parsed = parseExpression(text)
  return parsed.problem === undefined ? parsed.filter : refuse("INVALID_FILTER", field, parsed.problem.message)
}

/** The filter and the text of a request, both of which must hold. */
export const checkFilters = (scope: ColumnScope, filter: Filter | undefined, where: string): CheckedFilter => {
  const checked: Array<CheckedFilter> = []
  if (filter !== undefined) checked.push(checkFilter(scope, filter, "filter"))
  if (where.trim() !== "") checked.push(checkFilter(scope, filterOfText(where, "where"), "where"))
  return both(checked)
}

/** Checks a filter. `field` is its place in the request, for messages. */
export const checkFilter = (scope: ColumnScope, filter: Filter, field: string): CheckedFilter => {
  const counter = { comparisons: 0 }
  const check = (part: Filter, negated: boolean, depth: number): CheckedFilter => {
    if (depth > filterDepthMax) refuse("INVALID_FILTER", field, `nested deeper than ${filterDepthMax} levels`)
    switch (part.kind) {
      case "comparison":
        if (++counter.comparisons > filterComparisonsMax) {
          refuse("INVALID_FILTER", field, `more than ${filterComparisonsMax} comparisons`)
        }
        return checkComparison(scope, part, negated, field)
      case "not":
        return check(part.filter, !negated, depth + 1)
      case "and":
      case "or": {
        const filters = part.filters.map((inner) => check(inner, negated, depth + 1))
        return (part.kind === "and") !== negated ? both(filters) : { kind: "or", filters }
      }
    }
  }
  return check(filter, false, 0)
}

/** All of them, without an `and` in an `and`. */
const both = (filters: ReadonlyArray<CheckedFilter>): CheckedFilter => {
  const flat = filters.flatMap((filter) => filter.kind === "and" ? filter.filters : [filter])
  return flat.length === 1 ? flat[0] : { kind: "and", filters: flat }
}

const negations: Readonly<Record<Order, Order>> = {
  eq: "ne",
  ne: "eq",
  gt: "lte",
  gte: "lt",
  lt: "gte",
  lte: "gt"
}

const checkComparison = (scope: ColumnScope, part: Comparison, negated: boolean, field: string): CheckedFilter => {
  const { operator, values } = part
  const column = resolveColumn(scope, part.column, field)
  checkOperator(column, operator, field)
  if (operator === "is_null") {
    if (values.length > 0) refuse("INVALID_FILTER", field, `is_null of column ${column.name} takes no value`)
    return { kind: "null", column, negated }
  }
  const isText = comparableOf(column) === "text"
  if (operator === "in" || operator === "not_in") {
    if (values.length === 0) {
      refuse("INVALID_FILTER", field, `${operator} of column ${column.name} needs at least one value`)
    }
    if (values.length > filterValuesMax) {
      refuse(
        "INVALID_FILTER",
        field,
        `${operator} of column ${column.name} has ${values.length} values; ${filterValuesMax} are allowed`
      )
    }
    const absent = (operator === "not_in") !== negated
    return isText
      ? { kind: "texts", column, values: values.map((value) => textLiteral(column, value, field)), negated: absent }
      : { kind: "numbers", column, values: values.map((value) => numberLiteral(column, value, field)), negated: absent }
  }
  if (values.length !== 1) {
    refuse("INVALID_FILTER", field, `${operator} of column ${column.name} takes one value, not ${values.length}`)
  }
  if (operator === "contains" || operator === "starts_with") {
    return { kind: operator, column, value: textLiteral(column, values[0], field), negated }
  }
  const order = negated ? negations[operator] : operator
  return isText
    ? { kind: "text", column, order, value: textLiteral(column, values[0], field) }
    : compareNumber(column, order, numberLiteral(column, values[0], field))
}

/** Whole numbers are compared with whole numbers: `delay > 30.5` is `delay > 30` there. */
const compareNumber = (column: Column, order: Order, value: number | bigint): CheckedFilter => {
  if (typeof value === "bigint" || comparableOf(column) === "number" || Number.isInteger(value)) {
    return { kind: "number", column, order, value }
  }
  switch (order) {
    case "eq":
      return never
    case "ne":
      return { kind: "null", column, negated: true }
    case "gt":
    case "gte":
      return { kind: "number", column, order: "gt", value: Math.floor(value) }
    case "lt":
    case "lte":
      return { kind: "number", column, order: "lte", value: Math.floor(value) }
  }
}

/** The columns that a filter reads, each once. */
export const columnsOf = (filter: CheckedFilter): ReadonlyArray<Column> => {
  const columns = new Set<Column>()
  const visit = (part: CheckedFilter): void => {
    if (part.kind === "and" || part.kind === "or") part.filters.forEach(visit)
    else columns.add(part.column)
  }
  visit(filter)
  return [...columns]
}
