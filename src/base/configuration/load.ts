/** Loads the configuration of a program: its file, the environment and its flags. */
import * as Effect from "effect/Effect"
import * as Yaml from "effect/encoding/Yaml"
import * as fs from "node:fs"
import { type ConfigurationError, refused } from "./Configuration.ts"
import { merge, type Merged, type Sources } from "./merge.ts"

/** The file that is read where none is named and it exists. */
export const defaultFile = "./varve.yaml"

/** A file over this size is no configuration. */
const fileBytesMax = 1024 * 1024

const problem = (file: string, message: string): ConfigurationError =>
  refused([{ path: file, source: file, message: `${file}: ${message}` }])

const reasonOf = (cause: unknown): string => {
  const code = (cause as NodeJS.ErrnoException).code
  if (code === "ENOENT") return "there is no such file"
  if (code === "EACCES") return "no permission to read it"
  if (code === "EISDIR") return "it is a directory"
  return cause instanceof Error ? cause.message : String(cause)
}

const readFile = (file: string): Effect.Effect<unknown, ConfigurationError> =>
  Effect.try({
    try: () => {
      if (fs.statSync(file).size > fileBytesMax) throw new Error(`it is larger than ${fileBytesMax} bytes`)
      return fs.readFileSync(file, "utf8")
    },
    catch: (cause) => problem(file, reasonOf(cause))
  }).pipe(Effect.flatMap((text) =>
    Effect.try({
      try: () => Yaml.parse(text),
      catch: (cause) => problem(file, `not valid YAML: ${reasonOf(cause)}`)
    })
  ))

/** How to load. */
export interface LoadOptions {
  /** The file that was asked for. `undefined`: `./varve.yaml` where it exists. */
  readonly file: string | undefined
  readonly environment: Sources["environment"]
  readonly flags: Sources["flags"]
}

/** Reads and merges the sources. Fails with every problem found, each naming its key's path and where it was set. */
export const load = Effect.fnUntraced(
  function*(options: LoadOptions): Effect.fn.Return<Merged, ConfigurationError> {
    const file = options.file ?? (fs.existsSync(defaultFile) ? defaultFile : undefined)
    const content = file === undefined ? undefined : yield* readFile(file)
    return yield* Effect.fromResult(merge({
      file: file === undefined ? undefined : { name: file.replace(/^\.\//, ""), content },
      environment: options.environment,
      flags: options.flags
    }))
  }
)
