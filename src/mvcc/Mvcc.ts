/**
 * The MVCC service: snapshots, and the versions that are visible to them.
 *
 * A snapshot is a position. Readers take one, keep it for as long as they read, and see per key the newest version at
 * or below it, whatever is written meanwhile.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Position } from "../base/position.ts"
import type { Reason } from "../base/reason.ts"
import type { SegmentEntry } from "../event/Event.ts"
import type { Segment } from "../segment/Segment.ts"
import type { SegmentError } from "../segment/SegmentError.ts"
import type { Marks } from "./marks.ts"
import type { Memtable } from "./memtable.ts"
import type { SegmentFilesService } from "./SegmentFiles.ts"
import type { TableVersions } from "./tableVersions.ts"

/** Which past a read wants: a position, a commit time in microseconds, or the newest. */
export type AsOf =
  | { readonly kind: "latest" }
  | { readonly kind: "position"; readonly position: Position }
  | { readonly kind: "time"; readonly time: number }

/** A place in time that a read is pinned to. */
export interface Snapshot {
  readonly position: Position
  /** Commit time of the newest row at or below the position, in microseconds; 0 where there is none. */
  readonly time: number
}

/** A segment as a reader has it. */
export interface SegmentView {
  readonly entry: SegmentEntry
  /** Its rows that versions outside of it supersede, up to the snapshot's position. */
  readonly marks: Marks
  /** The file, opened by whoever is first. Good until the reader's scope closes. */
  readonly open: Effect.Effect<Segment, MvccError>
  /** Looks something up in a file of `entry.indexes`; see `SegmentFilesService.useIndex`. */
  readonly useIndex: SegmentFilesService["useIndex"]
}

/** A table's rows as one reader has them, whatever is flushed or merged meanwhile. */
export interface TableRows {
  /** Oldest first; see `byAge`. */
  readonly segments: ReadonlyArray<SegmentView>
  /** Oldest first, and newer than all segments. Those that began after the snapshot are left out. */
  readonly memtables: ReadonlyArray<Memtable>
}

/** Memory that versions hold, and who reads them. */
export interface MvccUsage {
  /** Of memtables and marks. */
  readonly bytes: number
  readonly memtables: number
  /** Versions in memtables. */
  readonly rows: number
  /** Reads that run now. */
  readonly readers: number
  /** Positions that cursors hold. */
  readonly heldPositions: number
}

/** Why no snapshot could be had. */
export class MvccError extends Schema.TaggedError<MvccError>()("MvccError", {
  reason: Schema.declare((u): u is Reason => typeof u === "string"),
  message: Schema.String,
  field: Schema.String
}) {}

/** A segment that could not be read, as an error of a read. */
export const fromSegmentError = ({ message, reason }: SegmentError): MvccError =>
  new MvccError({ reason: reason === "Storage" ? "SEGMENT_UNAVAILABLE" : "DAMAGED", message, field: "" })

export interface MvccService {
  /** The newest position that readers may see: everything up to it is as durable as it was promised to be. */
  readonly position: () => Position
  /**
   * Takes a snapshot. With `minPosition`, waits until that position is visible (read your writes), for ten seconds at
   * most: then fails with POSITION_NOT_REACHED, as does a position in the future. Below the history horizon it fails
   * with BELOW_HORIZON.
   */
  readonly snapshot: (options: {
    readonly asOf: AsOf
    readonly minPosition: Position
  }) => Effect.Effect<Snapshot, MvccError>
  /** The versions of a table, by the table's number; `undefined` while it has no rows. */
  readonly versions: (table: number) => TableVersions | undefined
  /**
   * Opens a table's rows at a position until the scope closes; meanwhile compaction keeps what the position sees. For a
   * scan, the marks of segments are complete up to the position; a lookup by key needs none. Fails with BELOW_HORIZON
   * where the position's versions may be gone, with DAMAGED and SEGMENT_UNAVAILABLE where files cannot be read.
   */
  readonly openTable: (
    table: number,
    position: Position,
    purpose: "scan" | "lookup"
  ) => Effect.Effect<TableRows, MvccError, Scope.Scope>
  /** Keeps what a position sees of a table for some minutes more, for a cursor to come back to. */
  readonly hold: (table: number, position: Position) => Effect.Effect<void>
  /** The oldest position that is read or held, of a table or of all; `Position.max` where none is. */
  readonly oldestRead: (table?: number) => Effect.Effect<Position>
  /** When the row at a position was committed, in microseconds. */
  readonly commitTime: (position: Position) => number
  /** The same for positions[0, count), which ascend, in one pass: out[i] becomes the time of positions[i]. */
  readonly fillCommitTimes: (positions: Float64Array, count: number, out: Float64Array) => void
  readonly usage: () => MvccUsage
}

/** Snapshots, and the versions that are visible to them. */
export class Mvcc extends Context.Service<Mvcc, MvccService>()("varve/mvcc/Mvcc") {}
