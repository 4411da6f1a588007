/** `varve config show` and `varve config validate`. */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { defaultFile, load } from "../../base/configuration/load.ts"
import type { Merged } from "../../base/configuration/merge.ts"
import { CommandFailure } from "../failure.ts"
import { printRecord, printRows, write } from "../output/print.ts"
import type { Settings } from "../settings.ts"

const columns = ["key", "value", "source"].map((name) => ({ name, isNumber: false }))

const read = (
  file: string | undefined,
  environment: Readonly<Record<string, string | undefined>>
): Effect.Effect<Merged, CommandFailure> =>
  Effect.mapError(
    load({ file, environment, flags: [] }),
    ({ message }) => new CommandFailure({ message, exitCode: 2, reason: "CONFIGURATION" })
  )

/** Prints the configuration that a server started here would have, each value with where it comes from. */
export const showConfiguration = (settings: Settings, file: string | undefined): Effect.Effect<void, CommandFailure> =>
  Effect.flatMap(
    read(file ?? process.env.VARVE_CONFIG, process.env),
    (merged) =>
      printRows(settings.format, columns, merged.settings.map(({ path, source, value }) => [path, value, source]))
  )

/** Checks a file by itself, without the environment; where none is named, what a server started here would have. */
export const validateConfiguration = (
  settings: Settings,
  file: string | undefined
): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const merged = yield* read(file ?? process.env.VARVE_CONFIG, file === undefined ? process.env : {})
    const set = merged.settings.filter(({ source }) => source !== "default").length
    const name = file ?? process.env.VARVE_CONFIG ??
      (fs.existsSync(defaultFile) ? defaultFile : "the environment, without a file")
    if (settings.format === "table") {
      return yield* write(
        `${name}: valid; ${set} of ${merged.settings.length} keys are set, the others have their defaults\n`
      )
    }
    yield* printRecord(settings.format, [["file", name], ["valid", true], ["set", set]])
  })
