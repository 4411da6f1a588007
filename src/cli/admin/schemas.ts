/** `varve schema register`, `infer`, `list` and `show`. */
import * as Effect from "effect/Effect"
import { parseDocument } from "../../schema/document.ts"
import { formatDocument } from "../../schema/inference/inferred.ts"
import { formatType, type Json } from "../../schema/types.ts"
import { AdminService, type TableSchema } from "../../transport/grpc/generated/varve/v1/admin_pb.ts"
import { unary } from "../client/call.ts"
import { registerSchema, type Target } from "../client/catalog.ts"
import { connect } from "../client/Connection.ts"
import { plainTimestamp } from "../client/records.ts"
import { CommandFailure, failure } from "../failure.ts"
import { openByteFeed } from "../ingest/ByteFeed.ts"
import type { InputFormat } from "../ingest/Input.ts"
import { inputDocument } from "../ingest/inputDocument.ts"
import { openInput } from "../ingest/openInput.ts"
import type { Cell } from "../output/cell.ts"
import { printRecord, printRows, write } from "../output/print.ts"
import { toYaml } from "../output/yaml.ts"
import type { Settings } from "../settings.ts"

/** A document over this size is none. */
const documentBytesMax = 8 * 1024 * 1024

const open = ({ queryUrl, token }: Settings) => connect({ service: "query", url: queryUrl, token })

const readText = Effect.fnUntraced(function*(file: string) {
  const feed = yield* openByteFeed(file)
  const bytes = yield* feed.peek(documentBytesMax + 1)
  if (bytes.length > documentBytesMax) return yield* failure(`${file}: larger than ${documentBytesMax} bytes`)
  return bytes.toString("utf8")
})

/** The document with another key column. */
const withKey = (file: string, text: string, key: string | undefined): Effect.Effect<string, CommandFailure> =>
  key === undefined ? Effect.succeed(text) : Effect.try({
    try: () => JSON.stringify({ ...(JSON.parse(text) as object), key }),
    catch: (error) => failure(`${file}: not JSON: ${(error as Error).message}`)
  })

/** Registers a schema document from a file. */
export const runRegister = (
  settings: Settings,
  request: Target & { readonly file: string; readonly key: string | undefined }
): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const { file, key, table, tenant } = request
    const document = yield* withKey(file, yield* readText(file), key)
    const parsed = parseDocument(document)
    if (parsed.problem !== undefined) {
      const { field, message, reason } = parsed.problem
      return yield* new CommandFailure({
        message: `${file}: ${field === "" ? "" : `${field}: `}${message}`,
        exitCode: 1,
        reason,
        field
      })
    }
    const { created, version } = yield* registerSchema(yield* open(settings), request, document)
    if (settings.format === "table") {
      return yield* write(
        created
          ? `registered ${tenant}/${table} version ${version}\n`
          : `${tenant}/${table} has this schema already: it is version ${version}\n`
      )
    }
    yield* printRecord(settings.format, [["tenant", tenant], ["table", table], ["version", version], [
      "created",
      created
    ]])
  }).pipe(Effect.scoped)

/** Prints the schema document that suits a file's records. */
export const runInfer = (
  settings: Settings,
  request: { readonly file: string; readonly inputFormat: InputFormat | undefined; readonly key: string | undefined }
): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const input = yield* openInput(request.file, request.inputFormat)
    const { document } = yield* inputDocument(input, request.key, true)
    yield* write(settings.format === "yaml" ? toYaml(JSON.parse(document) as Json) : document)
  }).pipe(Effect.scoped)

const columns = [
  { name: "table", isNumber: false },
  { name: "version", isNumber: true },
  { name: "key", isNumber: false },
  { name: "columns", isNumber: false },
  { name: "position", isNumber: true },
  { name: "registered_at", isNumber: false }
]

const rowOf = ({ definition, position, registeredAt, table, version }: TableSchema): ReadonlyArray<Cell> => {
  const parsed = parseDocument(definition)
  const schema = parsed.problem === undefined ? parsed.schema : undefined
  const shape = schema?.columns.map(({ name, nullable, type }) => `${name} ${formatType(type)}${nullable ? "?" : ""}`)
  return [
    table,
    version,
    schema?.key ?? null,
    shape?.join(", ") ?? null,
    Number(position),
    plainTimestamp(registeredAt)
  ]
}

/** Prints the newest version of each table, or every version of one. */
export const listSchemas = (
  settings: Settings,
  request: { readonly tenant: string; readonly table: string | undefined }
): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const { schemas } = yield* unary(yield* open(settings), AdminService.method.listSchemas, {
      tenantId: request.tenant,
      table: request.table ?? ""
    })
    if (schemas.length === 0 && settings.format === "table") {
      return yield* write(`tenant ${request.tenant} has no tables; make one with \`varve schema register\`\n`)
    }
    yield* printRows(settings.format, columns, schemas.map(rowOf))
  }).pipe(Effect.scoped)

/** Prints a schema document, ready to be changed and registered again. */
export const showSchema = (
  settings: Settings,
  request: Target & { readonly version: number | undefined }
): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const { schema } = yield* unary(yield* open(settings), AdminService.method.getSchema, {
      tenantId: request.tenant,
      table: request.table,
      version: request.version ?? 0
    })
    const parsed = parseDocument(schema?.definition ?? "{}")
    if (parsed.problem !== undefined) {
      return yield* failure(`the server's schema cannot be read by this version of Varve: ${parsed.problem.message}`)
    }
    const document = formatDocument(parsed.schema.columns, parsed.schema.key)
    yield* write(settings.format === "yaml" ? toYaml(JSON.parse(document) as Json) : document)
  }).pipe(Effect.scoped)
