/** Bad input over the wire: each has its status and a message that names the field, and the server goes on. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { BinaryWriter } from "@bufbuild/protobuf/wire"
import { StructSchema, ValueSchema } from "@bufbuild/protobuf/wkt"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import { once } from "node:events"
import * as net from "node:net"
import { AdminService } from "../../src/transport/grpc/generated/varve/v1/admin_pb.ts"
import {
  IngestBatchRequestSchema,
  IngestionService,
  IngestStreamRequestSchema
} from "../../src/transport/grpc/generated/varve/v1/ingestion_pb.ts"
import { QueryService } from "../../src/transport/grpc/generated/varve/v1/query_pb.ts"
import { type Program, start } from "../transport/support/program.ts"
import { Client, type Data } from "./support/client.ts"

const definition = JSON.stringify({
  columns: [
    { name: "count", type: "int32" },
    { name: "total", type: "int64", nullable: true },
    { name: "ratio", type: "float64", nullable: true },
    { name: "name", type: "string", nullable: true },
    { name: "seen", type: "timestamp", nullable: true },
    { name: "blob", type: "bytes", nullable: true },
    { name: "flag", type: "bool", nullable: true },
    { name: "place", type: { struct: [{ name: "lat", type: "float64" }] }, nullable: true }
  ]
})

let program: Program
let ingestion: Client
let query: Client

beforeAll(async () => {
  program = start(["serve", "--memory"])
  const ports = await program.ports
  ingestion = new Client(ports.ingestion)
  query = new Client(ports.query)
  await query.call(AdminService.method.registerSchema, { tenantId: "t", table: "x", definition })
})

afterAll(async () => {
  ingestion.close()
  query.close()
  program.process.kill("SIGTERM")
  assert.strictEqual((await program.ended).code, 0)
})

/** The server takes a good record and gives it back. */
const assertServing = async (): Promise<void> => {
  const key = `good-${Math.random()}`
  const { position } = await ingestion.call(IngestionService.method.ingestRecord, { record: record(key, { count: 1 }) })
  const answer = await query.call(QueryService.method.getRecord, {
    tenantId: "t",
    table: "x",
    key,
    minPosition: position
  })
  assert.strictEqual(answer.record?.position, position)
}

const record = (key: string, data: Data) => ({
  tenantId: "t",
  table: "x",
  key,
  payload: { case: "data" as const, value: data }
})

const refusal = async (call: Promise<unknown>): Promise<grpc.ServiceError> => {
  try {
    await call
  } catch (error) {
    return error as grpc.ServiceError
  }
  throw new Error("the call was answered")
}

const assertRefused = async (call: Promise<unknown>, code: grpc.status, ...words: ReadonlyArray<string>) => {
  const error = await refusal(call)
  assert.strictEqual(grpc.status[error.code], grpc.status[code], error.details)
  for (const word of words) assert.include(error.details, word)
  await assertServing()
}

const ingest = (request: Parameters<typeof record>) =>
  ingestion.call(IngestionService.method.ingestRecord, { record: record(...request) })

const { FAILED_PRECONDITION, INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED, UNIMPLEMENTED } = grpc.status

describe("values", () => {
  const cases: ReadonlyArray<readonly [string, Data, string, string]> = [
    ["text for an int32", { count: "many" }, "data.count", "int32"],
    ["a fraction for an int32", { count: 1.5 }, "data.count", "whole number"],
    ["an int32 beyond its range", { count: 2 ** 40 }, "data.count", "beyond an int32"],
    ["null for a column that is not nullable", { count: null }, "data.count", "not nullable"],
    ["a missing column", { name: "x" }, "data.count", "missing"],
    ["an unknown column", { count: 1, nmae: "x" }, "data.nmae", "no such column"],
    ["an int64 number beyond 2^53", { count: 1, total: 2 ** 53 + 2 }, "data.total", "decimal string"],
    ["an int64 string beyond 64 bits", { count: 1, total: "9223372036854775808" }, "data.total", "beyond an int64"],
    ["no number in an int64 string", { count: 1, total: "12x" }, "data.total", "decimal string"],
    ["text for a float64", { count: 1, ratio: "1.5" }, "data.ratio", "send a number"],
    ["a number for a string", { count: 1, name: 5 }, "data.name", "string"],
    ["a day that does not exist", { count: 1, seen: "2026-02-30T00:00:00Z" }, "data.seen", "RFC 3339"],
    ["bytes that are not base64", { count: 1, blob: "***" }, "data.blob", "base64"],
    ["text for a bool", { count: 1, flag: "true" }, "data.flag", "true or false"],
    ["a struct without its field", { count: 1, place: {} }, "data.place.lat", "missing"],
    ["a struct with another field", { count: 1, place: { lat: 1, lon: 2 } }, "data.place.lon", "no such field"]
  ]
  it.for(cases)("%s", ([, data, field, word]) => assertRefused(ingest(["k", data]), INVALID_ARGUMENT, field, word))

  it.for([Number.NaN, Number.POSITIVE_INFINITY])("%s in a Struct", async (number) => {
    // The generated code refuses to encode it, so it is spliced into the bytes.
    const bytes = Buffer.from(toBinary(
      IngestBatchRequestSchema,
      create(IngestBatchRequestSchema, { records: [record("k", { count: 1, ratio: 123.456 })] })
    ))
    const at = bytes.indexOf(Buffer.from(new Float64Array([123.456]).buffer))
    bytes.writeDoubleLE(number, at)
    const answer = fromBinary(
      IngestionService.method.ingestBatch.output,
      await ingestion.callBytes("/varve.v1.IngestionService/IngestBatch", bytes)
    )
    assert.deepStrictEqual([answer.accepted, answer.rejected], [0, 1])
    assert.strictEqual(answer.errors[0].field, "data.ratio")
    assert.strictEqual(answer.errors[0].reason, "NOT_FINITE")
    await assertServing()
  })

  it("NaN in a typed row", () => {
    const values = [
      { kind: { case: "intValue" as const, value: 1n } },
      {},
      { kind: { case: "doubleValue" as const, value: Number.NaN } },
      {},
      {},
      {},
      {},
      {}
    ]
    return assertRefused(
      ingestion.call(IngestionService.method.ingestRecord, {
        record: { tenantId: "t", table: "x", key: "k", payload: { case: "row", value: { values } } }
      }),
      INVALID_ARGUMENT,
      "row.ratio"
    )
  })

  it("takes an int64 beyond 2^53 as a decimal string, exactly", async () => {
    const total = "9007199254740993"
    await ingest(["wide", { count: 1, total }])
    const { record } = await query.call(QueryService.method.getRecord, { tenantId: "t", table: "x", key: "wide" })
    assert(record?.payload.case === "data")
    assert.strictEqual(record.payload.value.total, total)
  })

  it("invalid UTF-8 names the record and the field, and its neighbours are kept", async () => {
    const bytes = Buffer.from(toBinary(
      IngestBatchRequestSchema,
      create(IngestBatchRequestSchema, {
        records: [
          record("a", { count: 1, name: "fine" }),
          record("b", { count: 2, name: "br0ken" }),
          record("c", { count: 3 })
        ]
      })
    ))
    bytes[bytes.indexOf("br0ken") + 2] = 0xff
    const answer = fromBinary(
      IngestionService.method.ingestBatch.output,
      await ingestion.callBytes("/varve.v1.IngestionService/IngestBatch", bytes)
    )
    assert.deepStrictEqual([answer.accepted, answer.rejected], [2, 1])
    assert.strictEqual(answer.errors[0].index, 1)
    assert.strictEqual(answer.errors[0].field, "data.name")
    assert.strictEqual(answer.errors[0].reason, "INVALID_UTF8")
    await assertServing()
  })
})

describe("timestamps", () => {
  it.for([253402300799999, 9007199254741, -62135596800000, 1.5])("%d milliseconds since 1970", async (seen) => {
    await ingest(["seen", { count: 1, seen }])
    const { record } = await query.call(QueryService.method.getRecord, { tenantId: "t", table: "x", key: "seen" })
    assert(record?.payload.case === "data" && typeof record.payload.value.seen === "string")
    assert.strictEqual(Math.trunc(seen), new Date(record.payload.value.seen).getTime())
  })
  it("milliseconds beyond the year 9999", () =>
    assertRefused(ingest(["seen", { count: 1, seen: 253402300800000 }]), INVALID_ARGUMENT, "data.seen"))
})

describe("keys", () => {
  it("an empty key", () => assertRefused(ingest(["", { count: 1 }]), INVALID_ARGUMENT, "key", "empty"))
  it("a key of 2 KiB", () =>
    assertRefused(ingest(["k".repeat(2048), { count: 1 }]), INVALID_ARGUMENT, "key", "2048 bytes", "1024"))
  it("a key of 1 KiB is fine", async () => {
    const key = "k".repeat(1024)
    await ingest([key, { count: 1 }])
    const answer = await query.call(QueryService.method.getRecord, { tenantId: "t", table: "x", key })
    assert.strictEqual(answer.record?.key, key)
  })
})

describe("names", () => {
  const ingestTo = (tenantId: string, table: string, schemaVersion = 0) =>
    ingestion.call(IngestionService.method.ingestRecord, {
      record: { tenantId, table, key: "k", schemaVersion, payload: { case: "data", value: { count: 1 } } }
    })
  it("an unknown table", () => assertRefused(ingestTo("t", "nowhere"), NOT_FOUND, "table", "nowhere"))
  it("an unknown tenant", () => assertRefused(ingestTo("nobody", "x"), NOT_FOUND, "tenant_id", "nobody"))
  it("no tenant", () => assertRefused(ingestTo("", "x"), INVALID_ARGUMENT, "tenant_id", "missing"))
  it("an unknown schema version", () => assertRefused(ingestTo("t", "x", 9), NOT_FOUND, "schema_version", "9"))
  it("an unknown column in a filter", () =>
    assertRefused(
      query.call(QueryService.method.query, { tenantId: "t", table: "x", where: "cuont > 1" }),
      INVALID_ARGUMENT,
      "cuont",
      "count"
    ))
  it("a filter that cannot be read", () =>
    assertRefused(
      query.call(QueryService.method.query, { tenantId: "t", table: "x", where: "count >" }),
      INVALID_ARGUMENT,
      "where"
    ))
  it("a version that is not the current one", async () => {
    await ingest(["versioned", { count: 1 }])
    await assertRefused(
      ingestion.call(IngestionService.method.ingestRecord, {
        record: record("versioned", { count: 2 }),
        expectedVersion: 0n
      }),
      FAILED_PRECONDITION,
      "expected_version"
    )
  })
  it("the health of a service that is not there", () =>
    assertRefused(ingestion.call(IngestionService.method.healthCheck, { service: "nope" }), NOT_FOUND, "nope"))
  it("a method that does not exist", () =>
    assertRefused(ingestion.callBytes("/varve.v1.IngestionService/Teleport", Buffer.alloc(0)), UNIMPLEMENTED))
})

describe("bytes", () => {
  it("a message over the limit", () =>
    assertRefused(
      ingestion.callBytes("/varve.v1.IngestionService/IngestBatch", Buffer.alloc(33 * 1024 * 1024)),
      RESOURCE_EXHAUSTED
    ))

  it("bytes that are no message", () =>
    assertRefused(
      ingestion.callBytes("/varve.v1.IngestionService/IngestBatch", Buffer.from("not a message at all")),
      INVALID_ARGUMENT,
      "IngestBatchRequest"
    ))

  it("a message cut anywhere", async () => {
    const whole = Buffer.from(toBinary(
      IngestBatchRequestSchema,
      create(IngestBatchRequestSchema, { records: [record("cut", { count: 7, name: "n", place: { lat: 1 } })] })
    ))
    for (let length = 1; length < whole.length; length++) {
      const error = await refusal(
        ingestion.callBytes("/varve.v1.IngestionService/IngestBatch", whole.subarray(0, length))
      )
      assert.strictEqual(error.code, INVALID_ARGUMENT, `${length} bytes: ${error.details}`)
    }
    await assertServing()
  })

  it("a struct nested deeper than the limit", async () => {
    let value = toBinary(ValueSchema, create(ValueSchema, { kind: { case: "boolValue", value: true } }))
    for (let depth = 0; depth < 200; depth++) {
      const entry = new BinaryWriter().tag(1, 2).string("d").tag(2, 2).bytes(value).finish()
      const fields = new BinaryWriter().tag(1, 2).bytes(entry).finish()
      value = new BinaryWriter().tag(5, 2).bytes(fields).finish()
    }
    const entry = new BinaryWriter().tag(1, 2).string("place").tag(2, 2).bytes(value).finish()
    const struct = Buffer.concat([
      toBinary(StructSchema, create(StructSchema, {})),
      new BinaryWriter().tag(1, 2).bytes(entry).finish()
    ])
    const bytes = new BinaryWriter().tag(1, 2).string("t").tag(2, 2).string("x").tag(3, 2).string("k").tag(4, 2)
      .bytes(struct).finish()
    const request = new BinaryWriter().tag(1, 2).bytes(bytes).finish()
    await assertRefused(
      ingestion.callBytes("/varve.v1.IngestionService/IngestRecord", Buffer.from(request)),
      INVALID_ARGUMENT,
      "data.place"
    )
  })

  it("random bytes on the ports", async () => {
    const { ingestion: port, query: queryPort } = await program.ports
    for (
      const [target, bytes] of [
        [port, Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 151 + 7) & 255))],
        [queryPort, Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\u0007garbage".repeat(100), "latin1")],
        [port, Buffer.from("GET / HTTP/9.9\r\n\r\n")],
        [port, Buffer.from("P")]
      ] as const
    ) {
      const socket = net.connect(target, "127.0.0.1")
      socket.on("error", () => {})
      socket.end(bytes)
      socket.resume()
      await once(socket, "close")
    }
    await assertServing()
  })
})

describe("streams", () => {
  const open = () =>
    ingestion.grpc.makeBidiStreamRequest(
      "/varve.v1.IngestionService/IngestStream",
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes
    )
  const message = (records: ReadonlyArray<ReturnType<typeof record>>): Buffer =>
    Buffer.from(toBinary(
      IngestStreamRequestSchema,
      create(IngestStreamRequestSchema, { message: { case: "records", value: { records: [...records] } } })
    ))

  it("a cancelled stream keeps what was acknowledged, and the server goes on", async () => {
    const call = open()
    call.on("error", () => {})
    call.write(message([record("streamed", { count: 1 })]))
    await once(call, "data")
    call.write(message([record("streamed-after", { count: 2 })]))
    call.cancel()
    await assertServing()
    const answer = await query.call(QueryService.method.getRecord, { tenantId: "t", table: "x", key: "streamed" })
    assert.strictEqual(answer.record?.key, "streamed")
  })

  it("a record behind the commit is refused, not dropped", async () => {
    const call = open()
    const ended = new Promise<grpc.ServiceError>((resolve) => call.on("error", resolve))
    call.resume()
    call.write(message([record("before-commit", { count: 1 })]))
    call.write(Buffer.from(toBinary(
      IngestStreamRequestSchema,
      create(IngestStreamRequestSchema, { message: { case: "commit", value: {} } })
    )))
    call.write(message([record("behind-commit", { count: 1 })]))
    call.end()
    const error = await ended
    assert.strictEqual(error.code, INVALID_ARGUMENT)
    assert.include(error.details, "commit")
    const before = { tenantId: "t", table: "x", key: "before-commit" }
    assert.strictEqual((await query.call(QueryService.method.getRecord, before)).record?.key, "before-commit")
    await assertRefused(
      query.call(QueryService.method.getRecord, { tenantId: "t", table: "x", key: "behind-commit" }),
      NOT_FOUND
    )
  })

  it("a committed stream ends although its client keeps it open", async () => {
    const call = open()
    const ended = new Promise<void>((resolve, reject) => call.on("end", resolve).on("error", reject))
    call.resume()
    call.write(message([record("kept-open", { count: 1 })]))
    call.write(Buffer.from(toBinary(
      IngestStreamRequestSchema,
      create(IngestStreamRequestSchema, { message: { case: "commit", value: {} } })
    )))
    await ended
    call.end()
  })

  it("garbage in a stream ends it with its reason", async () => {
    const call = open()
    const ended = new Promise<grpc.ServiceError>((resolve) => call.on("error", resolve))
    call.resume()
    call.write(Buffer.from([0xff, 0xff, 0xff]))
    const error = await ended
    assert.strictEqual(error.code, INVALID_ARGUMENT)
    assert.include(error.details, "IngestStreamRequest")
    await assertServing()
  })
})
