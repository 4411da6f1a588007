/** A memtable of which the older rows have become a segment: the others, as a memtable of their own. */
import type { Position } from "../base/position.ts"
import { RowBatch } from "../event/rowBatch.ts"
import { appendVector, type Vector } from "../event/vector.ts"
import { hashKeys, Memtable, type MemtableColumn } from "./memtable.ts"

const plain = (column: MemtableColumn, count: number): Vector =>
  column.kind === "dictionary" ? column.toText(count) : column

/** The rows at positions above `through`; at least one is. Those who read the given memtable go on doing so. */
export const memtableBehind = (memtable: Memtable, through: Position): Memtable => {
  const { columns, count, deleted, hasDeleted, keys, metadata, positions, shape, superseded, timestamps } = memtable
  let from = 0
  while (positions[from] <= through) from++
  const rows = count - from
  const batch = new RowBatch(shape, rows)
  batch.keys.append(0, keys, from, rows)
  batch.timestamps.append(0, timestamps, from, rows)
  batch.metadata.append(0, metadata, from, rows)
  batch.columns.forEach((column, i) => appendVector(column, 0, plain(columns[i], count), from, rows))
  batch.deleted.set(deleted.subarray(from, count))
  batch.hasDeleted = hasDeleted
  batch.count = rows
  const hashes = new Int32Array(rows)
  hashKeys(batch, hashes)
  const behind = new Memtable(shape)
  behind.append(batch, through, hashes, Int32Array.from({ length: rows }, (_, row) => row))
  // Their positions need not follow one another. What supersedes them is newer, and so the same as before.
  behind.positions.set(positions.subarray(from, count))
  behind.superseded.set(superseded.subarray(from, count))
  return behind
}
