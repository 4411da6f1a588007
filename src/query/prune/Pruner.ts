/** Decides what a read need not look at, and remembers what was left out and why. */
import type { SegmentEntry } from "../../event/Event.ts"
import type { CheckedFilter } from "../checkFilter.ts"
import { positionColumn, timestampColumn } from "../columns.ts"
import { type ColumnBounds, mayMatch } from "./mayMatch.ts"

/** How much of the segments is left. */
export interface PruneCounts {
  segments: number
  segmentsLeft: number
  /** Of the segments that are left. */
  rowGroups: number
  rowGroupsLeft: number
  /** Of the row groups that are left. */
  pages: number
  pagesLeft: number
}

/** Whether rows with some bounds may hold wanted ones. */
export type Judge = (bounds: ColumnBounds, rows: number) => boolean

export class Pruner {
  readonly counts: PruneCounts = {
    segments: 0,
    segmentsLeft: 0,
    rowGroups: 0,
    rowGroupsLeft: 0,
    pages: 0,
    pagesLeft: 0
  }
  /** Segments that each condition ruled out; the first one that could have it. */
  readonly ruledOut = new Map<CheckedFilter, number>()
  /** All of which must hold. */
  private readonly conditions: ReadonlyArray<CheckedFilter>
  private readonly position: number
  private readonly upToPosition: CheckedFilter
  private place: CheckedFilter | undefined

  /** Wanted are rows up to a position that pass the filter, with event times from `expiredBefore` (microseconds) on. */
  constructor(filter: CheckedFilter, position: number, expiredBefore: number) {
    const unexpired: ReadonlyArray<CheckedFilter> = expiredBefore === Number.NEGATIVE_INFINITY
      ? []
      : [{ kind: "number", column: timestampColumn, order: "gte", value: expiredBefore }]
    this.conditions = [...filter.kind === "and" ? filter.filters : [filter], ...unexpired]
    this.position = position
    this.upToPosition = { kind: "number", column: positionColumn, order: "lte", value: position }
  }

  /** From here on, wanted are rows that pass this as well: those behind a place in the order of keys. */
  beginAt(place: CheckedFilter): void {
    this.place = place
  }

  /** Whether a segment may hold wanted rows, by what the catalog says of it. */
  keepsSegment(entry: SegmentEntry, bounds: ColumnBounds): boolean {
    this.counts.segments++
    const condition = this.conditionsOf(entry).find((condition) => !mayMatch(condition, bounds, entry.rows))
    if (condition === undefined) {
      this.counts.segmentsLeft++
      return true
    }
    this.ruledOut.set(condition, (this.ruledOut.get(condition) ?? 0) + 1)
    return false
  }

  /** What parts of a segment are judged by; `undefined` where nothing can rule them out. */
  judge(entry: SegmentEntry): Judge | undefined {
    const conditions = this.conditionsOf(entry)
    if (conditions.length === 0) return undefined
    return (bounds, rows) => conditions.every((condition) => mayMatch(condition, bounds, rows))
  }

  private conditionsOf(entry: SegmentEntry): ReadonlyArray<CheckedFilter> {
    return [
      ...this.conditions,
      ...entry.lastPosition <= this.position ? [] : [this.upToPosition],
      ...this.place === undefined ? [] : [this.place]
    ]
  }
}
