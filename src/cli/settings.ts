/** What every command can be told: where the services are, who asks, and the form of the output. */
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** Forms of output: `json` is one array of flat objects. */
export const formats = ["table", "json", "yaml", "ndjson", "csv"] as const

/** See {@link formats}. */
export type Format = (typeof formats)[number]

/** The settings of one run. */
export interface Settings {
  readonly format: Format
  readonly ingestionUrl: string
  readonly queryUrl: string
  /** Empty for none. */
  readonly token: string
}

const Format_ = GlobalFlag.Setting("format")({
  flag: Flag.Literals("format", formats).pipe(
    Flag.withFallbackConfig(Config.schema(Schema.Literals(formats), "VARVE_FORMAT")),
    Flag.withDefault("table"),
    Flag.withMetavar("FORM"),
    Flag.withDescription("Form of the output; default table (VARVE_FORMAT)")
  )
})

const text = (name: string, variable: string, fallback: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withFallbackConfig(Config.String(variable)),
    Flag.withDefault(fallback),
    Flag.withDescription(`${description} (${variable})`)
  )

const IngestionUrl = GlobalFlag.Setting("ingestion-url")({
  flag: text(
    "ingestion-url",
    "VARVE_INGESTION_URL",
    "http://127.0.0.1:8080",
    "Where ingestion is; default http://127.0.0.1:8080"
  ).pipe(Flag.withMetavar("URL"))
})

const QueryUrl = GlobalFlag.Setting("query-url")({
  flag: text(
    "query-url",
    "VARVE_QUERY_URL",
    "http://127.0.0.1:8081",
    "Where query and administration are; default http://127.0.0.1:8081"
  ).pipe(Flag.withMetavar("URL"))
})

const Token = GlobalFlag.Setting("token")({
  flag: text("token", "VARVE_TOKEN", "", "Bearer token, sent with every call").pipe(Flag.withMetavar("TOKEN"))
})

/** The flags, for the root command. */
export const settingFlags = [Format_, IngestionUrl, QueryUrl, Token] as const

/** What the flags and the environment say. */
export const settings = Effect.gen(function*() {
  return {
    format: yield* Format_,
    ingestionUrl: yield* IngestionUrl,
    queryUrl: yield* QueryUrl,
    token: yield* Token
  } satisfies Settings
})
