/** `varve ingest`: a file's rows into a table. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as path from "node:path"
import { latestSchema, type RegisteredSchema, registerSchema, type Target } from "../client/catalog.ts"
import { connect } from "../client/Connection.ts"
import { CommandFailure, reword } from "../failure.ts"
import type { Cell } from "../output/cell.ts"
import { countOf, formatCount, formatRate, formatSeconds } from "../output/numbers.ts"
import { printRecord, tell, write } from "../output/print.ts"
import { clip, printable } from "../output/width.ts"
import type { Settings } from "../settings.ts"
import { withRecordColumns } from "./exportedFile.ts"
import type { Input, InputFormat } from "./Input.ts"
import { inputDocument } from "./inputDocument.ts"
import { openInput } from "./openInput.ts"
import { showProgress } from "./progress.ts"
import { keylessInput, makeRecordPlan } from "./recordPlan.ts"
import { Rejects } from "./Rejects.ts"
import { Account, describeAccount, sendRows } from "./sendRows.ts"

/** What was asked for on the command line. */
export interface IngestOptions extends Target {
  /** `-` for standard input. */
  readonly file: string
  /** `undefined`: by the file's extension. */
  readonly inputFormat: InputFormat | undefined
  readonly key: string | undefined
  readonly timestamp: string | undefined
  /** Register a schema inferred from the input where the table does not exist. */
  readonly register: boolean
  readonly batchSize: number
  /** Where rejected rows go; `undefined`: beside the input. */
  readonly rejects: string | undefined
  /** Neither progress nor notes. */
  readonly quiet: boolean
  /** The file is what `varve export` wrote. */
  readonly isExport: boolean
}

const isMissing = ({ reason }: CommandFailure): boolean => reason === "TABLE_NOT_FOUND" || reason === "TENANT_NOT_FOUND"

/** Infers a schema from the input and registers it. */
const register = Effect.fnUntraced(function*(settings: Settings, options: IngestOptions, input: Input) {
  // Before the table is made, for nothing.
  if (input.name === "-" && options.key === undefined && !options.isExport) return yield* keylessInput
  const { columns, document } = yield* inputDocument(input, options.key, options.isExport)
  const connection = yield* connect({ service: "query", url: settings.queryUrl, token: settings.token })
  const registered = yield* registerSchema(connection, options, document)
  return { registered, note: `registered ${options.tenant}/${options.table} with ${countOf(columns, "column")}` }
})

/** The schema to write by: the table's, or one that is registered now. */
const resolveSchema = Effect.fnUntraced(
  function*(settings: Settings, options: IngestOptions, input: Input): Effect.fn.Return<
    { readonly registered: RegisteredSchema; readonly note: string | undefined },
    CommandFailure,
    Scope.Scope
  > {
    const connection = yield* connect({ service: "query", url: settings.queryUrl, token: settings.token })
    const found = yield* Effect.result(latestSchema(connection, options))
    if (found._tag === "Success") return { registered: found.success, note: undefined }
    if (!isMissing(found.failure)) return yield* found.failure
    if (options.register) return yield* register(settings, options, input)
    return yield* reword(
      found.failure,
      `there is no table ${options.table} in tenant ${options.tenant}; register a schema with ` +
        "`varve schema register`, or add --register to infer one from the input"
    )
  }
)

const rejectsFile = ({ file, rejects }: IngestOptions): string =>
  rejects ?? (file === "-" ? "stdin.rejects.ndjson" : `${file}.rejects.ndjson`)

/** The first rejected rows, each on a line, and how many more there are. */
const rejectedLines = (input: Input, rejects: Rejects): string => {
  const lines = rejects.shown.map(({ field, line, message }) =>
    `${input.name}, ${input.unit} ${formatCount(line)}: ${field === "" ? "" : `${field}: `}${printable(message)}`
  )
  const more = rejects.count - rejects.shown.length
  return [...lines, ...(more > 0 ? [`… and ${formatCount(more)} more`] : [])].map((line) => `${clip(line, 300)}\n`)
    .join("")
}

const rejection = (account: Account, rejects: Rejects): CommandFailure => {
  const isOne = rejects.count === 1
  const where = rejects.problem === undefined
    ? `${isOne ? "it is" : "they are"} in ${rejects.file}`
    : `${
      isOne ? "it" : "they"
    } could not be written to ${rejects.file}: ${rejects.problem}; say where with --rejects FILE`
  return new CommandFailure({
    message: `${formatCount(rejects.count)} of ${countOf(account.accepted + rejects.count, "record")} ` +
      `${isOne ? "was" : "were"} rejected; ${where}`,
    exitCode: 1,
    reason: "REJECTED"
  })
}

/** What was done, on standard output. */
const summary = (
  { format }: Settings,
  { table, tenant }: IngestOptions,
  account: Account,
  rejects: Rejects,
  elapsedMillis: number
) => {
  const seconds = Math.max(elapsedMillis, 1) / 1000
  const rate = account.accepted / seconds
  if (format === "table") {
    const position = account.accepted === 0 ? "" : `; last position ${account.position}`
    const rejected = rejects.count === 0 ? "" : `, ${formatCount(rejects.count)} rejected`
    return write(
      `${countOf(account.accepted, "record")} accepted into ${tenant}/${table}${rejected} in ` +
        `${formatSeconds(elapsedMillis)} (${formatRate(rate)}/s)${position}\n`
    )
  }
  const parts: ReadonlyArray<readonly [string, Cell]> = [
    ["tenant", tenant],
    ["table", table],
    ["accepted", account.accepted],
    ["rejected", rejects.count],
    ["seconds", seconds],
    ["records_per_second", Math.round(rate)],
    ["last_position", Number(account.position)],
    ["rejects_file", rejects.count === 0 || rejects.problem !== undefined ? null : path.resolve(rejects.file)]
  ]
  return printRecord(format, parts)
}

/** Ingests a file. Fails with exit code 1 where rows were rejected, and says which. */
export const runIngest = (settings: Settings, options: IngestOptions): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    // Output that programs read is not mixed with notes.
    const withNotes = !options.quiet && settings.format === "table"
    const note = (text: string) => withNotes ? tell(`${text}\n`) : Effect.void
    const input = yield* openInput(options.file, options.inputFormat, options.isExport)
    const connection = yield* connect({ service: "ingestion", url: settings.ingestionUrl, token: settings.token })
    const { note: registration, registered } = yield* resolveSchema(settings, options, input)
    const { isExport, key, timestamp } = options
    const plan = yield* makeRecordPlan({ schema: registered.schema, name: input.name, key, timestamp, isExport })
    if (registration !== undefined) yield* note(registration)
    if (plan.madeKeys !== undefined) {
      yield* note(
        `keys are ${plan.madeKeys} and so on: ingesting this file again writes the same keys (--key takes them from a column)`
      )
    }
    const rejects = new Rejects(rejectsFile(options))
    const account = new Account(rejects)
    const startMillis = yield* Clock.currentTimeMillis
    const sending = Effect.gen(function*() {
      if (!options.quiet) yield* showProgress({ input, state: () => account, withLines: withNotes })
      yield* sendRows({
        connection,
        target: options,
        registered,
        rowSchema: isExport ? withRecordColumns(registered.schema) : registered.schema,
        input,
        plan,
        batchSize: options.batchSize,
        account
      })
    })
    const sent = yield* Effect.scoped(sending).pipe(
      Effect.result,
      Effect.onInterrupt(() => {
        rejects.flush()
        return tell(`varve: interrupted; ${describeAccount({ account, input })}\n`)
      })
    )
    const elapsedMillis = (yield* Clock.currentTimeMillis) - startMillis
    rejects.flush()
    if (rejects.count > 0 && settings.format === "table") yield* tell(rejectedLines(input, rejects))
    if (sent._tag === "Failure") return yield* sent.failure
    yield* summary(settings, options, account, rejects, elapsedMillis)
    if (rejects.count > 0) return yield* rejection(account, rejects)
  }).pipe(Effect.scoped)
