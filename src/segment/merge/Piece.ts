/**
 * Rows of an output that are encoded together. They are copied input by input; `order` says in which order they are the
 * output's, so that the writer gathers them once more as it does in any case.
 */
import type { DictionaryVector } from "../../event/dictionary.ts"
import type { Int64Vector, TextVector } from "../../event/vector.ts"
import type { SegmentPiece } from "../storeSegment.ts"
import { copyRuns, GatheredColumn } from "./GatheredColumn.ts"
import type { LoadedRows } from "./loadRows.ts"
import type { Runs } from "./Runs.ts"

export class Piece {
  /** Rows so far. */
  count = 0
  /** Bytes of memory that they take, about. */
  bytes = 0
  private readonly order: Int32Array<ArrayBuffer>
  private readonly positions: Float64Array<ArrayBuffer>
  private readonly commitTimes: Float64Array<ArrayBuffer>
  private readonly deleted: Uint8Array<ArrayBuffer>
  private readonly keys: GatheredColumn
  private readonly timestamps: GatheredColumn
  private readonly metadata: GatheredColumn
  private readonly columns: ReadonlyArray<GatheredColumn>

  /** For at most `capacity` rows of so many columns of the schema. */
  constructor(capacity: number, columns: number) {
    this.order = new Int32Array(capacity)
    this.positions = new Float64Array(capacity)
    this.commitTimes = new Float64Array(capacity)
    this.deleted = new Uint8Array(capacity)
    this.keys = new GatheredColumn(capacity)
    this.timestamps = new GatheredColumn(capacity)
    this.metadata = new GatheredColumn(capacity)
    this.columns = Array.from({ length: columns }, () => new GatheredColumn(capacity))
  }

  /** Copies rows; row i of them becomes row `count + i` of the piece, in no order yet. */
  append(source: LoadedRows, runs: Runs): void {
    const at = this.count
    copyRuns(this.positions, at, source.positions, runs)
    copyRuns(this.commitTimes, at, source.commitTimes, runs)
    copyRuns(this.deleted, at, source.deleted, runs)
    this.keys.append(at, source.keys, runs)
    this.timestamps.append(at, source.timestamps, runs)
    this.metadata.append(at, source.metadata, runs)
    for (let i = 0; i < this.columns.length; i++) this.columns[i].append(at, source.columns[i], runs)
    this.count = at + runs.rows
    this.bytes += runs.rows * source.rowBytes
  }

  /** Says that row `row` of the piece is number `number` in the output's order. */
  place(number: number, row: number): void {
    this.order[number] = row
  }

  /** Takes away the values of what is number `number`: a deletion, or a row that becomes one and loses its metadata too. */
  clear(number: number): void {
    const row = this.order[number]
    for (const { vector } of this.columns) setNull(vector, row)
    if (this.deleted[row] === 1) return
    this.deleted[row] = 1
    setNull(this.metadata.vector, row)
  }

  /** The rows for the writer. */
  finish(): SegmentPiece {
    const { count } = this
    return {
      order: this.order.subarray(0, count),
      rows: {
        keys: this.keys.vector as TextVector,
        positions: this.positions.subarray(0, count),
        commitTimes: this.commitTimes.subarray(0, count),
        timestamps: this.timestamps.vector as Int64Vector,
        deleted: this.deleted.subarray(0, count),
        metadata: this.metadata.vector as TextVector | DictionaryVector,
        columns: this.columns.map(({ vector }) => vector)
      }
    }
  }
}

/** What lies under the null stays: the writer does not look at it. */
const setNull = (vector: { nulls: Uint8Array; hasNulls: boolean }, row: number): void => {
  vector.nulls[row] = 1
  vector.hasNulls = true
}
