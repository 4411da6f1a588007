/**
 * The query service: records as they are or were, pages and streams of them, aggregates, plans.
 *
 * Every read takes a snapshot of one position and names it in its answer. Rows are found by loops over typed arrays;
 * values are made only for the rows that are answered.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Caller } from "../base/caller.ts"
import type { Position } from "../base/position.ts"
import type { Reason } from "../base/reason.ts"
import type { AsOf } from "../mvcc/Mvcc.ts"
import type { Filter } from "./filter.ts"
import type { QueryStats, RecordRow, ResultColumn, Value } from "./result.ts"

/** Why a read was refused or failed. */
export class QueryError extends Schema.TaggedError<QueryError>()("QueryError", {
  reason: Schema.declare((u): u is Reason => typeof u === "string"),
  /** Names the field, the problem and the way out. */
  message: Schema.String,
  /** The field's path where one is to blame, else empty. */
  field: Schema.String
}) {}

/** What every read names. */
export interface ReadRequest {
  /** Empty where the caller's credential names it. */
  readonly tenant: string
  readonly table: string
  readonly asOf: AsOf
  /** Waits until this position is visible; 0 = does not wait. */
  readonly minPosition: Position
}

/** What every answer says. */
export interface ReadAnswer {
  readonly columns: ReadonlyArray<ResultColumn>
  /** The snapshot's position. */
  readonly position: Position
  readonly stats: QueryStats
}

/** One key. `select` holds names of columns, system columns, and `*` for all of the table's; empty = `*`. */
export interface GetRecordRequest extends ReadRequest {
  readonly key: string
  readonly select: ReadonlyArray<string>
}

/** Several keys, at most 10,000. `select` is as for one. */
export interface GetRecordsRequest extends ReadRequest {
  readonly keys: ReadonlyArray<string>
  readonly select: ReadonlyArray<string>
}

/** The versions of a key, page by page. */
export interface GetHistoryRequest extends ReadRequest {
  readonly key: string
  readonly select: ReadonlyArray<string>
  /** 0 = `queryLimitDefault`. */
  readonly limit: number
  /** Empty for the first page. */
  readonly cursor: string
}

/** A column to order by. Nulls come last either way. */
export interface OrderBy {
  readonly column: string
  readonly descending: boolean
}

/** Which rows are meant. */
export interface RowSelection extends ReadRequest {
  readonly filter: Filter | undefined
  /** A filter as text; empty = none. Where `filter` is there as well, both must hold. */
  readonly where: string
}

/** A page of the rows that match. */
export interface QueryRequest extends RowSelection {
  readonly select: ReadonlyArray<string>
  /** Empty = by key. */
  readonly orderBy: ReadonlyArray<OrderBy>
  /** 0 = `queryLimitDefault`. */
  readonly limit: number
  /** Ignored where a cursor is given: it skips rows of the first page only. */
  readonly offset: number
  /** Empty for the first page. */
  readonly cursor: string
}

/** All rows that match. */
export interface QueryStreamRequest extends RowSelection {
  readonly select: ReadonlyArray<string>
  /** Empty = no promised order. */
  readonly orderBy: ReadonlyArray<OrderBy>
  /** 0 = all. */
  readonly limit: number
  /** Most rows of a batch; 0 = 1,000. */
  readonly batchRows: number
}

/** How a figure comes of values. Nulls are ignored. */
export type AggregateFunction = "count" | "sum" | "avg" | "min" | "max" | "distinct_count"

/** One figure of each group. */
export interface Aggregation {
  readonly function: AggregateFunction
  /** Empty for a count of rows. */
  readonly column: string
  /** The result's column; empty = `count`, or function and column as in `avg_delay`. */
  readonly alias: string
}

/** Figures of the rows that match, in groups. */
export interface AggregateRequest extends RowSelection {
  readonly aggregates: ReadonlyArray<Aggregation>
  readonly groupBy: ReadonlyArray<string>
  /** A filter as text over the result's columns; empty = none. */
  readonly having: string
  /** Over the result's columns. Empty = by the group's columns. */
  readonly orderBy: ReadonlyArray<OrderBy>
  /** 0 = `queryLimitMax`. */
  readonly limit: number
}

/** What is to be explained. */
export interface ExplainRequest {
  readonly subject:
    | { readonly kind: "query"; readonly query: QueryRequest }
    | { readonly kind: "aggregate"; readonly aggregate: AggregateRequest }
  /** Runs it too, and says what each step really cost. */
  readonly analyze: boolean
}

/** One record. */
export interface RecordAnswer extends ReadAnswer {
  readonly record: RecordRow
}

/** Several records. */
export interface RecordsAnswer extends ReadAnswer {
  /** Those found, in the order of the request's keys. */
  readonly records: ReadonlyArray<RecordRow>
  readonly missingKeys: ReadonlyArray<string>
}

/** A page. */
export interface PageAnswer extends ReadAnswer {
  readonly records: ReadonlyArray<RecordRow>
  /** Empty on the last page. */
  readonly nextCursor: string
}

/** A part of a stream, in this order: one header, batches, one summary. */
export type QueryStreamAnswer =
  | { readonly kind: "header"; readonly columns: ReadonlyArray<ResultColumn>; readonly position: Position }
  | { readonly kind: "batch"; readonly records: ReadonlyArray<RecordRow> }
  | { readonly kind: "summary"; readonly stats: QueryStats }

/** Rows of figures. */
export interface AggregateAnswer extends ReadAnswer {
  /** Values in the order of `columns`: the group's, then the aggregates. */
  readonly rows: ReadonlyArray<ReadonlyArray<Value>>
  /** Groups that satisfy `having`; more than rows where the limit cut some off. */
  readonly groups: number
}

/** One step of a plan. */
export interface PlanStep {
  readonly name: string
  readonly detail: string
  /** Columns that the step reads. */
  readonly columns: ReadonlyArray<string>
  /** Rows that are thought to leave the step. */
  readonly estimatedRows: number
  /** Rows that left it; `undefined` where it was not run. */
  readonly actualRows: number | undefined
  readonly elapsedMillis: number | undefined
}

/** A plan. */
export interface ExplainAnswer {
  /** In the order in which they happen. */
  readonly steps: ReadonlyArray<PlanStep>
  /** The same for people. */
  readonly text: string
  readonly position: Position
  /** `undefined` where it was not run. */
  readonly stats: QueryStats | undefined
}

/**
 * Reads. All fail with TENANT_NOT_FOUND, TABLE_NOT_FOUND, COLUMN_NOT_FOUND, INVALID_FILTER and WRONG_TYPE, and with the
 * reasons of `Mvcc.snapshot`.
 */
export interface QueryService {
  /** Fails with KEY_NOT_FOUND where the snapshot sees no such record. */
  readonly getRecord: (request: GetRecordRequest, caller: Caller) => Effect.Effect<RecordAnswer, QueryError>
  readonly getRecords: (request: GetRecordsRequest, caller: Caller) => Effect.Effect<RecordsAnswer, QueryError>
  /** Newest first. Fails with INVALID_CURSOR for another request's cursor. */
  readonly getHistory: (request: GetHistoryRequest, caller: Caller) => Effect.Effect<PageAnswer, QueryError>
  /** Fails with INVALID_CURSOR for another request's cursor. */
  readonly query: (request: QueryRequest, caller: Caller) => Effect.Effect<PageAnswer, QueryError>
  /** A header, batches as they are pulled, a summary. */
  readonly queryStream: (request: QueryStreamRequest, caller: Caller) => Stream.Stream<QueryStreamAnswer, QueryError>
  readonly aggregate: (request: AggregateRequest, caller: Caller) => Effect.Effect<AggregateAnswer, QueryError>
  readonly explain: (request: ExplainRequest, caller: Caller) => Effect.Effect<ExplainAnswer, QueryError>
}

/** Reads records. */
export class Query extends Context.Service<Query, QueryService>()("varve/query/Query") {}
