/**
 * When each position was committed, and which positions belong together: what turns a time into a position, and keeps
 * a snapshot from cutting through a transaction.
 *
 * One entry stands for a run of positions with one commit time. A transaction is an entry of its own, since it is
 * visible as a whole or not at all; everything else that was committed together shares one.
 *
 * The newest entries lie open; older ones are packed in blocks, of which the one that was asked for last is kept open.
 */
import * as Position from "../base/position.ts"
import { blockEntries, packBlock, TimeEntries, type TimesBlock, unpackBlock } from "./commitTimesBlock.ts"

export class CommitTimes {
  /** Full ones, oldest first. */
  private readonly blocks: Array<TimesBlock> = []
  /** Behind the blocks. Only the last of them changes. */
  private readonly newest = new TimeEntries()
  private readonly opened = new TimeEntries()
  /** Which block is opened; -1 = none. */
  private openedBlock = -1

  /** As `blocksNow` gave them. Throws `FormatError` where they are not what was packed. */
  static of(blocks: ReadonlyArray<TimesBlock>): CommitTimes {
    const times = new CommitTimes()
    for (const block of blocks) {
      if (block.count === blockEntries) times.blocks.push(block)
      else unpackBlock(block, times.blocks.at(-1), times.newest)
    }
    return times
  }

  /**
   * Adds a frame behind all others. `time` is in microseconds and not before the last; `whole` says that a snapshot must
   * not cut through it.
   */
  append(first: Position.Position, span: number, time: number, whole: boolean): void {
    const { newest } = this
    const last = first + span - 1
    const previous = newest.count - 1
    if (!whole && previous >= 0 && newest.whole[previous] === 0 && newest.times[previous] === time) {
      newest.lasts[previous] = last
      return
    }
    if (newest.count === blockEntries) {
      this.blocks.push(packBlock(newest, this.blocks.at(-1)))
      newest.count = 0
    }
    newest.lasts[newest.count] = last
    newest.times[newest.count] = time
    newest.whole[newest.count] = whole ? 1 : 0
    newest.count++
  }

  /** When the row at a position was committed, in microseconds; 0 where nothing was by then. */
  timeOf(position: Position.Position): number {
    if (position === Position.zero) return 0
    const entries = this.entriesOf(position)
    const entry = entries.find(position)
    return entry < entries.count ? entries.times[entry] : this.lastTime
  }

  /** As `timeOf`, for positions[0, count), which ascend: out[i] is the time of positions[i]. */
  fillTimes(positions: Float64Array, count: number, out: Float64Array): void {
    for (let i = 0; i < count;) {
      const entries = this.entriesOf(positions[i])
      let entry = entries.find(positions[i])
      // Behind all that was committed.
      if (entry === entries.count) return void out.fill(this.lastTime, i, count)
      const { lasts, times } = entries
      for (; i < count; i++) {
        const position = positions[i]
        while (entry < entries.count && lasts[entry] < position) entry++
        if (entry === entries.count) break
        out[i] = position === 0 ? 0 : times[entry]
      }
    }
  }

  /**
   * The position itself, or the end of the transaction that it lies in: a snapshot there sees every version at or below
   * the position, and each transaction whole.
   */
  wholeAt(position: Position.Position): Position.Position {
    if (position === Position.zero) return position
    const entries = this.entriesOf(position)
    const entry = entries.find(position)
    return entry < entries.count && entries.whole[entry] === 1 ? entries.lasts[entry] as Position.Position : position
  }

  /** The last position that was committed at or before a time; 0 where none was. */
  positionAt(time: number): Position.Position {
    const { blocks, newest } = this
    const through = newest.countThrough(time)
    if (through > 0) return newest.lasts[through - 1] as Position.Position
    let low = 0
    let high = blocks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (blocks[middle].time <= time) low = middle + 1
      else high = middle
    }
    if (low < blocks.length) {
      const entries = this.open(low)
      const count = entries.countThrough(time)
      if (count > 0) return entries.lasts[count - 1] as Position.Position
    }
    return (low === 0 ? Position.zero : blocks[low - 1].last) as Position.Position
  }

  /** All entries as they are now: what comes later does not change them. About 20 us, and 8 bytes a block. */
  blocksNow(): ReadonlyArray<TimesBlock> {
    return this.newest.count === 0 ? this.blocks.slice() : [...this.blocks, packBlock(this.newest, this.blocks.at(-1))]
  }

  /** The newest time; 0 where there is none. */
  private get lastTime(): number {
    const { blocks, newest } = this
    return newest.count > 0 ? newest.times[newest.count - 1] : blocks.at(-1)?.time ?? 0
  }

  /** The entries among which a position is, good until the next call; the newest ones where it is behind all. */
  private entriesOf(position: number): TimeEntries {
    const { blocks } = this
    if (blocks.length === 0 || position > blocks[blocks.length - 1].last) return this.newest
    let low = 0
    let high = blocks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (blocks[middle].last < position) low = middle + 1
      else high = middle
    }
    return this.open(low)
  }

  private open(block: number): TimeEntries {
    if (this.openedBlock !== block) {
      this.openedBlock = -1
      unpackBlock(this.blocks[block], this.blocks[block - 1], this.opened)
      this.openedBlock = block
    }
    return this.opened
  }
}
