/** `varve.v1.QueryService`: decodes requests, asks the engine, encodes its answers. */
import type { MessageInitShape } from "@bufbuild/protobuf"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Query, type QueryStreamAnswer } from "../../query/Query.ts"
import { refusals } from "../../query/refusals.ts"
import type { ResultColumn } from "../../query/result.ts"
import type { Health } from "../health.ts"
import { healthAnswer } from "./convert.ts"
import { QueryService, type QueryStreamResponseSchema } from "./generated/varve/v1/query_pb.ts"
import { implement, type Implementation } from "./method.ts"
import * as Answer from "./queryAnswer.ts"
import * as Request from "./queryRequest.ts"

/** The messages of a stream; the header's columns are those of the batches. */
const streamMessages = (form: Answer.RecordForm) => {
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
        const records = answer.records.map((row) => Answer.recordOf(form, columns, row))
        return { message: { case: "batch", value: { records } } }
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
          (answer) => ({
            ...Answer.readAnswer(answer),
            record: Answer.recordOf(request, answer.columns, answer.record)
          })
        ),
      getRecords: (request, caller) =>
        Effect.map(
          Effect.flatMap(
            refusals(() => Request.getRecordsRequest(request)),
            (asked) => query.getRecords(asked, caller)
          ),
          (answer) => ({
            ...Answer.readAnswer(answer),
            records: answer.records.map((row) => Answer.recordOf(request, answer.columns, row)),
            missingKeys: [...answer.missingKeys]
          })
        ),
      getHistory: (request, caller) =>
        Effect.map(
          Effect.flatMap(
            refusals(() => Request.getHistoryRequest(request)),
            (asked) => query.getHistory(asked, caller)
          ),
          (answer) => ({
            ...Answer.readAnswer(answer),
            versions: answer.records.map((row) => Answer.recordOf(request, answer.columns, row)),
            nextCursor: answer.nextCursor
          })
        ),
      query: (request, caller) =>
        Effect.map(
          Effect.flatMap(refusals(() => Request.queryRequest(request)), (asked) => query.query(asked, caller)),
          (answer) => ({
            ...Answer.readAnswer(answer),
            records: answer.records.map((row) => Answer.recordOf(request, answer.columns, row)),
            nextCursor: answer.nextCursor
          })
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
      healthCheck: () => Effect.map(health, healthAnswer)
    })
  }
)
