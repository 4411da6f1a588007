/** `varve mvcc stats`, `varve mvcc gc` and `varve mvcc inspect`. */
import { fromBinary } from "@bufbuild/protobuf"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { AdminService } from "../../transport/grpc/generated/varve/v1/admin_pb.ts"
import { CollectGarbageResponseSchema } from "../../transport/grpc/generated/varve/v1/admin_processor_pb.ts"
import type { Garbage, KeyVersion } from "../../transport/grpc/generated/varve/v1/admin_storage_pb.ts"
import { serverStream, unary } from "../client/call.ts"
import type { Target } from "../client/catalog.ts"
import { plainTimestamp } from "../client/records.ts"
import type { CommandFailure } from "../failure.ts"
import { percentOf } from "../output/bar.ts"
import type { Cell } from "../output/cell.ts"
import { countOf, formatBytes, formatCount } from "../output/numbers.ts"
import { printRecord, tell, write } from "../output/print.ts"
import type { Settings } from "../settings.ts"
import { open, requestOf, type Tables } from "./compaction.ts"
import { showRunning, tellAbove, withElapsed } from "./elapsed.ts"
import { describeStep } from "./steps.ts"
import { bytesField, countField, type Field, printFields, textField } from "./tableRow.ts"

/** Prints what versions hold in memory and in files, and who reads them. */
export const runVersionStatistics = (settings: Settings): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const status = yield* unary(yield* open(settings), AdminService.method.getStorageStatus, {})
    const { cache, memory, processor } = status
    const isTable = settings.format === "table"
    const count = (name: string, value: bigint | number | undefined): readonly [string, Cell] => [
      isTable ? name.replaceAll("_", " ") : name,
      isTable ? formatCount(Number(value ?? 0)) : Number(value ?? 0)
    ]
    const bytes = (name: string, value: bigint | undefined): readonly [string, Cell] => [
      isTable ? name.replaceAll("_", " ") : name,
      isTable ? formatBytes(Number(value ?? 0)) : Number(value ?? 0)
    ]
    const lookups = Number(cache?.hits ?? 0) + Number(cache?.misses ?? 0)
    const oldest = memory?.oldestReadPosition
    yield* printRecord(settings.format, [
      count("position", status.position),
      count("rows_in_memory", memory?.rows),
      bytes("bytes_in_memory", memory?.bytes),
      count("memtables", memory?.memtables),
      count("sealed_memtables", processor?.sealedMemtables),
      bytes("mark_bytes", memory?.markBytes),
      count("segments", status.segments),
      bytes("segment_bytes", status.segmentBytes),
      count("readers", memory?.readers),
      count("held_positions", memory?.heldPositions),
      [isTable ? "oldest read position" : "oldest_read_position", oldest === undefined ? null : Number(oldest)],
      bytes("cache_bytes", cache?.bytes),
      [
        isTable ? "cache hits" : "cache_hit_ratio",
        isTable
          ? percentOf(Number(cache?.hits ?? 0), lookups)
          : lookups === 0
          ? null
          : Number(cache?.hits ?? 0) / lookups
      ],
      count("flushes", processor?.flushes),
      count("compactions", processor?.compactions),
      count("checkpoint_position", processor?.checkpointPosition),
      count("write_stalls", memory?.writeStalls),
      [isTable ? "running" : "running", processor?.running.join(", ") ?? ""],
      [isTable ? "last failure" : "last_failure", processor?.lastFailure ?? ""]
    ])
  }).pipe(Effect.scoped)

/** The columns of what could go of tables. */
export const garbageFields: ReadonlyArray<Field<Garbage>> = [
  textField("tenant", ({ tenantId }) => tenantId),
  textField("table", ({ table }) => table),
  countField("versions", ({ versions }) => Number(versions)),
  countField("superseded", ({ superseded }) => Number(superseded)),
  countField("deletions", ({ deletions }) => Number(deletions)),
  countField("expired", ({ expired }) => Number(expired)),
  countField("held_by_readers", ({ heldByReaders }) => Number(heldByReaders)),
  bytesField("bytes", ({ bytes }) => Number(bytes)),
  bytesField("table_bytes", ({ tableBytes }) => Number(tableBytes))
]

/** Lets go of versions that nobody can read any more. */
export const runCollectGarbage = (
  settings: Settings,
  request: Tables & { readonly dryRun: boolean }
): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const isTable = settings.format === "table"
    const connection = yield* open(settings)
    const events = serverStream(
      connection,
      AdminService.method.collectGarbage,
      { ...requestOf(request), dryRun: request.dryRun },
      (bytes) => fromBinary(CollectGarbageResponseSchema, bytes)
    )
    const found: Array<Garbage> = []
    let steps = 0
    yield* Effect.scoped(Effect.gen(function*() {
      if (isTable) yield* showRunning((millis) => withElapsed(`looking at table ${found.length + 1}`)(millis))
      yield* Stream.runForEach(events, ({ event }) => {
        if (event.case === "garbage") found.push(event.value)
        if (event.case !== "step") return Effect.void
        steps++
        return isTable ? tellAbove(describeStep(event.value)) : Effect.void
      })
    }))
    yield* printFields(settings, garbageFields, found)
    if (!isTable) return
    const versions = found.reduce((sum, garbage) => sum + Number(garbage.superseded) + Number(garbage.deletions), 0)
    yield* write(
      request.dryRun
        ? `${countOf(versions, "version")} could go; nothing was changed\n`
        : `${countOf(versions, "version")} could go, and went in ${countOf(steps, "step")}\n`
    )
  }).pipe(Effect.scoped)

const placeOf = ({ place }: KeyVersion): string => {
  switch (place.case) {
    case "memtable":
      return "memory"
    case "segment":
      return place.value.name
    case undefined:
      return ""
  }
}

const inSegment = (version: KeyVersion, of: "level" | "rowGroup" | "page"): Cell =>
  version.place.case === "segment" ? version.place.value[of] : null

const versionFields: ReadonlyArray<Field<KeyVersion>> = [
  { name: "position", value: ({ position }) => Number(position) },
  textField("commit_time", ({ commitTime }) => plainTimestamp(commitTime)),
  textField("deleted", ({ deleted }) => deleted),
  {
    name: "superseded_by",
    value: ({ supersededBy }) => supersededBy === undefined ? null : Number(supersededBy)
  },
  { name: "schema_version", value: ({ schemaVersion }) => schemaVersion },
  textField("place", placeOf),
  {
    name: "memtable",
    value: ({ place }) => place.case === "memtable" ? place.value.memtable : null,
    only: "data"
  },
  { name: "level", value: (version) => inSegment(version, "level") },
  { name: "row_group", value: (version) => inSegment(version, "rowGroup") },
  { name: "page", value: (version) => inSegment(version, "page") },
  { name: "row", value: ({ place }) => place.value?.row ?? null }
]

/** Prints the versions of a key, each with where it lies. */
export const runInspectKey = (
  settings: Settings,
  { key, limit, table, tenant }: Target & { readonly key: string; readonly limit: number | undefined }
): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const { truncated, versions } = yield* unary(yield* open(settings), AdminService.method.inspectKey, {
      tenantId: tenant,
      table,
      key,
      limit: limit ?? 0
    })
    yield* printFields(settings, versionFields, versions)
    if (truncated && settings.format === "table") yield* tell("there are older versions; --limit shows more\n")
  }).pipe(Effect.scoped)
