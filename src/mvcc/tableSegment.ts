/** A segment of a table, with what is known of its rows beyond the file. */
import * as Position from "../base/position.ts"
import type { SegmentEntry } from "../event/Event.ts"
import { Marks } from "./marks.ts"

export class TableSegment {
  entry: SegmentEntry
  /** Its rows that newer versions elsewhere supersede: complete when everything newer is settled. */
  readonly marks = new Marks()
  /** The rows of older segments that its own rows up to this position supersede are marked. */
  settledThrough: Position.Position = Position.zero

  constructor(entry: SegmentEntry) {
    this.entry = entry
  }

  /** Position of its newest row. */
  get lastPosition(): Position.Position {
    return this.entry.lastPosition as Position.Position
  }

  /** Whether all its rows are settled. */
  get isSettled(): boolean {
    return this.settledThrough >= this.lastPosition
  }

  /** False takes everything back. */
  set isSettled(isSettled: boolean) {
    this.settledThrough = isSettled ? this.lastPosition : Position.zero
  }
}
