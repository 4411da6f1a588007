/** The ingestion service over the commit pipeline. */
import { createHash } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { ByteWriter } from "../base/byteCursor.ts"
import type { Caller } from "../base/caller.ts"
import { batchRecordsMax, idempotencyKeyLengthMax } from "../base/limits.ts"
import * as Position from "../base/position.ts"
import { Catalog } from "../catalog/Catalog.ts"
import { encodeContent } from "../event/Event.ts"
import type { RowBatch } from "../event/rowBatch.ts"
import { type CommitError, CommitPipeline, type CommitReceipt } from "../mvcc/CommitPipeline.ts"
import type { Durability } from "../mvcc/intent.ts"
import { Mvcc } from "../mvcc/Mvcc.ts"
import { Decoders } from "../schema/Decoders.ts"
import { Wal } from "../wal/Wal.ts"
import { type DecodedRecords, decodeRecords } from "./decodeRecords.ts"
import { type BatchReceipt, IngestionError, type IngestionService, type RecordError } from "./Ingestion.ts"
import { makeIngestStream, type WriteRecords } from "./ingestStream.ts"
import { Meters } from "./meters.ts"
import { type IngestRequest, read, readBatchRequest, readRecordRequest } from "./requestReader.ts"

/** Makes the service. */
export const makeIngestion = Effect.gen(function*() {
  const catalog = yield* Catalog
  const decoders = yield* Decoders
  const pipeline = yield* CommitPipeline
  const mvcc = yield* Mvcc
  const wal = yield* Wal
  const meters = new Meters()
  const content = new ByteWriter(64 * 1024)

  const hash = (batches: ReadonlyArray<RowBatch>): Uint8Array => {
    content.reset()
    encodeContent(content, batches)
    return createHash("sha256").update(content.written()).digest()
  }

  /** Commits the rows of each tenant as one intent. */
  const commit = (decoded: DecodedRecords, request: IngestRequest) => {
    const byTenant = Map.groupBy(
      decoded.targets.filter((target) => target.decoder.batch.count > 0),
      (target) => target.table.tenant
    )
    return Effect.forEach(byTenant, ([tenant, targets]) => {
      const batches = targets.map((target) => target.decoder.batch)
      return pipeline.commit({
        kind: "rows",
        tenant,
        batches,
        idempotency: request.idempotencyKey === ""
          ? undefined
          : { key: request.idempotencyKey, contentHash: hash(batches) },
        expectedVersion: request.expectedVersion === undefined
          ? undefined
          : Position.fromBigInt(request.expectedVersion) ?? Position.max,
        durability: request.durability
      })
    }, { concurrency: "unbounded" })
  }

  const write: WriteRecords = (bytes, request, caller) =>
    Effect.suspend(() => {
      const records = request.records.length / 2
      const problem = requestProblem(request, records)
      if (problem !== undefined) return Effect.fail(problem)
      return pipeline.admit(bytes.length, writeAdmitted(bytes, request, caller, records)).pipe(
        Effect.catchTag("CommitError", (error) => Effect.fail(fromCommitError(error)))
      )
    })

  const writeAdmitted = Effect.fnUntraced(function*(
    bytes: Uint8Array,
    request: IngestRequest,
    caller: Caller,
    records: number
  ): Effect.fn.Return<BatchReceipt, CommitError> {
    const start = yield* Clock.monotonicTimeNanos
    const decoded = decodeRecords(bytes, request.records, request, caller, catalog, decoders)
    const refused = request.transactional ? refuseTransaction(decoded, records) : undefined
    const receipts: ReadonlyArray<CommitReceipt> = refused !== undefined || decoded.accepted === 0
      ? giveBack(decoded, [])
      : yield* Effect.onExit(commit(decoded, request), () => Effect.sync(() => giveBack(decoded, undefined)))
    const end = yield* Clock.monotonicTimeNanos
    const nowMillis = yield* Clock.currentTimeMillis
    const receipt = toBatchReceipt(records, refused ?? decoded.errors, receipts)
    meters.latency(Number(end - start) / 1000, nowMillis)
    const tenant = decoded.targets[0]?.table.tenant ?? caller.tenant ?? ""
    meters.count(tenant, receipt.duplicate ? 0 : receipt.accepted, bytes.length, receipt.rejected, nowMillis)
    return receipt
  })

  function giveBack<A>(decoded: DecodedRecords, result: A): A {
    for (const target of decoded.targets) decoders.giveBack(target.decoder)
    return result
  }

  const service: IngestionService = {
    ingestRecord: Effect.fnUntraced(function*(bytes, caller) {
      const request = yield* read(() => readRecordRequest(bytes))
      const receipt = yield* write(bytes, request, caller)
      if (receipt.errors.length > 0) return yield* new IngestionError(withoutIndex(receipt.errors[0]))
      const { commitTime, duplicate, durability, firstPosition } = receipt
      return { position: firstPosition, commitTime, durability, duplicate }
    }),
    ingestBatch: (bytes, caller) =>
      Effect.flatMap(read(() => readBatchRequest(bytes)), (request) => write(bytes, request, caller)),
    ingestStream: makeIngestStream(write, meters),
    status: Effect.fnUntraced(function*(tenant) {
      if (tenant !== undefined && !catalog.state().tenants.has(tenant)) {
        return yield* new IngestionError({
          reason: "TENANT_NOT_FOUND",
          field: "tenant_id",
          message: `tenant_id: there is no tenant ${JSON.stringify(tenant)}`
        })
      }
      const now = yield* Clock.currentTimeMillis
      const log = yield* wal.status
      const usage = mvcc.usage()
      const totals = { records: 0, bytes: 0, rejected: 0 }
      for (const [id, counted] of meters.totals) {
        if (tenant !== undefined && id !== tenant) continue
        totals.records += counted.records
        totals.bytes += counted.bytes
        totals.rejected += counted.rejected
      }
      const rates = meters.rates(now)
      return {
        recordsTotal: totals.records,
        bytesTotal: totals.bytes,
        rejectedTotal: totals.rejected,
        recordsPerSecond: rates.records,
        bytesPerSecond: rates.bytes,
        activeStreams: meters.activeStreams,
        pendingRecords: pipeline.status().pendingRows,
        latencyP50Millis: meters.quantile(0.5),
        latencyP99Millis: meters.quantile(0.99),
        logBytes: log.bytes,
        memtableBytes: usage.bytes,
        memtableCount: usage.memtables,
        lastPosition: mvcc.position()
      }
    })
  }
  return service
})

const fromCommitError = ({ field, message, reason }: CommitError): IngestionError =>
  new IngestionError({ reason, field, message: field === "" ? message : `${field}: ${message}` })

const requestProblem = (request: IngestRequest, records: number): IngestionError | undefined => {
  if (records > batchRecordsMax) {
    return new IngestionError({
      reason: "TOO_MANY_RECORDS",
      field: "records",
      message: `records: ${records} records; ${batchRecordsMax} are allowed in one message`
    })
  }
  if (request.idempotencyKey.length > idempotencyKeyLengthMax) {
    return new IngestionError({
      reason: "VALUE_TOO_LONG",
      field: "idempotency_key",
      message: `idempotency_key: ${request.idempotencyKey.length} characters; ${idempotencyKeyLengthMax} are allowed`
    })
  }
  return undefined
}

const withoutIndex = ({ field, message, reason }: RecordError) => ({ field, message, reason })

/** Why a transaction is not written: an error for each of its records; `undefined` where it can be. */
const refuseTransaction = (decoded: DecodedRecords, records: number): ReadonlyArray<RecordError> | undefined => {
  if (decoded.errors.length > 0) {
    const byIndex = new Map(decoded.errors.map((error) => [error.index, error]))
    const first = decoded.errors[0].index
    return everyRecord(records, (index) =>
      byIndex.get(index) ??
        {
          index,
          reason: "NOT_ALL_VALID",
          field: "",
          message: `not written, since record ${first} of the same transaction was refused`
        })
  }
  if (new Set(decoded.targets.map((target) => target.table.tenant)).size > 1) {
    return everyRecord(records, (index) => ({
      index,
      reason: "INVALID_VALUE",
      field: "tenant_id",
      message: "tenant_id: a transaction is within one tenant; send one batch for each"
    }))
  }
  return undefined
}

const everyRecord = (records: number, error: (index: number) => RecordError): ReadonlyArray<RecordError> =>
  Array.from({ length: records }, (_, index) => error(index))

const toBatchReceipt = (
  records: number,
  errors: ReadonlyArray<RecordError>,
  receipts: ReadonlyArray<CommitReceipt>
): BatchReceipt => ({
  accepted: records - errors.length,
  rejected: errors.length,
  errors,
  firstPosition: receipts.length === 0 ? Position.zero : Math.min(...receipts.map((r) => r.firstPosition)) as Position.Position,
  lastPosition: Math.max(0, ...receipts.map((r) => r.lastPosition)) as Position.Position,
  commitTime: Math.max(0, ...receipts.map((r) => r.commitTime)),
  durability: weakest(receipts.map((r) => r.durability)),
  duplicate: receipts.length > 0 && receipts.every((r) => r.outcome === "duplicate")
})

/** Nothing written is as durable as it gets. */
const weakest = (levels: ReadonlyArray<Durability>): Durability => levels.includes("MEMORY") ? "MEMORY" : "FSYNCED"
