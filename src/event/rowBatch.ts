/**
 * A batch of rows of one table and one schema version, as columns. It is what the decoder fills, what the log stores
 * and what the memtable takes in: rows are never objects on that way.
 */
import type { VectorKind } from "./vector.ts"
import { Int64Vector, makeVector, TextVector, type Vector } from "./vector.ts"

/** Which table and schema version a batch's rows belong to, and how its columns lie in memory. */
export interface BatchShape {
  /** The table's number, given by the catalog, never reused. */
  readonly table: number
  /** The schema version of every row of the batch. */
  readonly schemaVersion: number
  /** The kind of each column, in schema order. */
  readonly columns: ReadonlyArray<VectorKind>
}

/** Rows as columns. Mutable while it is filled, then read only. */
export class RowBatch {
  readonly shape: BatchShape
  count = 0
  /** The keys' UTF-8 bytes. */
  readonly keys: TextVector
  /** Event times in microseconds; null = the commit time. */
  readonly timestamps: Int64Vector
  /** Each row's metadata as a JSON object with sorted names; null = none. */
  readonly metadata: TextVector
  /** 1 for a row that deletes its key. */
  deleted: Uint8Array<ArrayBuffer>
  hasDeleted = false
  readonly columns: ReadonlyArray<Vector>

  constructor(shape: BatchShape, capacity: number) {
    this.shape = shape
    this.keys = new TextVector(capacity)
    this.timestamps = new Int64Vector(capacity)
    this.metadata = new TextVector(capacity, 0)
    this.deleted = new Uint8Array(capacity)
    this.columns = shape.columns.map((kind) => makeVector(kind, capacity))
  }

  /** A batch of vectors that are filled already, as they are read from the log. */
  static of(
    shape: BatchShape,
    count: number,
    vectors: Pick<RowBatch, "keys" | "timestamps" | "metadata" | "columns"> & {
      readonly deleted: Uint8Array<ArrayBuffer> | undefined
    }
  ): RowBatch {
    const batch = new RowBatch({ ...shape, columns: [] }, 0)
    return Object.assign(batch, {
      shape,
      count,
      keys: vectors.keys,
      timestamps: vectors.timestamps,
      metadata: vectors.metadata,
      columns: vectors.columns,
      deleted: vectors.deleted ?? new Uint8Array(count),
      hasDeleted: vectors.deleted !== undefined
    })
  }

  /** How many rows fit without growing. */
  get capacity(): number {
    return this.deleted.length
  }

  /** Makes room for rows [0, capacity), keeping those counted. */
  reserve(capacity: number): void {
    if (capacity <= this.deleted.length) return
    this.keys.reserve(capacity, this.count)
    this.timestamps.reserve(capacity, this.count)
    this.metadata.reserve(capacity, this.count)
    for (const column of this.columns) column.reserve(capacity, this.count)
    const deleted = new Uint8Array(this.keys.nulls.length)
    deleted.set(this.deleted)
    this.deleted = deleted
  }

  /** Forgets the rows and keeps the memory, so that a pool can hand the batch out again. */
  reset(): void {
    this.count = 0
    this.hasDeleted = false
    this.keys.reset()
    this.timestamps.reset()
    this.metadata.reset()
    for (const column of this.columns) column.reset()
  }

  /** Bytes of memory that the batch holds. */
  get byteLength(): number {
    let bytes = this.keys.byteLength + this.timestamps.byteLength + this.metadata.byteLength + this.deleted.byteLength
    for (const column of this.columns) bytes += column.byteLength
    return bytes
  }
}
