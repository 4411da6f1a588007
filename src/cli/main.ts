/** The `varve` command. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliConfig from "effect/cli/CliConfig"
import type * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { version } from "../base/version.ts"
import { CommandFailure, type ExitCode } from "./failure.ts"
import { runProgram } from "./run.ts"
import type { ServerLayer } from "./serve.ts"
import { roles, serve } from "./serve.ts"

/** Gives the layers, which only commands that run an engine load: `src` never imports them. */
export type LoadLayers = () => Promise<{ readonly ServerLayer: { readonly layer: ServerLayer } }>

/** The exit code where a signal ended the program: stopping a server is what it waits for. */
let interruptedExitCode: number | undefined

const serveCommand = (loadLayers: LoadLayers) =>
  Command.make("serve", {
    config: Flag.String("config").pipe(
      Flag.withDescription("Configuration file; default ./varve.yaml where there is one"),
      Flag.optional
    ),
    role: Flag.Literals("role", roles).pipe(
      Flag.withDescription("Which programs to run in this process"),
      Flag.withDefault("all")
    ),
    memory: Flag.Boolean("memory").pipe(
      Flag.withDescription("Keep everything in memory: gone when the process ends"),
      Flag.withDefault(false)
    ),
    dataDirectory: Flag.String("data-dir").pipe(
      Flag.withDescription("Directory of the log and the data files"),
      Flag.optional
    ),
    host: Flag.String("host").pipe(Flag.withDescription("Address to listen on"), Flag.optional),
    insecure: Flag.Boolean("insecure").pipe(
      Flag.withDescription("Listen where other machines can reach the server, although it has no authentication"),
      Flag.withDefault(false)
    )
  }, ({ config, dataDirectory, host, insecure, memory, role }) =>
    Effect.gen(function*() {
      interruptedExitCode = 0
      const { ServerLayer } = yield* Effect.promise(loadLayers)
      return yield* serve({
        config: Option.getOrUndefined(config) ?? process.env.VARVE_CONFIG,
        role,
        memory,
        dataDirectory: Option.getOrUndefined(dataDirectory),
        host: Option.getOrUndefined(host),
        insecure,
        environment: process.env
      }, ServerLayer.layer)
    })).pipe(Command.withDescription("Run ingestion and query in this process, over an embedded engine"))

const command = (loadLayers: LoadLayers) =>
  Command.make("varve").pipe(
    Command.withDescription("An event-sourced, multi-tenant MVCC storage engine"),
    Command.withSubcommands([serveCommand(loadLayers)])
  )

/** One line for each of the message's, on standard error. */
const tell = (message: string): Effect.Effect<void> =>
  Effect.forEach(message.split("\n"), (line) => Console.error(`varve: ${line}`), { discard: true })

const exitCodeOf = (error: CommandFailure | CliError.CliError): Effect.Effect<ExitCode> => {
  if (error instanceof CommandFailure) return Effect.as(tell(error.message), error.exitCode)
  if (error._tag !== "ShowHelp") return Effect.as(tell(error.message), 2)
  // Help that was asked for is no error; what was shown for a wrong call is.
  return Effect.succeed(error.errors.length > 0 ? 2 : 0)
}

/** Runs the command that the process was called with, and ends the process. */
export const main = (loadLayers: LoadLayers): void => {
  const program = Command.run(command(loadLayers), { version }).pipe(
    Effect.as<ExitCode>(0),
    Effect.catch(exitCodeOf),
    Effect.provideService(CliConfig.CliConfig, {
      builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions]
    }),
    Effect.provide(NodeServices.layer)
  )
  runProgram({ interrupted: () => interruptedExitCode })(program, { disableErrorReporting: true })
}
