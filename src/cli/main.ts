/**
 * The `varve` command: parses its arguments, runs a command and ends the process. What commands do is loaded when they
 * run, so that the command starts fast.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as CliConfig from "effect/cli/CliConfig"
import type * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { version } from "../base/version.ts"
import type { BlockStorage, StorageError } from "../storage/BlockStorage.ts"
import * as administration from "./commands/administration.ts"
import * as offline from "./commands/offline.ts"
import * as records from "./commands/records.ts"
import { serve } from "./commands/serve.ts"
import * as storage from "./commands/storage.ts"
import * as tables from "./commands/tables.ts"
import { CommandFailure, type ExitCode, writeFailure } from "./failure.ts"
import { terminalOf } from "./output/terminal.ts"
import { invocationFailure, report } from "./report.ts"
import { runProgram } from "./run.ts"
import type { ServerLayer } from "./serve.ts"
import { settingFlags } from "./settings.ts"

/** Gives the layers, which only commands that run an engine, or look into its files, load: `src` never imports them. */
export type LoadLayers = () => Promise<{
  readonly ServerLayer: { readonly layer: ServerLayer }
  readonly StorageLayer: {
    readonly layerFile: (
      options: { readonly root: string; readonly create: boolean }
    ) => Layer.Layer<BlockStorage, StorageError>
  }
}>

/** The exit code where a signal ended the program: stopping a server is what it waits for. */
let interruptedExitCode: number | undefined

const command = (loadLayers: LoadLayers) => {
  const layers = Effect.promise(loadLayers)
  const openStorage = Effect.map(
    layers,
    ({ StorageLayer }) => (root: string) => StorageLayer.layerFile({ root, create: false })
  )
  return Command.make("varve").pipe(
    Command.withDescription("An event-sourced, multi-tenant MVCC storage engine"),
    Command.withSubcommands([
      serve({
        begin: Effect.sync(() => {
          interruptedExitCode = 0
        }),
        server: Effect.map(layers, ({ ServerLayer }) => ServerLayer.layer)
      }),
      administration.tenant,
      administration.schema,
      records.ingest,
      records.get,
      records.query,
      records.aggregate,
      records.explain,
      records.exportRecords,
      records.importRecords,
      administration.status,
      storage.usage,
      storage.catalog,
      storage.mvcc,
      tables.retention,
      tables.index,
      storage.flush,
      storage.compact,
      storage.checkpoint,
      administration.config,
      offline.verify(openStorage),
      offline.wal(openStorage)
    ]),
    Command.withGlobalFlags(settingFlags)
  )
}

/** Shows help and the version; what is wrong with a call is told as any other failure is. */
const presenter: CliOutput.Presenter = {
  present: (event) =>
    Effect.sync(() => {
      switch (event._tag) {
        case "Help": {
          // A group of commands by itself does nothing, which a script must not take for success.
          const isAsked = event.reason === "Requested" || event.commandPath.length === 1
          const stream = isAsked ? process.stdout : process.stderr
          const { colors } = terminalOf(stream)
          const formatter = CliOutput.defaultFormatter({ colors, inheritedFlags: "none", globalFlags: "summary" })
          stream.write(`${formatter.formatHelpDoc(event.helpDoc)}\n`)
          return
        }
        case "Version":
          process.stdout.write(`${event.name} ${event.version}\n`)
      }
    })
}

const failWith = (failure: CommandFailure): Effect.Effect<ExitCode> => Effect.as(report(failure), failure.exitCode)

const exitCodeOf = (error: CommandFailure | CliError.CliError): Effect.Effect<ExitCode> => {
  if (error instanceof CommandFailure) return failWith(error)
  if (error._tag !== "ShowHelp") return failWith(invocationFailure(["varve"], [error]))
  if (error.errors.length > 0) return failWith(invocationFailure(error.commandPath, error.errors))
  return Effect.succeed(error.commandPath.length === 1 ? 0 : 2)
}

/** A bug of ours: no stack trace for people who only want their records, unless they ask for it. */
const tellBug = (cause: Cause.Cause<never>): Effect.Effect<ExitCode> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
  const wantsTrace = ["trace", "debug"].includes(process.env.VARVE_LOG_LEVEL ?? "")
  const error = Cause.squash(cause)
  return failWith(
    new CommandFailure({
      message: wantsTrace
        ? Cause.pretty(cause)
        : `unexpected failure, a bug in Varve: ${error instanceof Error ? error.message : String(error)}; ` +
          "VARVE_LOG_LEVEL=debug shows where",
      exitCode: 1,
      reason: "UNEXPECTED"
    })
  )
}

/**
 * Whoever reads the output may stop: `varve query ... | head`. A command has nothing more to do then; a server has, for
 * others than the reader of its log. Where the output finds no room, a command has failed.
 */
const watchOutput = (): void => {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && interruptedExitCode !== undefined) throw error
      if (interruptedExitCode !== undefined) return
      if (error.code === "EPIPE") process.exit(0)
      Effect.runSync(report(writeFailure("standard output", error)))
      process.exit(1)
    })
  }
}

/** Runs the command that the process was called with, and ends the process. */
export const main = (loadLayers: LoadLayers): void => {
  watchOutput()
  const program = Command.run(command(loadLayers), { version }).pipe(
    Effect.as<ExitCode>(0),
    Effect.catch(exitCodeOf),
    Effect.catchCause(tellBug),
    Effect.provideService(CliConfig.CliConfig, {
      builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions]
    }),
    Effect.provideService(CliOutput.Presenter, presenter),
    Effect.provide(NodeServices.layer)
  )
  runProgram({ interrupted: () => interruptedExitCode })(program, { disableErrorReporting: true })
}
