/** Commands for records: into a table and out of it. What they do is loaded when they run. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { batchRecordsMax } from "../../base/limits.ts"
import { settings } from "../settings.ts"
import * as Flags from "./flags.ts"

/** `varve ingest FILE` */
export const ingest = Command.make(
  "ingest",
  {
    file: Flags.file("A .ndjson, .json, .csv or .parquet file, or - for standard input"),
    tenant: Flags.tenant,
    table: Flags.table,
    key: Flags.optionalText(
      "key",
      "COLUMN",
      "Column that keys are taken from; default the table's key column, else keys are made of the file's name and row numbers"
    ),
    timestamp: Flags.optionalText(
      "timestamp",
      "COLUMN",
      "Column that event times are taken from; default the commit time"
    ),
    register: Flags.toggle(
      "register",
      "Where the table does not exist, infer its schema from the input and register it"
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
  },
  Effect.fnUntraced(function*(options) {
    const { runIngest } = yield* Effect.promise(() => import("../ingest/runIngest.ts"))
    yield* runIngest(yield* settings, options)
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
