/** Figures of groups, gathered slice by slice. Sums, averages and counts are here; extremes and distinct values beside. */
import { perArray } from "../scan/perArray.ts"
import type { NumberRead, NumberValues, ReadVector } from "../scan/readVector.ts"

/** Rows of one slice with the group of each. */
export interface GroupedRows {
  readonly rows: Int32Array
  readonly count: number
  /** groups[i] is the group of rows[i]. */
  readonly groups: Int32Array
  /** Groups there are by now. */
  readonly groupCount: number
  /** Whether there are no groups but one, 0. */
  readonly single: boolean
}

/** Gathers one figure of each group. */
export interface Accumulator {
  /** Takes rows. `vector` is that of the accumulator's column; a count of rows has none. */
  readonly add: (slice: GroupedRows, vector: ReadVector | undefined) => void
  /** The figure of each group, as a vector whose row is the group. */
  readonly result: (groupCount: number) => ReadVector
}

/** A list of numbers by group that grows; new groups begin at `initial`. */
export const grownTo = (
  values: Float64Array<ArrayBuffer>,
  groupCount: number,
  initial = 0
): Float64Array<ArrayBuffer> => {
  if (groupCount <= values.length) return values
  const next = new Float64Array(Math.max(groupCount, values.length * 2))
  next.set(values)
  if (initial !== 0) next.fill(initial, values.length)
  return next
}

let presentRows = new Int32Array(1024)
let presentGroups = new Int32Array(1024)

/** The same rows without those whose value is null. What it returns is reused by the next call. */
export const withoutNulls = (slice: GroupedRows, { nulls }: ReadVector): GroupedRows => {
  if (nulls === undefined) return slice
  if (presentRows.length < slice.count) {
    presentRows = new Int32Array(slice.count * 2)
    presentGroups = new Int32Array(slice.count * 2)
  }
  const { groups, rows, single } = slice
  let kept = 0
  for (let i = 0; i < slice.count; i++) {
    presentRows[kept] = rows[i]
    presentGroups[kept] = single ? 0 : groups[i]
    kept += 1 - nulls[rows[i]]
  }
  return { ...slice, rows: presentRows, groups: presentGroups, count: kept }
}

/** Rows, or values that are not null, of each group. */
export class Count implements Accumulator {
  private counts = new Float64Array(0)

  add(all: GroupedRows, vector: ReadVector | undefined): void {
    const slice = vector === undefined ? all : withoutNulls(all, vector)
    this.counts = grownTo(this.counts, slice.groupCount)
    countInto(this.counts, slice)
  }

  /** How many values a group has. */
  of(group: number): number {
    return this.counts[group] ?? 0
  }

  result(groupCount: number): ReadVector {
    return { kind: "number", values: grownTo(this.counts, groupCount), wide: undefined, nulls: undefined }
  }
}

const countInto = (counts: Float64Array, { count, groups, single }: GroupedRows): void => {
  if (single) {
    counts[0] += count
    return
  }
  for (let i = 0; i < count; i++) counts[groups[i]]++
}

/** Up to here sums of whole numbers are exact as doubles, with one more slice to come. */
const exactMax = 2 ** 52

/** Sums of values that are not null. Those of whole numbers are exact at any size. */
export class Sum implements Accumulator {
  readonly counts = new Count()
  private readonly isInteger: boolean
  private sums = new Float64Array(0)
  /** What was taken out of `sums` before it could become inexact, by group. */
  private readonly carried: Array<bigint> = []
  /** No sum is larger, for whole numbers. */
  private bound = 0

  constructor(isInteger: boolean) {
    this.isInteger = isInteger
  }

  add(all: GroupedRows, vector: ReadVector | undefined): void {
    const numbers = vector as NumberRead
    const slice = withoutNulls(all, numbers)
    this.counts.add(slice, undefined)
    this.sums = grownTo(this.sums, slice.groupCount)
    if (this.isInteger && !this.fits(slice, numbers)) return this.addWide(slice, numbers)
    const { values } = numbers
    const { count, groups, rows } = slice
    if (slice.single) this.sums[0] += sumOf(values)(values, rows, count)
    else sumInto(values)(values, this.sums, groups, rows, count)
  }

  /** The exact sum of a group, where the values are whole numbers. */
  exactOf(group: number): bigint {
    return (this.carried[group] ?? 0n) + BigInt(this.sums[group] ?? 0)
  }

  /** The sum of a group, the nearest double. */
  of(group: number): number {
    const carried = this.carried[group]
    return carried === undefined ? this.sums[group] ?? 0 : Number(this.exactOf(group))
  }

  result(groupCount: number): ReadVector {
    const values = new Float64Array(groupCount)
    const nulls = new Uint8Array(groupCount)
    let wide: Array<bigint> | undefined
    for (let group = 0; group < groupCount; group++) {
      if (this.counts.of(group) === 0) nulls[group] = 1
      values[group] = this.of(group)
    }
    if (this.isInteger && values.some((value) => !Number.isSafeInteger(value))) {
      wide = Array.from(values, (_, group) => this.exactOf(group))
    }
    return { kind: "number", values, wide, nulls }
  }

  /** Whether the sums stay exact as doubles when a slice is added; carries what they hold where they would not. */
  private fits(slice: GroupedRows, { values, wide }: NumberRead): boolean {
    if (wide !== undefined) return false
    const added = largestOf(values)(values, slice.rows, slice.count) * slice.count
    if (added > exactMax) return false
    if (this.bound + added > exactMax) {
      for (let group = 0; group < this.sums.length; group++) {
        this.carried[group] = (this.carried[group] ?? 0n) + BigInt(this.sums[group])
      }
      this.sums.fill(0)
      this.bound = 0
    }
    this.bound += added
    return true
  }

  private addWide({ count, groups, rows, single }: GroupedRows, { values, wide }: NumberRead): void {
    for (let i = 0; i < count; i++) {
      const group = single ? 0 : groups[i]
      const value = wide === undefined ? BigInt(values[rows[i]]) : wide[rows[i]]
      this.carried[group] = (this.carried[group] ?? 0n) + value
    }
  }
}

/** The largest magnitude. */
const largestOf = perArray((values: NumberValues, rows: Int32Array, count: number): number => {
  let largest = 0
  for (let i = 0; i < count; i++) {
    const value = Math.abs(values[rows[i]])
    if (value > largest) largest = value
  }
  return largest
})

const sumOf = perArray((values: NumberValues, rows: Int32Array, count: number): number => {
  let sum = 0
  for (let i = 0; i < count; i++) sum += values[rows[i]]
  return sum
})

const sumInto = perArray(
  (values: NumberValues, sums: Float64Array, groups: Int32Array, rows: Int32Array, count: number): void => {
    for (let i = 0; i < count; i++) sums[groups[i]] += values[rows[i]]
  }
)

/** Means of values that are not null. */
export class Average implements Accumulator {
  private readonly sum: Sum

  constructor(isInteger: boolean) {
    this.sum = new Sum(isInteger)
  }

  add(slice: GroupedRows, vector: ReadVector | undefined): void {
    this.sum.add(slice, vector)
  }

  result(groupCount: number): ReadVector {
    const values = new Float64Array(groupCount)
    const nulls = new Uint8Array(groupCount)
    for (let group = 0; group < groupCount; group++) {
      const count = this.sum.counts.of(group)
      if (count === 0) nulls[group] = 1
      else values[group] = this.sum.of(group) / count
    }
    return { kind: "number", values, wide: undefined, nulls }
  }
}
