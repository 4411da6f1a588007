/** `varve aggregate`: figures of groups of records. */
import type { MessageInitShape } from "@bufbuild/protobuf"
import * as Effect from "effect/Effect"
import { type AggregateRequestSchema, QueryService } from "../../transport/grpc/generated/varve/v1/query_pb.ts"
import { unary } from "../client/call.ts"
import type { Target } from "../client/catalog.ts"
import { connect } from "../client/Connection.ts"
import { plainValue } from "../client/records.ts"
import type { CommandFailure } from "../failure.ts"
import { printRows } from "../output/print.ts"
import type { Settings } from "../settings.ts"
import { footer, outputColumns } from "./answerRows.ts"
import { parseAggregations, parseAsOf, parseList, parseOrderBy } from "./requestParts.ts"
import { tellFooter } from "./runQuery.ts"

/** What was asked for on the command line. */
export interface AggregateOptions extends Target {
  readonly aggregates: string
  readonly groupBy: string | undefined
  readonly where: string | undefined
  readonly having: string | undefined
  readonly orderBy: string | undefined
  readonly limit: number | undefined
  readonly asOf: string | undefined
}

/** The request. */
export const aggregateRequest = Effect.fnUntraced(
  function*(
    options: AggregateOptions
  ): Effect.fn.Return<MessageInitShape<typeof AggregateRequestSchema>, CommandFailure> {
    const asOf = yield* parseAsOf(options.asOf)
    return {
      tenantId: options.tenant,
      table: options.table,
      aggregates: [...(yield* parseAggregations(options.aggregates))],
      groupBy: [...(yield* parseList(options.groupBy, "--group-by"))],
      where: options.where ?? "",
      having: options.having ?? "",
      orderBy: [...(yield* parseOrderBy(options.orderBy))],
      limit: options.limit ?? 0,
      typedRows: true,
      ...(asOf === undefined ? {} : { asOf })
    }
  }
)

/** Prints the groups with their figures. */
export const runAggregate = (settings: Settings, options: AggregateOptions): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const request = yield* aggregateRequest(options)
    const connection = yield* connect({ service: "query", url: settings.queryUrl, token: settings.token })
    const answer = yield* unary(connection, QueryService.method.aggregate, request)
    const rows = answer.typedRows.map(({ values }) => values.map(plainValue))
    const printed = yield* printRows(settings.format, outputColumns(answer.columns), rows)
    yield* tellFooter(settings, footer(printed, answer.position, answer.stats))
  }).pipe(Effect.scoped)
