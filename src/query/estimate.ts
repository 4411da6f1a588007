/** Guesses of how many rows leave a step, for plans. */
import { type Bound, compareBound } from "../segment/bounds.ts"
import type { CheckedFilter, Order, Test } from "./checkFilter.ts"
import type { ColumnFacts, SourceFacts } from "./columnFacts.ts"

/** Where nothing better is known. */
const equalShare = 0.01
const rangeShare = 0.33
const matchShare = 0.1
const nullShare = 0.1

/** The share of a source's rows that pass a filter. */
const estimateShare = (filter: CheckedFilter, source: SourceFacts): number => {
  switch (filter.kind) {
    case "and":
      return filter.filters.reduce((share, part) => share * estimateShare(part, source), 1)
    case "or":
      return 1 - filter.filters.reduce((share, part) => share * (1 - estimateShare(part, source)), 1)
    default:
      return Math.min(1, Math.max(0, testShare(filter, source.column(filter.column))))
  }
}

/** Rows of all sources that pass a filter. */
export const estimateRows = (filter: CheckedFilter, sources: ReadonlyArray<SourceFacts>): number =>
  Math.round(sources.reduce((rows, source) => rows + source.rows * estimateShare(filter, source), 0))

const testShare = (test: Test, facts: ColumnFacts): number => {
  const nulls = facts.nullShare ?? (test.column.nullable ? nullShare : 0)
  if (test.kind === "null") return test.negated ? 1 - nulls : nulls
  return (1 - nulls) * presentShare(test, facts)
}

/** Of the rows that are not null. */
const presentShare = (test: Exclude<Test, { readonly kind: "null" }>, { distinct, range }: ColumnFacts): number => {
  const isWithin = (value: Bound) =>
    range === undefined || (compareBound(value, range[0]) >= 0 && compareBound(value, range[1]) <= 0)
  const equal = distinct !== undefined ? 1 / Math.max(1, distinct) : test.column.type === "bool" ? 0.5 : equalShare
  switch (test.kind) {
    case "numbers":
    case "texts": {
      const values: ReadonlyArray<Bound> = test.values
      const listed = Math.min(1, values.filter(isWithin).length * equal)
      return test.negated ? 1 - listed : listed
    }
    case "contains":
    case "starts_with":
      return test.negated ? 1 - matchShare : matchShare
    default:
      if (test.order === "eq") return isWithin(test.value) ? equal : 0
      if (test.order === "ne") return isWithin(test.value) ? 1 - equal : 1
      return range === undefined ? rangeShare : shareOfRange(test.order, test.value, range)
  }
}

/** Numbers are supposed to be spread evenly between the least and the greatest. */
const shareOfRange = (order: Order, value: Bound, [min, max]: readonly [Bound, Bound]): number => {
  const isBelow = order === "lt" || order === "lte"
  if (compareBound(value, min) < 0) return isBelow ? 0 : 1
  if (compareBound(value, max) > 0) return isBelow ? 1 : 0
  if (compareBound(min, max) === 0) return Number(order === "lte" || order === "gte")
  if (typeof value === "object") return rangeShare
  const below = (Number(value) - Number(min)) / (Number(max) - Number(min))
  return isBelow ? below : 1 - below
}

/** Groups that rows fall into, by the distinct values of columns. */
export const estimateGroups = (
  distinct: ReadonlyArray<number | undefined>,
  rows: number
): number => {
  if (distinct.length === 0) return 1
  const groups = distinct.reduce<number>((product, values) => product * (values ?? Math.ceil(Math.sqrt(rows))), 1)
  return Math.min(rows, groups)
}
