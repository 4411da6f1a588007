/**
 * The memtable: the newest rows of one table, as columns, with an index from each key to its versions.
 *
 * Rows lie in the order of their positions and never move. A version is visible to a snapshot at P when
 * `positions[row] <= P < superseded[row]`: two comparisons of numbers, no key is read. Rows are added behind every
 * snapshot, so a reader needs no lock and no copy, only its P.
 */
import { hashRange } from "../base/bytes.ts"
import * as Position from "../base/position.ts"
import { DictionaryVector } from "../event/dictionary.ts"
import type { BatchShape, RowBatch } from "../event/rowBatch.ts"
import { appendVector, Int64Vector, makeVector, type NumberVector, TextVector } from "../event/vector.ts"
import { KeyIndex } from "./keyIndex.ts"

/** A column of a memtable: text is kept as dictionary codes while few values are distinct. */
export type MemtableColumn = NumberVector | Int64Vector | TextVector | DictionaryVector

/** Beyond this many distinct values, and a quarter of the rows, a text column is kept plain. */
const dictionaryValuesMax = 4096

/** Rows that a table's first memtable has room for. */
const rowsInitial = 256

const withSlack = (size: number): number => size + (size >>> 3)

/** No newer version exists. */
export const current = Number.POSITIVE_INFINITY

export class Memtable {
  readonly shape: BatchShape
  count = 0
  /** Distinct keys that this memtable holds. */
  get keyCount(): number {
    return this.index.size
  }
  /** The position of each row, ascending. */
  positions: Float64Array<ArrayBuffer>
  /** The position of the next version of the row's key, in whichever memtable; `current` while there is none. */
  superseded: Float64Array<ArrayBuffer>
  /** The row of the version before, in this memtable, or -1. */
  previous: Int32Array<ArrayBuffer>
  readonly keys: TextVector
  readonly timestamps: Int64Vector
  readonly metadata: TextVector
  deleted: Uint8Array<ArrayBuffer>
  hasDeleted = false
  readonly columns: Array<MemtableColumn>
  readonly index: KeyIndex
  /** The older versions of rows [0, settled) that are in segments are marked there. */
  settled = 0

  /**
   * `like`: the memtable before it, of the same shape. The new one will probably grow as large, so it gets the room at
   * once: growing costs a copy of everything, and memory that is not touched costs nothing.
   */
  constructor(shape: BatchShape, like?: Memtable) {
    const capacity = like === undefined ? rowsInitial : withSlack(like.count)
    this.shape = shape
    this.positions = new Float64Array(capacity)
    this.superseded = new Float64Array(capacity)
    this.previous = new Int32Array(capacity)
    this.keys = new TextVector(capacity, like === undefined ? undefined : withSlack(like.keys.offsets[like.count]))
    this.timestamps = new Int64Vector(capacity)
    this.metadata = new TextVector(capacity, like === undefined ? 0 : withSlack(like.metadata.offsets[like.count]))
    this.deleted = new Uint8Array(capacity)
    this.columns = shape.columns.map((kind, i) => {
      const before = like?.columns[i]
      if (before?.kind === "text") return new TextVector(capacity, withSlack(before.offsets[like!.count]))
      return kind === "text" ? new DictionaryVector(capacity) : makeVector(kind, capacity)
    })
    this.index = new KeyIndex(like === undefined ? 0 : withSlack(like.keyCount))
  }

  /** Position of the first row; `Position.max` while empty. */
  get firstPosition(): Position.Position {
    return this.count === 0 ? Position.max : this.positions[0] as Position.Position
  }

  /** Position of the last row; 0 while empty. */
  get lastPosition(): Position.Position {
    return this.count === 0 ? Position.zero : this.positions[this.count - 1] as Position.Position
  }

  /**
   * Adds a batch whose rows have positions `first`, `first + 1`, ... `hashes` holds `hashKeys(batch)`, and `rows` the
   * numbers of its rows. Those whose key this memtable did not hold are kept at the front of `rows`, since an older
   * memtable may hold it; returns how many.
   */
  append(batch: RowBatch, first: Position.Position, hashes: Int32Array, rows: Int32Array): number {
    const at = this.count
    const { count } = batch
    this.reserve(at + count)
    this.keys.append(at, batch.keys, 0, count)
    this.timestamps.append(at, batch.timestamps, 0, count)
    this.metadata.append(at, batch.metadata, 0, count)
    if (batch.hasDeleted) {
      this.deleted.set(batch.deleted.subarray(0, count), at)
      this.hasDeleted = true
    } else if (this.hasDeleted) this.deleted.fill(0, at, at + count)
    for (let i = 0; i < this.columns.length; i++) this.appendColumn(i, at, batch, count)
    const { positions, superseded, previous, keys, index } = this
    index.touch(hashes, rows, count)
    let absent = 0
    for (let i = 0; i < count; i++) {
      const row = at + i
      positions[row] = first + i
      superseded[row] = current
      const older = index.put(hashes[i], row, keys)
      previous[row] = older
      if (older >= 0) superseded[older] = first + i
      else rows[absent++] = i
    }
    // Counted last: a row that throws half way through was never there.
    this.count = at + count
    return absent
  }

  /**
   * Marks the versions here that rows[0, count) of a newer memtable's batch supersede. Keeps the rows whose key is not
   * here at the front of `rows` and returns how many they are.
   */
  supersede(batch: RowBatch, first: Position.Position, hashes: Int32Array, rows: Int32Array, count: number): number {
    const { index, keys, superseded } = this
    const { heap, offsets } = batch.keys
    index.touch(hashes, rows, count)
    let absent = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]
      const older = index.find(hashes[row], heap, offsets[row], offsets[row + 1], keys)
      if (older >= 0) superseded[older] = first + row
      else rows[absent++] = row
    }
    return absent
  }

  /** The newest row of a key at or below a position, or -1. */
  findAt(hash: number, bytes: Uint8Array, start: number, end: number, position: Position.Position): number {
    let row = this.index.find(hash, bytes, start, end, this.keys)
    while (row >= 0 && this.positions[row] > position) row = this.previous[row]
    return row
  }

  /** Bytes that its rows take: what says when it is full. */
  get usedBytes(): number {
    const { count } = this
    // Position, its successor's, the older version's row and the deletion mark.
    let bytes = count * 21 + this.keys.usedBytes(count) + this.timestamps.usedBytes(count) +
      this.metadata.usedBytes(count) + this.index.size * 16
    for (const column of this.columns) bytes += column.usedBytes(count)
    return bytes
  }

  /** Bytes of memory that the memtable holds, room for more rows included. */
  get byteLength(): number {
    let bytes = this.positions.byteLength + this.superseded.byteLength + this.previous.byteLength +
      this.keys.byteLength + this.timestamps.byteLength + this.metadata.byteLength + this.deleted.byteLength +
      this.index.byteLength
    for (const column of this.columns) bytes += column.byteLength
    return bytes
  }

  private appendColumn(i: number, at: number, batch: RowBatch, count: number): void {
    const target = this.columns[i]
    const source = batch.columns[i]
    if (target.kind !== "dictionary") return appendVector(target, at, source, 0, count)
    target.append(at, source as TextVector, 0, count)
    const distinct = target.dictionary.count
    if (distinct > dictionaryValuesMax && distinct * 4 > at + count) this.columns[i] = target.toText(at + count)
  }

  private reserve(rows: number): void {
    const capacity = this.positions.length
    if (rows <= capacity) return
    let next = capacity
    while (next < rows) next *= 2
    const positions = new Float64Array(next)
    positions.set(this.positions)
    this.positions = positions
    const superseded = new Float64Array(next)
    superseded.set(this.superseded)
    this.superseded = superseded
    const previous = new Int32Array(next)
    previous.set(this.previous)
    this.previous = previous
    const deleted = new Uint8Array(next)
    deleted.set(this.deleted)
    this.deleted = deleted
  }
}

/** The hash of each key of a batch, into an array with room for them. */
export const hashKeys = (batch: RowBatch, hashes: Int32Array): void => {
  const { heap, offsets } = batch.keys
  for (let row = 0; row < batch.count; row++) hashes[row] = hashRange(heap, offsets[row], offsets[row + 1])
}
