/** What tools find out from a server by itself: its services by reflection, its health, and what is wrong with a call. */
/* oxlint-disable vitest/no-standalone-expect -- the rule does not know that it.live and it.effect are tests */
import type { DescService } from "@bufbuild/protobuf"
import { describe, expect, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import { service as healthService } from "grpc-health-check"
import { execFile } from "node:child_process"
import * as path from "node:path"
import { AdminService } from "../../src/transport/grpc/generated/varve/v1/admin_pb.ts"
import { IngestionService } from "../../src/transport/grpc/generated/varve/v1/ingestion_pb.ts"
import { implement } from "../../src/transport/grpc/method.ts"
import { connect, openServerStream, servePort, statusOfStream } from "./support/bridge.ts"

const root = path.join(import.meta.dirname, "../..")
const buf = path.join(root, "node_modules/.bin/buf")

/** `buf curl` without any schema: everything that it knows comes from the server's reflection. */
const curl = (port: number, method: string, ...rest: ReadonlyArray<string>) =>
  Effect.promise<{ readonly out: string; readonly err: string }>(() =>
    new Promise((resolve) =>
      execFile(
        buf,
        ["curl", "--protocol", "grpc", "--http2-prior-knowledge", ...rest, `http://127.0.0.1:${port}${method}`],
        { cwd: "/" },
        (_error, out, err) => resolve({ out, err })
      )
    )
  )

const serve = Effect.fnUntraced(function*() {
  const services = [AdminService, IngestionService].map((service) => service as unknown as DescService)
  const server = yield* servePort(services, [
    implement(AdminService, {
      createTenant: ({ tenantId }) => Effect.succeed({ tenant: { tenantId, createdAt: { seconds: 5n, nanos: 0 } } }),
      getSchema: () => Effect.fail({ reason: "INVALID_NAME", message: "table: no such name", field: "table" }),
      listTenants: () => Effect.fail({ reason: "BACK_PRESSURE", message: "slower", field: "" })
    }),
    implement(IngestionService, {
      ingestRecord: { raw: (bytes) => Effect.succeed({ position: BigInt(bytes.length) }) }
    })
  ])
  server.bind()
  yield* server.readiness.ready
  return server
})

describe("reflection", () => {
  it.live("lets buf curl call a method that it has never heard of", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      const { err, out } = yield* curl(port, "/varve.v1.AdminService/CreateTenant", "-d", "{\"tenant_id\":\"acme\"}")
      expect(err).toBe("")
      expect(JSON.parse(out)).toEqual({ tenant: { tenantId: "acme", createdAt: "1970-01-01T00:00:05Z" } })
    }))

  it.live("describes optional fields, oneofs, maps and well-known types as they are", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      const request = {
        record: { key: "k", data: { a: [1, "b", null] }, metadata: { m: "1" }, timestamp: "1970-01-01T00:00:01Z" },
        expected_version: "0"
      }
      const { err, out } = yield* curl(
        port,
        "/varve.v1.IngestionService/IngestRecord",
        "-d",
        JSON.stringify(request)
      )
      expect(err).toBe("")
      // An explicit 0 is on the wire because the field is optional: tag and value, 2 bytes.
      const without = yield* curl(
        port,
        "/varve.v1.IngestionService/IngestRecord",
        "-d",
        JSON.stringify({ record: request.record })
      )
      expect(Number(JSON.parse(out).position) - Number(JSON.parse(without.out).position)).toBe(2)
    }))

  it.live("lists the services of the port", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      const { out } = yield* curl(port, "", "--list-services")
      expect(out.trim().split("\n").toSorted()).toEqual([
        "grpc.health.v1.Health",
        "varve.v1.AdminService",
        "varve.v1.IngestionService"
      ])
    }))

  it.live("is there in v1alpha too, which older tools speak", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      const { out } = yield* curl(port, "", "--list-services", "--reflect-protocol", "grpc-v1alpha")
      expect(out).toContain("varve.v1.AdminService")
    }))
})

describe("error details", () => {
  /** What buf makes of a detail by Google's own definition of it. */
  const convert = (type: string, base64: string) =>
    Effect.promise(() =>
      new Promise((resolve, reject) => {
        const child = execFile(
          buf,
          ["convert", "proto/google/rpc/error_details.proto", "--type", type, "--from", "-#format=binpb"],
          { cwd: root },
          (error, out) => error === null ? resolve(JSON.parse(out)) : reject(error)
        )
        child.stdin!.end(Buffer.from(base64, "base64"))
      })
    )

  const explain = Effect.fnUntraced(function*(port: number, method: string) {
    const { err } = yield* curl(port, method)
    const { code, details, message } = JSON.parse(err) as {
      readonly code: string
      readonly message: string
      readonly details: ReadonlyArray<{ readonly type: string; readonly value: string }>
    }
    const explained = yield* Effect.forEach(
      details,
      ({ type, value }) => Effect.map(convert(type, value), (detail) => [type, detail])
    )
    return { code, message, details: Object.fromEntries(explained) as Record<string, unknown> }
  })

  it.live("are the standard's own", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      expect(yield* explain(port, "/varve.v1.AdminService/GetSchema")).toEqual({
        code: "invalid_argument",
        message: "table: no such name",
        details: {
          "google.rpc.ErrorInfo": { reason: "INVALID_NAME", domain: "varve", metadata: { field: "table" } },
          "google.rpc.BadRequest": { fieldViolations: [{ field: "table", description: "table: no such name" }] }
        }
      })
      expect(yield* explain(port, "/varve.v1.AdminService/ListTenants")).toEqual({
        code: "resource_exhausted",
        message: "slower",
        details: {
          "google.rpc.ErrorInfo": { reason: "BACK_PRESSURE", domain: "varve" },
          "google.rpc.RetryInfo": { retryDelay: "0.100s" }
        }
      })
    }))
})

describe("grpc.health.v1", () => {
  const { Check, Watch } = healthService as unknown as Record<
    "Check" | "Watch",
    grpc.MethodDefinition<{ service: string }, { status: string }>
  >
  const check = (client: grpc.Client, service: string) =>
    Effect.callback<string | number>((resume) => {
      client.makeUnaryRequest(
        Check.path,
        Check.requestSerialize,
        Check.responseDeserialize,
        { service },
        (error, answer) => resume(Effect.succeed(error === null ? answer!.status : error.code))
      )
    })

  it.live("follows the program: for the server and each service, and NOT_FOUND for others", () =>
    Effect.gen(function*() {
      const { port, readiness } = yield* servePort([AdminService as unknown as DescService], [])
      const client = yield* connect(port)
      const all = () =>
        Effect.forEach(["", "varve.v1.AdminService", "varve.v1.Other"], (service) => check(client, service))
      expect(yield* all()).toEqual(["NOT_SERVING", "NOT_SERVING", grpc.status.NOT_FOUND])
      yield* readiness.ready
      expect(yield* all()).toEqual(["SERVING", "SERVING", grpc.status.NOT_FOUND])
      yield* readiness.drain
      expect(yield* all()).toEqual(["NOT_SERVING", "NOT_SERVING", grpc.status.NOT_FOUND])
    }))

  it.live("tells watchers", () =>
    Effect.gen(function*() {
      const { port, readiness } = yield* servePort([AdminService as unknown as DescService], [])
      const client = yield* connect(port)
      const stream = openServerStream(client, Watch.path, Watch.requestSerialize({ service: "" }))
      void statusOfStream(stream)
      const seen: Array<string> = []
      stream.on("data", (bytes: Buffer) => seen.push(Watch.responseDeserialize(bytes).status))
      yield* Effect.sleep(100)
      yield* readiness.ready
      yield* Effect.sleep(100)
      yield* readiness.drain
      yield* Effect.sleep(100)
      stream.cancel()
      expect(seen).toEqual(["NOT_SERVING", "SERVING", "NOT_SERVING"])
    }))
})
