/** Reads over gRPC. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { GetRecordRequestSchema, GetRecordResponseSchema } from "../src/transport/grpc/generated/varve/v1/query_pb.ts"
import { type Figure, measure, quantile } from "./harness.ts"
import { registerTable } from "./ingest.ts"
import { concurrently, RawClient, type Server } from "./server.ts"
import { encodeBatch } from "./structEncoder.ts"
import { keyOf, makeRandom, makeRows } from "./workload.ts"

/** Writes `rows` rows and reads random ones by key, one after another. */
export const benchReads = async (
  server: Server,
  sizes: { readonly rows: number; readonly requests: number; readonly runs: number }
): Promise<ReadonlyArray<Figure>> => {
  await registerTable(server, "reads")
  const ingestion = new RawClient(server.ingestion)
  for (let first = 0; first < sizes.rows; first += 1000) {
    const request = encodeBatch("bench", "reads", first, makeRows(first, Math.min(1000, sizes.rows - first)))
    await ingestion.call("/varve.v1.IngestionService/IngestBatch", request)
  }
  ingestion.close()
  const client = new RawClient(server.query)
  const random = makeRandom(7)
  const get = async (): Promise<void> => {
    const key = keyOf(Math.floor(random() * sizes.rows))
    const response = await client.call(
      "/varve.v1.QueryService/GetRecord",
      Buffer.from(toBinary(
        GetRecordRequestSchema,
        create(GetRecordRequestSchema, { tenantId: "bench", table: "reads", key })
      ))
    )
    if (fromBinary(GetRecordResponseSchema, response).record?.key !== key) throw new Error(`${key} was not found`)
  }
  const figures: Array<Figure> = []
  for (const width of [1, 4, 16]) {
    figures.push(
      await measure(`GetRecord, ${sizes.requests} requests, ${width} in flight: p99`, "ms", sizes.runs, async () => {
        const start = performance.now()
        const millis = await concurrently(sizes.requests, width, get)
        const perSecond = sizes.requests / ((performance.now() - start) / 1000)
        return {
          value: quantile(millis, 0.99),
          note: `p50 ${quantile(millis, 0.5).toFixed(2)} ms, ${Math.round(perSecond)} requests/s`
        }
      })
    )
  }
  client.close()
  return figures
}
