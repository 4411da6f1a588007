/** One port, two protocols, and whatever else peers send. */
/* oxlint-disable vitest/no-standalone-expect -- the rule does not know that it.live and it.effect are tests */
import type { DescService } from "@bufbuild/protobuf"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import * as http2 from "node:http2"
import * as net from "node:net"
import { AdminService } from "../../src/transport/grpc/generated/varve/v1/admin_pb.ts"
import { implement } from "../../src/transport/grpc/method.ts"
import { openPort, protocolOf } from "../../src/transport/port.ts"
import { call, connect, type PortOverrides, servePort } from "./support/bridge.ts"

const { createTenant, listTenants } = AdminService.method

const serve = Effect.fnUntraced(function*(overrides: PortOverrides = {}) {
  const server = yield* servePort([AdminService as unknown as DescService], [
    implement(AdminService, {
      listTenants: () => Effect.succeed({ tenants: [{ tenantId: "t" }] }),
      createTenant: ({ name }) => Effect.succeed({ tenant: { tables: name.length } })
    })
  ], overrides)
  server.bind()
  yield* server.readiness.ready
  return server
})

/** Everything that comes back until the server closes the connection. */
const exchange = (port: number, ...chunks: ReadonlyArray<string | Buffer | number>) =>
  Effect.callback<string>((resume) => {
    const socket = net.connect(port, "127.0.0.1")
    let received = ""
    socket.on("data", (chunk) => received += chunk.toString("latin1"))
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(received)))
    const send = async (): Promise<void> => {
      for (const chunk of chunks) {
        if (typeof chunk === "number") await new Promise((resolve) => setTimeout(resolve, chunk))
        else socket.write(chunk)
      }
    }
    void send()
    return Effect.sync(() => socket.destroy())
  })

const healthy = Effect.fnUntraced(function*(port: number) {
  const client = yield* connect(port)
  expect((yield* call(client, listTenants, {})).answer?.tenants[0].tenantId).toBe("t")
  expect(yield* exchange(port, "GET /live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).toMatch(
    /^HTTP\/1\.1 200 /
  )
}, Effect.scoped)

describe("the first bytes", () => {
  it.each([
    ["", undefined],
    ["P", undefined],
    ["PRI", undefined],
    ["PRI ", "http2"],
    ["PRI * HTTP/2.0", "http2"],
    ["PR1 ", "http1"],
    ["PUT ", "http1"],
    ["PROPFIND /", "http1"],
    ["GET /", "http1"],
    ["\x16\x03\x01", "http1"]
  ])("%j tell %s", (text, protocol) => expect(protocolOf(Buffer.from(text, "latin1"))).toBe(protocol))
})

describe("one port", () => {
  it.live("serves gRPC and HTTP/1.1 side by side", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      yield* healthy(port)
    }))

  it.live("serves a request that comes a byte at a time, and many on one connection", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      const request = "PUT /live HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
      const answer = yield* exchange(port, ...Array.from(request).flatMap((letter) => [letter, 1]))
      expect(answer).toMatch(/^HTTP\/1\.1 405 /)
      const two = "GET /live HTTP/1.1\r\nhost: x\r\n\r\n"
      const answers = yield* exchange(
        port,
        two + two,
        50,
        "GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
      )
      expect(answers.match(/HTTP\/1\.1 200/g)).toHaveLength(3)
    }))

  it.live("serves HTTP/2 whose preface comes in pieces", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      const socket = net.connect(port, "127.0.0.1")
      const write = socket.write.bind(socket) as (chunk: Buffer | string) => boolean
      const frames: Array<Buffer> = []
      socket.on("data", (chunk) => frames.push(chunk))
      const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
      for (const piece of ["P", "RI", " ", preface.slice(4)]) {
        write(piece)
        yield* Effect.sleep(10)
      }
      // An empty SETTINGS frame; the server's own comes back, type 4 in byte 3.
      write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))
      yield* Effect.sleep(100)
      expect(Buffer.concat(frames)[3]).toBe(4)
      socket.destroy()
    }))

  it.live("answers 400 to what is neither, and goes on", () =>
    Effect.gen(function*() {
      const { connections, port } = yield* serve()
      const garbage = [
        Buffer.from("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "latin1"),
        Buffer.from("hello\r\n\r\n"),
        Buffer.from([0, 0, 0, 0]),
        ...Array.from({ length: 20 }, (_, i) => Buffer.concat([Buffer.from([0x80 | i]), randomBytes(1 + 50 * i)]))
      ]
      for (const bytes of garbage) expect(yield* exchange(port, bytes)).toMatch(/^HTTP\/1\.1 400 /)
      // The preface of HTTP/2, and then no frame.
      for (const rest of ["", "* HTTP/2.0\r\n\r\nSM\r\n\r\n"]) {
        yield* exchange(port, Buffer.concat([Buffer.from(`PRI ${rest}`), randomBytes(500).fill(255, 0, 3)]))
      }
      yield* healthy(port)
      yield* Effect.sleep(50)
      expect(connections()).toBe(0)
    }), 30_000)

  it.live("survives peers that reset, half close, or hang up at once", () =>
    Effect.gen(function*() {
      const { connections, port } = yield* serve()
      for (
        const first of ["", "P", "PRI ", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET", "GET / HTTP/1.1\r\nhost: x\r\n\r\n"]
      ) {
        for (const leave of ["end", "destroy", "resetAndDestroy"] as const) {
          yield* Effect.callback<void>((resume) => {
            const socket = net.connect(port, "127.0.0.1", () => {
              if (first !== "") socket.write(first)
              socket[leave]()
            })
            socket.resume()
            socket.on("error", () => {})
            socket.on("close", () => resume(Effect.void))
          })
        }
      }
      yield* healthy(port)
      yield* Effect.sleep(100)
      expect(connections()).toBe(0)
    }))

  it.live("closes a connection that sends nothing, or not enough", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ firstBytesMillis: 100 })
      expect(yield* Effect.timeout(exchange(port), 5000)).toBe("")
      expect(yield* Effect.timeout(exchange(port, "PR"), 5000)).toBe("")
      yield* healthy(port)
    }))

  it.live("takes no more connections than it may, and new ones when others have gone", () =>
    Effect.gen(function*() {
      const { connections, port } = yield* serve({ connectionsMax: 3 })
      const sockets = Array.from({ length: 3 }, () => net.connect(port, "127.0.0.1").on("error", () => {}))
      yield* Effect.sleep(100)
      expect(connections()).toBe(3)
      expect(yield* exchange(port, "GET /live HTTP/1.1\r\n\r\n")).toBe("")
      for (const socket of sockets) socket.destroy()
      yield* Effect.sleep(100)
      yield* healthy(port)
    }))

  it.live("opens wide windows on its own sessions, and on nobody else's", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      const client = yield* connect(port)
      const name = "x".repeat(1_000_000)
      expect((yield* call(client, createTenant, { name })).answer?.tenant?.tables).toBe(1_000_000)

      const other = http2.createServer((_request, response) => response.end())
      yield* Effect.promise(() => new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve)))
      const windowAfterRequest = (target: number) =>
        Effect.callback<number | undefined>((resume) => {
          const session = http2.connect(`http://127.0.0.1:${target}`)
          const request = session.request({ ":path": "/", ":method": "POST" })
          request.on("error", () => {})
          request.end()
          request.resume()
          request.on("close", () =>
            setTimeout(() => {
              resume(Effect.succeed(session.remoteSettings.initialWindowSize))
              session.destroy()
            }, 50))
        })
      expect(yield* windowAfterRequest(port)).toBe(8 * 1024 * 1024)
      expect(yield* windowAfterRequest((other.address() as net.AddressInfo).port)).toBe(65_535)
      other.close()
    }))
})

describe("a port that cannot be opened", () => {
  const opening = (host: string, port: number) =>
    Effect.exit(openPort({
      host,
      port,
      key: "server.ingestion.port",
      sockets: new Set(),
      connectionsMax: 1,
      firstBytesMillis: 1000,
      onHttp1: () => {},
      onHttp2: () => {}
    }))

  it.live("says that it is in use, and which key to change", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      expect(String(yield* opening("127.0.0.1", port))).toMatch(
        new RegExp(`port ${port} of 127\\.0\\.0\\.1 is in use .* server\\.ingestion\\.port`)
      )
    }))

  it.live("says that the host is not of this machine", () =>
    Effect.gen(function*() {
      expect(String(yield* opening("192.0.2.1", 0))).toMatch(/192\.0\.2\.1 is no address of this machine.*server\.host/)
      expect(String(yield* opening("no.such.host.invalid", 0))).toMatch(/no address of this machine/)
    }))

  it.live("is free again when its scope has closed, and its connections are cut", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { port } = yield* Scope.provide(serve(), scope)
      const socket = net.connect(port, "127.0.0.1").on("error", () => {})
      const closed = new Promise((resolve) => socket.on("close", resolve))
      yield* Effect.sleep(50)
      yield* Scope.close(scope, Exit.void)
      yield* Effect.promise(() => closed)
      const again = yield* opening("127.0.0.1", port)
      expect(Exit.isSuccess(again)).toBe(true)
    }))
})
