/**
 * The examples in README.md and docs are run. A block of commands below `<!-- tested -->` must succeed against a server
 * that was started for its document; a block of text right behind it is what it must print, with `…` for whatever
 * differs from run to run (a line of nothing else stands for any lines). Blocks of a document run one after another in one empty directory.
 */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Program, start } from "./transport/support/program.ts"

const root = path.join(import.meta.dirname, "..")

interface Example {
  readonly line: number
  readonly script: string
  /** `undefined`: anything. */
  readonly output: string | undefined
}

const block = /^<!-- tested -->\n+```sh\n([\s\S]*?)^```\n(?:\n*```text\n([\s\S]*?)^```\n)?/gm

const examplesOf = (text: string): ReadonlyArray<Example> =>
  [...text.matchAll(block)].map((match) => ({
    line: text.slice(0, match.index).split("\n").length,
    script: match[1],
    output: match[2]
  }))

const documents = ["README.md", ...fs.readdirSync(path.join(root, "docs")).map((name) => `docs/${name}`)]
  .filter((name) => name.endsWith(".md") && fs.existsSync(path.join(root, name)))
  .map((name) => [name, examplesOf(fs.readFileSync(path.join(root, name), "utf8"))] as const)
  .filter(([, examples]) => examples.length > 0)

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** A pattern for an output: a `…` stands for anything within its line, and a line of nothing else for any lines. */
const patternOf = (output: string): RegExp => {
  const lines = output.trimEnd().split("\n").map((line) =>
    line === "…" ? "(?:[^\n]*\n)*?" : `${line.split("…").map(escape).join("[^\n]*")}\n`
  )
  return new RegExp(`^${lines.join("")}$`)
}

const run = (script: string, directory: string, environment: Record<string, string>) =>
  new Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>((resolve) => {
    const child = spawn("sh", ["-eu", "-c", script], {
      cwd: directory,
      env: environment,
      stdio: ["ignore", "pipe", "pipe"]
    })
    let out = ""
    let err = ""
    child.stdout.on("data", (chunk: Buffer) => out += chunk)
    child.stderr.on("data", (chunk: Buffer) => err += chunk)
    child.on("close", (code) => resolve({ code, out, err }))
  })

describe.each(documents)("%s", (_, examples) => {
  let server: Program
  let directory: string
  let environment: Record<string, string>
  let withPorts: (script: string) => string

  beforeAll(async () => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), "varve-docs-"))
    // `npx` finds what the clone has, without the second that npm takes to say so.
    const tools = path.join(directory, ".tools")
    fs.mkdirSync(tools)
    fs.writeFileSync(path.join(tools, "npx"), "#!/bin/sh\nexec \"$@\"\n", { mode: 0o755 })
    server = start(["serve", "--data-dir", "data"], { directory })
    const { ingestion, query } = await server.ports
    withPorts = (script) =>
      script.replaceAll("127.0.0.1:8080", `127.0.0.1:${ingestion}`).replaceAll("127.0.0.1:8081", `127.0.0.1:${query}`)
    environment = {
      PATH: [tools, path.join(root, "node_modules/.bin"), process.env.PATH].join(path.delimiter),
      HOME: directory,
      VARVE_INGESTION_URL: `http://127.0.0.1:${ingestion}`,
      VARVE_QUERY_URL: `http://127.0.0.1:${query}`
    }
  })
  afterAll(async () => {
    server.process.kill("SIGTERM")
    await server.ended
    fs.rmSync(directory, { recursive: true, force: true })
  })

  it.each(examples)("line $line", async ({ output, script }) => {
    const { code, err, out } = await run(withPorts(script), directory, environment)
    expect([code, code === 0 ? "" : err]).toEqual([0, ""])
    expect(out).toMatch(output === undefined ? /^/ : patternOf(output))
  })
})

describe("the blocks that are run", () => {
  it("are found with their lines and outputs", () => {
    const text =
      "# A\n\n<!-- tested -->\n\n```sh\na\nb\n```\n\n```text\nc … d\n```\n\n```sh\nno\n```\n<!-- tested -->\n```sh\ne\n```\nand\n```text\nf\n```\n"
    expect(examplesOf(text)).toEqual([
      { line: 3, script: "a\nb\n", output: "c … d\n" },
      { line: 17, script: "e\n", output: undefined }
    ])
    expect("c 1 2 d\n").toMatch(patternOf("c … d\n"))
    expect("c 1\nd\n").not.toMatch(patternOf("c … d\n"))
    expect("a\nb\nc\nd\n").toMatch(patternOf("a\n…\nd\n"))
    expect("a\nb\nc\n").not.toMatch(patternOf("a\n…\nd\n"))
    expect(documents.map(([name]) => name)).toContain("docs/cli.md")
  })
})
