/** Commands for what is chosen for tables: retention and indexes. What they do is loaded when they run. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { settings } from "../settings.ts"
import * as Flags from "./flags.ts"

const target = { tenant: Flags.tenant, table: Flags.table }

const policy = {
  history: Flags.optionalText(
    "history",
    "all|latest|30d",
    "How long versions can be read after newer ones superseded them"
  ),
  ttl: Flags.optionalText("ttl", "never|90d", "How long after their event time records expire")
}

const setRetention = Command.make(
  "set",
  {
    ...target,
    ...policy,
    compaction: Flags.optionalText(
      "compaction",
      "leveled|tiered|1d",
      "How segments are merged: into levels, by size, or in windows of commit time of this length"
    )
  },
  Effect.fnUntraced(function*(request) {
    const { setRetention } = yield* Effect.promise(() => import("../admin/retention.ts"))
    yield* setRetention(yield* settings, request)
  })
).pipe(
  Command.withDescription("Choose what a table keeps; what is not named stays as it is"),
  Command.withExamples([{ command: "varve retention set --tenant demo --table flights --history 30d --ttl never" }])
)

const showRetention = Command.make(
  "show",
  Flags.someTables,
  Effect.fnUntraced(function*(request) {
    const { showRetention } = yield* Effect.promise(() => import("../admin/retention.ts"))
    yield* showRetention(yield* settings, Flags.tablesOf(request))
  })
).pipe(Command.withDescription("Show what tables keep"))

const previewRetention = Command.make(
  "dry-run",
  { ...target, ...policy },
  Effect.fnUntraced(function*(request) {
    const { previewRetention } = yield* Effect.promise(() => import("../admin/retention.ts"))
    yield* previewRetention(yield* settings, request)
  })
).pipe(Command.withDescription("Show what a choice would let go; what is not named is as the table has it"))

/** `varve retention` */
export const retention = Command.make("retention").pipe(
  Command.withDescription("How long history is kept, and when records expire"),
  Command.withSubcommands([setRetention, showRetention, previewRetention])
)

const name = Argument.String("name").pipe(Argument.withDescription("The index's name"))

const createIndex = Command.make(
  "create",
  {
    name,
    ...target,
    column: Flag.String("column").pipe(Flag.withMetavar("COLUMN"), Flag.withDescription("The column to find rows by"))
  },
  Effect.fnUntraced(function*(request) {
    const { createIndex } = yield* Effect.promise(() => import("../admin/indexes.ts"))
    yield* createIndex(yield* settings, request)
  })
).pipe(Command.withDescription("Declare an index; it is built in the background"))

const dropIndex = Command.make(
  "drop",
  { name, ...target },
  Effect.fnUntraced(function*(request) {
    const { dropIndex } = yield* Effect.promise(() => import("../admin/indexes.ts"))
    yield* dropIndex(yield* settings, request)
  })
).pipe(Command.withDescription("Remove an index"))

const indexStatus = Command.make(
  "status",
  Flags.someTables,
  Effect.fnUntraced(function*(request) {
    const { showIndexes } = yield* Effect.promise(() => import("../admin/indexes.ts"))
    yield* showIndexes(yield* settings, Flags.tablesOf(request))
  })
).pipe(Command.withDescription("Show indexes and how far they are built"))

const rebuildIndex = Command.make(
  "rebuild",
  { name, ...target },
  Effect.fnUntraced(function*(request) {
    const { rebuildIndex } = yield* Effect.promise(() => import("../admin/indexes.ts"))
    yield* rebuildIndex(yield* settings, request)
  })
).pipe(Command.withDescription("Build an index anew"))

/** `varve index` */
export const index = Command.make("index").pipe(
  Command.withDescription("Declare secondary indexes, and see how far they are built"),
  Command.withSubcommands([createIndex, dropIndex, indexStatus, rebuildIndex])
)
