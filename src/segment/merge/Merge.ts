/**
 * The loop of a merge: takes rows of its inputs in the order of keys, keeps those that the policy wants, and copies them
 * into pieces.
 *
 * Inputs stand in a queue by the keys that they are at. From the first one, all rows are taken that come before the row
 * that the second is at; then the first goes to its new place in the queue. Rows are copied when a row group has been
 * gone through, and when the piece is full.
 */
import { invariant } from "../../base/invariant.ts"
import { rowGroupTextBytesMax } from "../format.ts"
import { isSameKey } from "./compareKeys.ts"
import type { Cursor } from "./Cursor.ts"
import type { LoadedRows } from "./loadRows.ts"
import type { Piece } from "./Piece.ts"

/** Which versions a merge keeps; see `mergeSegments`. */
export interface MergePolicy {
  /** What no snapshot at or above this position sees is dropped. */
  readonly horizon: number
  /**
   * In microseconds: a version at or below the horizon counts as a deletion where its event time, or its commit time where
   * it has none, is before this. -Infinity: none does.
   */
  readonly expiredBefore: number
  /** Whether deletions vanish at the horizon: where no older version of any key lies outside of the merge. */
  readonly dropsDeletions: boolean
}

/** A part of a piece: once the rest is not more than this, it may end where a key does. */
const endingPart = 32

const nothing = new Uint8Array(0)

export class Merge {
  private readonly policy: MergePolicy
  /** By the keys that they are at, newer inputs first. */
  private readonly queue: Array<Cursor> = []
  private readonly cursors: ReadonlyArray<Cursor>
  /** Rows of all outputs so far. */
  private outputRows = 0
  /** Rows of all inputs that were not looked at yet. */
  rowsLeft: number
  /** The input of each row that was taken and not copied yet. */
  private picks: Uint16Array
  private picked = 0
  /** Numbers in `picks` of rows that are to lose their values. */
  private cleared: Array<number> = []
  /** The key of the last row that was looked at. */
  private lastHeap: Uint8Array = nothing
  private lastStart = 0
  private lastEnd = -1
  /** Whether a version of that key at or below the horizon was looked at: what follows is seen by nobody. */
  private isSettled = false

  /** Takes cursors at their first rows, from the oldest input to the newest. */
  constructor(cursors: ReadonlyArray<Cursor>, policy: MergePolicy) {
    invariant(cursors.length < 2 ** 16, "inputs of a merge are numbered by 16 bits")
    this.policy = policy
    this.cursors = cursors
    this.picks = new Uint16Array(0)
    this.rowsLeft = cursors.reduce((rows, { rowMap }) => rows + rowMap.length, 0)
    for (const cursor of cursors) this.enqueue(cursor)
  }

  /** Whether the next row is of the key that the last one had. */
  get isWithinKey(): boolean {
    const [next] = this.queue
    return next !== undefined && this.isLastKey(next.heap, next.offsets[next.row], next.offsets[next.row + 1])
  }

  /**
   * Fills a piece of up to `rowsMax` rows. Gives the cursor whose row group is needed for that; `undefined` where the
   * piece is full, or nothing is left. It ends with a key unless versions of one key are more than a thirty-second of it.
   * `isRestOfKey`: only rows of the last one's key are wanted.
   */
  fill(piece: Piece, rowsMax: number, isRestOfKey: boolean): Cursor | undefined {
    if (this.picks.length < rowsMax) this.picks = new Uint16Array(rowsMax)
    for (;;) {
      const cursor = this.takeUntil(piece, rowsMax, isRestOfKey)
      this.copy(piece)
      if (cursor === undefined || cursor.row < cursor.rows) return cursor
      this.queue.shift()
      if (cursor.nextRowGroup()) this.enqueue(cursor)
    }
  }

  /** Takes rows until the piece is full; gives the cursor whose row group ended before that, or is needed. */
  private takeUntil(piece: Piece, rowsMax: number, isRestOfKey: boolean): Cursor | undefined {
    const { queue } = this
    const limit = this.limitOf(piece, rowsMax)
    const max = limit - piece.count
    const ending = isRestOfKey ? 0 : this.rowsLeft <= max ? max : max - Math.floor(limit / endingPart)
    while (queue.length > 0 && this.picked < max && (this.picked < ending || this.isWithinKey)) {
      const first = queue[0]
      if (first.loaded === undefined) return first
      const end = queue.length === 1 ? first.rows : first.rowsBefore(queue[1])
      first.row = this.take(first, first.loaded, end, ending, max)
      if (first.row === first.rows) return first
      if (first.row === end) this.placeFirst(2)
    }
    return undefined
  }

  /** How many rows the piece may have, so that rows of long texts do not take too much memory. */
  private limitOf(piece: Piece, rowsMax: number): number {
    let rowBytes = 1
    for (const { loaded } of this.cursors) if (loaded !== undefined) rowBytes = Math.max(rowBytes, loaded.rowBytes)
    const byBytes = piece.count + Math.floor(Math.max(0, rowGroupTextBytesMax - piece.bytes) / rowBytes)
    return Math.max(1, Math.min(rowsMax, byBytes))
  }

  /**
   * Looks at rows up to `end` of a cursor and picks those that are kept. Stops before a new key once `ending` rows are
   * picked, and before any row once `max` are; gives the row that comes next.
   */
  private take(cursor: Cursor, loaded: LoadedRows, end: number, ending: number, max: number): number {
    const { heap, input, offsets, rowMap, taken } = cursor
    const { positions } = loaded
    const { horizon } = this.policy
    const { picks } = this
    let row = cursor.row
    for (; row < end; row++) {
      const start = offsets[row]
      const stop = offsets[row + 1]
      if (!this.isLastKey(heap, start, stop)) {
        if (this.picked >= ending) break
        this.lastHeap = heap
        this.lastStart = start
        this.lastEnd = stop
        this.isSettled = false
      } else if (this.picked >= max) break
      if (positions[row] <= horizon) {
        if (this.isSettled) continue
        this.isSettled = true
        if (!this.isKept(cursor, loaded, row)) continue
      } else if (loaded.deleted[row] === 1) this.cleared.push(this.picked)
      taken.add(row)
      rowMap[cursor.firstRow + row] = this.outputRows + this.picked
      picks[this.picked++] = input
    }
    this.rowsLeft -= row - cursor.row
    return row
  }

  /** Whether the newest version of a key at or below the horizon is kept; if so, as a deletion where it has expired. */
  private isKept(cursor: Cursor, { commitTimes, deleted, timestamps }: LoadedRows, row: number): boolean {
    const { dropsDeletions, expiredBefore, horizon } = this.policy
    if (cursor.supersededAt(row) <= horizon) return false
    const hasTime = !timestamps.hasNulls || timestamps.nulls[row] === 0
    if (deleted[row] === 0 && (hasTime ? timestamps.values[row] : commitTimes[row]) >= expiredBefore) return true
    if (dropsDeletions) return false
    this.cleared.push(this.picked)
    return true
  }

  /** Copies what was taken behind the piece's rows. */
  private copy(piece: Piece): void {
    const first = piece.count
    const next = new Int32Array(this.cursors.length)
    for (const { input, loaded, taken } of this.cursors) {
      if (taken.count === 0) continue
      next[input] = piece.count
      piece.append(loaded!, taken)
      taken.clear()
    }
    for (let i = 0; i < this.picked; i++) piece.place(first + i, next[this.picks[i]]++)
    for (const number of this.cleared) piece.clear(first + number)
    this.outputRows += this.picked
    this.picked = 0
    this.cleared = []
  }

  private isLastKey(heap: Uint8Array, start: number, end: number): boolean {
    return isSameKey(this.lastHeap, this.lastStart, this.lastEnd, heap, start, end)
  }

  private enqueue(cursor: Cursor): void {
    this.queue.unshift(cursor)
    this.placeFirst(1)
  }

  /** Puts the first of the queue in its place, which is not before queue[low]. */
  private placeFirst(low: number): void {
    const { queue } = this
    const first = queue[0]
    let high = queue.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (queue[middle].isBefore(first)) low = middle + 1
      else high = middle
    }
    for (let i = 1; i < low; i++) queue[i - 1] = queue[i]
    queue[low - 1] = first
  }
}
