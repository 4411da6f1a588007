/** Commands for tenants, schemas and configuration. What they do is loaded when they run. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { settings } from "../settings.ts"
import * as Flags from "./flags.ts"

const createTenant = Command.make(
  "create",
  {
    tenant: Argument.String("id").pipe(Argument.withDescription("The tenant's id")),
    name: Flag.String("name").pipe(Flag.withDescription("A name for people"), Flag.withDefault(""))
  },
  Effect.fnUntraced(function*(request) {
    const { createTenant } = yield* Effect.promise(() => import("../admin/tenants.ts"))
    yield* createTenant(yield* settings, request)
  })
).pipe(Command.withDescription("Make a tenant"))

const listTenants = Command.make(
  "list",
  {},
  Effect.fnUntraced(function*() {
    const { listTenants } = yield* Effect.promise(() => import("../admin/tenants.ts"))
    yield* listTenants(yield* settings)
  })
).pipe(Command.withDescription("List the tenants"))

/** `varve tenant` */
export const tenant = Command.make("tenant").pipe(
  Command.withDescription("Make and list tenants"),
  Command.withSubcommands([createTenant, listTenants])
)

const key = Flags.optionalText("key", "COLUMN", "Column that keys are taken from")

const registerSchema = Command.make(
  "register",
  {
    file: Flags.file("A schema document in JSON, or - for standard input"),
    tenant: Flags.tenant,
    table: Flags.table,
    key
  },
  Effect.fnUntraced(function*(request) {
    const { runRegister } = yield* Effect.promise(() => import("../admin/schemas.ts"))
    yield* runRegister(yield* settings, request)
  })
).pipe(Command.withDescription("Register a schema version; the first one makes the table"))

const inferSchema = Command.make(
  "infer",
  {
    file: Flags.file("A .ndjson, .json, .csv or .parquet file, or - for standard input"),
    inputFormat: Flags.inputFormat,
    key
  },
  Effect.fnUntraced(function*(request) {
    const { runInfer } = yield* Effect.promise(() => import("../admin/schemas.ts"))
    yield* runInfer(yield* settings, request)
  })
).pipe(
  Command.withDescription("Print the schema document that suits a file, ready to be registered"),
  Command.withExamples([
    { command: "varve schema infer flights.csv > flights.schema.json" },
    {
      command: "varve schema register flights.schema.json --tenant demo --table flights --key id"
    }
  ])
)

const listSchemas = Command.make(
  "list",
  {
    tenant: Flags.tenant,
    table: Flags.optionalText("table", "NAME", "Every version of this table; default the newest of each table")
  },
  Effect.fnUntraced(function*(request) {
    const { listSchemas } = yield* Effect.promise(() => import("../admin/schemas.ts"))
    yield* listSchemas(yield* settings, request)
  })
).pipe(Command.withDescription("List the tables of a tenant with their schemas"))

const showSchema = Command.make(
  "show",
  {
    tenant: Flags.tenant,
    table: Flags.table,
    version: Flags.optionalCount("version", "Which version of the schema; default the newest")
  },
  Effect.fnUntraced(function*(request) {
    const { showSchema } = yield* Effect.promise(() => import("../admin/schemas.ts"))
    yield* showSchema(yield* settings, request)
  })
).pipe(Command.withDescription("Print a table's schema document"))

/** `varve schema` */
export const schema = Command.make("schema").pipe(
  Command.withDescription("Register, infer and show schemas"),
  Command.withSubcommands([registerSchema, inferSchema, listSchemas, showSchema])
)

/** `varve status` */
export const status = Command.make(
  "status",
  {},
  Effect.fnUntraced(function*() {
    const { runStatus } = yield* Effect.promise(() => import("../admin/status.ts"))
    yield* runStatus(yield* settings)
  })
).pipe(Command.withDescription("Show how the services are and what they have done"))

const showConfiguration = Command.make(
  "show",
  {
    file: Flags.optionalText(
      "config",
      "FILE",
      "Configuration file; default ./varve.yaml where there is one (VARVE_CONFIG)"
    )
  },
  Effect.fnUntraced(function*({ file }) {
    const { showConfiguration } = yield* Effect.promise(() => import("../admin/configuration.ts"))
    yield* showConfiguration(yield* settings, file)
  })
).pipe(Command.withDescription("Print the configuration of a server started here, each value with its source"))

const validateConfiguration = Command.make(
  "validate",
  {
    file: Argument.String("file").pipe(
      Argument.withDescription("Configuration file; default what a server started here would read"),
      Argument.optional
    )
  },
  Effect.fnUntraced(function*({ file }) {
    const { validateConfiguration } = yield* Effect.promise(() => import("../admin/configuration.ts"))
    yield* validateConfiguration(yield* settings, Option.getOrUndefined(file))
  })
).pipe(Command.withDescription("Check a configuration file"))

/** `varve config` */
export const config = Command.make("config").pipe(
  Command.withDescription("Show and check the configuration"),
  Command.withSubcommands([showConfiguration, validateConfiguration])
)
