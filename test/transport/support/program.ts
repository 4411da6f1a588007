/** `varve serve` as a process of its own, as users run it. */
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { pipeline } from "node:stream/promises"

const command = path.join(import.meta.dirname, "../../../bin/varve.js")

/** A new empty directory. */
export const makeDirectory = (): string => fs.mkdtempSync(path.join(os.tmpdir(), "varve-serve-"))

/** What a process came to. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** A server that runs. */
export interface Program {
  readonly process: ChildProcess
  /** The ports, once it is ready; rejects where it ends before. */
  readonly ports: Promise<{ readonly ingestion: number; readonly query: number; readonly processor: number }>
  readonly ended: Promise<Ended>
  readonly out: () => string
  readonly err: () => string
}

/** Starts `varve` in an empty directory with no configuration but what is given. */
export const start = (
  args: ReadonlyArray<string>,
  options: {
    readonly directory?: string
    readonly environment?: Readonly<Record<string, string>>
    /** Written to its standard input. */
    readonly input?: AsyncIterable<string>
  } = {}
): Program => {
  const child = spawn(process.execPath, [command, ...args], {
    cwd: options.directory ?? makeDirectory(),
    env: {
      PATH: process.env.PATH,
      VARVE_SERVER_INGESTION_PORT: "0",
      VARVE_SERVER_QUERY_PORT: "0",
      VARVE_SERVER_PROCESSOR_PORT: "0",
      ...options.environment
    },
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"]
  })
  // A process that ends early says why itself.
  if (options.input !== undefined) pipeline(options.input, child.stdin!).catch(() => {})
  let out = ""
  let err = ""
  child.stdout!.on("data", (chunk: Buffer) => out += chunk)
  child.stderr!.on("data", (chunk: Buffer) => err += chunk)
  const ended = new Promise<Ended>((resolve) =>
    child.on("close", (code, signal) => resolve({ code, signal, out, err }))
  )
  const ports = new Promise<{ ingestion: number; query: number; processor: number }>((resolve, reject) => {
    const look = (): void => {
      const ingestion = /^ingestion +http:\/\/\S+:(\d+) /m.exec(out)
      const query = /^query +http:\/\/\S+:(\d+) /m.exec(out)
      const processor = /^processor +http:\/\/\S+:(\d+) /m.exec(out)
      // The last of the ready lines is the first call to try.
      if (ingestion !== null && query !== null && processor !== null && out.includes("AdminService/CreateTenant\n")) {
        resolve({ ingestion: Number(ingestion[1]), query: Number(query[1]), processor: Number(processor[1]) })
      }
    }
    child.stdout!.on("data", look)
    void ended.then(({ code, err, out }) => reject(new Error(`ended with ${code}\n${out}\n${err}`)))
  })
  // Whoever does not wait for the ports does not care.
  ports.catch(() => {})
  return { process: child, ports, ended, out: () => out, err: () => err }
}

/** Runs `varve` to its end. */
export const run = (
  args: ReadonlyArray<string>,
  options: Parameters<typeof start>[1] = {}
): Promise<Ended> => start(args, options).ended
