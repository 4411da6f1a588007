/** Commands for records: into a table and out of it. What they do is loaded when they run. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { batchRecordsMax } from "../../base/limits.ts"
import { exportTypes } from "../export/Encoder.ts"
import { settings } from "../settings.ts"
import * as Flags from "./flags.ts"

const ingestFlags = {
  file: Flags.file("A .ndjson, .json, .csv or .parquet file, or - for standard input"),
  tenant: Flags.tenant,
  table: Flags.table,
  timestamp: Flags.optionalText(
    "timestamp",
    "COLUMN",
    "Column that event times are taken from; default the commit time"
  ),
  inputFormat: Flags.inputFormat,
  batchSize: Flag.Int("batch-size").pipe(
    Flag.filter(
      (value) => value >= 1 && value <= batchRecordsMax,
      (value) => `Expected a whole number from 1 to ${batchRecordsMax}, not ${value}`
    ),
    Flag.withDefault(2000),
    Flag.withMetavar("N"),
    Flag.withDescription("Most records of one message; default 2000")
  ),
  rejects: Flags.optionalText("rejects", "FILE", "Where rejected rows go; default FILE.rejects.ndjson"),
  quiet: Flags.toggle("quiet", "Neither progress nor notes")
}

/** `varve ingest FILE` */
export const ingest = Command.make(
  "ingest",
  {
    ...ingestFlags,
    key: Flags.optionalText(
      "key",
      "COLUMN",
      "Column that keys are taken from; default the table's key column, else keys are made of the file's name and row numbers"
    ),
    register: Flags.toggle(
      "register",
      "Where the table does not exist, infer its schema from the input and register it"
    )
  },
  Effect.fnUntraced(function*(options) {
    const { runIngest } = yield* Effect.promise(() => import("../ingest/runIngest.ts"))
    yield* runIngest(yield* settings, { ...options, isExport: false })
  })
).pipe(
  Command.withDescription("Ingest the rows of a file into a table"),
  Command.withExamples([
    {
      command: "varve ingest flights.parquet --tenant demo --table flights --register",
      description: "Make the table from the file's own schema"
    },
    {
      command: "varve ingest events.csv --tenant demo --table events --key id --timestamp created_at",
      description: "Keys and event times from columns"
    },
    {
      command: "gzip -dc events.ndjson.gz | varve ingest - --tenant demo --table events --key id",
      description: "Read standard input"
    }
  ])
)

/** `varve import FILE` */
export const importRecords = Command.make(
  "import",
  {
    ...ingestFlags,
    key: Flags.optionalText("key", "COLUMN", "Column that keys are taken from; default _key, else as ingest does"),
    timestamp: Flags.optionalText("timestamp", "COLUMN", "Column that event times are taken from; default _timestamp"),
    register: Flags.toggle(
      "register",
      "Where the table does not exist, register its schema: a Parquet export holds it, for others it is inferred"
    )
  },
  Effect.fnUntraced(function*(options) {
    const { runIngest } = yield* Effect.promise(() => import("../ingest/runIngest.ts"))
    yield* runIngest(yield* settings, { ...options, isExport: true })
  })
).pipe(
  Command.withDescription("Bring back what `varve export` wrote: records with their keys, event times and metadata"),
  Command.withExamples([
    { command: "varve import flights.parquet --tenant demo --table flights --register" }
  ])
)

/** `varve export --output FILE` */
export const exportRecords = Command.make(
  "export",
  {
    tenant: Flags.tenant,
    table: Flags.table,
    output: Flag.String("output").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("The .parquet, .ndjson or .csv file to make, or - for standard output")
    ),
    type: Flags.optional(
      Flag.Literals("type", exportTypes).pipe(
        Flag.withMetavar("FORM"),
        Flag.withDescription("Format of the file; default by its name, for - ndjson")
      )
    ),
    where: Flags.where,
    select: Flags.optionalText("select", "A,B", "Columns to export; default all of the table"),
    asOf: Flags.asOf,
    system: Flag.Boolean("system").pipe(
      Flag.withDefault(true),
      Flag.withDescription("With _key, _timestamp and _metadata, which an import needs; --no-system leaves them out")
    ),
    overwrite: Flags.toggle("overwrite", "Replace a file that is there"),
    quiet: Flags.toggle("quiet", "No progress; with - no summary either")
  },
  Effect.fnUntraced(function*(options) {
    const { runExport } = yield* Effect.promise(() => import("../export/runExport.ts"))
    yield* runExport(yield* settings, options)
  })
).pipe(
  Command.withDescription("Export the records of a table, as one snapshot sees them, to a file"),
  Command.withExamples([
    { command: "varve export --tenant demo --table flights --output flights.parquet" },
    {
      command:
        "varve export --tenant demo --table flights --where \"origin = 'SFO'\" --output - | gzip > sfo.ndjson.gz",
      description: "Write to standard output"
    }
  ])
)

/** `varve get KEY` */
export const get = Command.make(
  "get",
  {
    key: Argument.String("key").pipe(Argument.withDescription("The record's key")),
    tenant: Flags.tenant,
    table: Flags.table,
    select: Flags.optionalText("select", "A,B", "Columns to show; default all"),
    asOf: Flags.asOf,
    history: Flags.toggle("history", "Show every version, the newest first")
  },
  Effect.fnUntraced(function*(options) {
    const { runGet } = yield* Effect.promise(() => import("../read/runGet.ts"))
    yield* runGet(yield* settings, options)
  })
).pipe(
  Command.withDescription("Show one record, as it is or was, or all its versions"),
  Command.withExamples([
    { command: "varve get order-17 --tenant demo --table orders" },
    { command: "varve get order-17 --tenant demo --table orders --as-of 2026-01-31T12:00:00Z" }
  ])
)

const selection = {
  tenant: Flags.tenant,
  table: Flags.table,
  where: Flags.where,
  select: Flags.optionalText("select", "A,B", "Columns to show; default the key and all"),
  orderBy: Flags.orderBy,
  limit: Flags.optionalCount("limit", "Most rows; default all"),
  asOf: Flags.asOf
}

/** `varve query` */
export const query = Command.make(
  "query",
  selection,
  Effect.fnUntraced(function*(options) {
    const { runQuery } = yield* Effect.promise(() => import("../read/runQuery.ts"))
    yield* runQuery(yield* settings, options)
  })
).pipe(
  Command.withDescription("Show the records of a table that match"),
  Command.withExamples([
    {
      command: "varve query --tenant demo --table flights --where \"delay > 600\" --order-by delay:desc --limit 10"
    },
    { command: "varve query --tenant demo --table flights --select origin,delay --format csv > delays.csv" }
  ])
)

const groups = {
  groupBy: Flags.optionalText("group-by", "A,B", "Columns whose values make a group; default one group of all"),
  having: Flags.optionalText("having", "EXPR", "Which groups, as in \"count > 100 and avg_delay > 10\"")
}

const aggregatesDescription = "Figures, as in count,avg:delay: count, sum, avg, min, max, distinct_count"

/** `varve aggregate` */
export const aggregate = Command.make(
  "aggregate",
  {
    tenant: Flags.tenant,
    table: Flags.table,
    aggregates: Flag.String("agg").pipe(Flag.withMetavar("F,G:COLUMN"), Flag.withDescription(aggregatesDescription)),
    ...groups,
    where: Flags.where,
    orderBy: Flags.orderBy,
    limit: Flags.optionalCount("limit", "Most groups; default all"),
    asOf: Flags.asOf
  },
  Effect.fnUntraced(function*(options) {
    const { runAggregate } = yield* Effect.promise(() => import("../read/runAggregate.ts"))
    yield* runAggregate(yield* settings, options)
  })
).pipe(
  Command.withDescription("Count, add up and average the records of a table, in groups"),
  Command.withExamples([
    {
      command:
        "varve aggregate --tenant demo --table flights --agg count,avg:delay --group-by origin --order-by count:desc"
    }
  ])
)

/** `varve explain` */
export const explain = Command.make(
  "explain",
  {
    ...selection,
    aggregates: Flags.optionalText("agg", "F,G:COLUMN", `Explain an aggregate. ${aggregatesDescription}`),
    ...groups,
    analyze: Flags.toggle("analyze", "Run it too, and show what each step really cost")
  },
  Effect.fnUntraced(function*(options) {
    const { runExplain } = yield* Effect.promise(() => import("../read/runExplain.ts"))
    yield* runExplain(yield* settings, options)
  })
).pipe(
  Command.withDescription("Show how a query or an aggregate would be answered"),
  Command.withExamples([
    { command: "varve explain --tenant demo --table flights --where \"origin = 'SFO'\" --analyze" }
  ])
)
