/** `varve serve`, which runs an engine. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { Role, ServerLayer } from "../serve.ts"
import * as Flags from "./flags.ts"

const roles = ["all", "ingestion", "query", "processor"] as const satisfies ReadonlyArray<Role>

/** The command. `begin` is run first; the server's layer is loaded then. */
export const serve = (options: {
  readonly begin: Effect.Effect<void>
  readonly server: Effect.Effect<ServerLayer>
}) =>
  Command.make(
    "serve",
    {
      config: Flags.optionalText(
        "config",
        "FILE",
        "Configuration file; default ./varve.yaml where there is one (VARVE_CONFIG)"
      ),
      role: Flag.Literals("role", roles).pipe(
        Flag.withMetavar("ROLE"),
        Flag.withDescription("Which programs to run in this process; default all"),
        Flag.withDefault("all")
      ),
      memory: Flags.toggle("memory", "Keep everything in memory: gone when the process ends"),
      dataDirectory: Flags.optionalText("data-dir", "DIR", "Directory of the log and the data files; default ./data"),
      host: Flags.optionalText("host", "ADDRESS", "Address to listen on; default 127.0.0.1"),
      insecure: Flags.toggle(
        "insecure",
        "Listen where other machines can reach the server, although it has no authentication"
      )
    },
    Effect.fnUntraced(function*(flags) {
      yield* options.begin
      const { serve } = yield* Effect.promise(() => import("../serve.ts"))
      return yield* serve(
        { ...flags, config: flags.config ?? process.env.VARVE_CONFIG, environment: process.env },
        yield* options.server
      )
    })
  ).pipe(
    Command.withDescription("Run ingestion, query and the processor in this process, over an embedded engine"),
    Command.withExamples([
      { command: "varve serve --data-dir ./data" },
      { command: "varve serve --memory", description: "Nothing is kept: for trying things out" }
    ])
  )
