/** A memtable as a source of rows, at one snapshot. It is one block, whose columns are there already. */
import * as Effect from "effect/Effect"
import { hashRange } from "../../base/bytes.ts"
import type { Position } from "../../base/position.ts"
import { type Table, versionOf } from "../../catalog/state.ts"
import type { Memtable } from "../../mvcc/memtable.ts"
import type { Column } from "../../schema/types.ts"
import { commitTimeColumn, keyColumn, positionColumn, timestampColumn } from "../columns.ts"
import { sliceRows } from "../limits.ts"
import { givenRows } from "./givenRows.ts"
import { keepNumber } from "./numberTests.ts"
import type { ReadCost } from "./ReadCost.ts"
import { type NumberRead, type ReadVector, textOf } from "./readVector.ts"
import type { Candidate, Part, RecordBlock, RecordRows, Source } from "./Source.ts"
import { isReadAsStored, readStored } from "./storedVector.ts"
import { withCommitTimes } from "./withCommitTimes.ts"

/** What all sources of a read have in common. */
export interface SourceContext {
  readonly table: Table
  /** The snapshot's. */
  readonly position: Position
  /** Rows with an event time before this, in microseconds, are gone. */
  readonly expiredBefore: number
  readonly cost: ReadCost
}

export class MemtableSource implements Source, RecordBlock {
  readonly kind = "memtable"
  readonly base = 0
  readonly rows: number
  readonly candidate: Candidate
  readonly schemaVersion: number
  readonly commitTime: (row: number) => number
  /** For estimates: nothing is read that is not there. */
  readonly memtable: Memtable
  private readonly context: SourceContext
  private readonly number: number
  private readonly stored: ReadonlyArray<Column>
  private readonly vectors = new Map<number, ReadVector>()

  /** `number`: the source's. `commitTime` gives the time of a position in microseconds. */
  constructor(
    context: SourceContext,
    number: number,
    memtable: Memtable,
    commitTime: (position: Position) => number
  ) {
    const { positions, shape } = memtable
    this.context = context
    this.number = number
    this.memtable = memtable
    this.rows = countUpTo(positions, memtable.count, context.position)
    this.schemaVersion = shape.schemaVersion
    this.stored = versionOf(context.table, shape.schemaVersion)?.schema.columns ?? []
    this.commitTime = (row) => commitTime(positions[row] as Position)
    this.candidate = this.candidateOf(this.rows, Effect.sync(() => this.slices()))
  }

  mayHold(): boolean {
    return true
  }

  newest(key: Uint8Array): Effect.Effect<number> {
    return Effect.sync(() => this.newestRow(key))
  }

  versions(key: Uint8Array): Effect.Effect<ReadonlyArray<number>> {
    return Effect.sync(() => {
      const rows: Array<number> = []
      for (let row = this.newestRow(key); row >= 0; row = this.memtable.previous[row]) rows.push(row)
      return rows
    })
  }

  records(rows: ArrayLike<number>): Effect.Effect<ReadonlyArray<RecordRows>> {
    return Effect.succeed(
      rows.length === 0 ? [] : [{ first: 0, end: rows.length, load: Effect.succeed<RecordBlock>(this) }]
    )
  }

  partsOf(rows: Int32Array): Effect.Effect<ReadonlyArray<Part>> {
    return Effect.succeed([
      this.part(0, rows.length, givenRows(rows, (listed, count) => this.keepLiving(listed, count)))
    ])
  }

  vector(column: Column): ReadVector {
    const known = this.vectors.get(column.id)
    if (known !== undefined) return known
    const vector = this.makeVector(column)
    this.vectors.set(column.id, vector)
    return vector
  }

  isDeletion(row: number): boolean {
    return this.memtable.hasDeleted && this.memtable.deleted[row] === 1
  }

  timestamp(row: number): number | bigint | undefined {
    const { timestamps } = this.memtable
    return timestamps.hasNulls && timestamps.nulls[row] === 1 ? undefined : timestamps.get(row)
  }

  metadata(row: number): string | undefined {
    const { metadata } = this.memtable
    if (metadata.hasNulls && metadata.nulls[row] === 1) return undefined
    const text = textOf(metadata.heap, metadata.offsets[row], metadata.offsets[row + 1])
    return text === "" ? undefined : text
  }

  private newestRow(key: Uint8Array): number {
    this.context.cost.memtables.add(this.number)
    return this.memtable.findAt(hashRange(key, 0, key.length), key, 0, key.length, this.context.position)
  }

  /** Slices come one after another: two of them need not be in the processor's cache at once. */
  private slices(): ReadonlyArray<Candidate> {
    const slices: Array<Candidate> = []
    for (let from = 0; from < this.rows; from += sliceRows) {
      const to = Math.min(from + sliceRows, this.rows)
      slices.push(this.candidateOf(to - from, this.part(from, to, (from, to, rows) => this.visible(from, to, rows))))
    }
    return slices
  }

  private candidateOf(rows: number, content: Candidate["content"]): Candidate {
    return { source: this.number, rows, bounds: () => undefined, content }
  }

  private part(from: number, to: number, visible: (from: number, to: number, rows: Int32Array) => number): Part {
    const open = Effect.sync(() => {
      this.context.cost.memtables.add(this.number)
      return {
        block: this,
        from,
        to,
        visible,
        load: () => Effect.void,
        loadRecords: () => Effect.succeed<RecordBlock>(this)
      }
    })
    return { rows: to - from, open: () => open }
  }

  private visible(from: number, to: number, rows: Int32Array): number {
    const { deleted, hasDeleted, superseded } = this.memtable
    const { position } = this.context
    const count = hasDeleted
      ? keepCurrentAndThere(superseded, deleted, position, from, to, rows)
      : keepCurrent(superseded, position, from, to, rows)
    return this.keepUnexpired(rows, count)
  }

  /** Of the newest versions of some keys, those that are seen. */
  private keepLiving(rows: Int32Array, count: number): number {
    let kept = 0
    for (let i = 0; i < count; i++) if (!this.isDeletion(rows[i])) rows[kept++] = rows[i]
    return this.keepUnexpired(rows, kept)
  }

  private keepUnexpired(rows: Int32Array, count: number): number {
    const { expiredBefore } = this.context
    if (expiredBefore === Number.NEGATIVE_INFINITY) return count
    return keepNumber(this.vector(timestampColumn) as NumberRead, "gte", expiredBefore)(rows, count)
  }

  private makeVector(column: Column): ReadVector {
    const { keys, positions, timestamps } = this.memtable
    switch (column) {
      case keyColumn:
        return { kind: "text", heap: keys.heap, offsets: keys.offsets, nulls: undefined }
      case positionColumn:
        return { kind: "number", values: positions, wide: undefined, nulls: undefined }
      case commitTimeColumn:
        return { kind: "number", values: this.commitTimes(), wide: undefined, nulls: undefined }
      case timestampColumn: {
        const given = readStored(column, { column, vector: timestamps }, this.rows) as NumberRead
        return given.nulls === undefined ? given : withCommitTimes(given, this.commitTimes())
      }
    }
    return columnOf(this.memtable, this.stored, column)
  }

  private commitTimes(): Float64Array {
    const times = new Float64Array(this.rows)
    for (let row = 0; row < times.length; row++) times[row] = this.commitTime(row)
    return times
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
