/** A segment of a table, with what is known of its rows beyond the file. */
import type { Position } from "../base/position.ts"
import type { SegmentEntry } from "../event/Event.ts"
import { Marks } from "./marks.ts"

export class TableSegment {
  entry: SegmentEntry
  /** Its rows that newer versions elsewhere supersede: complete when everything newer is settled. */
  readonly marks = new Marks()
  /** Whether the rows of older segments that its own supersede are marked. */
  isSettled = false

  constructor(entry: SegmentEntry) {
    this.entry = entry
  }

  /** Position of its newest row. */
  get lastPosition(): Position {
    return this.entry.lastPosition as Position
  }
}
