/** A real server in a process of its own, on a fresh data directory, and raw gRPC clients of it. */
import * as grpc from "@grpc/grpc-js"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

/** A running server. */
export interface Server {
  readonly ingestion: string
  readonly query: string
  readonly process: ChildProcess
  readonly dataDir: string
  /** Ends it by SIGTERM, waits, and removes its data. */
  readonly stop: () => Promise<void>
}

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

/** Starts a server on free ports and waits until both services are ready. */
export const startServer = async (): Promise<Server> => {
  const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), "varve-bench-"))
  const child = spawn(process.execPath, [path.join(root, "bin/varve.js"), "serve", "--data-dir", dataDir], {
    env: {
      ...process.env,
      VARVE_SERVER_INGESTION_PORT: "0",
      VARVE_SERVER_QUERY_PORT: "0",
      VARVE_SERVER_PROCESSOR_PORT: "0"
    },
    stdio: ["ignore", "pipe", "inherit"]
  })
  let printed = ""
  const address = (service: string): string | undefined =>
    new RegExp(`${service}\\b.*?(127\\.0\\.0\\.1:\\d+)`).exec(printed)?.[1]
  for await (const chunk of child.stdout) {
    printed += String(chunk)
    if (address("ingestion") !== undefined && address("query") !== undefined) break
  }
  child.stdout.resume()
  const ingestion = address("ingestion")
  const query = address("query")
  if (ingestion === undefined || query === undefined) throw new Error(`the server did not start: ${printed}`)
  return {
    ingestion,
    query,
    process: child,
    dataDir,
    stop: async () => {
      child.kill("SIGTERM")
      if (child.exitCode === null) await once(child, "exit")
      await fs.rm(dataDir, { recursive: true, force: true })
    }
  }
}

const identity = (bytes: Buffer): Buffer => bytes

/** A client that sends and receives bytes as they are. */
export class RawClient {
  private readonly client: grpc.Client

  constructor(address: string) {
    this.client = new grpc.Client(address, grpc.credentials.createInsecure(), {
      "grpc.enable_http_proxy": 0,
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      "grpc-node.flow_control_window": 8 * 1024 * 1024
    })
  }

  /** Calls a unary method by its full name, `/varve.v1.IngestionService/IngestBatch`. */
  call(method: string, request: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(method, identity, identity, request, (error, response) => {
        if (error !== null) reject(error)
        else resolve(response!)
      })
    })
  }

  /** Opens a stream in both directions. */
  stream(method: string): grpc.ClientDuplexStream<Buffer, Buffer> {
    return this.client.makeBidiStreamRequest(method, identity, identity)
  }

  close(): void {
    this.client.close()
  }
}

/** Runs `count` calls, `width` of them at a time, and returns each one's milliseconds. */
export const concurrently = async (
  count: number,
  width: number,
  call: (n: number) => Promise<unknown>
): Promise<ReadonlyArray<number>> => {
  const millis: Array<number> = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      const n = next++
      const start = performance.now()
      await call(n)
      millis.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: width }, worker))
  return millis
}
