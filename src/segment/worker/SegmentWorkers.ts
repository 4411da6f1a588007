/**
 * Who makes segments: sorts, encodes and merges, beside the thread that serves requests. `makeSegmentThreads` does it in
 * worker threads, `makeInlineWorkers` in the caller's own; both store through the same `BlockStorage`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { SupersededRows } from "../merge/Cursor.ts"
import type { MergeRequest, MergeResult } from "../merge/mergeSegments.ts"
import type { SegmentError } from "../SegmentError.ts"
import type { SegmentRows } from "../write/SegmentRows.ts"
import type { SegmentSummary } from "../write/SegmentSummary.ts"
import type { SegmentOwner } from "../write/SegmentWriter.ts"

/** Rows to be stored as one segment. */
export interface WriteRequest {
  /** The file, which must not be in use: `segments/7/000001.parquet`. */
  readonly name: string
  readonly owner: SegmentOwner
  /**
   * The rows, in any order, no two of one position. They are given away: a worker thread takes their memory, after
   * which the vectors are empty. No two vectors, and nothing else, may lie in the same buffer.
   */
  readonly rows: SegmentRows
  /** How many rows there are, at least one; what lies beyond them in the vectors is ignored. */
  readonly count: number
}

/** A segment that was written. */
export interface WriteResult {
  readonly summary: SegmentSummary
  /** order[i] = which of the given rows is row i of the segment. */
  readonly order: Int32Array<ArrayBuffer>
}

/** A stored segment that is to be merged. */
export interface StoredMergeInput {
  /** The file, which must stay until the merge has ended. */
  readonly name: string
  /** As `MergeInput` has it. Copied when the merge is asked for: marks that come later are not seen. */
  readonly marks?: SupersededRows
}

/** Stored segments to be merged; see `mergeSegments`. */
export interface StoredMergeRequest extends Omit<MergeRequest, "inputs"> {
  /** From the oldest to the newest, at least one, all of the owner's table. */
  readonly inputs: ReadonlyArray<StoredMergeInput>
}

/** A column of a stored segment whose values are to be indexed. */
export interface IndexRequest {
  /** The file to make, which must not be in use. */
  readonly name: string
  /** The segment's file, which must stay until the job has ended. */
  readonly segment: string
  /** The column's id in the schema. */
  readonly columnId: number
}

/** An index that was built. */
export interface IndexResult {
  /** Of the file. */
  readonly bytes: number
}

/**
 * A worker thread ended in the middle of a job: it was out of memory, or met a bug. Another one takes the next job, so
 * that trying again makes sense. Files of the job are removed.
 */
export class SegmentThreadError extends Schema.TaggedError<SegmentThreadError>()("SegmentThreadError", {
  reason: Schema.Literals(["OutOfMemory", "Died"]),
  message: Schema.String
}) {}

/** What jobs fail with. */
export type SegmentJobError = SegmentError | SegmentThreadError

/**
 * Makes segments. Jobs of a kind are done in the order in which they were asked for. A job that fails or is interrupted
 * leaves no file; neither does one that a crash cuts short, to anyone who goes by names: nothing names its files yet.
 */
export interface SegmentWorkersService {
  /** Sorts rows and stores them as a segment, to last: file and folder are synced. */
  readonly write: (request: WriteRequest) => Effect.Effect<WriteResult, SegmentJobError>
  /** Merges stored segments into new ones, which are stored to last. The inputs stay. */
  readonly merge: (request: StoredMergeRequest) => Effect.Effect<MergeResult, SegmentJobError>
  /** Builds the value index of a column, which is stored to last; see `buildValueIndex`. */
  readonly index: (request: IndexRequest) => Effect.Effect<IndexResult, SegmentJobError>
}

/** Makes segments. */
export class SegmentWorkers extends Context.Service<SegmentWorkers, SegmentWorkersService>()(
  "varve/segment/SegmentWorkers"
) {}
