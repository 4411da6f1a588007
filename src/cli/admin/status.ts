/** `varve status`: how the services are, and what they have done. */
import * as Effect from "effect/Effect"
import { AdminService } from "../../transport/grpc/generated/varve/v1/admin_pb.ts"
import type { GetStorageStatusResponse } from "../../transport/grpc/generated/varve/v1/admin_processor_pb.ts"
import { IngestionService } from "../../transport/grpc/generated/varve/v1/ingestion_pb.ts"
import { QueryService } from "../../transport/grpc/generated/varve/v1/query_pb.ts"
import { type DependencyHealth, HealthStatus } from "../../transport/grpc/generated/varve/v1/record_pb.ts"
import { unary } from "../client/call.ts"
import { connect } from "../client/Connection.ts"
import { plainInteger, plainTimestamp } from "../client/records.ts"
import type { CommandFailure } from "../failure.ts"
import type { Cell } from "../output/cell.ts"
import { formatBytes, formatCount } from "../output/numbers.ts"
import { printRecord } from "../output/print.ts"
import type { Settings } from "../settings.ts"

/** A figure: as programs read it, and as people do where that is different. */
interface Figure {
  readonly name: string
  readonly value: Cell
  readonly text?: string
}

const words: Readonly<Record<HealthStatus, string>> = {
  [HealthStatus.UNSPECIFIED]: "unknown",
  [HealthStatus.SERVING]: "serving",
  [HealthStatus.NOT_SERVING]: "not serving",
  [HealthStatus.DEGRADED]: "degraded"
}

const health = (
  name: string,
  answer: { readonly status: HealthStatus; readonly dependencies: ReadonlyArray<DependencyHealth> }
): Figure => {
  const ill = answer.dependencies.filter(({ status }) => status !== HealthStatus.SERVING)
  const why = ill.map((dependency) => `${dependency.name}: ${dependency.message}`).join("; ")
  return { name, value: why === "" ? words[answer.status] : `${words[answer.status]} (${why})` }
}

const count = (name: string, value: bigint): Figure => ({
  name,
  value: plainInteger(value),
  text: formatCount(Number(value))
})

const bytes = (name: string, value: bigint): Figure => ({
  name,
  value: plainInteger(value),
  text: formatBytes(Number(value))
})

const measured = (name: string, value: number, unit: string): Figure => ({
  name,
  value,
  text: `${value < 100 ? value.toFixed(2) : formatCount(value)}${unit}`
})

/** Figures of a service, or that it cannot be reached. */
interface Part {
  readonly figures: ReadonlyArray<Figure>
  readonly failure: CommandFailure | undefined
}

const part = (name: string, figures: Effect.Effect<ReadonlyArray<Figure>, CommandFailure>): Effect.Effect<Part> =>
  Effect.match(figures, {
    onSuccess: (figures) => ({ figures, failure: undefined }),
    onFailure: (failure) => ({
      figures: [{ name, value: failure.exitCode === 3 ? "not reachable" : "failed" }],
      failure
    })
  })

const ingestion = ({ ingestionUrl, token }: Settings) =>
  Effect.gen(function*() {
    const connection = yield* connect({ service: "ingestion", url: ingestionUrl, token })
    const [healthy, status] = yield* Effect.all([
      unary(connection, IngestionService.method.healthCheck, {}),
      unary(connection, IngestionService.method.getIngestionStatus, {})
    ], { concurrency: 2 })
    return [
      health("ingestion", healthy),
      count("records_total", status.recordsTotal),
      count("rejected_total", status.rejectedTotal),
      measured("records_per_second", status.recordsPerSecond, ""),
      bytes("bytes_total", status.bytesTotal),
      measured("latency_p50_ms", status.latencyP50Ms, " ms"),
      measured("latency_p99_ms", status.latencyP99Ms, " ms"),
      { name: "active_streams", value: status.activeStreams },
      count("pending_records", status.pendingRecords),
      bytes("memtable_bytes", status.memtableBytes),
      { name: "memtables", value: status.memtableCount }
    ]
  }).pipe(Effect.scoped)

const processor = ({ processor, segmentBytes, segments }: GetStorageStatusResponse): ReadonlyArray<Figure> => {
  const { checkpointPosition = 0n, compactions = 0n, flushes = 0n, lastFailure = "", running = [] } = processor ?? {}
  return [
    { name: "processor", value: lastFailure === "" ? running.join(", ") || "idle" : `failing (${lastFailure})` },
    { name: "segments", value: segments },
    bytes("segment_bytes", segmentBytes),
    count("flushes", flushes),
    count("compactions", compactions),
    count("checkpoint_position", checkpointPosition)
  ]
}

const query = ({ queryUrl, token }: Settings) =>
  Effect.gen(function*() {
    const connection = yield* connect({ service: "query", url: queryUrl, token })
    const [healthy, log, storage] = yield* Effect.all([
      unary(connection, QueryService.method.healthCheck, {}),
      unary(connection, AdminService.method.getLogStatus, {}),
      // Not for credentials of one tenant.
      Effect.orElseSucceed(unary(connection, AdminService.method.getStorageStatus, {}), () => undefined)
    ], { concurrency: 3 })
    return [
      health("query", healthy),
      bytes("log_bytes", log.bytes),
      { name: "log_files", value: log.files },
      count("first_position", log.firstPosition),
      count("written_position", log.writtenPosition),
      count("durable_position", log.durablePosition),
      { name: "last_commit_time", value: plainTimestamp(log.lastCommitTime) },
      measured("sync_mean_ms", log.syncMeanMs, " ms"),
      ...(storage === undefined ? [] : processor(storage))
    ]
  }).pipe(Effect.scoped)

/** Prints how the services are. Fails with exit code 3 where one cannot be reached, after the other was shown. */
export const runStatus = (settings: Settings): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const parts = yield* Effect.all([
      part("ingestion", ingestion(settings)),
      part("query", query(settings))
    ], { concurrency: 2 })
    const figures = parts.flatMap((part) => part.figures)
    const isTable = settings.format === "table"
    const failures = parts.flatMap(({ failure }) => failure === undefined ? [] : [failure])
    // Where nothing answers there is nothing to show.
    if (failures.length < parts.length) {
      yield* printRecord(
        settings.format,
        figures.map((
          { name, text, value }
        ) => [isTable ? name.replaceAll("_", " ") : name, isTable ? text ?? value : value])
      )
    }
    if (failures.length > 0) return yield* failures[0]
  })
