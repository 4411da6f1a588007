/** `varve export`: the records of a table at one snapshot, as a file. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as path from "node:path"
import { AggregateFunction, QueryService } from "../../transport/grpc/generated/varve/v1/query_pb.ts"
import { unary } from "../client/call.ts"
import { latestSchema, type Target } from "../client/catalog.ts"
import { connect, type Connection } from "../client/Connection.ts"
import { openQueryStream } from "../client/queryStream.ts"
import { type CommandFailure, failure, usageFailure } from "../failure.ts"
import { showProgress } from "../ingest/progress.ts"
import type { Cell } from "../output/cell.ts"
import { countOf, formatBytes, formatRate, formatSeconds } from "../output/numbers.ts"
import { printRecord, tell, write } from "../output/print.ts"
import { parseAsOf, parseList } from "../read/requestParts.ts"
import type { Settings } from "../settings.ts"
import type { Encoder, ExportType } from "./Encoder.ts"
import { answerTypes, type ExportColumn, exportColumns, exportedSchema, queriedNames } from "./exportColumns.ts"
import { type ExportTarget, openFileTarget, standardOutput } from "./ExportTarget.ts"
import { RowVectors } from "./RowVectors.ts"

/** What was asked for on the command line. */
export interface ExportOptions extends Target {
  /** `-` for standard output. */
  readonly output: string
  /** `undefined`: by the file's extension; NDJSON on standard output. */
  readonly type: ExportType | undefined
  readonly where: string | undefined
  readonly select: string | undefined
  readonly asOf: string | undefined
  /** Key, event time and metadata too. */
  readonly system: boolean
  readonly overwrite: boolean
  /** Neither progress nor, beside an export on standard output, a summary. */
  readonly quiet: boolean
}

/** Rows of one message of the answer: more are no faster, and where values are long they would take much memory. */
const batchRows = 1000

/** Rows are encoded when they take this many bytes, however few they are. */
const gatheredBytesMax = 32 * 1024 * 1024

const extensions: Readonly<Record<string, ExportType>> = {
  ".parquet": "parquet",
  ".ndjson": "ndjson",
  ".jsonl": "ndjson",
  ".csv": "csv"
}

const typeOf = ({ output, type }: ExportOptions): Effect.Effect<ExportType, CommandFailure> => {
  const named = type ?? (output === "-" ? "ndjson" : extensions[path.extname(output).toLowerCase()])
  if (named === undefined) {
    return Effect.fail(usageFailure(
      `${output}: the format is not known by the file's name; call it .parquet, .ndjson or .csv, or say --type`
    ))
  }
  return output === "-" && named === "parquet" && process.stdout.isTTY
    ? Effect.fail(usageFailure("a terminal shows no Parquet; write to a file, or into a pipe"))
    : Effect.succeed(named)
}

const openTarget = ({ output, overwrite }: ExportOptions): Effect.Effect<ExportTarget, CommandFailure, Scope.Scope> =>
  output === "-" ? Effect.succeed(standardOutput) : openFileTarget(output, overwrite)

/** How far an export is, in the form in which progress is shown. */
class Account {
  readonly name: string
  readonly measure = "rows"
  readonly rejected = 0
  /** Rows in all, once they are counted. */
  total: number | undefined = undefined
  rows = 0
  bytes = 0

  constructor(output: string) {
    this.name = output === "-" ? "standard output" : path.basename(output)
  }

  get progress(): number {
    return this.rows
  }

  get accepted(): number {
    return this.rows
  }
}

const open = Effect.fnUntraced(function*(connection: Connection, options: ExportOptions) {
  const asOf = yield* parseAsOf(options.asOf)
  const selection = {
    select: yield* parseList(options.select, "--select"),
    withSystem: options.system
  }
  const request = {
    tenantId: options.tenant,
    table: options.table,
    where: options.where ?? "",
    select: [...queriedNames(selection)],
    typedRows: true,
    batchRows,
    ...(asOf === undefined ? {} : { asOf })
  }
  const answer = yield* openQueryStream(connection, request, (bytes, start) => ({ bytes, start }))
  const { schema } = yield* latestSchema(connection, options)
  return { answer, schema, columns: exportColumns(selection, answer.columns, schema) }
})

/** Counts the rows of the same snapshot; how many there are is good to know, and nothing depends on it. */
const countRows = (connection: Connection, options: ExportOptions, position: bigint, account: Account) =>
  unary(connection, QueryService.method.aggregate, {
    tenantId: options.tenant,
    table: options.table,
    where: options.where ?? "",
    aggregates: [{ function: AggregateFunction.COUNT }],
    asOf: { moment: { case: "position", value: position } },
    typedRows: true
  }).pipe(
    Effect.map(({ typedRows }) => {
      const kind = typedRows[0]?.values[0]?.kind
      if (kind?.case === "intValue") account.total = Number(kind.value)
    }),
    Effect.ignore
  )

const makeEncoder = Effect.fnUntraced(function*(
  type: ExportType,
  columns: ReadonlyArray<ExportColumn>,
  { answer, schema }: Effect.Success<ReturnType<typeof open>>
) {
  switch (type) {
    case "parquet": {
      const { parquetEncoder } = yield* Effect.promise(() => import("./parquetEncoder.ts"))
      return parquetEncoder(columns, exportedSchema(answer.columns, schema))
    }
    case "ndjson":
      return (yield* Effect.promise(() => import("./textEncoder.ts"))).ndjsonEncoder(columns)
    case "csv":
      return (yield* Effect.promise(() => import("./textEncoder.ts"))).csvEncoder(columns)
  }
})

/** Brings the rows of an answer into the form of a file. */
const transfer = Effect.fnUntraced(function*(
  connection: Connection,
  { answer }: Effect.Success<ReturnType<typeof open>>,
  encoder: Encoder,
  target: ExportTarget,
  account: Account
) {
  const rows = new RowVectors(answerTypes(answer.columns), Math.min(encoder.rowsMax, 16_384))
  const put = (bytes: ReadonlyArray<Uint8Array>) => {
    for (const piece of bytes) account.bytes += piece.length
    return target.write(bytes)
  }
  const flush = Effect.suspend(() => {
    const bytes = encoder.add(rows)
    account.rows += rows.count
    rows.reset()
    return put(bytes)
  })
  const gather = ({ bytes, start }: { readonly bytes: Buffer; readonly start: number }) =>
    Effect.try({
      try: () => rows.add(bytes, start),
      catch: (error) => failure(`${connection.url}: ${(error as Error).message}`)
    })
  yield* Stream.runForEach(
    answer.batches,
    (batch) =>
      Effect.flatMap(
        gather(batch),
        () => rows.count + batchRows > encoder.rowsMax || rows.bytes > gatheredBytesMax ? flush : Effect.void
      )
  )
  if (rows.count > 0) yield* flush
  yield* put(encoder.end())
  yield* target.complete
})

/** What was done: on standard output, unless that is where the records are. */
const summary = (
  { format }: Settings,
  options: ExportOptions,
  type: ExportType,
  account: Account,
  position: bigint,
  elapsedMillis: number
) => {
  const { output, quiet, table, tenant } = options
  const seconds = Math.max(elapsedMillis, 1) / 1000
  const rate = account.rows / seconds
  const text = `${countOf(account.rows, "record")} of ${tenant}/${table} at position ${position} ` +
    `exported to ${output === "-" ? "standard output" : output}: ${formatBytes(account.bytes)} in ` +
    `${formatSeconds(elapsedMillis)} (${formatRate(rate)}/s)\n`
  if (output === "-") return quiet ? Effect.void : tell(text)
  if (format === "table") return write(text)
  const parts: ReadonlyArray<readonly [string, Cell]> = [
    ["tenant", tenant],
    ["table", table],
    ["file", path.resolve(output)],
    ["type", type],
    ["position", Number(position)],
    ["rows", account.rows],
    ["bytes", account.bytes],
    ["seconds", seconds],
    ["rows_per_second", Math.round(rate)]
  ]
  return printRecord(format, parts)
}

/** Exports a table, or a part of it. */
export const runExport = (settings: Settings, options: ExportOptions): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const { output, quiet } = options
    const type = yield* typeOf(options)
    const startMillis = yield* Clock.currentTimeMillis
    const account = new Account(output)
    const exporting = Effect.gen(function*() {
      const target = yield* openTarget(options)
      const connection = yield* connect({ service: "query", url: settings.queryUrl, token: settings.token })
      const opened = yield* open(connection, options)
      const encoder = yield* makeEncoder(type, opened.columns, opened)
      if (!quiet) {
        yield* Effect.forkScoped(countRows(connection, options, opened.answer.position, account))
        yield* showProgress({ input: account, state: () => account, withLines: settings.format === "table" })
      }
      yield* transfer(connection, opened, encoder, target, account)
      return opened.answer.position
    })
    const position = yield* Effect.scoped(exporting).pipe(
      Effect.onInterrupt(() =>
        tell(output === "-" ? "varve: interrupted\n" : `varve: interrupted; ${output} was not written\n`)
      )
    )
    const elapsedMillis = (yield* Clock.currentTimeMillis) - startMillis
    yield* summary(settings, options, type, account, position, elapsedMillis)
  })
