/**
 * When each position was committed, and which positions belong together: what turns a time into a position, and keeps
 * a snapshot from cutting through a transaction.
 *
 * One entry stands for a run of positions with one commit time. A transaction is an entry of its own, since it is
 * visible as a whole or not at all; everything else that was committed together shares one.
 */
import * as Position from "../base/position.ts"

export class CommitTimes {
  private count = 0
  private lasts = new Float64Array(1024)
  private times = new Float64Array(1024)
  /** 1 where the entry is a transaction. */
  private whole = new Uint8Array(1024)

  /**
   * Adds a frame behind all others. `time` is in microseconds and not before the last; `whole` says that a snapshot must
   * not cut through it.
   */
  append(first: Position.Position, span: number, time: number, whole: boolean): void {
    const last = first + span - 1
    const previous = this.count - 1
    if (!whole && previous >= 0 && this.whole[previous] === 0 && this.times[previous] === time) {
      this.lasts[previous] = last
      return
    }
    if (this.count === this.lasts.length) this.grow()
    this.lasts[this.count] = last
    this.times[this.count] = time
    this.whole[this.count] = whole ? 1 : 0
    this.count++
  }

  /** When the row at a position was committed, in microseconds; 0 where nothing was by then. */
  timeOf(position: Position.Position): number {
    if (position === Position.zero) return 0
    const entry = this.entryOf(position)
    return entry < this.count ? this.times[entry] : this.count === 0 ? 0 : this.times[this.count - 1]
  }

  /** `timeOf` of each of the first `count` positions, which ascend, into `times`. */
  fillTimes(positions: Float64Array, count: number, times: Float64Array): void {
    if (count === 0) return
    let entry = this.entryOf(positions[0] as Position.Position)
    for (let i = 0; i < count; i++) {
      while (entry < this.count && this.lasts[entry] < positions[i]) entry++
      times[i] = entry < this.count ? this.times[entry] : this.count === 0 ? 0 : this.times[this.count - 1]
    }
  }

  /**
   * The position itself, or the end of the transaction that it lies in: a snapshot there sees every version at or below
   * the position, and each transaction whole.
   */
  wholeAt(position: Position.Position): Position.Position {
    if (position === Position.zero) return position
    const entry = this.entryOf(position)
    return entry < this.count && this.whole[entry] === 1 ? this.lasts[entry] as Position.Position : position
  }

  /** The last position that was committed at or before a time; 0 where none was. */
  positionAt(time: number): Position.Position {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.times[middle] <= time) low = middle + 1
      else high = middle
    }
    return (low === 0 ? Position.zero : this.lasts[low - 1]) as Position.Position
  }

  /** The entry that holds a position, or the count where it is behind all. */
  private entryOf(position: Position.Position): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.lasts[middle] < position) low = middle + 1
      else high = middle
    }
    return low
  }

  private grow(): void {
    const capacity = this.lasts.length * 2
    const lasts = new Float64Array(capacity)
    lasts.set(this.lasts)
    this.lasts = lasts
    const times = new Float64Array(capacity)
    times.set(this.times)
    this.times = times
    const whole = new Uint8Array(capacity)
    whole.set(this.whole)
    this.whole = whole
  }
}
