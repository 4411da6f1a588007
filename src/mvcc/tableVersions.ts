/**
 * All versions of one table's rows: segments, and before them in time the memtables, of which the last takes new rows.
 *
 * Memtables follow one another in position order, and all of them are newer than the segments: the newest version of a
 * key is in the newest of them that holds the key at all. A sealed memtable takes no more rows; only its `superseded`
 * marks still move, until a segment takes its place.
 */
import * as Semaphore from "effect/Semaphore"
import { hashRange } from "../base/bytes.ts"
import type { Position } from "../base/position.ts"
import type { SegmentEntry } from "../event/Event.ts"
import type { BatchShape, RowBatch } from "../event/rowBatch.ts"
import { type HandOver, handOverMarks } from "./handOver.ts"
import { hashKeys, Memtable } from "./memtable.ts"
import { memtableBehind } from "./memtableBehind.ts"
import { TableSegment } from "./tableSegment.ts"

/** One version of a key: a row of a memtable. */
export interface Version {
  readonly memtable: Memtable
  readonly row: number
}

// Scratch of one append at a time, for all tables.
let hashes = new Int32Array(1024)
let rows = new Int32Array(1024)

export class TableVersions {
  /** The table's number in the catalog. */
  readonly table: number
  /** Held while the segments' marks are looked for, and while other segments are published. */
  readonly segmentsLock = Semaphore.makeUnsafe(1)
  /** Oldest first, as the catalog has them. */
  segments: ReadonlyArray<TableSegment> = []
  /** Oldest first; the last one takes new rows, unless it is sealed. */
  readonly memtables: Array<Memtable> = []
  /** Bytes that a memtable may hold before it is sealed. */
  private readonly memtableBytesMax: number
  private isSealed = false

  constructor(table: number, memtableBytesMax: number) {
    this.table = table
    this.memtableBytesMax = memtableBytesMax
  }

  /** Adds a batch whose rows have positions from `first` on, superseding older versions of their keys. */
  append(batch: RowBatch, first: Position): void {
    if (hashes.length < batch.count) {
      hashes = new Int32Array(batch.count * 2)
      rows = new Int32Array(batch.count * 2)
    }
    hashKeys(batch, hashes)
    for (let row = 0; row < batch.count; row++) rows[row] = row
    // A batch at a time through each memtable: a row at a time through all of them would wait for each cache miss.
    let absent = this.writable(batch.shape).append(batch, first, hashes, rows)
    for (let m = this.memtables.length - 2; m >= 0 && absent > 0; m--) {
      absent = this.memtables[m].supersede(batch, first, hashes, rows, absent)
    }
  }

  /** The newest version in memory of a key at or below a position; a deletion is a version too. */
  find(key: Uint8Array, position: Position): Version | undefined {
    const hash = hashRange(key, 0, key.length)
    for (let m = this.memtables.length - 1; m >= 0; m--) {
      const memtable = this.memtables[m]
      const row = memtable.findAt(hash, key, 0, key.length, position)
      if (row >= 0) return { memtable, row }
    }
    return undefined
  }

  /** Every version in memory of a key at or below a position, newest first. */
  history(key: Uint8Array, position: Position): Array<Version> {
    const hash = hashRange(key, 0, key.length)
    const versions: Array<Version> = []
    for (let m = this.memtables.length - 1; m >= 0; m--) {
      const memtable = this.memtables[m]
      let row = memtable.findAt(hash, key, 0, key.length, position)
      for (; row >= 0; row = memtable.previous[row]) versions.push({ memtable, row })
    }
    return versions
  }

  /** Memtables that take no more rows, oldest first. */
  get sealed(): ReadonlyArray<Memtable> {
    const last = this.memtables.at(-1)
    if (last === undefined) return []
    const isFull = this.isSealed || last.usedBytes >= this.memtableBytesMax
    return isFull ? this.memtables : this.memtables.slice(0, -1)
  }

  /** Takes no more rows into the last memtable: the next ones go into a new one. */
  seal(): void {
    this.isSealed = this.memtables.length > 0
  }

  /**
   * Takes what the catalog says now: memtables whose rows are all in segments go, and so do segments that are no longer
   * named. Those who read them go on doing so. `handOver` tells where their rows went, for their marks to go there too;
   * without it they are found again.
   */
  publish(entries: ReadonlyArray<SegmentEntry>, through: Position, handOver?: HandOver): void {
    const flushed = this.memtables.filter((memtable) => memtable.count > 0 && memtable.lastPosition <= through)
    if (flushed.length === this.memtables.length) this.isSealed = false
    this.memtables.splice(0, flushed.length)
    // Where the log is folded again, memtables need not end where they did when these segments were made of them.
    const isSplit = this.memtables.length > 0 && this.memtables[0].firstPosition <= through
    if (isSplit) this.memtables[0] = memtableBehind(this.memtables[0], through)
    const before = new Map(this.segments.map((segment) => [segment.entry.name, segment]))
    this.segments = entries.map((entry) => {
      const known = before.get(entry.name)
      if (known === undefined) return new TableSegment(entry)
      known.entry = entry
      before.delete(entry.name)
      return known
    })
    const isComplete = !isSplit && handOver !== undefined && handOverMarks(handOver, flushed, before, this.segments)
    if (isComplete || (flushed.length === 0 && before.size === 0 && !isSplit)) return
    for (const segment of this.segments) segment.isSettled = false
    for (const memtable of this.memtables) memtable.settled = 0
  }

  /** Whether a memtable waits to become a segment. */
  get hasSealed(): boolean {
    const last = this.memtables.at(-1)
    return last !== undefined && (this.memtables.length > 1 || this.isSealed || last.usedBytes >= this.memtableBytesMax)
  }

  /** Bytes that rows take in memory. Room for more of them is not counted: memory that is not touched costs nothing. */
  get usedBytes(): number {
    let bytes = 0
    for (const memtable of this.memtables) bytes += memtable.usedBytes
    return bytes
  }

  /** Bytes of memory that the segments' marks hold. */
  get markBytes(): number {
    let bytes = 0
    for (const { marks } of this.segments) bytes += marks.byteLength
    return bytes
  }

  /** Versions in memory, superseded ones and deletions included. */
  get rowCount(): number {
    let rows = 0
    for (const memtable of this.memtables) rows += memtable.count
    return rows
  }

  private writable(shape: BatchShape): Memtable {
    const last = this.memtables.at(-1)
    const isSameShape = last !== undefined && last.shape.schemaVersion === shape.schemaVersion
    if (isSameShape && !this.isSealed && last.usedBytes < this.memtableBytesMax) return last
    const next = new Memtable(shape, isSameShape ? last : undefined)
    this.memtables.push(next)
    this.isSealed = false
    return next
  }
}
