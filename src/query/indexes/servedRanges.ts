/** Which values of a column a filter asks for, where an index of the column can find them. */
import { compareBytes } from "../../base/bytes.ts"
import type { Column } from "../../schema/types.ts"
import { indexedNumber, indexedText, prefixRange, type ValueRange } from "../../segment/valueIndex/indexedValue.ts"
import type { CheckedFilter, Order, Test } from "../checkFilter.ts"

/** Every row that passes has a value of one of the ranges in the column; others may have one too. */
export interface ServedColumn {
  readonly column: Column
  readonly ranges: ReadonlyArray<ValueRange>
}

/**
 * The columns that a filter asks for single values or ranges of, of all its conjuncts together. What is negated asks for
 * nearly all values, and `is_null` for none: neither is served.
 */
export const servedColumns = (filter: CheckedFilter): ReadonlyArray<ServedColumn> => {
  const served = new Map<Column, ServedColumn>()
  for (const part of filter.kind === "and" ? filter.filters : [filter]) {
    const own = servedBy(part)
    if (own === undefined) continue
    const before = served.get(own.column)
    const ranges = before === undefined ? own.ranges : intersect(before.ranges, own.ranges)
    served.set(own.column, { column: own.column, ranges })
  }
  return [...served.values()]
}

const servedBy = (filter: CheckedFilter): ServedColumn | undefined => {
  switch (filter.kind) {
    case "and": {
      const [only, ...others] = servedColumns(filter)
      return others.length === 0 ? only : undefined
    }
    case "or": {
      // A part that no row passes asks for nothing.
      const parts = filter.filters.filter((part) => part.kind !== "or" || part.filters.length > 0).map(servedBy)
      const [first] = parts
      if (first === undefined || parts.some((part) => part?.column !== first.column)) return undefined
      return { column: first.column, ranges: parts.flatMap((part) => part!.ranges) }
    }
    default: {
      const ranges = rangesOf(filter)
      return ranges && { column: filter.column, ranges }
    }
  }
}

const rangesOf = (test: Test): ReadonlyArray<ValueRange> | undefined => {
  switch (test.kind) {
    case "number": {
      const value = indexedNumber(test.value)
      return value && ordered(test.order, value)
    }
    case "text":
      return ordered(test.order, indexedText(test.value))
    case "numbers":
      return test.negated ? undefined : test.values.flatMap((value) => {
        const indexed = indexedNumber(value)
        return indexed === undefined ? [] : [{ from: indexed, to: indexed }]
      })
    case "texts":
      return test.negated ? undefined : test.values.map((value) => {
        const indexed = indexedText(value)
        return { from: indexed, to: indexed }
      })
    case "starts_with":
      return test.negated || test.value.length === 0 ? undefined : [prefixRange(test.value)]
    case "contains":
    case "null":
      return undefined
  }
}

/** What is indexed of a value may be the same for others: the ends belong to the range in any case. */
const ordered = (order: Order, value: Uint8Array): ReadonlyArray<ValueRange> | undefined => {
  switch (order) {
    case "eq":
      return [{ from: value, to: value }]
    case "gt":
    case "gte":
      return [{ from: value, to: undefined }]
    case "lt":
    case "lte":
      return [{ from: undefined, to: value }]
    case "ne":
      return undefined
  }
}

/** Ranges that hold every value which is in one of each list. Two long lists are not compared: the shorter one will do. */
const intersect = (
  left: ReadonlyArray<ValueRange>,
  right: ReadonlyArray<ValueRange>
): ReadonlyArray<ValueRange> => {
  const [few, many] = left.length <= right.length ? [left, right] : [right, left]
  if (few.length > 1) return few
  return many.flatMap((range) =>
    few.flatMap((other) => {
      const from = further(range.from, other.from, 1)
      const to = further(range.to, other.to, -1)
      return from !== undefined && to !== undefined && compareBytes(from, to) > 0 ? [] : [{ from, to }]
    })
  )
}

/** The greater of two ends where `sign` is 1, the smaller where it is -1; an open end is neither. */
const further = (
  left: Uint8Array | undefined,
  right: Uint8Array | undefined,
  sign: 1 | -1
): Uint8Array | undefined => {
  if (left === undefined || right === undefined) return left ?? right
  return compareBytes(left, right) * sign >= 0 ? left : right
}
