/** Commands for what lies where, and its upkeep. What they do is loaded when they run. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { settings } from "../settings.ts"
import * as Flags from "./flags.ts"

const dryRun = Flags.toggle("dry-run", "Tell what would be done, and do nothing")

/** `varve compact` */
export const compact = Command.make(
  "compact",
  {
    ...Flags.someTables,
    full: Flags.toggle("full", "Merge everything of a table, whether that pays or not"),
    dryRun
  },
  Effect.fnUntraced(function*(request) {
    const { runCompact } = yield* Effect.promise(() => import("../admin/compaction.ts"))
    yield* runCompact(yield* settings, Flags.tablesOf(request))
  })
).pipe(Command.withDescription("Merge segments now; the server does it by itself as it becomes due"))

/** `varve flush` */
export const flush = Command.make(
  "flush",
  Flags.someTables,
  Effect.fnUntraced(function*(request) {
    const { runFlush } = yield* Effect.promise(() => import("../admin/compaction.ts"))
    yield* runFlush(yield* settings, Flags.tablesOf(request))
  })
).pipe(Command.withDescription("Write what is in memory into segments"))

/** `varve checkpoint` */
export const checkpoint = Command.make(
  "checkpoint",
  {},
  Effect.fnUntraced(function*() {
    const { runCheckpoint } = yield* Effect.promise(() => import("../admin/compaction.ts"))
    yield* runCheckpoint(yield* settings)
  })
).pipe(Command.withDescription("Write a checkpoint, from which the next start begins"))

const catalogStatistics = Command.make(
  "stats",
  {
    ...Flags.someTables,
    columns: Flags.toggle("columns", "Tell of each column: nulls, distinct values, least and greatest")
  },
  Effect.fnUntraced(function*(request) {
    const { runStatistics } = yield* Effect.promise(() => import("../admin/statistics.ts"))
    yield* runStatistics(yield* settings, Flags.tablesOf(request))
  })
).pipe(Command.withDescription("Show what the catalog knows of tables without reading them"))

const validateCatalog = Command.make(
  "validate",
  { tenant: Flags.someTables.tenant },
  Effect.fnUntraced(function*(request) {
    const { runValidate } = yield* Effect.promise(() => import("../admin/statistics.ts"))
    yield* runValidate(yield* settings, request)
  })
).pipe(Command.withDescription("Hold the catalog of the running server against itself and its files"))

/** `varve catalog` */
export const catalog = Command.make("catalog").pipe(
  Command.withDescription("Statistics of tables, and whether they add up"),
  Command.withSubcommands([catalogStatistics, validateCatalog])
)

const versionStatistics = Command.make(
  "stats",
  {},
  Effect.fnUntraced(function*() {
    const { runVersionStatistics } = yield* Effect.promise(() => import("../admin/versions.ts"))
    yield* runVersionStatistics(yield* settings)
  })
).pipe(Command.withDescription("Show what versions hold in memory and in files, and who reads them"))

const collectGarbage = Command.make(
  "gc",
  { ...Flags.someTables, dryRun },
  Effect.fnUntraced(function*(request) {
    const { runCollectGarbage } = yield* Effect.promise(() => import("../admin/versions.ts"))
    yield* runCollectGarbage(yield* settings, Flags.tablesOf(request))
  })
).pipe(Command.withDescription("Let go of versions that nobody can read any more"))

const inspectKey = Command.make(
  "inspect",
  {
    key: Argument.String("key").pipe(Argument.withDescription("The record's key")),
    tenant: Flags.tenant,
    table: Flags.table,
    limit: Flags.optionalCount("limit", "Most versions; default 1000")
  },
  Effect.fnUntraced(function*(request) {
    const { runInspectKey } = yield* Effect.promise(() => import("../admin/versions.ts"))
    yield* runInspectKey(yield* settings, request)
  })
).pipe(Command.withDescription("Show the versions of a key, each with where it lies"))

/** `varve mvcc` */
export const mvcc = Command.make("mvcc").pipe(
  Command.withDescription("Versions: what they hold, where they lie, which can go"),
  Command.withSubcommands([versionStatistics, collectGarbage, inspectKey])
)

/** `varve du` */
export const usage = Command.make(
  "du",
  {
    tenant: Flags.someTables.tenant,
    by: Flag.String("by").pipe(
      Flag.withDefault("tenant,table,kind"),
      Flag.withMetavar("A,B"),
      Flag.withDescription("What to add up by: some of tenant, table, kind; default all of them")
    )
  },
  Effect.fnUntraced(function*(request) {
    const { runUsage } = yield* Effect.promise(() => import("../admin/usage.ts"))
    yield* runUsage(yield* settings, request)
  })
).pipe(Command.withDescription("Show where the space went"))
