/** The ingestion service over the commit pipeline. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import { createHash } from "node:crypto"
import { ByteWriter } from "../base/byteCursor.ts"
import type { Caller } from "../base/caller.ts"
import { batchRecordsMax, idempotencyKeyLengthMax } from "../base/limits.ts"
import * as Position from "../base/position.ts"
import { Catalog } from "../catalog/Catalog.ts"
import { encodeContent } from "../event/Event.ts"
import type { RowBatch } from "../event/rowBatch.ts"
import { type CommitError, CommitPipeline, type CommitReceipt } from "../mvcc/CommitPipeline.ts"
import type { Durability, RowsIntent } from "../mvcc/intent.ts"
import { Mvcc } from "../mvcc/Mvcc.ts"
import { Decoders } from "../schema/Decoders.ts"
import { Wal } from "../wal/Wal.ts"
import { type DecodedRecords, decodeRecords, type Target } from "./decodeRecords.ts"
import { type BatchReceipt, IngestionError, type IngestionService, type RecordError } from "./Ingestion.ts"
import { makeIngestStream, type WriteRecords } from "./ingestStream.ts"
import { batchesOf } from "./mergeTargets.ts"
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

  /** Commits the rows of each tenant as one intent; says what became of each. */
  const commit = (decoded: DecodedRecords, request: IngestRequest, onQueued: () => void) => {
    const byTenant = Map.groupBy(
      decoded.targets.filter((target) => target.decoder.batch.count > 0),
      (target) => target.table.tenant
    )
    let queued = 0
    return Effect.forEach(byTenant, ([tenant, targets]) => {
      const batches = batchesOf(targets)
      const intent: RowsIntent = {
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
      }
      const committing = pipeline.commit(intent, () => {
        if (++queued === byTenant.size) onQueued()
      })
      return Effect.map(Effect.result(committing), (result): TenantOutcome => ({ tenant, targets, result }))
    }, { concurrency: "unbounded" })
  }

  const write: WriteRecords = (bytes, request, caller, onQueued = () => {}) =>
    Effect.suspend(() => {
      const records = request.records.length / 2
      const problem = requestProblem(request, records)
      if (problem !== undefined) return Effect.fail(problem)
      return pipeline.admit(bytes.length, writeAdmitted(bytes, request, caller, records, onQueued)).pipe(
        Effect.catchTag("CommitError", (error) => Effect.fail(fromCommitError(error)))
      )
    })

  const writeAdmitted = Effect.fnUntraced(function*(
    bytes: Uint8Array,
    request: IngestRequest,
    caller: Caller,
    records: number,
    onQueued: () => void
  ): Effect.fn.Return<BatchReceipt, CommitError> {
    const start = yield* Clock.monotonicTimeNanos
    const decoded = decodeRecords(bytes, request.records, request, caller, catalog, decoders)
    const refused = request.transactional ? refuseTransaction(decoded, records) : undefined
    const outcomes: ReadonlyArray<TenantOutcome> = refused !== undefined || decoded.accepted === 0
      ? giveBack(decoded, [])
      : yield* Effect.onExit(
        commit(decoded, request, onQueued),
        () => Effect.sync(() => giveBack(decoded, undefined))
      )
    const end = yield* Clock.monotonicTimeNanos
    const nowMillis = yield* Clock.currentTimeMillis
    const receipt = toBatchReceipt(records, refused ?? [...decoded.errors, ...notCommitted(outcomes)], outcomes)
    meters.latency(Number(end - start) / 1000, nowMillis)
    meters.count(outcomes[0]?.tenant ?? caller.tenant ?? "", 0, bytes.length, receipt.rejected, nowMillis)
    for (const { result, targets, tenant } of outcomes) {
      if (result._tag === "Success" && result.success.outcome === "committed") {
        meters.count(tenant, recordsOf(targets).length, 0, 0, nowMillis)
      }
    }
    // Fails only where nothing was written: what one tenant got must be told, whatever became of another's.
    const failed = outcomes.length > 0 && outcomes.every(({ result }) => result._tag === "Failure")
    if (failed && outcomes[0].result._tag === "Failure") return yield* outcomes[0].result.failure
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
      if (receipt.errors.length > 0) return yield* new IngestionError(detailOf(receipt.errors[0]))
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

/** What became of a tenant's part of a request. */
interface TenantOutcome {
  readonly tenant: string
  readonly targets: ReadonlyArray<Target>
  readonly result: Result.Result<CommitReceipt, CommitError>
}

const recordsOf = (targets: ReadonlyArray<Target>): ReadonlyArray<number> =>
  targets.flatMap((target) => target.recordIndexes)

/** An error for each record of the tenants whose part was not committed. */
const notCommitted = (outcomes: ReadonlyArray<TenantOutcome>): ReadonlyArray<RecordError> =>
  outcomes.flatMap(({ result, targets }) =>
    result._tag === "Success"
      ? []
      : recordsOf(targets).map((index) => ({ index, ...detailOf(fromCommitError(result.failure)) }))
  )

/** What an error of a record and one of a request have in common. */
const detailOf = ({ field, message, reason }: Omit<RecordError, "index">) => ({ field, message, reason })

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
  outcomes: ReadonlyArray<TenantOutcome>
): BatchReceipt => {
  const receipts = outcomes.flatMap(({ result }) => result._tag === "Success" ? [result.success] : [])
  return {
    accepted: records - errors.length,
    rejected: errors.length,
    errors: errors.toSorted((left, right) => left.index - right.index),
    firstPosition: receipts.length === 0
      ? Position.zero
      : Math.min(...receipts.map((r) => r.firstPosition)) as Position.Position,
    lastPosition: Math.max(0, ...receipts.map((r) => r.lastPosition)) as Position.Position,
    commitTime: Math.max(0, ...receipts.map((r) => r.commitTime)),
    durability: weakest(receipts.map((r) => r.durability)),
    duplicate: receipts.length > 0 && receipts.every((r) => r.outcome === "duplicate")
  }
}

/** Nothing written is as durable as it gets. */
const weakest = (levels: ReadonlyArray<Durability>): Durability => levels.includes("MEMORY") ? "MEMORY" : "FSYNCED"
