/** Which positions of a table are being read: compaction keeps what they see. */
import * as Position from "../base/position.ts"

/** Of one table. */
class TableSnapshots {
  /** How many read at a position. */
  readonly readers = new Map<Position.Position, number>()
  /** Until when a position is held though nobody reads it now: milliseconds since 1970. */
  readonly held = new Map<Position.Position, number>()
}

export class Snapshots {
  /** By the tables' numbers: who reads one table keeps nothing of another. */
  private readonly tables = new Map<number, TableSnapshots>()

  /** Someone reads at a position, until `release`. */
  acquire(table: number, position: Position.Position): void {
    const { readers } = this.of(table)
    readers.set(position, (readers.get(position) ?? 0) + 1)
  }

  release(table: number, position: Position.Position): void {
    const { readers } = this.of(table)
    const left = readers.get(position)! - 1
    if (left > 0) readers.set(position, left)
    else readers.delete(position)
  }

  /** Holds a position for whoever comes back to it, as the next page of a query does. */
  hold(table: number, position: Position.Position, untilMillis: number): void {
    const { held } = this.of(table)
    held.set(position, Math.max(untilMillis, held.get(position) ?? 0))
  }

  /** The oldest position that is read or held, of a table or of all; `Position.max` where none is. */
  oldest(nowMillis: number, table?: number): Position.Position {
    let oldest = Position.max
    for (const { held, readers } of table === undefined ? this.tables.values() : [this.of(table)]) {
      for (const position of readers.keys()) if (position < oldest) oldest = position
      for (const [position, untilMillis] of held) {
        if (untilMillis < nowMillis) held.delete(position)
        else if (position < oldest) oldest = position
      }
    }
    return oldest
  }

  /** How many are reading. */
  get readerCount(): number {
    let count = 0
    for (const { readers } of this.tables.values()) for (const reading of readers.values()) count += reading
    return count
  }

  /** How many positions are held. */
  get heldCount(): number {
    let count = 0
    for (const { held } of this.tables.values()) count += held.size
    return count
  }

  private of(table: number): TableSnapshots {
    let snapshots = this.tables.get(table)
    if (snapshots === undefined) this.tables.set(table, snapshots = new TableSnapshots())
    return snapshots
  }
}
