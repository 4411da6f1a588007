/** Pages of a row group of a segment, whose columns are loaded when they are asked for. */
import * as Effect from "effect/Effect"
import type { Int64Vector, NumberVector } from "../../event/vector.ts"
import type { Column } from "../../schema/types.ts"
import * as Stored from "../../segment/columns.ts"
import type { RowGroupIndex } from "../../segment/read/RowGroupIndex.ts"
import type { Segment } from "../../segment/Segment.ts"
import type { SegmentVector } from "../../segment/write/SegmentRows.ts"
import type { QueryError } from "../Query.ts"
import { segmentReads } from "../refusals.ts"
import type { ReadCost } from "./ReadCost.ts"
import { type ReadVector, textOf } from "./readVector.ts"
import type { SegmentColumns } from "./SegmentColumns.ts"
import type { RecordBlock } from "./Source.ts"

/** Pages [first, end) of a row group. */
export interface PageRun {
  readonly rowGroup: number
  readonly index: RowGroupIndex
  readonly first: number
  readonly end: number
}

/** Columns of the file that records need beside those that were asked for. */
const recordColumns = [
  Stored.keyColumn,
  Stored.positionColumn,
  Stored.commitTimeColumn,
  Stored.timestampColumn,
  Stored.deletedColumn,
  Stored.metadataColumn
]

export class SegmentBlock implements RecordBlock {
  readonly segment: Segment
  readonly run: PageRun
  readonly base: number
  readonly count: number
  readonly schemaVersion: number
  private readonly columns: SegmentColumns
  private readonly cost: ReadCost
  private readonly stored = new Map<number, SegmentVector>()
  private readonly vectors = new Map<number, ReadVector>()

  /** Of a page that only one row of is wanted: that row; the block then holds no other. */
  private readonly row: number | undefined

  constructor(segment: Segment, columns: SegmentColumns, run: PageRun, cost: ReadCost, row?: number) {
    const { breaks } = run.index
    this.row = row
    this.segment = segment
    this.columns = columns
    this.run = run
    this.cost = cost
    this.base = segment.metadata.rowGroups[run.rowGroup].firstRow + breaks[run.first] + (row ?? 0)
    this.count = row === undefined ? breaks[run.end] - breaks[run.first] : 1
    this.schemaVersion = segment.metadata.schemaVersion
  }

  /** Whether these are all pages of the row group. */
  get isWhole(): boolean {
    return this.row === undefined && this.run.first === 0 && this.run.end === this.run.index.pageCount
  }

  /** Loads what columns of the table are made of. */
  load(columns: ReadonlyArray<Column>): Effect.Effect<void, QueryError> {
    return this.loadStored(columns.flatMap((column) => this.columns.partsOf(column)))
  }

  /** Loads columns of the file, all at the same time. */
  loadStored(columns: ReadonlyArray<number>): Effect.Effect<void, QueryError> {
    return Effect.suspend(() => {
      const missing = [...new Set(columns)].filter((column) => !this.stored.has(column))
      if (missing.length === 0) return Effect.void
      if (missing.length === 1) return this.loadOne(missing[0])
      return Effect.forEach(missing, (column) => this.loadOne(column), { concurrency: "unbounded", discard: true })
    })
  }

  /** Loads all that records with some columns need. */
  loadRecords(columns: ReadonlyArray<Column>): Effect.Effect<RecordBlock, QueryError> {
    const needed = [...recordColumns, ...columns.flatMap((column) => this.columns.partsOf(column))]
    return Effect.as(this.loadStored(needed), this)
  }

  /** A column of the file that was loaded. */
  storedVector(column: number): SegmentVector {
    const vector = this.stored.get(column)
    if (vector === undefined) throw new TypeError(`column ${column} of a segment was not loaded`)
    return vector
  }

  vector(column: Column): ReadVector {
    const known = this.vectors.get(column.id)
    if (known !== undefined) return known
    const vector = this.columns.vector(column, this.count, (stored) => this.storedVector(stored))
    this.vectors.set(column.id, vector)
    return vector
  }

  isDeletion(row: number): boolean {
    return (this.storedVector(Stored.deletedColumn) as NumberVector).values[row] === 1
  }

  commitTime(row: number): number {
    return (this.storedVector(Stored.commitTimeColumn) as Int64Vector).values[row]
  }

  timestamp(row: number): number | bigint | undefined {
    const times = this.storedVector(Stored.timestampColumn) as Int64Vector
    return times.hasNulls && times.nulls[row] === 1 ? undefined : times.get(row)
  }

  metadata(row: number): string | undefined {
    const vector = this.storedVector(Stored.metadataColumn)
    if (vector.kind !== "text" && vector.kind !== "dictionary") return undefined
    if (vector.hasNulls && vector.nulls[row] === 1) return undefined
    const bytes = vector.get(row)
    return bytes.length === 0 ? undefined : textOf(bytes, 0, bytes.length)
  }

  /** One page comes through the cache, more of them, or a whole row group, in one read past it. */
  private loadOne(column: number): Effect.Effect<void, QueryError> {
    const { end, first, rowGroup } = this.run
    const { segment } = this
    const read = this.row !== undefined
      ? segment.row(rowGroup, column, first, this.row)
      : end - first === 1
      ? segment.page(rowGroup, column, first)
      : this.isWhole
      ? segment.readColumn(rowGroup, column)
      : segment.readColumn(rowGroup, column, first, end)
    return Effect.map(segmentReads(read), (vector) => {
      this.stored.set(column, vector)
      if (!this.isConstant(column)) this.cost.pages += end - first
    })
  }

  /** Whether the row group's bounds say all: then no page is read. */
  private isConstant(column: number): boolean {
    const { chunks, rows } = this.segment.metadata.rowGroups[this.run.rowGroup]
    const { max, min, nulls } = chunks[column].bounds
    return nulls === rows || (typeof min === "number" && min === max && nulls === 0)
  }
}
