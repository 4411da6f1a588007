/** `varve get`: one record, as it is or was, or all its versions. */
import type { MessageInitShape } from "@bufbuild/protobuf"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type GetHistoryRequestSchema, QueryService } from "../../transport/grpc/generated/varve/v1/query_pb.ts"
import { unary } from "../client/call.ts"
import type { Target } from "../client/catalog.ts"
import { connect, type Connection } from "../client/Connection.ts"
import { plainRecord, type ReadRecord } from "../client/records.ts"
import { CommandFailure } from "../failure.ts"
import { printRecord, printStream } from "../output/print.ts"
import type { Settings } from "../settings.ts"
import {
  deletedPart,
  footer,
  keyPart,
  metadataPart,
  outputColumns,
  type RecordPart,
  recordRows,
  versionParts
} from "./answerRows.ts"
import { parseAsOf, parseList } from "./requestParts.ts"
import { tellFooter } from "./runQuery.ts"

/** What was asked for on the command line. */
export interface GetOptions extends Target {
  readonly key: string
  readonly select: string | undefined
  readonly asOf: string | undefined
  readonly history: boolean
}

const request = Effect.fnUntraced(function*(options: GetOptions) {
  const asOf = yield* parseAsOf(options.asOf)
  return {
    tenantId: options.tenant,
    table: options.table,
    key: options.key,
    select: [...(yield* parseList(options.select, "--select"))],
    typedRows: true,
    ...(asOf === undefined ? {} : { asOf })
  }
})

const getRecord = Effect.fnUntraced(function*(settings: Settings, options: GetOptions, connection: Connection) {
  const answer = yield* unary(connection, QueryService.method.getRecord, yield* request(options))
  if (answer.record === undefined) return
  const record = plainRecord(answer.record)
  const parts = [keyPart, ...versionParts, ...(record.metadata === null ? [] : [metadataPart])]
  const names = [...parts.map(({ column }) => column), ...outputColumns(answer.columns)]
  const [row] = recordRows(parts, answer.columns, [record])
  yield* printRecord(settings.format, names.map(({ name }, i) => [name, row[i]] as const))
  yield* tellFooter(settings, footer(1, answer.position, answer.stats))
})

/** The pages of a key's versions after the first; all are of its snapshot, which the cursor names. */
const furtherPages = (
  connection: Connection,
  first: MessageInitShape<typeof GetHistoryRequestSchema>,
  cursor: string
): Stream.Stream<ReadonlyArray<ReadRecord>, CommandFailure> =>
  cursor === "" ?
    Stream.empty :
    Stream.paginate(cursor, (cursor) =>
      Effect.map(unary(connection, QueryService.method.getHistory, { ...first, cursor }), (answer) => [
        [answer.versions.map(plainRecord)],
        answer.nextCursor === "" ? Option.none() : Option.some(answer.nextCursor)
      ]))

const getHistory = Effect.fnUntraced(function*(settings: Settings, options: GetOptions, connection: Connection) {
  const first = yield* request(options)
  const { columns, nextCursor, position, stats, versions } = yield* unary(
    connection,
    QueryService.method.getHistory,
    first
  )
  if (versions.length === 0) {
    return yield* new CommandFailure({
      message: `table ${options.table} never had a record with key ${JSON.stringify(options.key)}`,
      exitCode: 1,
      reason: "KEY_NOT_FOUND"
    })
  }
  const parts: ReadonlyArray<RecordPart> = [...versionParts, deletedPart]
  const printed = yield* printStream(
    settings.format,
    [...parts.map(({ column }) => column), ...outputColumns(columns)],
    Stream.map(
      Stream.concat(Stream.succeed(versions.map(plainRecord)), furtherPages(connection, first, nextCursor)),
      (some) => recordRows(parts, columns, some)
    )
  )
  yield* tellFooter(settings, footer(printed, position, stats))
})

/** Prints a record, or its versions with the newest first. */
export const runGet = (settings: Settings, options: GetOptions): Effect.Effect<void, CommandFailure> =>
  Effect.scoped(Effect.flatMap(
    connect({ service: "query", url: settings.queryUrl, token: settings.token }),
    (connection) => (options.history ? getHistory : getRecord)(settings, options, connection)
  ))
