/**
 * Loops that keep, of a list of rows, those whose number passes a test. Each takes `rows[0, count)`, writes the rows
 * that it keeps to the list's front, in order, and returns how many they are. Writing first and adding the test's outcome
 * as a number takes no branch: a branch that is taken half of the time costs three times as much.
 */
import type { Order } from "../checkFilter.ts"
import { type PerArray, perArray } from "./perArray.ts"
import type { NumberRead, NumberValues } from "./readVector.ts"

/** Keeps rows in place; see above. */
export type Keep = (rows: Int32Array, count: number) => number

/** The rows of a column that are not null. */
export const keepPresent = (nulls: Uint8Array): Keep => (rows, count) => {
  let kept = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    rows[kept] = row
    kept += 1 - nulls[row]
  }
  return kept
}

/** The rows of a column that are null. */
export const keepNull = (nulls: Uint8Array): Keep => (rows, count) => {
  let kept = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    rows[kept] = row
    kept += nulls[row]
  }
  return kept
}

/** Rows, none of them null, whose value stands in an order to a literal. */
export const keepNumber = (vector: NumberRead, order: Order, value: number | bigint): Keep => {
  if (vector.wide !== undefined) return keepWide(vector.wide, order, BigInt(value))
  // A literal beyond 2^53 is beyond every value here, and so is its nearest double.
  const near = Number(value)
  const { values } = vector
  switch (order) {
    case "eq":
      return bound(keepEqual, values, near)
    case "ne":
      return bound(keepUnequal, values, near)
    case "gt":
      return bound(keepGreater, values, near)
    case "gte":
      return bound(keepGreaterOrEqual, values, near)
    case "lt":
      return bound(keepLess, values, near)
    case "lte":
      return bound(keepLessOrEqual, values, near)
  }
}

type Loop = (values: NumberValues, value: number, rows: Int32Array, count: number) => number

const bound = (loops: PerArray<Loop>, values: NumberValues, value: number): Keep => {
  const loop = loops(values)
  return (rows, count) => loop(values, value, rows, count)
}

const keepEqual = perArray((values: NumberValues, value: number, rows: Int32Array, count: number): number => {
  let kept = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    rows[kept] = row
    kept += Number(values[row] === value)
  }
  return kept
})

const keepUnequal = perArray((values: NumberValues, value: number, rows: Int32Array, count: number): number => {
  let kept = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    rows[kept] = row
    kept += Number(values[row] !== value)
  }
  return kept
})

const keepGreater = perArray((values: NumberValues, value: number, rows: Int32Array, count: number): number => {
  let kept = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    rows[kept] = row
    kept += Number(values[row] > value)
  }
  return kept
})

const keepGreaterOrEqual = perArray((values: NumberValues, value: number, rows: Int32Array, count: number): number => {
  let kept = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    rows[kept] = row
    kept += Number(values[row] >= value)
  }
  return kept
})

const keepLess = perArray((values: NumberValues, value: number, rows: Int32Array, count: number): number => {
  let kept = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    rows[kept] = row
    kept += Number(values[row] < value)
  }
  return kept
})

const keepLessOrEqual = perArray((values: NumberValues, value: number, rows: Int32Array, count: number): number => {
  let kept = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    rows[kept] = row
    kept += Number(values[row] <= value)
  }
  return kept
})

const wideTests: Readonly<Record<Order, (value: bigint, literal: bigint) => boolean>> = {
  eq: (value, literal) => value === literal,
  ne: (value, literal) => value !== literal,
  gt: (value, literal) => value > literal,
  gte: (value, literal) => value >= literal,
  lt: (value, literal) => value < literal,
  lte: (value, literal) => value <= literal
}

const keepWide = (wide: BigInt64Array | ReadonlyArray<bigint>, order: Order, literal: bigint): Keep => {
  const test = wideTests[order]
  return (rows, count) => {
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]
      if (test(wide[row], literal)) rows[kept++] = row
    }
    return kept
  }
}

/** Rows, none of them null, whose value is one of a list, or with `negated` none of it. */
export const keepNumbers = (vector: NumberRead, list: ReadonlyArray<number | bigint>, negated: boolean): Keep => {
  const wanted = !negated
  const { values, wide } = vector
  if (wide !== undefined) {
    const set = new Set(list.filter((value) => typeof value === "bigint" || Number.isInteger(value)).map(BigInt))
    return (rows, count) => {
      let kept = 0
      for (let i = 0; i < count; i++) {
        const row = rows[i]
        if (set.has(wide[row]) === wanted) rows[kept++] = row
      }
      return kept
    }
  }
  const set = new Set(list)
  return (rows, count) => {
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]
      if (set.has(values[row]) === wanted) rows[kept++] = row
    }
    return kept
  }
}
