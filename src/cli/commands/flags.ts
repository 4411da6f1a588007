/** Flags that several commands have. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Option from "effect/Option"
import { inputFormats } from "../ingest/Input.ts"

/** A flag that may be left out. */
export const optional = <A>(flag: Flag.Flag<A>): Flag.Flag<A | undefined> =>
  Flag.map(Flag.optional(flag), Option.getOrUndefined)

/** A text that may be left out. */
export const optionalText = (name: string, metavar: string, description: string): Flag.Flag<string | undefined> =>
  optional(Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description)))

/** A switch; off where it is not there. */
export const toggle = (name: string, description: string): Flag.Flag<boolean> =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false), Flag.withoutNegation)

/** A whole number that is at least 1, and may be left out. */
export const optionalCount = (name: string, description: string): Flag.Flag<number | undefined> =>
  optional(
    Flag.Int(name).pipe(
      Flag.filter((value) => value >= 1, (value) => `Expected a whole number from 1 on, not ${value}`),
      Flag.withMetavar("N"),
      Flag.withDescription(description)
    )
  )

/** The tenant. */
export const tenant = Flag.String("tenant").pipe(
  Flag.withMetavar("ID"),
  Flag.withFallbackConfig(Config.String("VARVE_TENANT")),
  Flag.withDescription("The tenant (VARVE_TENANT)")
)

/** The table. */
export const table = Flag.String("table").pipe(
  Flag.withMetavar("NAME"),
  Flag.withFallbackConfig(Config.String("VARVE_TABLE")),
  Flag.withDescription("The table (VARVE_TABLE)")
)

/** Tables, for commands that are about all of them where none is named: then the environment names none either. */
export const someTables = {
  tenant: optionalText("tenant", "ID", "Only this tenant; default all"),
  table: optionalText("table", "NAME", "Only this table of the tenant (its tenant also by VARVE_TENANT); default all")
}

/** The tables that such a command means: a table that is named alone is the usual tenant's. */
export const tablesOf = <A extends { readonly tenant: string | undefined; readonly table: string | undefined }>(
  request: A
): A =>
  request.table === undefined || request.tenant !== undefined
    ? request
    : { ...request, tenant: process.env.VARVE_TENANT }

/** A moment to read at. */
export const asOf = optionalText("as-of", "POSITION|TIME", "Read as it was at a position or a time; default now")

/** A filter. */
export const where = optionalText(
  "where",
  "EXPR",
  "Which records, as in \"delay > 30 and (origin = 'SFO' or destination in ('LAX', 'JFK'))\""
)

/** Columns to order by. */
export const orderBy = optionalText("order-by", "A,B:desc", "Columns to order by, each with :asc or :desc")

/** What is read, where its name does not tell. */
export const inputFormat = optional(
  Flag.Literals("input-format", inputFormats).pipe(
    Flag.withMetavar("FORM"),
    Flag.withDescription("Format of the input; default by the file's name, for - by its first bytes")
  )
)

/** A file to read. */
export const file = (description: string) => Argument.String("file").pipe(Argument.withDescription(description))
