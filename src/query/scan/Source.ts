/**
 * Sources of rows of one table: memtables and segments, both opened for one snapshot and answering for that alone.
 *
 * A source is read part by part. What loops need of a part is loaded before its rows are looked at, and let go behind
 * them: a table may be far larger than memory.
 */
import type * as Effect from "effect/Effect"
import type { Column } from "../../schema/types.ts"
import type { Bounds } from "../../segment/bounds.ts"
import type { QueryError } from "../Query.ts"
import type { ReadVector } from "./readVector.ts"

/** Rows in memory: what loops run over. */
export interface Block {
  /** Row r of the block is row `base + r` of its source. */
  readonly base: number
  /** A column that was loaded, as the table's latest schema has it; the same vector at each call. */
  readonly vector: (column: Column) => ReadVector
}

/** Rows in memory with all that a record tells beside its columns. */
export interface RecordBlock extends Block {
  /** The schema version that the rows were written in. */
  readonly schemaVersion: number
  readonly isDeletion: (row: number) => boolean
  /** In microseconds. */
  readonly commitTime: (row: number) => number
  /** The event time that a row was given, in microseconds; `undefined` where it was given none. */
  readonly timestamp: (row: number) => number | bigint | undefined
  /** The JSON text of a row's metadata. */
  readonly metadata: (row: number) => string | undefined
}

/** Rows [from, to) of a block, which are looked at together. */
export interface OpenPart {
  readonly block: Block
  readonly from: number
  readonly to: number
  /**
   * Writes the rows of [from, to) that the snapshot sees, ascending, to the front of `rows` and returns how many they
   * are. A row is seen when it is the newest of its key at the snapshot, no deletion, and has not expired.
   */
  readonly visible: (from: number, to: number, rows: Int32Array) => number
  /** Loads more columns into the block. */
  readonly load: (columns: ReadonlyArray<Column>) => Effect.Effect<void, QueryError>
  /** The block with all that records need, where most of its rows become records. Absent where rows are no records. */
  readonly loadRecords?: (columns: ReadonlyArray<Column>) => Effect.Effect<RecordBlock, QueryError>
}

/** Rows of a source that are loaded together. */
export interface Part {
  readonly rows: number
  /** Opens the part with some columns loaded. */
  readonly open: (columns: ReadonlyArray<Column>) => Effect.Effect<OpenPart, QueryError>
}

/** Rows that may have to be looked at, by what is known of them: a part, or something that comes apart into smaller. */
export interface Candidate {
  /** The number of the source. */
  readonly source: number
  readonly rows: number
  /** What the rows hold in a column; `undefined` where that is not known. */
  readonly bounds: (column: Column) => Bounds | undefined
  readonly content: Part | Effect.Effect<ReadonlyArray<Candidate>, QueryError>
}

/** Some rows of one block, with their places in a list that was asked for. */
export interface RecordRows {
  /** Rows [first, end) of the list. */
  readonly first: number
  readonly end: number
  readonly load: Effect.Effect<RecordBlock, QueryError>
}

/** A memtable or a segment. Rows are counted from its start. */
export interface Source {
  readonly kind: "memtable" | "segment"
  /** Versions that it holds, up to the snapshot where that is known. */
  readonly rows: number
  /** All that may hold rows which pass the read's filter. */
  readonly candidate: Candidate
  /** Whether a key may be in it: keys are compared, nothing is read. */
  readonly mayHold: (key: Uint8Array) => boolean
  /** The newest version of a key at or below the snapshot's position, a deletion included, or -1. */
  readonly newest: (key: Uint8Array) => Effect.Effect<number, QueryError>
  /** Versions of a key at or below the snapshot's position, newest first, deletions included. */
  readonly versions: (key: Uint8Array) => Effect.Effect<ReadonlyArray<number>, QueryError>
  /** Rows, ascending, split into those that are loaded together. */
  readonly records: (
    rows: ArrayLike<number>,
    columns: ReadonlyArray<Column>
  ) => Effect.Effect<ReadonlyArray<RecordRows>, QueryError>
  /** The same rows as parts to filter, order and group: of the versions of single keys, those that are seen. */
  readonly partsOf: (rows: Int32Array) => Effect.Effect<ReadonlyArray<Part>, QueryError>
}
