/**
 * What the main thread and a thread of segments say to each other.
 *
 * The main thread gives jobs, each with a number that is never used again in that thread. The thread does several jobs
 * at a time, each in a fiber; it asks the main thread for everything that it reads and writes, and ends by telling the
 * outcome. The main thread may cancel a job, and from then on answers nothing more of it and ignores what it still says;
 * it removes what the job created. The thread then says no more of it.
 *
 *     main   -> write {job, ...}                       merge {job, ...}, index {job, ...}
 *     thread -> call {job, call: 1, open "000001"}     ...
 *     main   -> answer {job, call: 1}                  ...
 *     thread -> call {job, call: 2, write 1 MiB}       ...
 *     main   -> answer {job, call: 2}                  cancel {job}
 *     thread -> end {job, summary, order}
 *
 * Bytes are transferred, never copied: rows on their way in, chunks on their way to storage, what was read on its way
 * back. Whoever sends typed arrays has lost them. What is small (keys, bounds, marks of rows) is copied; there a view of
 * part of a buffer must be made one of its own first, as cloning copies the whole buffer behind a view.
 */
import type { OpenOptions, StorageReason } from "../../storage/BlockStorage.ts"
import type { SupersededRows } from "../merge/Cursor.ts"
import type { MergePolicy } from "../merge/Merge.ts"
import type { MergeOutput, MergeTarget } from "../merge/mergeSegments.ts"
import type { SegmentReason } from "../SegmentError.ts"
import type { SegmentSummary } from "../write/SegmentSummary.ts"
import type { SegmentOwner } from "../write/SegmentWriter.ts"
import type { PlainRows } from "./plainRows.ts"
import type { IndexRequest, IndexResult } from "./SegmentWorkers.ts"

/** Kinds of jobs. */
export type JobKind = "write" | "merge" | "index"

/** A `WriteRequest`. The rows' buffers are transferred. */
export interface WriteOrder {
  readonly kind: "write"
  readonly name: string
  readonly owner: SegmentOwner
  readonly rows: PlainRows
  readonly count: number
}

/** A `StoredMergeRequest`. The buffers of marks are transferred; so they are no views of what others have. */
export interface MergeOrder {
  readonly kind: "merge"
  readonly inputs: ReadonlyArray<{ readonly name: string; readonly marks: SupersededRows | undefined }>
  readonly policy: MergePolicy
  readonly target: MergeTarget
}

/** An `IndexRequest`. */
export interface IndexOrder extends IndexRequest {
  readonly kind: "index"
}

/** What a job is to do. */
export type JobOrder = WriteOrder | MergeOrder | IndexOrder

/** A `WriteResult`. The order's buffer is transferred. */
export interface WriteReport {
  readonly kind: "write"
  readonly summary: SegmentSummary
  readonly order: Int32Array<ArrayBuffer>
}

/** A `MergeResult`. The buffers of row maps are transferred. */
export interface MergeReport {
  readonly kind: "merge"
  readonly outputs: ReadonlyArray<MergeOutput>
  readonly rowMaps: ReadonlyArray<Int32Array<ArrayBuffer>>
}

/** An `IndexResult`. */
export interface IndexReport extends IndexResult {
  readonly kind: "index"
}

/** What a job came to. */
export type JobReport = WriteReport | MergeReport | IndexReport

/**
 * An operation of `BlockStorage`, or of one of its files; the thread numbers the files that it opens. `name` asks for the
 * name of a merge's output, as functions do not cross between threads.
 */
export type StorageOperation =
  | { readonly kind: "name"; readonly number: number }
  | { readonly kind: "list"; readonly prefix: string }
  | { readonly kind: "open"; readonly name: string; readonly options: OpenOptions | undefined; readonly file: number }
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  | { readonly kind: "syncDirectory"; readonly folder: string }
  | { readonly kind: "size"; readonly file: number }
  | { readonly kind: "read"; readonly file: number; readonly offset: number; readonly length: number }
  | {
    readonly kind: "write"
    readonly file: number
    readonly offset: number
    readonly chunks: ReadonlyArray<Uint8Array>
  }
  | { readonly kind: "sync"; readonly file: number }
  | { readonly kind: "truncate"; readonly file: number; readonly size: number }
  | { readonly kind: "close"; readonly file: number }

/** What operations answer: names for `list`, a name for `name`, the path for `open`, bytes for `size`, and nothing for those that do not ask. */
export type StorageAnswer = ReadonlyArray<string> | string | number | Uint8Array<ArrayBuffer> | undefined

/** A `StorageError` without its class. */
export interface PlainStorageError {
  readonly reason: StorageReason
  readonly path: string
  readonly message: string
}

/** A `SegmentError` without its class. */
export interface PlainSegmentError {
  readonly reason: SegmentReason
  readonly message: string
  readonly file: string
  readonly offset?: number
}

/** How a job ended. `defect` is an error as structured cloning keeps it: name, message and stack. */
export type JobOutcome =
  | { readonly kind: "done"; readonly report: JobReport }
  | { readonly kind: "failed"; readonly error: PlainSegmentError }
  | { readonly kind: "defect"; readonly defect: Error }

/** What a thread is told. */
export type ToThread =
  | { readonly kind: "start"; readonly job: number; readonly order: JobOrder }
  | { readonly kind: "cancel"; readonly job: number }
  | {
    readonly kind: "answer"
    readonly job: number
    readonly call: number
    readonly answer?: StorageAnswer
    readonly error?: PlainStorageError
  }

/** What a thread is started with. */
export interface ThreadData {
  /** How long it has nothing to do before it says so. */
  readonly idleMillisMax: number
}

/** What a thread says. `idle`: it has had nothing to do for a while; the main thread ends it, or gives it a job. */
export type FromThread =
  | { readonly kind: "idle" }
  | { readonly kind: "call"; readonly job: number; readonly call: number; readonly operation: StorageOperation }
  | { readonly kind: "end"; readonly job: number; readonly outcome: JobOutcome }
