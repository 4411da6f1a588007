/** Which positions are being read: compaction keeps what they see. */
import * as Position from "../base/position.ts"

export class Snapshots {
  private readonly readers = new Map<Position.Position, number>()
  /** Until when a position is held though nobody reads it now: milliseconds since 1970. */
  private readonly held = new Map<Position.Position, number>()

  /** Someone reads at a position, until `release`. */
  acquire(position: Position.Position): void {
    this.readers.set(position, (this.readers.get(position) ?? 0) + 1)
  }

  release(position: Position.Position): void {
    const left = this.readers.get(position)! - 1
    if (left > 0) this.readers.set(position, left)
    else this.readers.delete(position)
  }

  /** Holds a position for whoever comes back to it, as the next page of a query does. */
  hold(position: Position.Position, untilMillis: number): void {
    this.held.set(position, Math.max(untilMillis, this.held.get(position) ?? 0))
  }

  /** The oldest position that is read or held; `Position.max` where none is. */
  oldest(nowMillis: number): Position.Position {
    let oldest = Position.max
    for (const position of this.readers.keys()) if (position < oldest) oldest = position
    for (const [position, untilMillis] of this.held) {
      if (untilMillis < nowMillis) this.held.delete(position)
      else if (position < oldest) oldest = position
    }
    return oldest
  }

  /** How many are reading. */
  get readerCount(): number {
    let count = 0
    for (const readers of this.readers.values()) count += readers
    return count
  }

  /** How many positions are held. */
  get heldCount(): number {
    return this.held.size
  }
}
