/**
 * Merges the configuration's sources: flags win over the environment, the environment over the file, the file over the
 * defaults. Everything that is wrong is found and named, not only the first.
 */
import * as Result from "effect/Result"
import {
  type ConfigurationError,
  type ConfigurationProblem,
  refused,
  type Setting,
  type Values
} from "./Configuration.ts"
import { type Key, type KeyPath, keyPaths, keys, unavailable, unavailableValues, variableOf } from "./keys.ts"
import { nearest } from "./nearest.ts"

/** Where values come from. */
export interface Sources {
  /** A YAML file's name and its content as plain values; `undefined` where there is none. */
  readonly file: { readonly name: string; readonly content: unknown } | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Values of command-line flags. */
  readonly flags: ReadonlyArray<{ readonly path: KeyPath; readonly value: string; readonly flag: string }>
}

/** What was merged. */
export interface Merged {
  readonly values: Values
  readonly settings: ReadonlyArray<Setting>
}

/** A value before it is read. */
interface Raw {
  readonly path: string
  readonly source: string
  readonly value: unknown
}

const isKey = (path: string): path is KeyPath => Object.hasOwn(keys, path)

const isUnavailable = (path: string): boolean =>
  unavailable.some((name) => (name.endsWith(".") ? `${path}.`.startsWith(name) : path === name))

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The sections that keys stand in: `server`, `server.ingestion`, `wal`. */
const sections = new Set(keyPaths.flatMap((path) => {
  const parts = path.split(".")
  return parts.slice(0, -1).map((_, i) => parts.slice(0, i + 1).join("."))
}))

/** The paths and values of a YAML document; sections that hold no mapping are problems. */
const flatten = (
  content: unknown,
  source: string,
  prefix: string,
  raw: Array<Raw>,
  problems: Array<ConfigurationProblem>
): void => {
  // An empty file or section is one in which everything is commented out.
  if (content === null || content === undefined) return
  if (!isMapping(content)) {
    const path = prefix === "" ? source : prefix.slice(0, -1)
    problems.push({
      path,
      source,
      message: `${source}: ${path} must hold keys with values, as in \`server: {host: ...}\``
    })
    return
  }
  for (const [name, value] of Object.entries(content)) {
    const path = `${prefix}${name}`
    if (sections.has(path)) flatten(value, source, `${path}.`, raw, problems)
    else raw.push({ path, source, value })
  }
}

const didYouMean = (word: string, candidates: Iterable<string>): string => {
  const near = nearest(word, candidates)
  return near === undefined ? "" : `; did you mean ${near}?`
}

/** Names that the program's other parts read: they are no configuration. */
const foreignVariables = new Set(
  ["CONFIG", "INGESTION_URL", "QUERY_URL", "TOKEN", "TENANT", "TABLE", "FORMAT"].map((name) => `VARVE_${name}`)
)

/** Variables that Kubernetes and Docker make for a service that happens to be called varve or varve-server. */
const isServiceLink = (variable: string, value: string): boolean =>
  /_SERVICE_(?:HOST|PORT(?:_\w+)?)$|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?$/.test(variable) ||
  /^(?:tcp|udp|sctp):\/\//.test(value)

const variables = new Map(keyPaths.map((path) => [variableOf(path), path] as const))
const variableSections = new Set(
  [...keyPaths, ...unavailable].map((path) => `${variableOf(path.split(".")[0])}_`)
)

const readEnvironment = (
  environment: Sources["environment"],
  raw: Array<Raw>,
  problems: Array<ConfigurationProblem>
): void => {
  for (const [variable, value] of Object.entries(environment)) {
    if (value === undefined || !variable.startsWith("VARVE_")) continue
    if (foreignVariables.has(variable) || isServiceLink(variable, value)) continue
    const path = variables.get(variable)
    if (path !== undefined) {
      raw.push({ path, source: variable, value })
      continue
    }
    const name = unavailable.find((name) => `${variable}_`.startsWith(variableOf(name)))
    const near = nearest(variable, variables.keys())
    if (name !== undefined) {
      problems.push(notAvailable(variable, name.replace(/\.$/, ""), variable))
    } else if (near !== undefined || [...variableSections].some((section) => variable.startsWith(section))) {
      problems.push({
        path: variable,
        source: variable,
        message: `${variable} sets no known key${near === undefined ? "" : `; did you mean ${near}?`}`
      })
    }
  }
}

const notAvailable = (source: string, path: string, shown = path): ConfigurationProblem => ({
  path: shown,
  source,
  message: `${source === shown ? "" : `${source}: `}${shown} is not available in this version; remove it`
})

/** Reads one value, or says what is wrong with it. */
const read = (
  { path, source, value }: Raw
): { readonly value: unknown } | { readonly problem: ConfigurationProblem } => {
  if (!isKey(path)) {
    if (isUnavailable(path)) return { problem: notAvailable(source, path) }
    return {
      problem: {
        path,
        source,
        message: `${source}: ${path} is not a configuration key${didYouMean(path, keyPaths)}`
      }
    }
  }
  const where = source === variableOf(path) || source.startsWith("--") ? `${source} (${path})` : `${source}: ${path}`
  if (typeof value === "string" && unavailableValues[path]?.includes(value) === true) {
    return { problem: { path, source, message: `${where}: ${value} is not available in this version` } }
  }
  const parsed = keys[path].kind.parse(value)
  return "problem" in parsed
    ? { problem: { path, source, message: `${where} ${parsed.problem}` } }
    : { value: parsed.value }
}

/** What keys say about one another. */
const relations = (values: Values, sourceOf: (path: KeyPath) => string): ReadonlyArray<ConfigurationProblem> => {
  const problems: Array<ConfigurationProblem> = []
  const add = (path: KeyPath, message: string) =>
    problems.push({ path, source: sourceOf(path), message: `${path} (${sourceOf(path)}) ${message}` })
  const ports = ["server.ingestion.port", "server.query.port", "server.processor.port"] as const
  ports.forEach((path, i) => {
    const same = ports.slice(0, i).find((before) => values[before] === values[path])
    if (same !== undefined && values[path] !== 0) {
      add(path, `is ${values[path]}, which is ${same} too; each service needs its own port`)
    }
  })
  if (values["wal.backend"] !== values["storage.backend"]) {
    add(
      "wal.backend",
      `is ${values["wal.backend"]} while storage.backend is ${values["storage.backend"]}; set both to the same`
    )
  }
  if (values["memtable.size"] > values["memtable.limit"]) {
    const show = keys["memtable.size"].kind.show
    add(
      "memtable.size",
      `is ${show(values["memtable.size"])}, more than memtable.limit, ${show(values["memtable.limit"])}`
    )
  }
  return problems
}

/** Merges the sources into a value for every key. */
export const merge = (sources: Sources): Result.Result<Merged, ConfigurationError> => {
  const raw: Array<Raw> = []
  const problems: Array<ConfigurationProblem> = []
  if (sources.file !== undefined) flatten(sources.file.content, sources.file.name, "", raw, problems)
  readEnvironment(sources.environment, raw, problems)
  for (const { flag, path, value } of sources.flags) raw.push({ path, source: flag, value })

  // In order of precedence, so that the last one stays.
  const found = new Map<string, { readonly value: unknown; readonly source: string }>()
  for (const one of raw) {
    const result = read(one)
    if ("problem" in result) problems.push(result.problem)
    else found.set(one.path, { value: result.value, source: one.source })
  }
  if (problems.length > 0) return Result.fail(refused(problems))

  const values: Record<string, unknown> = {}
  const settings = keyPaths.map((path): Setting => {
    const key = keys[path] as Key<unknown>
    const { source, value } = found.get(path) ?? { value: key.default, source: "default" }
    values[path] = value
    return { path, value: key.kind.show(value), source }
  })
  const merged = { values: values as unknown as Values, settings }
  const contradictions = relations(merged.values, (path) => found.get(path)?.source ?? "default")
  return contradictions.length > 0 ? Result.fail(refused(contradictions)) : Result.succeed(merged)
}
