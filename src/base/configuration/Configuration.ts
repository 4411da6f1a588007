/** The configuration: plain values by path, and where each came from. */
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"
import { type KeyPath, keyPaths, keys, type ValueOf } from "./keys.ts"

/** A value for every key; sizes in bytes, durations in milliseconds. */
export type Values = { readonly [Path in KeyPath]: ValueOf<Path> }

/** The values that the program runs with. */
export class Configuration extends Context.Service<Configuration, Values>()("varve/base/Configuration") {}

/** A key with its value and source, as it is shown to people. */
export interface Setting {
  readonly path: KeyPath
  /** As one would write it: `64MB`. */
  readonly value: string
  /** `default`, `varve.yaml`, `VARVE_SERVER_HOST` or `--host`. */
  readonly source: string
}

/** One thing wrong with the configuration. */
export const ConfigurationProblem = Schema.Struct({
  /** The key's path, or the variable or file where no key is meant. */
  path: Schema.String,
  /** Where it was set. */
  source: Schema.String,
  /** One sentence with the way out. */
  message: Schema.String
})

/** See {@link ConfigurationProblem}. */
export type ConfigurationProblem = typeof ConfigurationProblem.Type

/** The configuration was refused; `message` has a line for each problem. */
export class ConfigurationError extends Schema.TaggedError<ConfigurationError>()("ConfigurationError", {
  message: Schema.String,
  problems: Schema.Array(ConfigurationProblem)
}) {}

/** The error for some problems. */
export const refused = (problems: ReadonlyArray<ConfigurationProblem>): ConfigurationError =>
  new ConfigurationError({ message: problems.map((problem) => problem.message).join("\n"), problems })

/** The defaults with some values replaced: for programs that compose layers themselves, and for tests. */
export const make = (values: Partial<Values> = {}): Values => {
  const defaults: Record<string, unknown> = {}
  for (const path of keyPaths) defaults[path] = keys[path].default
  return { ...(defaults as unknown as Values), ...values }
}
