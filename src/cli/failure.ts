/** How a command fails: one clear line, and the exit code that scripts read. */
import * as Schema from "effect/Schema"

/** 0 is well; 1 failed, 2 usage or configuration, 3 unavailable, 4 authentication. */
export type ExitCode = 0 | 1 | 2 | 3 | 4

/** A command that failed. Each line of `message` is shown as a line of its own, and nothing else is. */
export class CommandFailure extends Schema.TaggedError<CommandFailure>()("CommandFailure", {
  message: Schema.String,
  exitCode: Schema.Literals([1, 2, 3, 4]),
  /** A stable upper-case word, for `--format json`; the server's where it refused. */
  reason: Schema.optionalKey(Schema.String),
  /** The field's path where one is to blame. */
  field: Schema.optionalKey(Schema.String)
}) {}

/** The same failure in other words. */
export const reword = ({ exitCode, field, reason }: CommandFailure, message: string): CommandFailure =>
  new CommandFailure({
    message,
    exitCode,
    ...(reason === undefined ? {} : { reason }),
    ...(field === undefined ? {} : { field })
  })

/** What was asked for makes no sense, whatever the server says. */
export const usageFailure = (message: string): CommandFailure =>
  new CommandFailure({ message, exitCode: 2, reason: "USAGE" })

/** What was asked for did not succeed. */
export const failure = (message: string): CommandFailure =>
  new CommandFailure({ message, exitCode: 1, reason: "FAILED" })

const writeProblems: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be larger than files may be there"
}

/** An output that could not be written on. */
export const writeFailure = (output: string, { code = "", message }: NodeJS.ErrnoException): CommandFailure =>
  failure(`${output}: ${writeProblems[code] ?? message}`)
