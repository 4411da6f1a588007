/** `varve explain`: how a query or an aggregate would be answered, or was. */
import * as Effect from "effect/Effect"
import { QueryService } from "../../transport/grpc/generated/varve/v1/query_pb.ts"
import { unary } from "../client/call.ts"
import { connect } from "../client/Connection.ts"
import { plainInteger } from "../client/records.ts"
import type { CommandFailure } from "../failure.ts"
import { printRows, write } from "../output/print.ts"
import type { Settings } from "../settings.ts"
import { type AggregateOptions, aggregateRequest } from "./runAggregate.ts"
import { type QueryOptions, queryRequest } from "./runQuery.ts"

/** What was asked for on the command line. */
export interface ExplainOptions extends QueryOptions, Omit<AggregateOptions, "aggregates"> {
  /** `undefined`: a query is meant. */
  readonly aggregates: string | undefined
  /** Runs it too. */
  readonly analyze: boolean
}

const columns = [
  { name: "step", isNumber: false },
  { name: "detail", isNumber: false },
  { name: "columns", isNumber: false },
  { name: "estimated_rows", isNumber: true },
  { name: "actual_rows", isNumber: true },
  { name: "elapsed_ms", isNumber: true }
]

/** Prints the plan: as text for people, else its steps as rows. */
export const runExplain = (settings: Settings, options: ExplainOptions): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const { aggregates } = options
    const subject = aggregates === undefined
      ? { case: "query", value: yield* queryRequest(options) } as const
      : { case: "aggregate", value: yield* aggregateRequest({ ...options, aggregates }) } as const
    const connection = yield* connect({ service: "query", url: settings.queryUrl, token: settings.token })
    const answer = yield* unary(connection, QueryService.method.explainQuery, { subject, analyze: options.analyze })
    if (settings.format === "table") return yield* write(answer.text.endsWith("\n") ? answer.text : `${answer.text}\n`)
    yield* printRows(
      settings.format,
      columns,
      answer.steps.map((step) => [
        step.name,
        step.detail,
        step.columns,
        plainInteger(step.estimatedRows),
        step.actualRows === undefined ? null : plainInteger(step.actualRows),
        step.elapsedMs ?? null
      ])
    )
  }).pipe(Effect.scoped)
