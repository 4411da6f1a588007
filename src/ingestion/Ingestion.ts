/**
 * The ingestion service: requests in, as the wire's own bytes; receipts out.
 *
 * It takes bytes because the fastest way from a request to the log never makes an object for a record: the compiled
 * decoder of the table's schema walks the message and fills columns.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Caller } from "../base/caller.ts"
import type { Position } from "../base/position.ts"
import type { Reason } from "../base/reason.ts"
import type { Durability } from "../mvcc/intent.ts"

/** What was wrong with one record of a request. */
export interface RecordError {
  /** The record's index in its message, from 0. */
  readonly index: number
  readonly reason: Reason
  /** Names the field, the value's problem and the way out. */
  readonly message: string
  /** The field's path, as in `data.delay`; empty where the record as a whole is meant. */
  readonly field: string
}

/** The receipt of one record. */
export interface RecordReceipt {
  readonly position: Position
  /** Microseconds since 1970. */
  readonly commitTime: number
  readonly durability: Durability
  /** True where an earlier request with the same idempotency key had already committed it. */
  readonly duplicate: boolean
}

/** The receipt of a batch: accepted + rejected = the records sent. */
export interface BatchReceipt {
  readonly accepted: number
  readonly rejected: number
  readonly errors: ReadonlyArray<RecordError>
  /** 0 where nothing was accepted. */
  readonly firstPosition: Position
  readonly lastPosition: Position
  /** Microseconds since 1970; 0 where nothing was accepted. */
  readonly commitTime: number
  readonly durability: Durability
  readonly duplicate: boolean
}

/** What an ingest stream answers. */
export type StreamAnswer =
  | {
    readonly kind: "ack"
    /** Messages with records count from 1; 0 acknowledges the init. */
    readonly sequence: number
    readonly position: Position
    readonly creditBytes: number
    readonly durability: Durability
    readonly committed: boolean
  }
  | { readonly kind: "error"; readonly sequence: number; readonly error: RecordError }
  | {
    readonly kind: "stats"
    readonly messages: number
    readonly accepted: number
    readonly rejected: number
    readonly bytes: number
    readonly elapsedMillis: number
  }

/** Totals, rates and pressure. */
export interface IngestionStatus {
  readonly recordsTotal: number
  readonly bytesTotal: number
  readonly rejectedTotal: number
  /** Means over the last ten seconds. */
  readonly recordsPerSecond: number
  readonly bytesPerSecond: number
  readonly activeStreams: number
  readonly pendingRecords: number
  readonly latencyP50Millis: number
  readonly latencyP99Millis: number
  readonly logBytes: number
  readonly memtableBytes: number
  readonly memtableCount: number
  readonly lastPosition: Position
}

/** Why a request as a whole was refused or failed. */
export class IngestionError extends Schema.TaggedError<IngestionError>()("IngestionError", {
  reason: Schema.declare((u): u is Reason => typeof u === "string"),
  message: Schema.String,
  /** The field's path where one is to blame, else empty. */
  field: Schema.String
}) {}

/** Requests are the bytes of the gRPC messages of `varve.v1.IngestionService`. */
export interface IngestionService {
  /** An `IngestRecordRequest`. */
  readonly ingestRecord: (request: Uint8Array, caller: Caller) => Effect.Effect<RecordReceipt, IngestionError>
  /** An `IngestBatchRequest`. Fails only where nothing was written; rejected records are in the receipt. */
  readonly ingestBatch: (request: Uint8Array, caller: Caller) => Effect.Effect<BatchReceipt, IngestionError>
  /**
   * `IngestStreamRequest`s. The end of the requests is not a commit: what was not acknowledged by then may or may not
   * be written, message by message, as with a lost connection.
   */
  readonly ingestStream: (
    requests: Stream.Stream<Uint8Array, IngestionError>,
    caller: Caller
  ) => Stream.Stream<StreamAnswer, IngestionError>
  /** Of one tenant, or of all. */
  readonly status: (tenant: string | undefined) => Effect.Effect<IngestionStatus, IngestionError>
}

/** Takes records in: validates, commits to the durable log, answers with receipts. */
export class Ingestion extends Context.Service<Ingestion, IngestionService>()("varve/ingestion/Ingestion") {}
