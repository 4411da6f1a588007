/** The bridge from Effects to gRPC, over real connections: what clients see, and what handlers see of clients. */
/* oxlint-disable vitest/no-standalone-expect -- the rule does not know that it.live and it.effect are tests */
import type { DescService } from "@bufbuild/protobuf"
import { fromBinary } from "@bufbuild/protobuf"
import { describe, expect, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as http2 from "node:http2"
import { failureOf, isRetryable, type Reason, reasons } from "../../src/base/reason.ts"
import { AdminService } from "../../src/transport/grpc/generated/varve/v1/admin_pb.ts"
import {
  IngestionService,
  IngestStreamResponseSchema
} from "../../src/transport/grpc/generated/varve/v1/ingestion_pb.ts"
import { QueryService } from "../../src/transport/grpc/generated/varve/v1/query_pb.ts"
import { implement, type Implementation } from "../../src/transport/grpc/method.ts"
import { statuses } from "../../src/transport/status.ts"
import {
  call,
  callRaw,
  connect,
  encodeRequest,
  openBidi,
  openServerStream,
  openSession,
  pathOf,
  requestOn,
  servePort,
  statusOfStream
} from "./support/bridge.ts"

const services = [AdminService, IngestionService, QueryService].map((service) => service as unknown as DescService)
const { createTenant, getSchema, listTenants } = AdminService.method
const { ingestBatch, ingestStream } = IngestionService.method
const { queryStream } = QueryService.method

const refusal = (reason: Reason, message = "no", field = "") => Effect.fail({ reason, message, field })

/** Waits until a number has stopped changing. */
const settled = Effect.fnUntraced(function*(read: () => number) {
  for (let unchanged = 0, last = -1; unchanged < 5; last = read()) {
    yield* Effect.sleep(100)
    unchanged = read() === last && last > 0 ? unchanged + 1 : 0
  }
})

const ready = Effect.fnUntraced(function*(...given: ReadonlyArray<Implementation>) {
  const server = yield* servePort(services, given)
  server.bind()
  yield* server.readiness.ready
  const client = yield* connect(server.port)
  return { ...server, client }
})

describe("unary calls", () => {
  it.live("decode the request and encode the answer", () =>
    Effect.gen(function*() {
      const { client } = yield* ready(implement(AdminService, {
        createTenant: ({ name, tenantId }) => Effect.succeed({ tenant: { tenantId, name, tables: 3 } })
      }))
      const { answer } = yield* call(client, createTenant, { tenantId: "a", name: "Ä" })
      expect(answer?.tenant).toMatchObject({ tenantId: "a", name: "Ä", tables: 3 })
    }))

  it.live("hand raw handlers the bytes as they were sent", () =>
    Effect.gen(function*() {
      let seen: Uint8Array | undefined
      const { client } = yield* ready(implement(IngestionService, {
        ingestBatch: {
          raw: (bytes) => {
            seen = bytes
            return Effect.succeed({ accepted: bytes.length })
          }
        }
      }))
      const request = Buffer.from([0xff, 0xff, 0xff, 1, 2, 3])
      const { code } = yield* callRaw(client, pathOf(ingestBatch), request)
      expect(code).toBe(0)
      expect(Buffer.from(seen!)).toEqual(request)
    }))

  it.live.each(Object.keys(reasons) as Array<Reason>)(
    "%s has its status, reason, field and retry delay",
    (reason) =>
      Effect.gen(function*() {
        const { client } = yield* ready(
          implement(AdminService, { listTenants: () => refusal(reason, `about ${reason}`, "data.delay") })
        )
        const outcome = yield* call(client, listTenants, {})
        expect(outcome.code).toBe(statuses[failureOf(reason)].grpc)
        expect(grpc.status[outcome.code]).toBe(failureOf(reason))
        expect(outcome.message).toBe(`about ${reason}`)
        expect(outcome.details).toMatchObject({ reason, field: "data.delay" })
        expect(outcome.details!.retryDelayMillis !== undefined).toBe(isRetryable(reason))
      })
  )

  it.live("carry any text in a message: quotes, other alphabets, half surrogates, and much of it", () =>
    Effect.gen(function*() {
      let text = ""
      const { client } = yield* ready(implement(AdminService, { listTenants: () => refusal("INVALID_VALUE", text) }))
      for (text of ["100 % \"so\"\n", "ключ 键 🔑", "x".repeat(1000)]) {
        expect((yield* call(client, listTenants, {})).message).toBe(text)
      }
      text = "half \ud800"
      expect((yield* call(client, listTenants, {})).message).toBe("half \ufffd")
      text = "🔑".repeat(100_000)
      const long = yield* call(client, listTenants, {})
      expect(long.code).toBe(grpc.status.INVALID_ARGUMENT)
      expect(long.message.length).toBeLessThanOrEqual(1024)
    }))

  it.live("answer INTERNAL for a bug, tell the client nothing of it, and log its cause", () => {
    const logged: Array<string> = []
    const logger = Logger.map(Logger.formatLogFmt, (line) => void logged.push(line))
    return Effect.gen(function*() {
      const { client } = yield* ready(implement(AdminService, {
        listTenants: () => Effect.die(new Error("secret path /etc/x")),
        createTenant: () => {
          throw new TypeError("thrown outright")
        }
      }))
      const outcome = yield* call(client, listTenants, {})
      expect(outcome.code).toBe(grpc.status.INTERNAL)
      expect(outcome.message).toMatch(/^unexpected failure, a bug in Varve; .* incident=\d+$/)
      expect(outcome.details?.reason).toBe("UNEXPECTED")
      const incident = /incident=\d+/.exec(outcome.message)![0]
      const line = logged.find((line) => line.includes(incident))
      expect(line).toContain("secret path /etc/x")
      expect(line).toContain("varve.v1.AdminService/ListTenants")
      expect((yield* call(client, createTenant, {})).code).toBe(grpc.status.INTERNAL)
    }).pipe(Effect.provide(Logger.layer([logger])))
  })

  it.live("refuse a request that is no message, as the client's fault", () =>
    Effect.gen(function*() {
      const { client } = yield* ready(implement(AdminService, { createTenant: () => Effect.succeed({}) }))
      const outcome = yield* callRaw(client, pathOf(createTenant), Buffer.from([0x0a, 0xff]))
      expect(outcome.code).toBe(grpc.status.INVALID_ARGUMENT)
      expect(outcome.details?.reason).toBe("MALFORMED_MESSAGE")
      expect(outcome.message).toContain("varve.v1.CreateTenantRequest")
    }))

  it.live("refuse a message over the limit, and go on", () =>
    Effect.gen(function*() {
      const { client } = yield* ready(
        implement(IngestionService, { ingestBatch: { raw: (bytes) => Effect.succeed({ accepted: bytes.length }) } })
      )
      const over = yield* callRaw(client, pathOf(ingestBatch), Buffer.alloc(32 * 1024 * 1024 + 1))
      expect(over.code).toBe(grpc.status.RESOURCE_EXHAUSTED)
      const under = yield* callRaw(client, pathOf(ingestBatch), Buffer.alloc(32 * 1024 * 1024))
      expect(under.code).toBe(0)
    }))

  it.live("answer UNIMPLEMENTED for methods without a handler and for what is no method", () =>
    Effect.gen(function*() {
      const { client } = yield* ready(implement(AdminService, {}))
      const known = yield* call(client, getSchema, {})
      expect([known.code, known.details?.reason]).toEqual([grpc.status.UNIMPLEMENTED, "NOT_SUPPORTED"])
      expect(known.message).toContain("/varve.v1.AdminService/GetSchema")
      expect((yield* callRaw(client, "/varve.v1.Nothing/Here", Buffer.alloc(0))).code).toBe(grpc.status.UNIMPLEMENTED)
    }))
})

describe("clients that go", () => {
  const interruptible = Effect.fnUntraced(function*() {
    const began = yield* Deferred.make<void>()
    const interrupted = yield* Deferred.make<void>()
    const handler = Deferred.succeed(began, undefined).pipe(
      Effect.andThen(Effect.never),
      Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
    )
    return { began, interrupted, handler }
  })

  it.live("interrupt the handler by a cancel", () =>
    Effect.gen(function*() {
      const { began, handler, interrupted } = yield* interruptible()
      const { client } = yield* ready(implement(AdminService, { listTenants: () => handler }))
      const fiber = yield* Effect.forkChild(call(client, listTenants, {}))
      yield* Deferred.await(began)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(interrupted)
    }))

  it.live("interrupt the handler by a deadline", () =>
    Effect.gen(function*() {
      const { handler, interrupted } = yield* interruptible()
      const { client } = yield* ready(implement(AdminService, { listTenants: () => handler }))
      const outcome = yield* call(client, listTenants, {}, { deadline: Date.now() + 100 })
      expect(outcome.code).toBe(grpc.status.DEADLINE_EXCEEDED)
      yield* Deferred.await(interrupted)
    }))

  it.live("interrupt the handlers by closing the connection", () =>
    Effect.gen(function*() {
      const one = yield* interruptible()
      const two = yield* interruptible()
      const server = yield* ready(
        implement(AdminService, { listTenants: () => one.handler }),
        implement(QueryService, { queryStream: () => Stream.fromEffect(two.handler) })
      )
      const session = yield* openSession(server.port)
      for (const method of [listTenants, queryStream]) {
        requestOn(session, pathOf(method)).end(Buffer.from([0, 0, 0, 0, 0]))
      }
      yield* Deferred.await(one.began)
      yield* Deferred.await(two.began)
      session.destroy()
      yield* Deferred.await(one.interrupted)
      yield* Deferred.await(two.interrupted)
    }))

  it.live("by resetting a stream with an error leave the server standing", () =>
    Effect.gen(function*() {
      const { began, handler, interrupted } = yield* interruptible()
      const { client, port } = yield* ready(
        implement(IngestionService, { ingestStream: { raw: () => Stream.fromEffect(handler) } }),
        implement(AdminService, { listTenants: () => Effect.succeed({}) })
      )
      const session = yield* openSession(port)
      const stream = requestOn(session, pathOf(ingestStream))
      stream.write(Buffer.from([0, 0, 0, 0, 200, 1, 2]))
      yield* Deferred.await(began)
      stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)
      yield* Deferred.await(interrupted)
      expect((yield* call(client, listTenants, {})).code).toBe(0)
    }))

  it.live("by cancelling a stream may look like its end: the handler is interrupted or sees the end, no more", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const over = yield* Deferred.make<void>()
      const { client } = yield* ready(implement(IngestionService, {
        ingestStream: {
          raw: (requests) =>
            requests.pipe(
              Stream.map((bytes) => {
                seen.push(Buffer.from(bytes).toString())
                return {}
              }),
              Stream.ensuring(Deferred.succeed(over, undefined))
            )
        }
      }))
      const stream = openBidi(client, pathOf(ingestStream))
      const status = statusOfStream(stream)
      const first = new Promise((resolve) => stream.once("data", resolve))
      stream.write(Buffer.from("one"))
      yield* Effect.promise(() => first)
      stream.cancel()
      yield* Deferred.await(over)
      expect(seen).toEqual(["one"])
      expect((yield* Effect.promise(() => status)).code).toBe(grpc.status.CANCELLED)
    }))
})

describe("streams", () => {
  it.live("echo both ways, in order, and end well", () =>
    Effect.gen(function*() {
      const { client } = yield* ready(implement(IngestionService, {
        ingestStream: {
          raw: (requests) =>
            Stream.map(requests, (bytes) => ({
              message: { case: "ack" as const, value: { sequence: BigInt(Buffer.from(bytes).toString()) } }
            }))
        }
      }))
      const stream = openBidi(client, pathOf(ingestStream))
      const status = statusOfStream(stream)
      const answers: Array<bigint> = []
      stream.on("data", (bytes: Buffer) => {
        const { message } = fromBinary(IngestStreamResponseSchema, bytes)
        if (message.case === "ack") answers.push(message.value.sequence)
      })
      for (let i = 0; i < 1000; i++) stream.write(Buffer.from(String(i)))
      stream.end()
      expect((yield* Effect.promise(() => status)).code).toBe(0)
      expect(answers).toEqual(Array.from({ length: 1000 }, (_, i) => BigInt(i)))
    }))

  it.live("send what was produced before a failure, then its status", () =>
    Effect.gen(function*() {
      const { client } = yield* ready(implement(QueryService, {
        queryStream: () =>
          Stream.concat(
            Stream.fromIterable(Array.from({ length: 100 }, () => ({}))),
            Stream.fail({ reason: "BELOW_HORIZON" as const, message: "too old", field: "as_of" })
          )
      }))
      const stream = openServerStream(client, pathOf(queryStream), encodeRequest(queryStream, {}))
      const status = statusOfStream(stream)
      let answers = 0
      stream.on("data", () => answers++)
      expect(yield* Effect.promise(() => status)).toMatchObject({
        code: grpc.status.OUT_OF_RANGE,
        message: "too old",
        details: { reason: "BELOW_HORIZON", field: "as_of" }
      })
      expect(answers).toBe(100)
    }))

  it.live("wait with answers for a client that does not take them", () =>
    Effect.gen(function*() {
      let produced = 0
      const text = "x".repeat(64 * 1024)
      const { port } = yield* ready(implement(QueryService, {
        queryStream: () =>
          Stream.range(1, 5000).pipe(
            Stream.rechunk(1),
            Stream.map(() => {
              produced++
              return { message: { case: "batch" as const, value: { records: [{ key: text }] } } }
            })
          )
      }))
      // grpc-js reads ahead by itself; a bare HTTP/2 client does not.
      const session = yield* openSession(port)
      const stream = requestOn(session, pathOf(queryStream))
      stream.end(Buffer.from([0, 0, 0, 0, 0]))
      // Nothing more is produced while nobody reads, and little was before.
      yield* settled(() => produced)
      expect(produced).toBeGreaterThan(0)
      expect(produced).toBeLessThan(40)
      let bytes = 0
      stream.on("data", (chunk: Buffer) => bytes += chunk.length)
      const trailers = yield* Effect.promise(() => new Promise((resolve) => stream.once("trailers", resolve)))
      expect(trailers).toMatchObject({ "grpc-status": "0" })
      expect(produced).toBe(5000)
      expect(bytes).toBeGreaterThan(5000 * text.length)
    }))

  it.live("hold back a client whose requests are not taken", () =>
    Effect.gen(function*() {
      const open = yield* Deferred.make<void>()
      let taken = 0
      const { client } = yield* ready(implement(IngestionService, {
        ingestStream: {
          raw: (requests) =>
            Stream.fromEffect(Deferred.await(open)).pipe(
              Stream.flatMap(() => requests),
              Stream.map(() => {
                taken++
                return {}
              })
            )
        }
      }))
      const stream = openBidi(client, pathOf(ingestStream))
      const status = statusOfStream(stream)
      stream.resume()
      const message = Buffer.alloc(64 * 1024)
      let sent = 0
      // grpc-js calls back when a message has left for the wire.
      for (let i = 0; i < 2000; i++) stream.write(message, () => sent++)
      stream.end()
      yield* settled(() => sent)
      // 8 MiB of the stream's window, and what lies in the queues on both sides.
      expect(sent).toBeGreaterThan(0)
      expect(sent).toBeLessThan(400)
      yield* Deferred.succeed(open, undefined)
      expect((yield* Effect.promise(() => status)).code).toBe(0)
      expect(taken).toBe(2000)
    }))
})

describe("readiness", () => {
  it.live("calls are UNAVAILABLE until the engine is there, and say so", () =>
    Effect.gen(function*() {
      const server = yield* servePort(services, [implement(AdminService, { listTenants: () => Effect.succeed({}) })])
      const client = yield* connect(server.port)
      const early = yield* call(client, listTenants, {})
      expect([early.code, early.details?.reason]).toEqual([grpc.status.UNAVAILABLE, "STARTING"])
      expect(early.message).toContain("starting")
      server.bind()
      yield* server.readiness.ready
      expect((yield* call(client, listTenants, {})).code).toBe(0)
    }))

  it.live("draining refuses new calls, finishes those in flight, and ends the requests of streams", () =>
    Effect.gen(function*() {
      const began = yield* Deferred.make<void>()
      const finish = yield* Deferred.make<void>()
      let ended = false
      const { client, readiness } = yield* ready(
        implement(AdminService, {
          listTenants: () =>
            Effect.as(Effect.andThen(Deferred.succeed(began, undefined), Deferred.await(finish)), { tenants: [] })
        }),
        implement(IngestionService, {
          ingestStream: {
            raw: (requests) =>
              Stream.concat(
                Stream.map(requests, () => ({})),
                // What a stream still has to say when its requests end is said.
                Stream.fromEffect(Effect.sync(() => {
                  ended = true
                  return { message: { case: "ack" as const, value: { sequence: 7n } } }
                }))
              )
          }
        })
      )
      const stream = openBidi(client, pathOf(ingestStream))
      const status = statusOfStream(stream)
      const answers: Array<Buffer> = []
      const first = new Promise<void>((resolve) =>
        stream.on("data", (bytes: Buffer) => {
          answers.push(bytes)
          resolve()
        })
      )
      stream.write(Buffer.from("one"))
      yield* Effect.promise(() => first)
      const inFlight = yield* Effect.forkChild(call(client, listTenants, {}))
      yield* Deferred.await(began)

      yield* readiness.drain
      const late = yield* call(client, listTenants, {})
      expect([late.code, late.details?.reason]).toEqual([grpc.status.UNAVAILABLE, "DRAINING"])
      expect(late.details?.retryDelayMillis).toBe(1000)
      const end = yield* Effect.promise(() => status)
      expect([end.code, end.details?.reason]).toEqual([grpc.status.UNAVAILABLE, "DRAINING"])
      expect(ended).toBe(true)
      expect(fromBinary(IngestStreamResponseSchema, answers[1]).message.case).toBe("ack")
      yield* Deferred.succeed(finish, undefined)
      expect((yield* Fiber.join(inFlight)).code).toBe(0)
    }))
})
