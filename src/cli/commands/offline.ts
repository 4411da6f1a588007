/** Commands that look into the files of a stopped server. What they do is loaded when they run. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { OpenStorage } from "../admin/log.ts"
import { settings } from "../settings.ts"
import * as Flags from "./flags.ts"

const dataDirectory = Flags.optionalText("data-dir", "DIR", "The data directory; default what the configuration says")

/** `varve wal`; storage is opened by a layer that the program brings. */
export const wal = (openStorage: Effect.Effect<OpenStorage>) => {
  const inspect = Command.make(
    "inspect",
    {
      dataDirectory,
      from: Flag.Int("from").pipe(
        Flag.filter((value) => value >= 0, (value) => `Expected a position, not ${value}`),
        Flag.withDefault(0),
        Flag.withMetavar("POSITION"),
        Flag.withDescription("The first position to show; default the log's first")
      ),
      limit: Flags.optionalCount("limit", "Most frames; default all")
    },
    Effect.fnUntraced(function*(options) {
      const { runInspect } = yield* Effect.promise(() => import("../admin/log.ts"))
      yield* runInspect(yield* settings, { ...options, openStorage: yield* openStorage })
    })
  ).pipe(Command.withDescription("List the frames of the log of a stopped server"))

  const verify = Command.make(
    "verify",
    { dataDirectory },
    Effect.fnUntraced(function*(options) {
      const { runVerify } = yield* Effect.promise(() => import("../admin/log.ts"))
      yield* runVerify(yield* settings, { ...options, openStorage: yield* openStorage })
    })
  ).pipe(Command.withDescription("Check every byte of the log of a stopped server"))

  return Command.make("wal").pipe(
    Command.withDescription("Look into the log; nothing is changed"),
    Command.withSubcommands([inspect, verify])
  )
}

/** `varve verify`; storage is opened by a layer that the program brings. */
export const verify = (openStorage: Effect.Effect<OpenStorage>) =>
  Command.make(
    "verify",
    { dataDirectory },
    Effect.fnUntraced(function*(options) {
      const { runVerifyStorage } = yield* Effect.promise(() => import("../admin/verify.ts"))
      yield* runVerifyStorage(yield* settings, { ...options, openStorage: yield* openStorage })
    })
  ).pipe(Command.withDescription("Check every byte of a stopped server's data: log, checkpoints, segments, catalog"))
