/** Whether rows with some bounds can hold one that passes a filter. True is always right; false is certain. */
import { compareBytes } from "../../base/bytes.ts"
import type { Column } from "../../schema/types.ts"
import { type Bound, type Bounds, compareBound } from "../../segment/bounds.ts"
import type { CheckedFilter, Order, Test } from "../checkFilter.ts"

/** What the rows hold in a column; `undefined` where that is not known. */
export type ColumnBounds = (column: Column) => Bounds | undefined

/** Judges a filter without `not`: each test of it holds for rows only whose value is not null, but for `null` itself. */
export const mayMatch = (filter: CheckedFilter, bounds: ColumnBounds, rows: number): boolean => {
  switch (filter.kind) {
    case "and":
      return filter.filters.every((part) => mayMatch(part, bounds, rows))
    case "or":
      return filter.filters.some((part) => mayMatch(part, bounds, rows))
    default: {
      const known = bounds(filter.column)
      if (known === undefined) return true
      if (filter.kind === "null") return filter.negated ? known.nulls < rows : known.nulls > 0
      if (known.nulls === rows) return false
      return known.min === undefined || known.max === undefined || mayPass(filter, known.min, known.max)
    }
  }
}

/** Values lie in [min, max], which may be wider than they are. */
const mayPass = (test: Exclude<Test, { readonly kind: "null" }>, min: Bound, max: Bound): boolean => {
  switch (test.kind) {
    case "number":
    case "text":
      return mayCompare(test.order, test.value, min, max)
    case "numbers":
    case "texts": {
      const values: ReadonlyArray<Bound> = test.values
      // What is all one value is ruled out by a list that has it.
      if (test.negated) return compareBound(min, max) !== 0 || !values.some((value) => compareBound(value, min) === 0)
      return values.some((value) => mayCompare("eq", value, min, max))
    }
    case "starts_with": {
      const low = compareBytes((min as Uint8Array).subarray(0, test.value.length), test.value)
      const high = compareBytes((max as Uint8Array).subarray(0, test.value.length), test.value)
      return test.negated ? low !== 0 || high !== 0 : low <= 0 && high >= 0
    }
    case "contains":
      return true
  }
}

const mayCompare = (order: Order, value: Bound, min: Bound, max: Bound): boolean => {
  switch (order) {
    case "eq":
      return compareBound(min, value) <= 0 && compareBound(max, value) >= 0
    case "ne":
      return compareBound(min, value) !== 0 || compareBound(max, value) !== 0
    case "gt":
      return compareBound(max, value) > 0
    case "gte":
      return compareBound(max, value) >= 0
    case "lt":
      return compareBound(min, value) < 0
    case "lte":
      return compareBound(min, value) <= 0
  }
}
