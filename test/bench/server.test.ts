/** The benchmarks run small, so that they never rot; what they measure is not looked at here. */
import { fromBinary } from "@bufbuild/protobuf"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { benchIngest } from "../../bench/ingest.ts"
import { benchReads } from "../../bench/reads.ts"
import { type Server, startServer } from "../../bench/server.ts"
import { encodeBatch, encodeRecord, encodeStreamMessage } from "../../bench/structEncoder.ts"
import { keyOf, makeRows } from "../../bench/workload.ts"
import {
  IngestBatchRequestSchema,
  IngestRecordRequestSchema,
  IngestStreamRequestSchema
} from "../../src/transport/grpc/generated/varve/v1/ingestion_pb.ts"
import type { DataRecord } from "../../src/transport/grpc/generated/varve/v1/record_pb.ts"

describe("the benchmarks' encoder", () => {
  const rows = makeRows(40, 20)
  const assertRecord = (record: DataRecord | undefined, i: number) => {
    assert.deepStrictEqual([record?.tenantId, record?.table, record?.key], ["t", "x", keyOf(40 + i)])
    assert(record?.payload.case === "data")
    assert.deepStrictEqual({ ...record.payload.value }, { ...rows[i] })
  }

  it("writes what the generated code reads", () => {
    const batch = encodeBatch("t", "x", 40, rows)
    const { records } = fromBinary(IngestBatchRequestSchema, batch)
    assert.strictEqual(records.length, rows.length)
    records.forEach(assertRecord)
    assertRecord(fromBinary(IngestRecordRequestSchema, encodeRecord("t", "x", 43, rows[3])).record, 3)
    const { message } = fromBinary(IngestStreamRequestSchema, encodeStreamMessage(batch))
    assert(message.case === "records")
    message.value.records.forEach(assertRecord)
  })
})

describe("the benchmarks over gRPC", () => {
  let server: Server
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server.stop())

  it("ingest", async () => {
    const figures = await benchIngest(server, { batches: 4, batchRows: 50, inFlight: 2, runs: 1 })
    assert.deepStrictEqual(figures.map(({ unit }) => unit), Array(4).fill("records/s"))
    for (const { median } of figures) assert(median > 0)
  })

  it("read", async () => {
    const figures = await benchReads(server, { rows: 200, requests: 50, runs: 1 })
    for (const { median } of figures) assert(median > 0)
  })
})
