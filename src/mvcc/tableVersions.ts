/**
 * All versions of one table's rows that are in memory: one memtable that takes new rows, and sealed ones behind it.
 *
 * Memtables follow one another in position order, so the newest version of a key is in the newest memtable that holds
 * the key at all. A sealed memtable takes no more rows; only its `superseded` marks still move.
 */
import { hashRange } from "../base/bytes.ts"
import type { Position } from "../base/position.ts"
import type { BatchShape, RowBatch } from "../event/rowBatch.ts"
import { hashKeys, Memtable } from "./memtable.ts"

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
  /** Oldest first; the last one takes new rows. */
  readonly memtables: Array<Memtable> = []
  /** Bytes that a memtable may hold before it is sealed. */
  private readonly memtableBytesMax: number

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

  /** The newest version of a key at or below a position; a deletion is a version too. */
  find(key: Uint8Array, position: Position): Version | undefined {
    const hash = hashRange(key, 0, key.length)
    for (let m = this.memtables.length - 1; m >= 0; m--) {
      const memtable = this.memtables[m]
      const row = memtable.findAt(hash, key, 0, key.length, position)
      if (row >= 0) return { memtable, row }
    }
    return undefined
  }

  /** Every version of a key at or below a position, newest first. */
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

  /** Bytes of memory that the table's rows hold. */
  get byteLength(): number {
    let bytes = 0
    for (const memtable of this.memtables) bytes += memtable.byteLength
    return bytes
  }

  /** Versions held, superseded ones and deletions included. */
  get rowCount(): number {
    let rows = 0
    for (const memtable of this.memtables) rows += memtable.count
    return rows
  }

  private writable(shape: BatchShape): Memtable {
    const last = this.memtables.at(-1)
    const isSameShape = last !== undefined && last.shape.schemaVersion === shape.schemaVersion
    if (isSameShape && last.usedBytes < this.memtableBytesMax) return last
    const next = new Memtable(shape, isSameShape ? last : undefined)
    this.memtables.push(next)
    return next
  }
}
