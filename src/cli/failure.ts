/** How a command fails: one clear line, and the exit code that scripts read. */
import * as Schema from "effect/Schema"

/** 0 is well; 1 failed, 2 usage or configuration, 3 unavailable, 4 authentication. */
export type ExitCode = 0 | 1 | 2 | 3 | 4

/** A command that failed. Each line of `message` is shown as a line of its own, and nothing else is. */
export class CommandFailure extends Schema.TaggedError<CommandFailure>()("CommandFailure", {
  message: Schema.String,
  exitCode: Schema.Literals([1, 2, 3, 4])
}) {}
