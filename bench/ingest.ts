/** Ingestion over gRPC, durable: each acknowledgement follows the sync of what it acknowledges. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { once } from "node:events"
import { RegisterSchemaRequestSchema } from "../src/transport/grpc/generated/varve/v1/admin_pb.ts"
import {
  IngestBatchResponseSchema,
  IngestStreamRequestSchema,
  IngestStreamResponseSchema
} from "../src/transport/grpc/generated/varve/v1/ingestion_pb.ts"
import { type Figure, measure, quantile } from "./harness.ts"
import { concurrently, RawClient, type Server } from "./server.ts"
import { encodeBatch, encodeRecord, encodeStreamMessage } from "./structEncoder.ts"
import { makeRows, schema } from "./workload.ts"

const service = "/varve.v1.IngestionService"

/** Registers the workload's table. */
export const registerTable = async (server: Server, table: string): Promise<void> => {
  const client = new RawClient(server.query)
  await client.call(
    "/varve.v1.AdminService/RegisterSchema",
    Buffer.from(toBinary(
      RegisterSchemaRequestSchema,
      create(RegisterSchemaRequestSchema, { tenantId: "bench", table, definition: JSON.stringify(schema) })
    ))
  )
  client.close()
}

const accepted = (response: Buffer): number => {
  const { accepted, rejected } = fromBinary(IngestBatchResponseSchema, response)
  if (rejected > 0) throw new Error(`${rejected} records were rejected`)
  return accepted
}

/** Sizes of a run. */
export interface IngestSizes {
  readonly batches: number
  readonly batchRows: number
  readonly inFlight: number
  readonly runs: number
}

/** Runs every ingestion benchmark. */
export const benchIngest = async (server: Server, sizes: IngestSizes): Promise<ReadonlyArray<Figure>> => {
  const { batchRows, batches, inFlight, runs } = sizes
  await registerTable(server, "ingest")
  const client = new RawClient(server.ingestion)
  let next = 0
  const take = (rows: number): number => (next += rows) - rows
  const figures: Array<Figure> = []

  const rate = (records: number, start: number, millis: ReadonlyArray<number>) => ({
    value: records / ((performance.now() - start) / 1000),
    note: `p50 ${quantile(millis, 0.5).toFixed(1)} ms, p99 ${quantile(millis, 0.99).toFixed(1)} ms`
  })

  figures.push(
    await measure(`IngestBatch, ${batchRows} Struct records, encoded before`, "records/s", runs, async () => {
      const requests = Array.from({ length: batches }, () => {
        const first = take(batchRows)
        return encodeBatch("bench", "ingest", first, makeRows(first, batchRows))
      })
      let records = 0
      const start = performance.now()
      const millis = await concurrently(batches, inFlight, async (n) => {
        const response = await client.call(`${service}/IngestBatch`, requests[n])
        records += accepted(response)
      })
      return rate(records, start, millis)
    })
  )

  const rows = makeRows(0, batchRows)
  figures.push(
    await measure(`IngestBatch, ${batchRows} Struct records, encoded on the way`, "records/s", runs, async () => {
      let records = 0
      const start = performance.now()
      const millis = await concurrently(batches, inFlight, async () => {
        const request = encodeBatch("bench", "ingest", take(batchRows), rows)
        const response = await client.call(`${service}/IngestBatch`, request)
        records += accepted(response)
      })
      return rate(records, start, millis)
    })
  )

  figures.push(
    await measure(`IngestStream, ${batchRows} Struct records a message`, "records/s", runs, async () => {
      const messages = Array.from({ length: batches }, () => {
        const first = take(batchRows)
        return encodeStreamMessage(encodeBatch("bench", "ingest", first, makeRows(first, batchRows)))
      })
      const start = performance.now()
      const records = await streamAll(client, messages)
      return { value: records / ((performance.now() - start) / 1000) }
    })
  )

  figures.push(
    await measure("IngestRecord, 64 in flight", "records/s", runs, async () => {
      const count = Math.max(200, batches * 10)
      const requests = Array.from({ length: count }, () => {
        const first = take(1)
        return encodeRecord("bench", "ingest", first, makeRows(first, 1)[0])
      })
      const start = performance.now()
      const millis = await concurrently(count, 64, (n) => client.call(`${service}/IngestRecord`, requests[n]))
      return rate(count, start, millis)
    })
  )
  client.close()
  return figures
}

/** Sends messages and then the commit; returns how many records the stream says it accepted. */
const streamAll = async (client: RawClient, messages: ReadonlyArray<Buffer>): Promise<number> => {
  const call = client.stream(`${service}/IngestStream`)
  let accepted = 0
  const done = new Promise<void>((resolve, reject) => {
    call.on("data", (bytes: Buffer) => {
      const { message } = fromBinary(IngestStreamResponseSchema, bytes)
      if (message.case === "error") reject(new Error(message.value.error?.message))
      if (message.case === "stats") accepted = Number(message.value.accepted)
    })
    call.on("end", resolve)
    call.on("error", reject)
  })
  for (const message of messages) {
    if (!call.write(message)) await once(call, "drain")
  }
  call.write(Buffer.from(toBinary(
    IngestStreamRequestSchema,
    create(IngestStreamRequestSchema, { message: { case: "commit", value: {} } })
  )))
  call.end()
  await done
  return accepted
}
