/** Where log messages go: to standard error, so that standard output is a command's own. */
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { LogLevel } from "effect/LogLevel"
import * as References from "effect/References"
import type { Values } from "../base/configuration/Configuration.ts"

const levels: Readonly<Record<Values["log.level"], LogLevel>> = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  error: "Error",
  none: "None"
}

const loggers: Readonly<Record<Values["log.format"], () => Logger.Logger<unknown, void>>> = {
  pretty: () => Logger.consolePretty({ mode: "tty", colors: process.stderr.isTTY }),
  json: () => Logger.withConsoleError(Logger.formatJson),
  logfmt: () => Logger.withConsoleError(Logger.formatLogFmt)
}

/** Logs as the configuration says. */
export const layerLogging = (values: Pick<Values, "log.format" | "log.level">): Layer.Layer<never> =>
  Layer.mergeAll(
    Logger.layer([loggers[values["log.format"]]()]),
    Layer.succeed(Logger.LogToStderr, true),
    Layer.succeed(References.MinimumLogLevel, levels[values["log.level"]])
  )
