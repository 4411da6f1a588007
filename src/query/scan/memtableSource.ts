/** A memtable as a source of rows, at one snapshot. */
import { hashRange } from "../../base/bytes.ts"
import type { Position } from "../../base/position.ts"
import { type Table, versionOf } from "../../catalog/state.ts"
import type { Memtable } from "../../mvcc/memtable.ts"
import type { Column } from "../../schema/types.ts"
import { commitTimeColumn, keyColumn, positionColumn, timestampColumn } from "../columns.ts"
import { type NumberRead, type ReadVector, textOf } from "./readVector.ts"
import type { ScanSource } from "./ScanSource.ts"
import { isReadAsStored, readStored } from "./storedVector.ts"

/** Opens a memtable at a position. `commitTime` gives the time of a position in microseconds. */
export const memtableSource = (
  memtable: Memtable,
  table: Table,
  position: Position,
  commitTime: (position: Position) => number
): ScanSource => {
  const { positions, superseded, deleted, hasDeleted, metadata, timestamps } = memtable
  const count = countUpTo(positions, memtable.count, position)
  const vectors = new Map<number, ReadVector>()
  const { schemaVersion } = memtable.shape
  const stored = versionOf(table, schemaVersion)?.schema.columns ?? []

  const commitTimes = (): Float64Array => {
    const times = new Float64Array(count)
    for (let row = 0; row < count; row++) times[row] = commitTime(positions[row] as Position)
    return times
  }

  const make = (column: Column): ReadVector => {
    switch (column) {
      case keyColumn:
        return { kind: "text", heap: memtable.keys.heap, offsets: memtable.keys.offsets, nulls: undefined }
      case positionColumn:
        return { kind: "number", values: positions, wide: undefined, nulls: undefined }
      case commitTimeColumn:
        return { kind: "number", values: commitTimes(), wide: undefined, nulls: undefined }
      case timestampColumn:
        return withCommitTimes(readStored(column, { column, vector: timestamps }, count) as NumberRead, commitTimes)
    }
    return columnOf(memtable, stored, column)
  }

  const newest = (key: Uint8Array): number =>
    memtable.findAt(hashRange(key, 0, key.length), key, 0, key.length, position)

  return {
    kind: "memtable",
    count,
    schemaVersion,
    newest,
    visible: (from, to, rows) => {
      const end = Math.min(to, count)
      return hasDeleted
        ? keepCurrentAndThere(superseded, deleted, position, from, end, rows)
        : keepCurrent(superseded, position, from, end, rows)
    },
    versions: (key) => {
      const rows: Array<number> = []
      for (let row = newest(key); row >= 0; row = memtable.previous[row]) rows.push(row)
      return rows
    },
    isDeletion: (row) => hasDeleted && deleted[row] === 1,
    vector: (column) => {
      const known = vectors.get(column.id)
      if (known !== undefined) return known
      const vector = make(column)
      vectors.set(column.id, vector)
      return vector
    },
    timestamp: (row) => timestamps.hasNulls && timestamps.nulls[row] === 1 ? undefined : timestamps.get(row),
    metadata: (row) => {
      if (metadata.hasNulls && metadata.nulls[row] === 1) return undefined
      const text = textOf(metadata.heap, metadata.offsets[row], metadata.offsets[row + 1])
      return text === "" ? undefined : text
    }
  }
}

interface Derived {
  readonly column: Column
  readonly count: number
  readonly vector: ReadVector
}

/**
 * Vectors that had to be made, because the schema has changed since the memtable's rows were written. Such a memtable
 * takes no more rows, so that they are made once and not for each read. By the column's id.
 */
const derived = new WeakMap<Memtable, Map<number, Derived>>()

const columnOf = (memtable: Memtable, columns: ReadonlyArray<Column>, column: Column): ReadVector => {
  const index = columns.findIndex(({ id }) => id === column.id)
  const stored = index < 0 ? undefined : { column: columns[index], vector: memtable.columns[index] }
  if (isReadAsStored(column, stored)) return readStored(column, stored, memtable.count)
  const made = derived.get(memtable) ?? new Map<number, Derived>()
  derived.set(memtable, made)
  const known = made.get(column.id)
  if (known?.column === column && known.count === memtable.count) return known.vector
  const vector = readStored(column, stored, memtable.count)
  made.set(column.id, { column, count: memtable.count, vector })
  return vector
}

/** How many of the ascending positions are at or below one. */
const countUpTo = (positions: Float64Array, count: number, position: Position): number => {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (positions[middle] <= position) low = middle + 1
    else high = middle
  }
  return low
}

/** Rows that nothing had superseded yet. */
const keepCurrent = (
  superseded: Float64Array,
  position: number,
  from: number,
  to: number,
  rows: Int32Array
): number => {
  let kept = 0
  for (let row = from; row < to; row++) {
    rows[kept] = row
    kept += Number(superseded[row] > position)
  }
  return kept
}

const keepCurrentAndThere = (
  superseded: Float64Array,
  deleted: Uint8Array,
  position: number,
  from: number,
  to: number,
  rows: Int32Array
): number => {
  let kept = 0
  for (let row = from; row < to; row++) {
    rows[kept] = row
    kept += Number(superseded[row] > position) & (1 - deleted[row])
  }
  return kept
}

/** Event times, with the commit time where a record gave none. */
const withCommitTimes = (given: NumberRead, commitTimes: () => Float64Array): NumberRead => {
  const { nulls, values, wide } = given
  if (nulls === undefined) return given
  const times = commitTimes()
  const exact = wide === undefined ? undefined : BigInt64Array.from(wide)
  for (let row = 0; row < times.length; row++) {
    if (nulls[row] === 1) {
      if (exact !== undefined) exact[row] = BigInt(times[row])
    } else times[row] = values[row]
  }
  return { kind: "number", values: times, wide: exact, nulls: undefined }
}
