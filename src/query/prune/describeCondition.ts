/** Checked filters as people write them. */
import { decodeUtf8 } from "../../base/bytes.ts"
import type { Column } from "../../schema/types.ts"
import type { CheckedFilter, Test } from "../checkFilter.ts"
import { printExpression } from "../expression/printExpression.ts"
import type { Filter, Literal } from "../filter.ts"

/** Longer conditions, as lists of many values are, are cut. */
const lengthMax = 100

/** The text of a condition. */
export const describeCondition = (condition: CheckedFilter): string => {
  const text = printExpression(asFilter(condition))
  return text.length > lengthMax ? `${text.slice(0, lengthMax - 3)}...` : text
}

const asFilter = (filter: CheckedFilter): Filter => {
  switch (filter.kind) {
    case "and":
    case "or":
      return { kind: filter.kind, filters: filter.filters.map(asFilter) }
    default:
      return asComparison(filter)
  }
}

const asComparison = (test: Test): Filter => {
  const { column } = test
  switch (test.kind) {
    case "number":
    case "text":
      return { kind: "comparison", column: column.name, operator: test.order, values: [literalOf(column, test.value)] }
    case "numbers":
    case "texts": {
      const values = test.values.map((value) => literalOf(column, value))
      return { kind: "comparison", column: column.name, operator: test.negated ? "not_in" : "in", values }
    }
    case "null":
      return negated(test.negated, { kind: "comparison", column: column.name, operator: "is_null", values: [] })
    default: {
      const values = [literalOf(column, test.value)]
      return negated(test.negated, { kind: "comparison", column: column.name, operator: test.kind, values })
    }
  }
}

const negated = (isNegated: boolean, filter: Filter): Filter => isNegated ? { kind: "not", filter } : filter

const literalOf = (column: Column, value: number | bigint | Uint8Array): Literal => {
  if (value instanceof Uint8Array) return column.type === "bytes" ? value : decodeUtf8(value)
  return column.type === "timestamp" ? { micros: value } : column.type === "bool" ? value === 1 : value
}
