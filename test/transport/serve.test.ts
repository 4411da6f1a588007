/** `varve serve` as a process: what it prints, how it starts, how it refuses, how it stops. */
/* oxlint-disable vitest/no-standalone-expect -- the rule does not know that it.live and it.effect are tests */
import { describe, expect, it, vi } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { ServerLayer } from "../../layers/index.ts"
import { forkDaemon } from "../../src/base/daemon.ts"
import { serve } from "../../src/cli/serve.ts"
import { AdminService } from "../../src/transport/grpc/generated/varve/v1/admin_pb.ts"
import { IngestionService } from "../../src/transport/grpc/generated/varve/v1/ingestion_pb.ts"
import { AggregateFunction, QueryService } from "../../src/transport/grpc/generated/varve/v1/query_pb.ts"
import {
  call,
  connect,
  encodeRequest,
  openBidi,
  openSession,
  pathOf,
  requestOn,
  statusOfStream
} from "./support/bridge.ts"
import { makeDirectory, type Program, run, start } from "./support/program.ts"

const { registerSchema } = AdminService.method
const { ingestBatch, ingestStream } = IngestionService.method
const { aggregate, getRecord, queryStream } = QueryService.method

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** A server that is killed with the scope, where it did not end before. */
const serving = (args: ReadonlyArray<string>, options?: Parameters<typeof start>[1]) =>
  Effect.acquireRelease(
    Effect.sync(() => start(["serve", ...args], options)),
    (program) => Effect.sync(() => program.process.kill("SIGKILL"))
  )

const ended = (program: Program) => Effect.promise(() => program.ended)
const ports = (program: Program) => Effect.promise(() => program.ports)

const definition = JSON.stringify({ columns: [{ name: "n", type: "int64" }] })

const register = Effect.fnUntraced(function*(port: number) {
  const client = yield* connect(port)
  const outcome = yield* call(client, registerSchema, { tenantId: "t", table: "x", definition })
  expect(outcome.message).toBe("")
})

const records = (prefix: string, count: number) =>
  Array.from(
    { length: count },
    (_, i) => ({ key: `${prefix}-${i}`, payload: { case: "data" as const, value: { n: i } } })
  )

const countRecords = Effect.fnUntraced(function*(port: number) {
  const client = yield* connect(port)
  const outcome = yield* call(client, aggregate, {
    tenantId: "t",
    table: "x",
    aggregates: [{ function: AggregateFunction.COUNT }]
  })
  expect(outcome.message).toBe("")
  return outcome.answer!.rows[0].count
})

describe("starting", () => {
  it.live("goes on when whoever reads its output goes away", () =>
    Effect.gen(function*() {
      const program = yield* serving(["--memory"])
      const { query } = yield* ports(program)
      program.process.stdout?.destroy()
      program.process.stderr?.destroy()
      // A damaged request makes it log, to nobody.
      const socket = net.connect(query, "127.0.0.1")
      yield* Effect.promise(() => new Promise((resolve) => socket.end("\0").on("close", resolve).resume()))
      yield* register(query)
      program.process.kill("SIGTERM")
      const exitCode = yield* Effect.promise(() =>
        new Promise((resolve) => program.process.on("exit", (code) => resolve(code)))
      )
      expect(exitCode).toBe(0)
    }))

  it.live("prints a line for each service and a first call that works as it is", () =>
    Effect.gen(function*() {
      const program = yield* serving(["--memory"])
      yield* ports(program)
      const lines = program.out().trimEnd().split("\n")
      expect(lines[0]).toMatch(/^varve \d+\.\d+\.\d+ is ready; everything in memory/)
      expect(lines[1]).toMatch(/^ingestion +http:\/\/127\.0\.0\.1:\d+ +gRPC varve\.v1\.IngestionService;/)
      expect(lines[2]).toMatch(
        /^query +http:\/\/127\.0\.0\.1:\d+ +gRPC varve\.v1\.QueryService, varve\.v1\.AdminService;/
      )
      expect(lines[3]).toMatch(/^processor +http:\/\/127\.0\.0\.1:\d+ +gRPC grpc\.health\.v1\.Health; HTTP \/health/)
      const answer = yield* Effect.promise(() =>
        new Promise<string>((resolve) =>
          execFile("sh", ["-c", lines[5]], { cwd: path.join(import.meta.dirname, "../..") }, (_error, out) =>
            resolve(out))
        )
      )
      expect(JSON.parse(answer)).toMatchObject({ tenant: { tenantId: "demo" } })
      program.process.kill("SIGTERM")
      expect(yield* ended(program)).toMatchObject({ code: 0, signal: null })
    }))

  it.live("makes the data directory, and finds its data there again", () =>
    Effect.gen(function*() {
      const directory = makeDirectory()
      const data = path.join(directory, "a/b")
      const first = yield* serving(["--data-dir", data], { directory })
      const one = yield* ports(first)
      yield* register(one.query)
      const client = yield* connect(one.ingestion)
      const { answer } = yield* call(client, ingestBatch, { tenantId: "t", table: "x", records: records("k", 10) })
      expect(answer).toMatchObject({ accepted: 10, rejected: 0 })
      first.process.kill("SIGTERM")
      expect((yield* ended(first)).code).toBe(0)

      const second = yield* serving(["--data-dir", data], { directory })
      const again = yield* ports(second)
      expect(second.out()).toContain(`data in ${data}`)
      expect(yield* countRecords(again.query)).toBe(10)
    }))

  it.live("reads varve.yaml where it runs; the environment wins over it", () =>
    Effect.gen(function*() {
      const directory = makeDirectory()
      fs.writeFileSync(path.join(directory, "varve.yaml"), "storage: {data_dir: ./here}\nlog: {format: json}\n")
      const program = yield* serving([], { directory, environment: { VARVE_LOG_FORMAT: "logfmt" } })
      yield* ports(program)
      expect(program.out()).toContain(`data in ${path.join(fs.realpathSync(directory), "here")}`)
      program.process.kill("SIGINT")
      const { code, err } = yield* ended(program)
      expect(code).toBe(0)
      expect(err).toMatch(/level=INFO.* message=stopped/)
    }))
})

describe("refusing to start", () => {
  const oneLine = (err: string): void => {
    expect(err.trimEnd().split("\n")).toHaveLength(1)
    expect(err).toMatch(/^varve: /)
    expect(err).not.toMatch(/\bat .*\.[jt]s:\d+/)
  }

  it.live.each<[name: string, args: ReadonlyArray<string>, environment: Record<string, string>, message: RegExp]>([
    ["a bad value", [], { VARVE_WAL_SYNC: "always" }, /VARVE_WAL_SYNC \(wal\.sync\) takes one of commit/],
    ["an unknown key", [], { VARVE_SERVER_HOTS: "x" }, /VARVE_SERVER_HOTS .*VARVE_SERVER_HOST/],
    ["security that is not there", [], { VARVE_AUTH_ENABLED: "true" }, /VARVE_AUTH_ENABLED is not available/],
    ["a missing file", ["--config", "none.yaml"], {}, /none\.yaml: there is no such file/],
    ["an open host", ["--host", "0.0.0.0"], {}, /server\.host \(--host\) is 0\.0\.0\.0.*--insecure/],
    ["two places for data", ["--memory", "--data-dir", "x"], {}, /--memory keeps nothing on disk/],
    ["a role alone", ["--role", "query"], {}, /--role query needs .*--role all/]
  ])("exits 2 for %s, with one line", ([, args, environment, message]) =>
    Effect.gen(function*() {
      const { code, err, out } = yield* Effect.promise(() => run(["serve", ...args], { environment }))
      expect([code, out]).toEqual([2, ""])
      oneLine(err)
      expect(err).toMatch(message)
    }))

  it.live("exits 2 for an unknown flag and says where they are listed", () =>
    Effect.gen(function*() {
      const { code, err, out } = yield* Effect.promise(() => run(["serve", "--prot", "1"]))
      expect(code).toBe(2)
      expect(out + err).toMatch(/--prot/)
      expect(out + err).toMatch(/varve serve --help/)
    }))

  it.live("exits 1 where a port is in use", () =>
    Effect.gen(function*() {
      const other = net.createServer().listen(0, "127.0.0.1")
      yield* Effect.promise(() => new Promise((resolve) => other.once("listening", resolve)))
      const { port } = other.address() as net.AddressInfo
      const { code, err } = yield* Effect.promise(() =>
        run(["serve", "--memory"], { environment: { VARVE_SERVER_QUERY_PORT: String(port) } })
      )
      other.close()
      expect(code).toBe(1)
      oneLine(err)
      expect(err).toMatch(new RegExp(`port ${port} of 127\\.0\\.0\\.1 is in use.*server\\.query\\.port`))
    }))

  it.live("exits 1 where another process has the data directory", () =>
    Effect.gen(function*() {
      const directory = makeDirectory()
      const first = yield* serving([], { directory })
      yield* ports(first)
      const { code, err } = yield* Effect.promise(() => run(["serve"], { directory }))
      expect(code).toBe(1)
      oneLine(err)
      expect(err).toMatch(new RegExp(`${first.process.pid}`))
    }))

  it.live("exits 1 where the log is damaged, naming the file and the offset", () =>
    Effect.gen(function*() {
      const directory = makeDirectory()
      const first = yield* serving([], { directory })
      yield* register((yield* ports(first)).query)
      first.process.kill("SIGTERM")
      expect((yield* ended(first)).code).toBe(0)
      const log = path.join(directory, "data/wal/wal-000001.log")
      const bytes = fs.readFileSync(log)
      bytes[bytes.length - 20] ^= 0xff
      bytes.fill(0xff, 0, 4)
      fs.writeFileSync(log, bytes)
      const { code, err } = yield* Effect.promise(() => run(["serve"], { directory }))
      expect(code).toBe(1)
      oneLine(err)
      expect(err).toMatch(/wal-000001\.log.*offset \d+/)
    }))
})

describe("stopping", () => {
  it.live(
    "under load: everything acknowledged is there again, clients are told UNAVAILABLE, and it exits 0",
    () =>
      Effect.gen(function*() {
        const directory = makeDirectory()
        const program = yield* serving([], { directory })
        const { ingestion, query } = yield* ports(program)
        yield* register(query)

        let acknowledged = 0
        const codes = new Set<number>()
        const reasons = new Set<string>()
        const load = Effect.fnUntraced(function*(worker: number) {
          const client = yield* connect(ingestion, { "grpc.use_local_subchannel_pool": 1 })
          for (let batch = 0;; batch++) {
            const { answer, code, details } = yield* call(client, ingestBatch, {
              tenantId: "t",
              table: "x",
              records: records(`${worker}-${batch}`, 200)
            })
            if (answer === undefined) {
              codes.add(code)
              if (details !== undefined) reasons.add(details.reason)
              return
            }
            acknowledged += answer.accepted
          }
        })
        const stream = Effect.fnUntraced(function*() {
          const client = yield* connect(ingestion, { "grpc.use_local_subchannel_pool": 1 })
          const duplex = openBidi(client, pathOf(ingestStream))
          duplex.resume()
          return yield* Effect.promise(() => statusOfStream(duplex))
        })
        const workers = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 16 }, (_, i) => i), load, { concurrency: "unbounded" })
        )
        const streams = yield* Effect.forkChild(stream())
        yield* Effect.promise(() => until(() => acknowledged > 20_000))
        const before = process.hrtime.bigint()
        program.process.kill("SIGTERM")
        const { code, err, signal } = yield* ended(program)
        expect([code, signal]).toEqual([0, null])
        expect(Number(process.hrtime.bigint() - before) / 1e9).toBeLessThan(8)
        expect(err).not.toMatch(/ERROR|WARN/)
        yield* Fiber.join(workers)
        expect([...codes]).toEqual([grpc.status.UNAVAILABLE])
        expect([...reasons]).toEqual(["DRAINING"])
        expect(yield* Fiber.join(streams)).toMatchObject({
          code: grpc.status.UNAVAILABLE,
          details: { reason: "DRAINING" }
        })

        const again = yield* serving([], { directory })
        expect(yield* countRecords((yield* ports(again)).query)).toBe(acknowledged)
      }),
    60_000
  )

  /** A call that waits for ten seconds: for a position that does not come. */
  const waiting = Effect.fnUntraced(function*(port: number) {
    yield* register(port)
    const client = yield* connect(port)
    const fiber = yield* Effect.forkChild(
      call(client, getRecord, { tenantId: "t", table: "x", key: "k", minPosition: 1000n })
    )
    yield* Effect.sleep(200)
    return fiber
  })

  const status = (port: number, path: string) =>
    Effect.promise(() => fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } })).pipe(
      Effect.map((response) => response.status)
    )

  it.live("is not ready while it drains, and still alive; calls over the limit are told UNAVAILABLE", () =>
    Effect.gen(function*() {
      const program = yield* serving(["--memory"], { environment: { VARVE_SERVER_DRAIN_TIMEOUT: "1500ms" } })
      const { query } = yield* ports(program)
      const fiber = yield* waiting(query)
      expect(yield* Effect.forEach(["/ready", "/health", "/live"], (path) => status(query, path))).toEqual([
        200,
        200,
        200
      ])
      program.process.kill("SIGTERM")
      yield* Effect.sleep(200)
      expect(yield* Effect.forEach(["/ready", "/health", "/live"], (path) => status(query, path))).toEqual([
        503,
        503,
        200
      ])
      const outcome = yield* Fiber.join(fiber)
      expect([outcome.code, outcome.details?.reason]).toEqual([grpc.status.UNAVAILABLE, "DRAINING"])
      const { code, err } = yield* ended(program)
      expect(code).toBe(0)
      expect(err).toMatch(/waiting for 1 call to finish/)
      expect(err).toMatch(/1 call did not finish in time/)
    }))

  it.live("does not wait for clients that do not read, watch health for ever, or say nothing", () =>
    Effect.gen(function*() {
      const program = yield* serving(["--memory"], { environment: { VARVE_SERVER_DRAIN_TIMEOUT: "500ms" } })
      const { ingestion, query } = yield* ports(program)
      yield* register(query)
      const client = yield* connect(ingestion)
      for (let batch = 0; batch < 10; batch++) {
        const { answer } = yield* call(client, ingestBatch, {
          tenantId: "t",
          table: "x",
          records: records(`${batch}-${"k".repeat(200)}`, 2000)
        })
        expect(answer?.accepted).toBe(2000)
      }
      const session = yield* openSession(query)
      const stalled = requestOn(session, pathOf(queryStream))
      const request = encodeRequest(queryStream, { tenantId: "t", table: "x" })
      const head = Buffer.alloc(5)
      head.writeUInt32BE(request.length, 1)
      stalled.end(Buffer.concat([head, request]))
      requestOn(session, "/grpc.health.v1.Health/Watch").end(Buffer.alloc(5))
      const silent = net.connect(query, "127.0.0.1").on("error", () => {})
      yield* Effect.sleep(300)
      program.process.kill("SIGTERM")
      const before = performance.now()
      const { code, err } = yield* ended(program)
      silent.destroy()
      expect(code).toBe(0)
      expect(err).toMatch(/waiting for 1 call to finish/)
      expect(performance.now() - before).toBeLessThan(5000)
    }))

  it.live("a second signal ends it at once, but not the same Ctrl-C coming twice", () =>
    Effect.gen(function*() {
      const program = yield* serving(["--memory"])
      yield* waiting((yield* ports(program)).query)
      program.process.kill("SIGINT")
      yield* Effect.sleep(50)
      program.process.kill("SIGINT")
      yield* Effect.sleep(800)
      expect(program.process.exitCode).toBe(null)
      program.process.kill("SIGINT")
      const before = performance.now()
      expect((yield* ended(program)).code).toBe(1)
      expect(performance.now() - before).toBeLessThan(1000)
    }))

  it.live("works at any moment of the start", () =>
    Effect.gen(function*() {
      for (const delay of [0, 100, 200, 300, 400, 500, 600]) {
        const program = yield* serving(["--memory"])
        yield* Effect.sleep(delay)
        program.process.kill("SIGTERM")
        const { code, err, signal } = yield* ended(program)
        // Before the program listens to signals, one ends it as it ends any process.
        expect(signal ?? code).toBeOneOf([0, "SIGTERM"])
        expect(err).not.toMatch(/rror/)
      }
    }))

  it.live("happens by itself when a daemon dies: its cause is logged, and the command fails", () => {
    const dying = Layer.effectDiscard(
      forkDaemon("canary", Effect.andThen(Effect.sleep(300), Effect.die(new Error("no air"))))
    )
    const options = {
      config: undefined,
      role: "all",
      memory: true,
      dataDirectory: undefined,
      host: undefined,
      insecure: false,
      environment: {
        VARVE_SERVER_INGESTION_PORT: "0",
        VARVE_SERVER_QUERY_PORT: "0",
        VARVE_SERVER_PROCESSOR_PORT: "0",
        VARVE_LOG_FORMAT: "logfmt"
      }
    } as const
    return Effect.gen(function*() {
      const errors = vi.spyOn(console, "error").mockImplementation(() => {})
      const lines = vi.spyOn(console, "log").mockImplementation(() => {})
      yield* Effect.addFinalizer(() => Effect.sync(() => vi.restoreAllMocks()))
      const failure = yield* Effect.flip(serve(options, Layer.provideMerge(dying, ServerLayer.layer)))
      expect(failure).toMatchObject({ exitCode: 1, message: "the canary died, so the server stops: no air" })
      expect(lines.mock.calls.flat().join("\n")).toContain("is ready")
      expect(errors.mock.calls.flat().join("\n")).toMatch(/level=FATAL.*canary died.*no air/s)
    })
  })
})
