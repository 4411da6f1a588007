/** `varve index create`, `drop`, `status` and `rebuild`. */
import * as Effect from "effect/Effect"
import { AdminService } from "../../transport/grpc/generated/varve/v1/admin_pb.ts"
import type { IndexStatus } from "../../transport/grpc/generated/varve/v1/admin_tables_pb.ts"
import { unary } from "../client/call.ts"
import type { Target } from "../client/catalog.ts"
import type { CommandFailure } from "../failure.ts"
import { barOf, percentOf } from "../output/bar.ts"
import { write } from "../output/print.ts"
import type { Settings } from "../settings.ts"
import { open, requestOf, type Tables } from "./compaction.ts"
import { bytesField, countField, type Field, printFields, textField } from "./tableRow.ts"

const barWidth = 12

const fields: ReadonlyArray<Field<IndexStatus>> = [
  textField("tenant", ({ tenantId }) => tenantId),
  textField("table", ({ table }) => table),
  textField("index", ({ index }) => index?.name ?? ""),
  textField("column", ({ index }) => index?.column ?? ""),
  countField("version", ({ index }) => index?.version ?? 0),
  countField("segments_covered", ({ segmentsCovered }) => segmentsCovered),
  countField("segments", ({ segments }) => segments),
  {
    name: "coverage",
    value: ({ segments, segmentsCovered }) =>
      `${barOf(segments === 0 ? 1 : segmentsCovered / segments, barWidth).padEnd(barWidth)} ${
        segments === 0 ? "100%" : percentOf(segmentsCovered, segments)
      }`,
    isNumber: false,
    only: "table"
  },
  bytesField("bytes", ({ bytes }) => Number(bytes))
]

/** Prints indexes and how far they are built; of one index where it is named. */
export const showIndexes = (
  settings: Settings,
  request: Tables & { readonly name?: string }
): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const { indexes } = yield* unary(yield* open(settings), AdminService.method.listIndexes, requestOf(request))
    const shown = indexes.filter(({ index }) => request.name === undefined || index?.name === request.name)
    if (shown.length === 0 && settings.format === "table") {
      return yield* write("there are no indexes; declare one with `varve index create NAME --column COLUMN`\n")
    }
    yield* printFields(settings, fields, shown)
  }).pipe(Effect.scoped)

/** An index of a table. */
export interface IndexTarget extends Target {
  readonly name: string
}

const messageOf = ({ name, table, tenant }: IndexTarget) => ({ tenantId: tenant, table, name })

/** Declares an index. */
export const createIndex = (
  settings: Settings,
  request: IndexTarget & { readonly column: string }
): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    yield* unary(yield* open(settings), AdminService.method.createIndex, {
      ...messageOf(request),
      column: request.column
    })
    yield* showIndexes(settings, request)
  }).pipe(Effect.scoped)

/** Removes an index. */
export const dropIndex = (settings: Settings, request: IndexTarget): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    yield* unary(yield* open(settings), AdminService.method.dropIndex, messageOf(request))
    if (settings.format === "table") {
      return yield* write(`dropped index ${request.name} of ${request.tenant}/${request.table}\n`)
    }
    yield* showIndexes(settings, { tenant: request.tenant, table: request.table })
  }).pipe(Effect.scoped)

/** Has an index built anew. */
export const rebuildIndex = (settings: Settings, request: IndexTarget): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    yield* unary(yield* open(settings), AdminService.method.rebuildIndex, messageOf(request))
    yield* showIndexes(settings, request)
  }).pipe(Effect.scoped)
