/** Filters bound to the vectors of one source: the loops that keep, of a list of rows, those that pass. */
import type { Column } from "../../schema/types.ts"
import type { CheckedFilter, Test } from "../checkFilter.ts"
import { type Keep, keepNull, keepNumber, keepNumbers, keepPresent } from "./numberTests.ts"
import type { ReadVector } from "./readVector.ts"
import { keepCoded, keepText } from "./textTests.ts"

/** Binds a filter. `vectorOf` gives a column's vector. Rows come and go in ascending order. */
export const bindFilter = (filter: CheckedFilter, vectorOf: (column: Column) => ReadVector): Keep => {
  switch (filter.kind) {
    case "and": {
      const cheapestFirst = [...filter.filters].sort((left, right) => cost(left, vectorOf) - cost(right, vectorOf))
      return all(cheapestFirst.map((part) => bindFilter(part, vectorOf)))
    }
    case "or":
      return any(filter.filters.map((part) => bindFilter(part, vectorOf)))
    default:
      return bindTest(filter, vectorOf(filter.column))
  }
}

const bindTest = (test: Test, vector: ReadVector): Keep => {
  const { nulls } = vector
  if (test.kind === "null") {
    if (nulls === undefined) return test.negated ? keepEvery : keepNone
    return test.negated ? keepPresent(nulls) : keepNull(nulls)
  }
  const keep = bindPresent(test, vector)
  return nulls === undefined ? keep : all([keepPresent(nulls), keep])
}

const bindPresent = (test: Exclude<Test, { readonly kind: "null" }>, vector: ReadVector): Keep => {
  if (test.kind === "number" || test.kind === "numbers") {
    if (vector.kind !== "number") throw new TypeError(`column ${test.column.name} holds no numbers`)
    return test.kind === "number"
      ? keepNumber(vector, test.order, test.value)
      : keepNumbers(vector, test.values, test.negated)
  }
  if (vector.kind === "number") throw new TypeError(`column ${test.column.name} holds no text`)
  return vector.kind === "text" ? keepText(vector, test) : keepCoded(vector, test)
}

const keepEvery: Keep = (_, count) => count
const keepNone: Keep = () => 0

const all = (parts: ReadonlyArray<Keep>): Keep => {
  if (parts.length === 1) return parts[0]
  return (rows, count) => {
    let kept = count
    for (let i = 0; i < parts.length && kept > 0; i++) kept = parts[i](rows, kept)
    return kept
  }
}

const any = (parts: ReadonlyArray<Keep>): Keep => {
  if (parts.length === 0) return keepNone
  if (parts.length === 1) return parts[0]
  let remaining = new Int32Array(0)
  let passed = new Int32Array(0)
  return (rows, count) => {
    if (remaining.length < count) {
      remaining = new Int32Array(rows.length)
      passed = new Int32Array(rows.length)
    }
    remaining.set(count === rows.length ? rows : rows.subarray(0, count))
    let left = count
    for (let i = 0; i < parts.length && left > 0; i++) {
      passed.set(remaining.subarray(0, left))
      left = subtract(remaining, left, passed, parts[i](passed, left))
    }
    return subtract(rows, count, remaining, left)
  }
}

/** Takes rows out of a list, both ascending, the one within the other. Returns how many stay. */
const subtract = (rows: Int32Array, count: number, removed: Int32Array, removedCount: number): number => {
  let kept = 0
  let next = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    if (next < removedCount && removed[next] === row) next++
    else rows[kept++] = row
  }
  return kept
}

/** What a part costs a row, roughly, in comparisons of numbers. */
const cost = (filter: CheckedFilter, vectorOf: (column: Column) => ReadVector): number => {
  if (filter.kind === "and" || filter.kind === "or") {
    return 2 + filter.filters.reduce((sum, part) => sum + cost(part, vectorOf), 0)
  }
  if (filter.kind === "null") return 1
  const vector = vectorOf(filter.column)
  if (vector.kind === "dictionary") return 1
  if (vector.kind === "number") return filter.kind === "numbers" || vector.wide !== undefined ? 8 : 1
  return filter.kind === "contains" || filter.kind === "texts" ? 20 : 5
}
