/** `varve.v1.QueryService`: decodes requests, asks the engine, encodes its answers. */
import { create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Query, type QueryStreamAnswer } from "../../query/Query.ts"
import { refusals } from "../../query/refusals.ts"
import type { RecordRow, ResultColumn } from "../../query/result.ts"
import type { Health } from "../health.ts"
import { healthOf } from "./convert.ts"
import {
  GetHistoryResponseSchema,
  GetRecordResponseSchema,
  GetRecordsResponseSchema,
  QueryResponseSchema,
  QueryService,
  QueryStreamBatchSchema,
  type QueryStreamResponseSchema
} from "./generated/varve/v1/query_pb.ts"
import { implement, type Implementation } from "./method.ts"
import * as Answer from "./queryAnswer.ts"
import { encodedRecords, type RecordForm } from "./queryRecords.ts"
import * as Request from "./queryRequest.ts"

/** The field that holds records, in every answer that has any: `record`, `records` or `versions`. */
const recordsField = 1

/** A message with records, which are encoded already. */
const withRecords = <Schema extends DescMessage>(
  schema: Schema,
  rest: MessageInitShape<Schema>,
  form: RecordForm,
  columns: ReadonlyArray<ResultColumn>,
  rows: ReadonlyArray<RecordRow>
): MessageShape<Schema> => {
  const message = create(schema, rest)
  message.$unknown = encodedRecords(recordsField, form, columns, rows)
  return message
}

/** The messages of a stream; the header's columns are those of the batches. */
const streamMessages = (form: RecordForm) => {
  let columns: ReadonlyArray<ResultColumn> = []
  return (answer: QueryStreamAnswer): MessageInitShape<typeof QueryStreamResponseSchema> => {
    switch (answer.kind) {
      case "header":
        columns = answer.columns
        return {
          message: {
            case: "header",
            value: { columns: columns.map(Answer.columnOf), position: BigInt(answer.position) }
          }
        }
      case "batch": {
        const value = withRecords(QueryStreamBatchSchema, {}, form, columns, answer.records)
        return { message: { case: "batch", value } }
      }
      case "summary":
        return { message: { case: "summary", value: { stats: Answer.statsOf(answer.stats) } } }
    }
  }
}

/** The handlers of the query service. */
export const makeQueryHandlers = Effect.fnUntraced(
  function*(health: Effect.Effect<Health>): Effect.fn.Return<Implementation, never, Query> {
    const query = yield* Query
    return implement(QueryService, {
      getRecord: (request, caller) =>
        Effect.map(
          Effect.flatMap(
            refusals(() => Request.getRecordRequest(request)),
            (asked) => query.getRecord(asked, caller)
          ),
          (answer) =>
            withRecords(GetRecordResponseSchema, Answer.readAnswer(answer), request, answer.columns, [answer.record])
        ),
      getRecords: (request, caller) =>
        Effect.map(
          Effect.flatMap(
            refusals(() => Request.getRecordsRequest(request)),
            (asked) => query.getRecords(asked, caller)
          ),
          (answer) => {
            const rest = { ...Answer.readAnswer(answer), missingKeys: [...answer.missingKeys] }
            return withRecords(GetRecordsResponseSchema, rest, request, answer.columns, answer.records)
          }
        ),
      getHistory: (request, caller) =>
        Effect.map(
          Effect.flatMap(
            refusals(() => Request.getHistoryRequest(request)),
            (asked) => query.getHistory(asked, caller)
          ),
          (answer) => {
            const rest = { ...Answer.readAnswer(answer), nextCursor: answer.nextCursor }
            return withRecords(GetHistoryResponseSchema, rest, request, answer.columns, answer.records)
          }
        ),
      query: (request, caller) =>
        Effect.map(
          Effect.flatMap(refusals(() => Request.queryRequest(request)), (asked) => query.query(asked, caller)),
          (answer) => {
            const rest = { ...Answer.readAnswer(answer), nextCursor: answer.nextCursor }
            return withRecords(QueryResponseSchema, rest, request, answer.columns, answer.records)
          }
        ),
      queryStream: (request, caller) =>
        Stream.unwrap(Effect.map(refusals(() => Request.queryStreamRequest(request)), (asked) => {
          const message = streamMessages(request)
          return Stream.mapArray(query.queryStream(asked, caller), (answers) => Arr.map(answers, message))
        })),
      aggregate: (request, caller) =>
        Effect.map(
          Effect.flatMap(
            refusals(() => Request.aggregateRequest(request)),
            (asked) => query.aggregate(asked, caller)
          ),
          (answer) => Answer.aggregateAnswer(answer, request.typedRows)
        ),
      explainQuery: (request, caller) =>
        Effect.map(
          Effect.flatMap(refusals(() => Request.explainRequest(request)), (asked) => query.explain(asked, caller)),
          Answer.explainAnswer
        ),
      healthCheck: ({ service }) => healthOf(QueryService, service, health)
    })
  }
)
