/** `varve` as users run it: a process of its own, against a server that is one too. */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import type { Readable, Writable } from "node:stream"
import { type Program, start } from "../../transport/support/program.ts"

const command = path.join(import.meta.dirname, "../../../bin/varve.js")

/** What a run came to. */
export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** How to run. */
export interface RunOptions {
  /** Standard input; none where it is left out. */
  readonly input?: string | Buffer
  readonly environment?: Readonly<Record<string, string>>
}

/** A run that is under way. */
export interface Running {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly kill: () => void
  readonly ended: Promise<Ran>
}

/** A directory and a server for commands to run in and against. */
export interface Workplace {
  readonly directory: string
  readonly server: Program
  readonly environment: Readonly<Record<string, string>>
  /** Writes a file and gives its name. */
  readonly write: (name: string, content: string | Uint8Array) => string
  readonly read: (name: string) => string
  readonly begin: (args: ReadonlyArray<string>, options?: RunOptions) => Running
  /** Runs a command to its end. */
  readonly varve: (args: ReadonlyArray<string>, options?: RunOptions) => Promise<Ran>
  /** Runs a command that must succeed, and reads what it prints as JSON. */
  readonly json: (args: ReadonlyArray<string>) => Promise<ReadonlyArray<Record<string, unknown>>>
  readonly close: () => Promise<void>
}

/** Starts a server; without arguments, one that keeps everything in memory. */
export const openWorkplace = async (args: ReadonlyArray<string> = ["--memory"]): Promise<Workplace> => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "varve-cli-"))
  const server = start(["serve", ...args], { directory })
  const ports = await server.ports
  const environment = {
    PATH: process.env.PATH ?? "",
    VARVE_INGESTION_URL: `http://127.0.0.1:${ports.ingestion}`,
    VARVE_QUERY_URL: `http://127.0.0.1:${ports.query}`,
    VARVE_TENANT: "demo"
  }
  const begin = (args: ReadonlyArray<string>, options: RunOptions = {}): Running => {
    const child = spawn(process.execPath, [command, ...args], {
      cwd: directory,
      env: { ...environment, ...options.environment },
      stdio: "pipe"
    })
    let out = ""
    let err = ""
    child.stdout.on("data", (chunk: Buffer) => out += chunk)
    child.stderr.on("data", (chunk: Buffer) => err += chunk)
    // A command may end before it has read everything.
    child.stdin.on("error", () => {})
    const ended = new Promise<Ran>((resolve) => child.on("close", (code) => resolve({ code, out, err })))
    return { stdin: child.stdin, stdout: child.stdout, kill: () => child.kill(), ended }
  }
  const varve = (args: ReadonlyArray<string>, options: RunOptions = {}): Promise<Ran> => {
    const running = begin(args, options)
    running.stdin.end(options.input ?? "")
    return running.ended
  }
  return {
    directory,
    server,
    environment,
    begin,
    varve,
    write: (name, content) => {
      fs.writeFileSync(path.join(directory, name), content)
      return name
    },
    read: (name) => fs.readFileSync(path.join(directory, name), "utf8"),
    json: async (args) => {
      const { code, err, out } = await varve([...args, "--format", "json"])
      if (code !== 0) throw new Error(`varve ${args.join(" ")} ended with ${code}: ${err}`)
      return JSON.parse(out) as ReadonlyArray<Record<string, unknown>>
    },
    close: async () => {
      server.process.kill("SIGTERM")
      await server.ended
      fs.rmSync(directory, { recursive: true, force: true })
    }
  }
}
