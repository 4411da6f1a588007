/** `varve retention set`, `show` and `dry-run`. */
import { create } from "@bufbuild/protobuf"
import { type Duration, DurationSchema, EmptySchema } from "@bufbuild/protobuf/wkt"
import * as Effect from "effect/Effect"
import { duration, showDuration } from "../../base/configuration/kinds.ts"
import { AdminService } from "../../transport/grpc/generated/varve/v1/admin_pb.ts"
import type {
  CompactionStrategy,
  HistoryPolicy,
  Table
} from "../../transport/grpc/generated/varve/v1/admin_tables_pb.ts"
import { unary } from "../client/call.ts"
import type { Target } from "../client/catalog.ts"
import { type CommandFailure, usageFailure } from "../failure.ts"
import { percentOf } from "../output/bar.ts"
import { countOf, formatBytes, formatCount } from "../output/numbers.ts"
import { write } from "../output/print.ts"
import type { Settings } from "../settings.ts"
import { open, type Tables } from "./compaction.ts"
import { type Field, printFields, textField } from "./tableRow.ts"
import { garbageFields } from "./versions.ts"

/** 285 years: beyond it microseconds are no exact numbers. */
const durationMillisMax = 9_000_000_000_000

const millisOf = ({ nanos, seconds }: Duration): number => Number(seconds) * 1000 + nanos / 1e6

const durationMessage = (millis: number): Duration =>
  create(DurationSchema, { seconds: BigInt(Math.floor(millis / 1000)), nanos: (millis % 1000) * 1e6 })

const readDuration = (flag: string, text: string, words: string): Effect.Effect<Duration, CommandFailure> => {
  const parsed = duration(1, durationMillisMax).parse(text)
  return "value" in parsed
    ? Effect.succeed(durationMessage(parsed.value))
    : Effect.fail(usageFailure(`--${flag} ${JSON.stringify(text)}: expected ${words}, or a duration like 30d or 12h`))
}

const readHistory = Effect.fnUntraced(function*(text: string | undefined) {
  if (text === undefined) return {}
  const empty = create(EmptySchema)
  if (text === "all") return { history: { keep: { case: "all" as const, value: empty } } }
  if (text === "latest") return { history: { keep: { case: "latest" as const, value: empty } } }
  const value = yield* readDuration("history", text, "all, latest")
  return { history: { keep: { case: "duration" as const, value } } }
})

const readTtl = Effect.fnUntraced(function*(text: string | undefined) {
  if (text === undefined) return {}
  return { ttl: text === "never" ? durationMessage(0) : yield* readDuration("ttl", text, "never") }
})

const readCompaction = Effect.fnUntraced(function*(text: string | undefined) {
  if (text === undefined) return {}
  const empty = create(EmptySchema)
  if (text === "leveled") return { compaction: { strategy: { case: "leveled" as const, value: empty } } }
  if (text === "tiered") return { compaction: { strategy: { case: "tiered" as const, value: empty } } }
  const value = yield* readDuration("compaction", text, "leveled, tiered")
  return { compaction: { strategy: { case: "timeWindow" as const, value } } }
})

const historyText = (policy: HistoryPolicy | undefined): string =>
  policy?.keep.case === "duration" ? showDuration(millisOf(policy.keep.value)) : policy?.keep.case ?? ""

const compactionText = (compaction: CompactionStrategy | undefined): string =>
  compaction?.strategy.case === "timeWindow"
    ? `windows of ${showDuration(millisOf(compaction.strategy.value))}`
    : compaction?.strategy.case ?? ""

const fields: ReadonlyArray<Field<Table>> = [
  textField("tenant", ({ tenantId }) => tenantId),
  textField("table", ({ table }) => table),
  textField("history", ({ settings }) => historyText(settings?.history)),
  textField("ttl", ({ settings }) => settings?.ttl === undefined ? "never" : showDuration(millisOf(settings.ttl))),
  textField("compaction", ({ settings }) => compactionText(settings?.compaction)),
  { name: "history_horizon", value: ({ historyHorizon }) => Number(historyHorizon) }
]

/** What to change, as it was written. */
export interface RetentionFlags {
  readonly history: string | undefined
  readonly ttl: string | undefined
}

/** Prints what tables keep for how long. */
export const showRetention = (settings: Settings, { table, tenant }: Tables): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const connection = yield* open(settings)
    const tables = table === undefined
      ? (yield* unary(connection, AdminService.method.listTables, { tenantId: tenant ?? "" })).tables
      : [(yield* unary(connection, AdminService.method.getTable, { tenantId: tenant ?? "", table })).table]
    yield* printFields(settings, fields, tables.filter((one) => one !== undefined))
  }).pipe(Effect.scoped)

/** Chooses how long a table's history is kept, when its records expire, how its segments are merged. */
export const setRetention = (
  settings: Settings,
  request: Target & RetentionFlags & { readonly compaction: string | undefined }
): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const { compaction, history, table: name, tenant, ttl } = request
    if (history === undefined && ttl === undefined && compaction === undefined) {
      return yield* usageFailure("say what to change: --history, --ttl or --compaction")
    }
    const change = {
      ...yield* readHistory(history),
      ...yield* readTtl(ttl),
      ...yield* readCompaction(compaction)
    }
    const { table } = yield* unary(yield* open(settings), AdminService.method.configureTable, {
      tenantId: tenant,
      table: name,
      ...change
    })
    yield* printFields(settings, fields, table === undefined ? [] : [table])
  }).pipe(Effect.scoped)

/** Prints what a history policy and a time to live would let go now. */
export const previewRetention = (
  settings: Settings,
  request: Target & RetentionFlags
): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const change = { ...yield* readHistory(request.history), ...yield* readTtl(request.ttl) }
    const { garbage } = yield* unary(yield* open(settings), AdminService.method.previewRetention, {
      tenantId: request.tenant,
      table: request.table,
      ...change
    })
    if (garbage === undefined) return
    yield* printFields(settings, garbageFields, [garbage])
    if (settings.format !== "table") return
    const { bytes, deletions, expired, superseded, tableBytes, versions } = garbage
    const gone = Number(superseded) + Number(deletions) + Number(expired)
    yield* write(
      `${formatCount(gone)} of ${countOf(Number(versions), "version")} would go, about ${
        formatBytes(Number(bytes))
      } of ${formatBytes(Number(tableBytes))} (${percentOf(Number(bytes), Number(tableBytes))}); nothing was changed\n`
    )
  }).pipe(Effect.scoped)
