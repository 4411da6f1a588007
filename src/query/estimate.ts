/** Guesses of how many rows leave a step, for plans. */
import type { CheckedFilter, Test } from "./checkFilter.ts"
import type { ScanSource } from "./scan/ScanSource.ts"

/** Where nothing better is known. */
const equalShare = 0.01
const rangeShare = 0.33
const matchShare = 0.1
const nullShare = 0.1

/** The share of a source's rows that pass a filter. */
export const estimateShare = (filter: CheckedFilter, source: ScanSource): number => {
  switch (filter.kind) {
    case "and":
      return filter.filters.reduce((share, part) => share * estimateShare(part, source), 1)
    case "or":
      return 1 - filter.filters.reduce((share, part) => share * (1 - estimateShare(part, source)), 1)
    default:
      return Math.min(1, testShare(filter, source))
  }
}

/** Rows of all sources that pass a filter. */
export const estimateRows = (filter: CheckedFilter, sources: ReadonlyArray<ScanSource>): number =>
  Math.round(sources.reduce((rows, source) => rows + source.count * estimateShare(filter, source), 0))

const testShare = (test: Test, source: ScanSource): number => {
  // A dictionary knows how many values there are.
  const vector = test.column.id < 0 ? undefined : source.vector(test.column)
  const equal = vector?.kind === "dictionary"
    ? 1 / Math.max(1, vector.distinct)
    : test.column.type === "bool"
    ? 0.5
    : equalShare
  switch (test.kind) {
    case "null":
      return vector?.nulls === undefined ? Number(test.negated) : test.negated ? 1 - nullShare : nullShare
    case "numbers":
    case "texts": {
      const listed = Math.min(1, test.values.length * equal)
      return test.negated ? 1 - listed : listed
    }
    case "contains":
    case "starts_with":
      return test.negated ? 1 - matchShare : matchShare
    default:
      return test.order === "eq" ? equal : test.order === "ne" ? 1 - equal : rangeShare
  }
}

/** Groups that rows fall into, by the distinct values of dictionaries. */
export const estimateGroups = (
  distinct: ReadonlyArray<number | undefined>,
  rows: number
): number => {
  if (distinct.length === 0) return 1
  const groups = distinct.reduce<number>((product, values) => product * (values ?? Math.ceil(Math.sqrt(rows))), 1)
  return Math.min(rows, groups)
}
