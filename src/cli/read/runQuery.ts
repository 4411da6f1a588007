/** `varve query`: records that match, in pages or as a stream. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { queryLimitDefault } from "../../base/limits.ts"
import { QueryService, type QueryStats, type ResultColumn } from "../../transport/grpc/generated/varve/v1/query_pb.ts"
import { unary } from "../client/call.ts"
import type { Target } from "../client/catalog.ts"
import { connect, type Connection } from "../client/Connection.ts"
import { openQueryStream } from "../client/queryStream.ts"
import { plainRecord, readBatch, type ReadRecord } from "../client/records.ts"
import type { CommandFailure } from "../failure.ts"
import { printStream, tell } from "../output/print.ts"
import { dim, terminalOf } from "../output/terminal.ts"
import type { Settings } from "../settings.ts"
import { footer, keyPart, outputColumns, type RecordPart, recordRows } from "./answerRows.ts"
import { parseAsOf, parseList, parseOrderBy } from "./requestParts.ts"

/** What was asked for on the command line. */
export interface QueryOptions extends Target {
  readonly where: string | undefined
  readonly select: string | undefined
  readonly orderBy: string | undefined
  /** `undefined`: all. */
  readonly limit: number | undefined
  readonly asOf: string | undefined
}

/** What the requests of both methods have in common. */
const selection = Effect.fnUntraced(function*(options: QueryOptions) {
  const asOf = yield* parseAsOf(options.asOf)
  return {
    tenantId: options.tenant,
    table: options.table,
    where: options.where ?? "",
    select: [...(yield* parseList(options.select, "--select"))],
    orderBy: [...(yield* parseOrderBy(options.orderBy))],
    typedRows: true,
    ...(asOf === undefined ? {} : { asOf })
  }
})

/** The request of a page. */
export const queryRequest = (options: QueryOptions) =>
  Effect.map(selection(options), (selection) => ({ ...selection, limit: options.limit ?? 0 }))

/** An answer as it comes: what it says of itself first, then records. */
interface Answer {
  readonly columns: ReadonlyArray<ResultColumn>
  readonly position: bigint
  readonly records: Stream.Stream<ReadonlyArray<ReadRecord>, CommandFailure>
  /** Known when the records were read. */
  readonly stats: () => QueryStats | undefined
}

const page = Effect.fnUntraced(function*(connection: Connection, options: QueryOptions) {
  const request = yield* queryRequest(options)
  const { columns, position, records, stats } = yield* unary(connection, QueryService.method.query, request)
  const answer: Answer = { columns, position, records: Stream.succeed(records.map(plainRecord)), stats: () => stats }
  return answer
})

const stream = Effect.fnUntraced(function*(connection: Connection, options: QueryOptions) {
  const request = { ...(yield* selection(options)), limit: BigInt(options.limit ?? 0) }
  const { batches, columns, position, stats } = yield* openQueryStream(connection, request, readBatch)
  const answer: Answer = { columns, position, records: batches, stats }
  return answer
})

/** Prints the records that match. */
export const runQuery = (settings: Settings, options: QueryOptions): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const connection = yield* connect({ service: "query", url: settings.queryUrl, token: settings.token })
    const isPage = options.limit !== undefined && options.limit <= queryLimitDefault
    const { columns, position, records, stats } = yield* (isPage ? page : stream)(connection, options)
    // Who names columns gets these; `_key` can be one of them.
    const parts: ReadonlyArray<RecordPart> = options.select === undefined ? [keyPart] : []
    const printed = yield* printStream(
      settings.format,
      [...parts.map(({ column }) => column), ...outputColumns(columns)],
      Stream.map(records, (some) => recordRows(parts, columns, some))
    )
    yield* tellFooter(settings, footer(printed, position, stats()))
  }).pipe(Effect.scoped)

/** Tells people at a terminal what a read cost. */
export const tellFooter = ({ format }: Settings, text: string): Effect.Effect<void> =>
  format === "table" && process.stderr.isTTY ? tell(dim(text, terminalOf(process.stderr))) : Effect.void
