// `npm run check`: everything that can be said about the repository without running the engine. Each check prints one line with its
// result and time; the output of those that failed follows, and the exit code is 1 if any did.
//   node scripts/check.mjs            all
//   node scripts/check.mjs types lint only these
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

/** Checks run two at a time: the slower of them keep one core busy each. */
const CONCURRENCY = 2

/** Some tools have no build for some platforms. CI runs on Linux, where each of them must run. */
const effectDiagnosticsExist = () => {
  try {
    createRequire(import.meta.url).resolve(`@effect/tsgo-${process.platform}-${process.arch}/package.json`)
    return true
  } catch {
    return process.platform === "linux" && process.arch === "x64"
  }
}

const checks = [
  { name: "types", what: "TypeScript", command: ["tsc", "--noEmit"] },
  {
    name: "effect",
    what: "Effect diagnostics",
    command: [
      "effect-tsgo",
      "diagnostics",
      "--project",
      path.join(root, "tsconfig.json"),
      "--format",
      "text",
      "--severity",
      "error,warning",
      "--strict"
    ],
    // The tool says what it has looked at: nothing looked at is not a pass.
    accept: (output) => /Checked [1-9]\d* files/.test(output),
    skip: () =>
      effectDiagnosticsExist() ? undefined : `@effect/tsgo has no build for ${process.platform}-${process.arch}`
  },
  { name: "lint", what: "oxlint", command: ["oxlint", "--type-aware", "--deny-warnings"] },
  { name: "format", what: "dprint (repair: npm run format)", command: ["dprint", "check"] },
  { name: "proto", what: "buf lint", command: ["buf", "lint"] },
  {
    name: "generated",
    what: "generated code is current (repair: npm run proto)",
    command: ["scripts/generate_proto.sh", "--check"]
  },
  {
    name: "tidy",
    what: "the repository's own rules",
    command: ["vitest", "run", "--reporter=dot", "test/tidy.test.ts"]
  }
]

const env = {
  ...process.env,
  PATH: `${path.join(root, "node_modules", ".bin")}${path.delimiter}${process.env.PATH}`,
  NO_COLOR: "1"
}

const run = ({ accept = () => true, command: [file, ...args], skip = () => undefined }) =>
  new Promise((resolve) => {
    const reason = skip()
    if (reason !== undefined) return resolve({ result: "skipped", output: "", seconds: 0, reason })
    const started = process.hrtime.bigint()
    const child = spawn(file, args, {
      cwd: root,
      env,
      shell: process.platform === "win32",
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    child.stdout.on("data", (chunk) => output += chunk)
    child.stderr.on("data", (chunk) => output += chunk)
    const finish = (passed, extra = "") =>
      resolve({
        result: passed ? "ok" : "FAILED",
        output: output + extra,
        seconds: Number(process.hrtime.bigint() - started) / 1e9
      })
    child.on("error", (cause) => finish(false, `${file} did not start: ${cause.message}\n`))
    child.on("close", (code, signal) => {
      if (code !== 0) return finish(false, signal === null ? "" : `${file} was ended by ${signal}\n`)
      finish(accept(output), accept(output) ? "" : `${file} checked nothing\n`)
    })
  })

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !checks.some((check) => check.name === name))
if (unknown.length > 0) {
  console.error(`Unknown check ${unknown.join(", ")}. There are: ${checks.map((check) => check.name).join(", ")}`)
  process.exit(2)
}

const selected = checks.filter((check) => wanted.length === 0 || wanted.includes(check.name))
const failures = []
const queue = [...selected]
const worker = async () => {
  for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
    const { output, reason, result, seconds } = await run(check)
    console.log(
      `${result.padEnd(8)}${check.name.padEnd(11)}${`${seconds.toFixed(1)} s`.padStart(7)}  ${reason ?? check.what}`
    )
    if (result === "FAILED") failures.push({ check, output })
  }
}
if (!existsSync(path.join(root, "node_modules"))) {
  console.error("Nothing is installed: run node scripts/install.mjs")
  process.exit(2)
}
await Promise.all(Array.from({ length: CONCURRENCY }, worker))

for (const { check, output } of failures) {
  console.log(`\n--- ${check.name}: ${check.command.join(" ")}\n${output.trimEnd()}`)
}
console.log(
  failures.length === 0
    ? `\n${selected.length} checks, none failed`
    : `\n${failures.length} of ${selected.length} checks failed: ${failures.map(({ check }) => check.name).join(", ")}`
)
process.exitCode = failures.length === 0 ? 0 : 1
