/**
 * Early ends: which rows of an order can still be among the first ones, by the bounds of its first column. Rows before
 * the cursor's place, and behind the last row that is kept, need not be loaded.
 */
import { type Bound, compareBound } from "../../segment/bounds.ts"
import type { OrderColumn } from "../order/orderTerm.ts"
import type { Candidate } from "./Source.ts"

/** A value of the order's first column; `null` stands behind all others. */
export type OrderValue = Bound | null

export class CandidateOrder {
  readonly first: OrderColumn
  /** Rows before this value are not wanted; `undefined` where the read begins at the beginning. */
  private readonly place: OrderValue | undefined
  /** Rows behind this value are not wanted any more; `undefined` while there is room. */
  private readonly last: () => OrderValue | undefined

  constructor(first: OrderColumn, place: OrderValue | undefined, last: () => OrderValue | undefined) {
    this.first = first
    this.place = place
    this.last = last
  }

  /** Whether it may hold a row at or behind the place and not behind the last row. */
  mayHold({ bounds, rows }: Candidate): boolean {
    const known = bounds(this.first.column)
    if (known === undefined) return true
    const { max, min, nulls } = known
    const last = this.last()
    if (nulls === rows) return last === undefined || last === null
    if (min === undefined || max === undefined) return true
    const { descending } = this.first
    if (last !== undefined && last !== null) {
      if (descending ? compareBound(max, last) < 0 : compareBound(min, last) > 0) return false
    }
    if (this.place === undefined || nulls > 0) return true
    if (this.place === null) return false
    return descending ? compareBound(min, this.place) <= 0 : compareBound(max, this.place) >= 0
  }

  /** Negative where the left one promises earlier rows. What is unknown is looked at first: it is in memory. */
  compare(left: Candidate, right: Candidate): number {
    const a = left.bounds(this.first.column)
    const b = right.bounds(this.first.column)
    if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined)
    const { descending } = this.first
    const x = descending ? a.max : a.min
    const y = descending ? b.max : b.min
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined)
    return descending ? compareBound(y, x) : compareBound(x, y)
  }
}
