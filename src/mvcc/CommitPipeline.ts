/**
 * The commit pipeline: the one way into the log. A single fiber takes all intents that wait as a group, decides each,
 * appends what was decided for with one sync, folds it, and answers. While a group is being synced, the next one
 * gathers; that is what makes a sync for each acknowledgement cheap.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Position } from "../base/position.ts"
import type { Reason } from "../base/reason.ts"
import type { Durability, Intent } from "./intent.ts"

/** What became of an intent that was not refused. */
export interface CommitReceipt {
  /** `duplicate`: an earlier intent with the same idempotency key had done it. `unchanged`: nothing was to be done. */
  readonly outcome: "committed" | "duplicate" | "unchanged"
  /** 0 where the outcome is `unchanged`. */
  readonly firstPosition: Position
  readonly lastPosition: Position
  /** Microseconds since 1970. */
  readonly commitTime: number
  /** The level that was reached. */
  readonly durability: Durability
}

/** Why an intent did not happen. With LOG_UNAVAILABLE the outcome is unknown until the log is reopened. */
export class CommitError extends Schema.TaggedError<CommitError>()("CommitError", {
  reason: Schema.declare((u): u is Reason => typeof u === "string"),
  message: Schema.String,
  field: Schema.String
}) {}

/** Load of the pipeline. */
export interface PipelineStatus {
  /** Rows admitted and not yet answered. */
  readonly pendingRows: number
  /** Bytes of requests admitted and not yet answered. */
  readonly pendingBytes: number
  /** Why nothing can be committed any more; `undefined` while all is well. */
  readonly stopped: string | undefined
  /** Requests that waited for memory, and how long all of them together. */
  readonly waits: number
  readonly waitedMillis: number
}

export interface CommitPipelineService {
  /**
   * Runs an effect that decodes a request of so many bytes and commits it, when there is room: this is the bound on
   * the memory of requests in flight, and where writers are slowed down as rows fill the memory. Waits its turn; fails
   * with BACK_PRESSURE where too many wait already, with MEMORY_LIMIT where memory stays full.
   */
  readonly admit: <A, E, R>(bytes: number, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CommitError, R>
  /**
   * Decides an intent, and answers when what it became is as durable as asked for, and visible. An interrupted caller
   * does not undo it. Call it inside `admit` where the intent holds rows. `onQueued` is called as soon as its turn is
   * certain: intents are decided in the order in which that happens.
   */
  readonly commit: (intent: Intent, onQueued?: () => void) => Effect.Effect<CommitReceipt, CommitError>
  /** Says how fast rows leave the memory: so many bytes in so many milliseconds. Writers are slowed down to that. */
  readonly freed: (bytes: number, millis: number) => Effect.Effect<void>
  readonly status: () => PipelineStatus
}

/** The one way into the log. */
export class CommitPipeline extends Context.Service<CommitPipeline, CommitPipelineService>()(
  "varve/mvcc/CommitPipeline"
) {}
