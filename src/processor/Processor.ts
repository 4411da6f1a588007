/**
 * The processor: what happens to rows after they are committed. It flushes memtables into segments, merges segments,
 * builds indexes, expires rows, writes checkpoints, and lets go of the log and of files that nothing needs any more.
 *
 * All of it goes on by itself; the functions here are for those who do not want to wait.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Position } from "../base/position.ts"
import type { Reason } from "../base/reason.ts"
import type { SegmentEntry } from "../event/Event.ts"

/** Why the processor could not do what it was asked to. */
export class ProcessorError extends Schema.TaggedError<ProcessorError>()("ProcessorError", {
  reason: Schema.declare((u): u is Reason => typeof u === "string"),
  message: Schema.String,
  field: Schema.String
}) {}

/** A memtable that became a segment. */
export interface FlushReport {
  /** The table's number in the catalog. */
  readonly table: number
  readonly segment: SegmentEntry
  readonly elapsedMillis: number
}

/** Segments to be replaced. */
export interface CompactionPlan {
  /** The table's number in the catalog. */
  readonly table: number
  /** `move`: the files stay as they are and change their level. */
  readonly kind: "merge" | "move"
  /** Oldest first. */
  readonly inputs: ReadonlyArray<SegmentEntry>
  readonly outputLevel: number
  /** One sentence for people. */
  readonly reason: string
}

/** A plan that was carried out. */
export interface CompactionReport extends CompactionPlan {
  readonly outputs: ReadonlyArray<SegmentEntry>
  readonly elapsedMillis: number
}

/** A file of an index that was built. */
export interface IndexReport {
  /** The table's number in the catalog. */
  readonly table: number
  readonly index: string
  /** The name of the segment that it is of. */
  readonly segment: string
  readonly bytes: number
  readonly elapsedMillis: number
}

/** Which tables, and how thoroughly. */
export interface CompactRequest {
  /** Numbers of tables; all where `undefined`. */
  readonly tables: ReadonlyArray<number> | undefined
  /** Everything of a table into its deepest level, whether that pays or not; else only what the picker finds due. */
  readonly full: boolean
}

/** What the processor has done since it was started, and does now. */
export interface ProcessorStatus {
  readonly flushes: number
  readonly rowsFlushed: number
  /** Of the segments written. */
  readonly bytesFlushed: number
  /** Time that flushes took, in milliseconds. */
  readonly flushMillis: number
  readonly compactions: number
  /** Read and written by merges. */
  readonly rowsMerged: number
  readonly bytesMergedIn: number
  readonly bytesMergedOut: number
  /** Time that merges took, in milliseconds. */
  readonly compactionMillis: number
  /** Segments that no table names any more. */
  readonly segmentsRemoved: number
  /** Files of indexes. */
  readonly indexesBuilt: number
  /** Of those files. */
  readonly indexBytesBuilt: number
  /** Time that building them took, in milliseconds. */
  readonly indexMillis: number
  readonly checkpoints: number
  /** 0 where there is none. */
  readonly checkpointPosition: Position
  /** Memtables that are sealed and wait. */
  readonly sealedMemtables: number
  /** What runs now, for people: `flush of t.flights`. */
  readonly running: ReadonlyArray<string>
  /** The newest failure, which is tried again; empty where the last try went well. */
  readonly lastFailure: string
}

export interface ProcessorService {
  /** Writes everything that is in memory now into segments; of one table, or of all. */
  readonly flush: (table: number | undefined) => Effect.Effect<ReadonlyArray<FlushReport>, ProcessorError>
  /** What `compact` would do first for each table; nothing is changed. */
  readonly planCompaction: (request: CompactRequest) => Effect.Effect<ReadonlyArray<CompactionPlan>, ProcessorError>
  /** Merges until nothing is due. Each step calls `onStep`. */
  readonly compact: (
    request: CompactRequest,
    onStep?: (report: CompactionReport) => void
  ) => Effect.Effect<ReadonlyArray<CompactionReport>, ProcessorError>
  /** Builds every file of an index that is missing now, and removes those that nothing needs; of one table, or of all. */
  readonly buildIndexes: (table: number | undefined) => Effect.Effect<ReadonlyArray<IndexReport>, ProcessorError>
  /** Writes a checkpoint, and lets go of the log before it as far as the configuration says. */
  readonly checkpoint: Effect.Effect<Position, ProcessorError>
  readonly status: () => ProcessorStatus
}

/** What happens to rows after they are committed. */
export class Processor extends Context.Service<Processor, ProcessorService>()("varve/processor/Processor") {}
