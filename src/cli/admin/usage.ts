/** `varve du`: where the space went. */
import * as Effect from "effect/Effect"
import { AdminService } from "../../transport/grpc/generated/varve/v1/admin_pb.ts"
import { type Usage, UsageKind } from "../../transport/grpc/generated/varve/v1/admin_storage_pb.ts"
import { unary } from "../client/call.ts"
import { type CommandFailure, usageFailure } from "../failure.ts"
import { barOf, percentOf } from "../output/bar.ts"
import { countOf, formatBytes } from "../output/numbers.ts"
import { write } from "../output/print.ts"
import type { Settings } from "../settings.ts"
import { open } from "./compaction.ts"
import { bytesField, countField, type Field, printFields, textField } from "./tableRow.ts"

const barWidth = 24

/** What usage can be told by. */
export const groupings = ["tenant", "table", "kind"] as const

type Grouping = (typeof groupings)[number]

const kindNames: Readonly<Record<UsageKind, string>> = {
  [UsageKind.UNSPECIFIED]: "other",
  [UsageKind.SEGMENTS]: "segments",
  [UsageKind.INDEXES]: "indexes",
  [UsageKind.LOG]: "log",
  [UsageKind.ARCHIVE]: "archive",
  [UsageKind.CHECKPOINTS]: "checkpoints",
  [UsageKind.UNNAMED]: "unnamed",
  [UsageKind.MEMORY]: "memory",
  [UsageKind.CACHE]: "cache"
}

const isMemory = ({ kind }: Usage): boolean => kind === UsageKind.MEMORY || kind === UsageKind.CACHE

/** What belongs together. */
interface Group {
  readonly names: Readonly<Record<Grouping, string>>
  readonly isMemory: boolean
  bytes: number
  files: number
}

const readGroupings = (by: string): Effect.Effect<ReadonlyArray<Grouping>, CommandFailure> => {
  const names = by.split(",").map((name) => name.trim())
  const wrong = names.find((name) => !groupings.some((grouping) => grouping === name))
  return wrong === undefined
    ? Effect.succeed(groupings.filter((grouping) => names.includes(grouping)))
    : Effect.fail(usageFailure(`--by ${JSON.stringify(wrong)}: expected some of ${groupings.join(", ")}`))
}

/** Adds usage up, largest first; what is in memory comes last, and is never added to what is on disk. */
const group = (usage: ReadonlyArray<Usage>, by: ReadonlyArray<Grouping>): ReadonlyArray<Group> => {
  const groups = new Map<string, Group>()
  for (const one of usage) {
    const names = { tenant: one.tenantId, table: one.table, kind: kindNames[one.kind] }
    const inMemory = isMemory(one)
    const key = JSON.stringify([inMemory, ...by.map((grouping) => names[grouping])])
    let found = groups.get(key)
    if (found === undefined) groups.set(key, found = { names, isMemory: inMemory, bytes: 0, files: 0 })
    found.bytes += Number(one.bytes)
    found.files += one.files
  }
  return [...groups.values()].sort((a, b) => Number(a.isMemory) - Number(b.isMemory) || b.bytes - a.bytes)
}

/** Prints bytes by tenant, table and kind. */
export const runUsage = (
  settings: Settings,
  request: { readonly tenant: string | undefined; readonly by: string }
): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const by = yield* readGroupings(request.by)
    const { usage } = yield* unary(yield* open(settings), AdminService.method.getUsage, {
      tenantId: request.tenant ?? ""
    })
    const groups = group(usage, by)
    const sum = (inMemory: boolean) =>
      groups.filter((one) => one.isMemory === inMemory).reduce((total, { bytes }) => total + bytes, 0)
    const onDisk = sum(false)
    const fields: ReadonlyArray<Field<Group>> = [
      ...by.map((grouping) => textField<Group>(grouping, ({ names }) => names[grouping])),
      ...(by.includes("kind") ? [] : [textField<Group>("where", (one) => one.isMemory ? "memory" : "disk")]),
      bytesField("bytes", ({ bytes }) => bytes),
      countField("files", ({ files }) => files),
      {
        name: "of_disk",
        value: (one) => one.isMemory ? "" : percentOf(one.bytes, onDisk).padStart(4),
        isNumber: false,
        only: "table"
      },
      {
        name: "size",
        value: (one) => one.isMemory ? "" : barOf(one.bytes / Math.max(1, onDisk), barWidth),
        isNumber: false,
        only: "table"
      }
    ]
    yield* printFields(settings, fields, groups)
    if (settings.format !== "table") return
    const files = groups.reduce((total, one) => total + one.files, 0)
    yield* write(
      `${formatBytes(onDisk)} on disk in ${countOf(files, "file")}, ${formatBytes(sum(true))} in memory\n`
    )
  }).pipe(Effect.scoped)
