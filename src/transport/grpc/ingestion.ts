/** `varve.v1.IngestionService`: hands the requests' bytes to the engine and its receipts to the client. */
import type { MessageInitShape } from "@bufbuild/protobuf"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { isRetryable } from "../../base/reason.ts"
import { Ingestion, type RecordError, type StreamAnswer } from "../../ingestion/Ingestion.ts"
import type { Health } from "../health.ts"
import { statusOf } from "../status.ts"
import { durabilityOf, durationOf, healthOf, timestampOf } from "./convert.ts"
import { IngestionService, type IngestStreamResponseSchema } from "./generated/varve/v1/ingestion_pb.ts"
import type { ErrorDetailSchema } from "./generated/varve/v1/record_pb.ts"
import { implement, type Implementation } from "./method.ts"

const errorDetail = (error: RecordError): MessageInitShape<typeof ErrorDetailSchema> => ({
  index: error.index,
  code: statusOf(error.reason).grpc,
  reason: error.reason,
  message: error.message,
  field: error.field,
  retryable: isRetryable(error.reason)
})

const streamAnswer = (answer: StreamAnswer): MessageInitShape<typeof IngestStreamResponseSchema> => {
  switch (answer.kind) {
    case "ack":
      return {
        message: {
          case: "ack",
          value: {
            sequence: BigInt(answer.sequence),
            position: BigInt(answer.position),
            creditBytes: BigInt(answer.creditBytes),
            durability: durabilityOf(answer.durability),
            committed: answer.committed
          }
        }
      }
    case "error":
      return {
        message: {
          case: "error",
          value: { sequence: BigInt(answer.sequence), error: errorDetail(answer.error) }
        }
      }
    case "stats":
      return {
        message: {
          case: "stats",
          value: {
            messages: BigInt(answer.messages),
            accepted: BigInt(answer.accepted),
            rejected: BigInt(answer.rejected),
            bytes: BigInt(answer.bytes),
            elapsed: durationOf(answer.elapsedMillis)
          }
        }
      }
  }
}

/** The handlers of the ingestion service. */
export const makeIngestionHandlers = Effect.fnUntraced(
  function*(health: Effect.Effect<Health>): Effect.fn.Return<Implementation, never, Ingestion> {
    const ingestion = yield* Ingestion
    return implement(IngestionService, {
      ingestRecord: {
        raw: (request, caller) =>
          Effect.map(ingestion.ingestRecord(request, caller), (receipt) => ({
            position: BigInt(receipt.position),
            commitTime: timestampOf(receipt.commitTime),
            durability: durabilityOf(receipt.durability),
            duplicate: receipt.duplicate
          }))
      },
      ingestBatch: {
        raw: (request, caller) =>
          Effect.map(ingestion.ingestBatch(request, caller), (receipt) => ({
            accepted: receipt.accepted,
            rejected: receipt.rejected,
            errors: receipt.errors.map(errorDetail),
            firstPosition: BigInt(receipt.firstPosition),
            lastPosition: BigInt(receipt.lastPosition),
            duplicate: receipt.duplicate,
            ...(receipt.accepted > 0 ? { commitTime: timestampOf(receipt.commitTime) } : {}),
            durability: durabilityOf(receipt.durability)
          }))
      },
      ingestStream: {
        raw: (requests, caller) =>
          Stream.mapArray(ingestion.ingestStream(requests, caller), (answers) => Arr.map(answers, streamAnswer))
      },
      getIngestionStatus: (request) =>
        Effect.map(ingestion.status(request.tenantId === "" ? undefined : request.tenantId), (status) => ({
          recordsTotal: BigInt(status.recordsTotal),
          bytesTotal: BigInt(status.bytesTotal),
          rejectedTotal: BigInt(status.rejectedTotal),
          recordsPerSecond: status.recordsPerSecond,
          bytesPerSecond: status.bytesPerSecond,
          activeStreams: status.activeStreams,
          pendingRecords: BigInt(status.pendingRecords),
          latencyP50Ms: status.latencyP50Millis,
          latencyP99Ms: status.latencyP99Millis,
          logBytes: BigInt(status.logBytes),
          memtableBytes: BigInt(status.memtableBytes),
          memtableCount: status.memtableCount,
          lastPosition: BigInt(status.lastPosition)
        })),
      healthCheck: ({ service }) => healthOf(IngestionService, service, health)
    })
  }
)
