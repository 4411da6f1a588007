/** How failures are told: a line for each problem on standard error, or one JSON object for programs. */
import type * as CliError from "effect/cli/CliError"
import * as Effect from "effect/Effect"
import { type CommandFailure, usageFailure } from "./failure.ts"

/** The format that the arguments or the environment ask for, also where they cannot be parsed. */
const wantsJson = (argv: ReadonlyArray<string>, environment: NodeJS.ProcessEnv): boolean => {
  const index = argv.findIndex((argument) => argument === "--format" || argument.startsWith("--format="))
  const format = index < 0
    ? environment.VARVE_FORMAT
    : argv[index].includes("=")
    ? argv[index].slice("--format=".length)
    : argv[index + 1]
  return format === "json" || format === "ndjson"
}

/** Tells a failure on standard error. */
export const report = ({ exitCode, field, message, reason }: CommandFailure): Effect.Effect<void> =>
  Effect.sync(() => {
    const text = wantsJson(process.argv.slice(2), process.env)
      ? `${
        JSON.stringify({
          reason: reason ?? "FAILED",
          message,
          ...(field === undefined ? {} : { field }),
          exit_code: exitCode
        })
      }\n`
      : message.split("\n").map((line) => `varve: ${line}\n`).join("")
    process.stderr.write(text)
  })

const didYouMean = (suggestions: ReadonlyArray<string>): string =>
  suggestions.length === 0 ? "" : `; did you mean ${suggestions.join(" or ")}?`

/** What was expected, in words that people use. */
const expectation = (expected: string): string => {
  const [text] = expected.replace(/^Expected:? /, "").split("\n")
  if (text.includes("\" | \"")) return `one of ${text.replaceAll(" | ", ", ").replaceAll("\"", "")}`
  return /^a string representing (?:an integer|a finite number)$/.test(text) ? "a number" : text
}

const variables: Readonly<Record<string, string>> = { tenant: "VARVE_TENANT", table: "VARVE_TABLE" }

/** What is wrong with a call, in one line. */
const describe = (error: CliError.CliError): string => {
  switch (error._tag) {
    case "UnrecognizedOption":
      return `there is no flag ${error.option}${didYouMean(error.suggestions)}`
    case "MissingOption":
      return `--${error.option} is missing` + (error.option in variables ? ` (or set ${variables[error.option]})` : "")
    case "MissingArgument":
      return `${error.argument.toUpperCase()} is missing`
    case "UnexpectedArgument":
      return `${error.arguments.map((value) => JSON.stringify(value)).join(" ")} is one argument too many`
    case "InvalidValue": {
      const expected = expectation(error.expected)
      const where = error.kind === "flag" ? `--${error.option}` : error.option.toUpperCase()
      return error.value === ""
        ? `${where} needs a value: ${expected}`
        : `${where} ${JSON.stringify(error.value)}: expected ${expected}`
    }
    case "UnknownSubcommand":
      return `there is no command ${JSON.stringify([...(error.parent ?? []).slice(1), error.subcommand].join(" "))}${
        didYouMean(error.suggestions)
      }`
    default:
      return error.message.split("\n")[0]
  }
}

/** The failure of a call that makes no sense. */
export const invocationFailure = (
  commandPath: ReadonlyArray<string>,
  errors: ReadonlyArray<CliError.CliError>
): CommandFailure => {
  const unknown = errors.find((error) => error._tag === "UnknownSubcommand")
  // Behind an unknown command nothing else makes sense.
  const told = unknown === undefined ? [...new Set(errors.map(describe))] : [describe(unknown)]
  return usageFailure(`${told.join("; ")}; see \`${commandPath.join(" ")} --help\``)
}
