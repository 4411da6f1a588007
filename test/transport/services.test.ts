/** The services as clients meet them: the real engine behind the real ports. */
/* oxlint-disable vitest/no-standalone-expect -- the rule does not know that it.live and it.effect are tests */
import type { MessageInitShape } from "@bufbuild/protobuf"
import { fromBinary } from "@bufbuild/protobuf"
import { describe, expect, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import { AdminService } from "../../src/transport/grpc/generated/varve/v1/admin_pb.ts"
import {
  IngestionService,
  type IngestStreamResponse,
  IngestStreamResponseSchema
} from "../../src/transport/grpc/generated/varve/v1/ingestion_pb.ts"
import { QueryService } from "../../src/transport/grpc/generated/varve/v1/query_pb.ts"
import { type DataRecordSchema, HealthStatus } from "../../src/transport/grpc/generated/varve/v1/record_pb.ts"
import { call, callRaw, encodeRequest, openBidi, pathOf, statusOfStream } from "./support/bridge.ts"
import { serveEngine } from "./support/engine.ts"

const admin = AdminService.method
const ingestion = IngestionService.method
const query = QueryService.method

const definition = JSON.stringify({
  columns: [{ name: "n", type: "int64" }, { name: "s", type: "string", nullable: true }]
})

const setUp = Effect.fnUntraced(function*(...given: Parameters<typeof serveEngine>) {
  const server = yield* serveEngine(...given)
  const outcome = yield* call(server.query, admin.registerSchema, { tenantId: "t", table: "x", definition })
  expect(outcome.message).toBe("")
  return server
})

const record = (key: string, data: Record<string, number | string>): MessageInitShape<typeof DataRecordSchema> => ({
  tenantId: "t",
  table: "x",
  key,
  payload: { case: "data", value: data }
})

describe("AdminService", () => {
  it.live("makes tenants once, and lists them by id", () =>
    Effect.gen(function*() {
      const { query } = yield* serveEngine()
      for (const tenantId of ["b", "a"]) {
        const { answer } = yield* call(query, admin.createTenant, { tenantId, name: `Tenant ${tenantId}` })
        expect(answer?.tenant).toMatchObject({ tenantId, name: `Tenant ${tenantId}`, tables: 0 })
        expect(Number(answer?.tenant?.createdAt?.seconds)).toBeGreaterThan(1.7e9)
      }
      const again = yield* call(query, admin.createTenant, { tenantId: "a" })
      expect([again.code, again.details]).toMatchObject([grpc.status.ALREADY_EXISTS, { reason: "TENANT_EXISTS" }])
      const { answer } = yield* call(query, admin.listTenants, {})
      expect(answer?.tenants.map((tenant) => tenant.tenantId)).toEqual(["a", "b"])
    }))

  it.live("registers, lists and gets schemas", () =>
    Effect.gen(function*() {
      const { query } = yield* setUp()
      const same = yield* call(query, admin.registerSchema, { tenantId: "t", table: "x", definition })
      expect(same.answer).toMatchObject({ created: false, schema: { version: 1 } })
      const { answer } = yield* call(query, admin.getSchema, { tenantId: "t", table: "x" })
      expect(answer?.schema).toMatchObject({ tenantId: "t", table: "x", version: 1 })
      expect(JSON.parse(answer!.schema!.definition).columns).toHaveLength(2)
      const list = yield* call(query, admin.listSchemas, { tenantId: "t" })
      expect(list.answer?.schemas.map((schema) => schema.table)).toEqual(["x"])
      const none = yield* call(query, admin.getSchema, { tenantId: "t", table: "x", version: 9 })
      expect([none.code, none.details?.reason]).toEqual([grpc.status.NOT_FOUND, "SCHEMA_VERSION_NOT_FOUND"])
      const bad = yield* call(query, admin.registerSchema, { tenantId: "t", table: "y", definition: "{" })
      expect([bad.code, bad.details?.reason]).toEqual([grpc.status.INVALID_ARGUMENT, "INVALID_SCHEMA"])
    }))

  it.live("tells the log's figures", () =>
    Effect.gen(function*() {
      const { query } = yield* setUp()
      const { answer } = yield* call(query, admin.getLogStatus, {})
      expect(answer).toMatchObject({ files: 1, firstPosition: 1n, poisoned: "" })
      expect(answer!.durablePosition).toBe(answer!.writtenPosition)
      expect(answer!.writtenPosition).toBeGreaterThan(0n)
    }))
})

describe("IngestionService", () => {
  it.live("writes a record, and a query reads it back", () =>
    Effect.gen(function*() {
      const server = yield* setUp()
      const { answer } = yield* call(server.ingestion, ingestion.ingestRecord, {
        record: record("k", { n: 1, s: "ä" })
      })
      expect(answer).toMatchObject({ durability: 2, duplicate: false })
      const read = yield* call(server.query, query.getRecord, {
        tenantId: "t",
        table: "x",
        key: "k",
        minPosition: answer!.position
      })
      expect(read.answer?.record).toMatchObject({ key: "k", position: answer!.position })
      expect(read.answer?.record?.payload.value).toEqual({ n: 1, s: "ä" })
    }))

  it.live("names what is wrong with each record of a batch, and keeps the others", () =>
    Effect.gen(function*() {
      const { ingestion: client } = yield* setUp()
      const { answer } = yield* call(client, ingestion.ingestBatch, {
        records: [record("a", { n: 1 }), record("b", { n: "one" }), record("c", {}), record("d", { n: 1, q: 2 })]
      })
      expect(answer).toMatchObject({ accepted: 1, rejected: 3 })
      expect(answer!.errors.map(({ code, field, index, reason, retryable }) => [index, code, reason, field, retryable]))
        .toEqual([
          [1, grpc.status.INVALID_ARGUMENT, "WRONG_TYPE", "data.n", false],
          [2, grpc.status.INVALID_ARGUMENT, "MISSING_FIELD", "data.n", false],
          [3, grpc.status.INVALID_ARGUMENT, "UNKNOWN_FIELD", "data.q", false]
        ])
    }))

  it.live("answers a retry with the first receipt, and other content under its key with ALREADY_EXISTS", () =>
    Effect.gen(function*() {
      const { ingestion: client } = yield* setUp()
      const send = (n: number) =>
        call(client, ingestion.ingestRecord, { record: record("k", { n }), idempotencyKey: "once" })
      const first = yield* send(1)
      const again = yield* send(1)
      expect(again.answer).toMatchObject({ position: first.answer!.position, duplicate: true })
      const other = yield* send(2)
      expect([other.code, other.details?.reason]).toEqual([grpc.status.ALREADY_EXISTS, "IDEMPOTENCY_CONFLICT"])
    }))

  it.live("refuses what is not protobuf, and what is over the limit, and goes on", () =>
    Effect.gen(function*() {
      const { ingestion: client } = yield* setUp()
      const path = pathOf(ingestion.ingestBatch)
      const malformed = yield* callRaw(client, path, Buffer.from([0x0a, 0x7f, 1]))
      expect([malformed.code, malformed.details?.reason]).toEqual([grpc.status.INVALID_ARGUMENT, "MALFORMED_MESSAGE"])
      expect((yield* callRaw(client, path, Buffer.alloc(33 * 1024 * 1024))).code).toBe(grpc.status.RESOURCE_EXHAUSTED)
      const { answer } = yield* call(client, ingestion.ingestRecord, { record: record("k", { n: 1 }) })
      expect(answer?.position).toBeGreaterThan(0n)
    }))

  it.live("acknowledges a stream's messages and commits it only when told to", () =>
    Effect.gen(function*() {
      const server = yield* setUp()
      const stream = openBidi(server.ingestion, pathOf(ingestion.ingestStream))
      const status = statusOfStream(stream)
      const answers: Array<IngestStreamResponse["message"]> = []
      stream.on("data", (bytes: Buffer) => answers.push(fromBinary(IngestStreamResponseSchema, bytes).message))
      const send = (message: NonNullable<MessageInitShape<typeof ingestion.ingestStream.input>["message"]>) =>
        stream.write(encodeRequest(ingestion.ingestStream, { message }))
      send({ case: "init", value: { tenantId: "t", table: "x" } })
      send({ case: "records", value: { records: [record("a", { n: 1 }), record("b", { n: "x" })] } })
      send({ case: "record", value: record("c", { n: 3 }) })
      send({ case: "commit", value: {} })
      stream.end()
      expect((yield* Effect.promise(() => status)).code).toBe(0)
      expect(answers.map((answer) => answer.case)).toEqual(["ack", "error", "ack", "ack", "ack", "stats"])
      expect(answers.at(-2)!.value).toMatchObject({ sequence: 2n, committed: true })
      expect(answers.at(-1)!.value).toMatchObject({ accepted: 2n, rejected: 1n })
    }))

  it.live("tells its status, of one tenant and of all", () =>
    Effect.gen(function*() {
      const { ingestion: client } = yield* setUp()
      yield* call(client, ingestion.ingestBatch, { records: [record("a", { n: 1 }), record("b", { n: "x" })] })
      for (const tenantId of ["", "t"]) {
        const { answer } = yield* call(client, ingestion.getIngestionStatus, { tenantId })
        expect(answer).toMatchObject({ recordsTotal: 1n, rejectedTotal: 1n, activeStreams: 0, pendingRecords: 0n })
        expect(answer!.latencyP99Ms).toBeGreaterThan(0)
      }
      const none = yield* call(client, ingestion.getIngestionStatus, { tenantId: "nobody" })
      expect([none.code, none.details?.reason]).toEqual([grpc.status.NOT_FOUND, "TENANT_NOT_FOUND"])
    }))
})

describe("HealthCheck", () => {
  it.live("names each dependency", () =>
    Effect.gen(function*() {
      const server = yield* serveEngine()
      for (
        const [client, method] of [
          [server.ingestion, ingestion.healthCheck],
          [server.query, query.healthCheck]
        ] as const
      ) {
        const { answer } = yield* call(client, method, {})
        expect(answer?.status).toBe(HealthStatus.SERVING)
        expect(answer?.dependencies.map(({ name, status }) => [name, status])).toEqual([
          ["log", HealthStatus.SERVING],
          ["commit pipeline", HealthStatus.SERVING],
          ["memory", HealthStatus.SERVING],
          ["processor", HealthStatus.SERVING]
        ])
      }
    }))

  it.live("stays well while many times the memory that rows may take comes in, because segments take it", () =>
    Effect.gen(function*() {
      const server = yield* setUp({ "memtable.size": 1e6, "memtable.limit": 2e6 })
      const client = server.ingestion
      for (let batch = 0; batch < 60; batch++) {
        const { answer, message } = yield* call(client, ingestion.ingestBatch, {
          records: Array.from({ length: 500 }, (_, i) => record(`${batch}-${i}`, { n: i, s: "x".repeat(200) }))
        })
        expect([message, answer?.accepted]).toEqual(["", 500])
      }
      const { answer } = yield* call(client, ingestion.healthCheck, {})
      expect(answer?.status).toBe(HealthStatus.SERVING)
      const { answer: status } = yield* call(server.query, admin.getStorageStatus, {})
      expect(Number(status?.processor?.flushes)).toBeGreaterThan(0)
      expect(Number(status?.memory?.bytes)).toBeLessThan(2e6)
      for (const key of ["0-0", "30-499", "59-1"]) {
        expect((yield* call(server.query, query.getRecord, { tenantId: "t", table: "x", key })).code).toBe(0)
      }
    }))
})
