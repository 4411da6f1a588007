/**
 * Where a merge is in one of its inputs: at a row, whose key is known also while its row group is not in memory yet.
 * Thus no more row groups are in memory than there are inputs that have the key at hand between their first and last.
 */
import type { Segment } from "../Segment.ts"
import { compareKeys } from "./compareKeys.ts"
import type { LoadedRows } from "./loadRows.ts"
import { Runs } from "./Runs.ts"

/** Rows of an input that are superseded by a version outside of the merge, ascending, and that version's positions. */
export interface SupersededRows {
  readonly rows: Int32Array
  readonly positions: Float64Array
}

const noOffsets = new Uint32Array(2)

export class Cursor {
  /** The number of the input: a newer one is higher. */
  readonly input: number
  readonly segment: Segment
  /** Row of the input -> row counted through all outputs; -1 = dropped. */
  readonly rowMap: Int32Array<ArrayBuffer>
  /** Rows of the row group that were taken and not copied yet. */
  readonly taken = new Runs()
  private readonly superseded: SupersededRows | undefined
  private nextSuperseded = 0
  rowGroup = 0
  /** The row group, where it is in memory. */
  loaded: LoadedRows | undefined
  /** The row, from the start of the row group, and the row group's rows. */
  row = 0
  rows = 0
  /** The first row of the row group, from the start of the input. */
  firstRow = 0
  /** The key at the row is heap[offsets[row], offsets[row + 1]). */
  heap: Uint8Array = new Uint8Array(0)
  offsets: Uint32Array = noOffsets

  constructor(input: number, segment: Segment, superseded: SupersededRows | undefined) {
    this.input = input
    this.segment = segment
    this.superseded = superseded
    this.rowMap = new Int32Array(segment.metadata.rows).fill(-1)
    this.enter(0)
  }

  /** Takes the row group's rows, whose first row has the key that was known. */
  load(rows: LoadedRows): void {
    this.loaded = rows
    this.heap = rows.keys.heap
    this.offsets = rows.keys.offsets
  }

  /** Goes to the next row group; false where there is none. */
  nextRowGroup(): boolean {
    if (this.rowGroup + 1 === this.segment.metadata.rowGroups.length) {
      this.loaded = undefined
      return false
    }
    this.enter(this.rowGroup + 1)
    return true
  }

  /** The position from which on a row of the row group is superseded; Infinity: none. Asked for ascending rows only. */
  supersededAt(row: number): number {
    if (this.superseded === undefined) return Number.POSITIVE_INFINITY
    const { positions, rows } = this.superseded
    const wanted = this.firstRow + row
    while (this.nextSuperseded < rows.length && rows[this.nextSuperseded] < wanted) this.nextSuperseded++
    return rows[this.nextSuperseded] === wanted ? positions[this.nextSuperseded] : Number.POSITIVE_INFINITY
  }

  /** Whether the row comes before that of another cursor: by key, and the newer input first where the keys are the same. */
  isBefore(other: Cursor): boolean {
    return this.compareRow(this.row, other) < 0
  }

  /** The first row of the row group behind this one that does not come before the other cursor's, up to `rows`. */
  rowsBefore(other: Cursor): number {
    const { row, rows } = this
    let step = 1
    while (row + step < rows && this.compareRow(row + step, other) < 0) step *= 2
    let low = row + (step >> 1) + 1
    let high = Math.min(row + step, rows)
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.compareRow(middle, other) < 0) low = middle + 1
      else high = middle
    }
    return high
  }

  private compareRow(row: number, other: Cursor): number {
    return compareKeys(
      this.heap,
      this.offsets[row],
      this.offsets[row + 1],
      other.heap,
      other.offsets[other.row],
      other.offsets[other.row + 1]
    ) || other.input - this.input
  }

  private enter(rowGroup: number): void {
    const { keyBounds, rowGroups } = this.segment.metadata
    this.rowGroup = rowGroup
    this.loaded = undefined
    this.row = 0
    this.rows = rowGroups[rowGroup].rows
    this.firstRow = rowGroups[rowGroup].firstRow
    // Bounds of keys are whole: this is the first row's key.
    this.heap = keyBounds[rowGroup].min as Uint8Array
    this.offsets = Uint32Array.of(0, this.heap.length)
  }
}
