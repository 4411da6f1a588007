/** `varve compact`, `varve flush` and `varve checkpoint`. */
import { fromBinary } from "@bufbuild/protobuf"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { AdminService } from "../../transport/grpc/generated/varve/v1/admin_pb.ts"
import {
  type CompactionStep,
  CompactResponseSchema,
  type FlushedSegment
} from "../../transport/grpc/generated/varve/v1/admin_processor_pb.ts"
import { serverStream, unary } from "../client/call.ts"
import { connect, type Connection } from "../client/Connection.ts"
import type { CommandFailure } from "../failure.ts"
import { percentOf } from "../output/bar.ts"
import { countOf, formatBytes, formatCount, formatSeconds } from "../output/numbers.ts"
import { printRecord, write } from "../output/print.ts"
import type { Settings } from "../settings.ts"
import { showRunning, tellAbove, withElapsed } from "./elapsed.ts"
import { describeStep, stepFields } from "./steps.ts"
import { bytesField, countField, type Field, printFields, textField } from "./tableRow.ts"

/** Which tables; all where nothing is named. */
export interface Tables {
  readonly tenant: string | undefined
  readonly table: string | undefined
}

/** As a request names them. */
export const requestOf = ({ table, tenant }: Tables) => ({ tenantId: tenant ?? "", table: table ?? "" })

/** The connection to the administration. */
export const open = ({ queryUrl, token }: Settings) => connect({ service: "query", url: queryUrl, token })

/** Bytes of all segments of tables. */
const bytesOf = (connection: Connection, tables: Tables): Effect.Effect<number, CommandFailure> =>
  Effect.map(
    unary(connection, AdminService.method.getStatistics, requestOf(tables)),
    (answer) => answer.tables.reduce((sum, { bytes }) => sum + Number(bytes), 0)
  )

/** Merges segments until nothing is due. */
export const runCompact = (
  settings: Settings,
  request: Tables & { readonly full: boolean; readonly dryRun: boolean }
): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const { dryRun, full } = request
    const isTable = settings.format === "table"
    const connection = yield* open(settings)
    const began = yield* Clock.currentTimeMillis
    const before = yield* bytesOf(connection, request)
    const stream = serverStream(
      connection,
      AdminService.method.compact,
      { ...requestOf(request), full, dryRun },
      (bytes) => fromBinary(CompactResponseSchema, bytes)
    )
    const steps: Array<CompactionStep> = []
    yield* Effect.scoped(Effect.gen(function*() {
      if (isTable && !dryRun)
        yield* showRunning((millis) => withElapsed(`compacting, step ${steps.length + 1}`)(millis))
      yield* Stream.runForEach(stream, ({ step }) => {
        if (step === undefined)
          return Effect.void
        steps.push(step)
        return isTable && !dryRun ? tellAbove(describeStep(step)) : Effect.void
      })
    }))
    if (steps.length === 0 && isTable) {
      return yield* write(
        full ? "there is nothing to merge\n" : "nothing is due; --full merges everything all the same\n"
      )
    }
    yield* printFields(settings, stepFields(dryRun), steps)
    if (!isTable) return
    if (dryRun) return yield* write(`${countOf(steps.length, "step")} would be done first; nothing was changed\n`)
    const after = yield* bytesOf(connection, request)
    const millis = (yield* Clock.currentTimeMillis) - began
    yield* write(
      `${countOf(steps.length, "step")} in ${formatSeconds(millis)}; segments were ${formatBytes(before)}, are ${
        formatBytes(after)
      } (${percentOf(after, before)})\n`
    )
  }).pipe(Effect.scoped)

const flushFields: ReadonlyArray<Field<FlushedSegment>> = [
  textField("tenant", ({ segment }) => segment?.tenantId ?? ""),
  textField("table", ({ segment }) => segment?.table ?? ""),
  textField("segment", ({ segment }) => segment?.name ?? ""),
  countField("rows", ({ segment }) => Number(segment?.rows)),
  bytesField("bytes", ({ segment }) => Number(segment?.bytes)),
  countField("elapsed_ms", ({ elapsedMs }) => Math.round(elapsedMs))
]

/** Writes what is in memory into segments. */
export const runFlush = (settings: Settings, request: Tables): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const connection = yield* open(settings)
    const { segments } = yield* unary(connection, AdminService.method.flush, requestOf(request))
    if (segments.length === 0 && settings.format === "table") return yield* write("nothing was in memory\n")
    yield* printFields(settings, flushFields, segments)
  }).pipe(Effect.scoped)

/** Writes a checkpoint. */
export const runCheckpoint = (settings: Settings): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const connection = yield* open(settings)
    const answer = yield* unary(connection, AdminService.method.writeCheckpoint, {})
    const position = Number(answer.position)
    if (settings.format === "table") {
      return yield* write(
        `checkpoint at position ${formatCount(position)}, in ${formatSeconds(answer.elapsedMs)}\n`
      )
    }
    yield* printRecord(settings.format, [["position", position], ["elapsed_ms", Math.round(answer.elapsedMs)]])
  }).pipe(Effect.scoped)
