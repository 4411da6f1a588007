/** A whole engine over a storage, without a server; and what tests write into it and read out of it. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import type { AdministrationService } from "../../src/administration/Administration.ts"
import { makeAdministration } from "../../src/administration/makeAdministration.ts"
import type * as Position from "../../src/base/position.ts"
import { Catalog, type CatalogService } from "../../src/catalog/Catalog.ts"
import { makeCatalog } from "../../src/catalog/makeCatalog.ts"
import { RowBatch } from "../../src/event/rowBatch.ts"
import { setNull, type TextVector } from "../../src/event/vector.ts"
import type { IngestionService } from "../../src/ingestion/Ingestion.ts"
import { makeIngestion } from "../../src/ingestion/makeIngestion.ts"
import {
  type CheckpointOptions,
  Checkpoints,
  type CheckpointsService,
  makeCheckpoints
} from "../../src/mvcc/checkpoint/Checkpoints.ts"
import { CommitPipeline, type CommitPipelineService } from "../../src/mvcc/CommitPipeline.ts"
import { Engine, type EngineService, makeEngine } from "../../src/mvcc/Engine.ts"
import type { EngineState } from "../../src/mvcc/engineState.ts"
import type { RowsIntent } from "../../src/mvcc/intent.ts"
import { type CommitPipelineOptions, makeCommitPipeline } from "../../src/mvcc/makeCommitPipeline.ts"
import { makeMvcc } from "../../src/mvcc/makeMvcc.ts"
import { Mvcc, type MvccService } from "../../src/mvcc/Mvcc.ts"
import type { RecoveryError } from "../../src/mvcc/recovery/RecoveryError.ts"
import { makeSegmentFiles, SegmentFiles, type SegmentFilesService } from "../../src/mvcc/SegmentFiles.ts"
import { makeProcessor, processorDefaults, type ProcessorOptions } from "../../src/processor/makeProcessor.ts"
import type { ProcessorService } from "../../src/processor/Processor.ts"
import { makeQuery } from "../../src/query/makeQuery.ts"
import type { QueryService } from "../../src/query/Query.ts"
import { Decoders, makeDecoders } from "../../src/schema/Decoders.ts"
import { makeInlineWorkers } from "../../src/segment/worker/inlineWorkers.ts"
import { SegmentWorkers } from "../../src/segment/worker/SegmentWorkers.ts"
import { BlockStorage, type BlockStorageService } from "../../src/storage/BlockStorage.ts"
import { makeWal, type WalOptions } from "../../src/wal/makeWal.ts"
import { Wal, type WalError, type WalService } from "../../src/wal/Wal.ts"
import { rowOf } from "./randomBatch.ts"

/** An engine and all that it is made of. */
export interface OpenEngine {
  readonly engine: EngineService
  readonly checkpoints: CheckpointsService
  readonly files: SegmentFilesService
  readonly wal: WalService
  readonly pipeline: CommitPipelineService
  readonly mvcc: MvccService
  readonly catalog: CatalogService
  readonly ingestion: IngestionService
  readonly administration: AdministrationService
  readonly query: QueryService
}

/** How to open an engine; small files and memtables, so that little data makes many. */
export interface EngineSetting extends Partial<CommitPipelineOptions & CheckpointOptions> {
  readonly memtableBytesMax?: number
  readonly wal?: WalOptions
  readonly cacheBytesMax?: number
  /** Stands between the pipeline and the log. */
  readonly gate?: Gate
}

/** Opens the engine that lies in a storage until the scope closes. */
export const openEngine = Effect.fnUntraced(function*(
  storage: BlockStorageService,
  setting: EngineSetting = {}
): Effect.fn.Return<OpenEngine, WalError | RecoveryError, Scope.Scope> {
  const opened = yield* Effect.provideService(
    makeWal({ segmentBytes: 64 * 1024, aheadBytes: 0, ...setting.wal }),
    BlockStorage,
    storage
  )
  const wal = setting.gate === undefined ? opened : setting.gate.before(opened)
  const engine = yield* makeEngine({ memtableBytesMax: setting.memtableBytesMax ?? 64 * 1024 }).pipe(
    Effect.provideService(BlockStorage, storage),
    Effect.provideService(Wal, wal)
  )
  const files = yield* Effect.provideService(
    makeSegmentFiles({ cacheBytesMax: setting.cacheBytesMax ?? 1024 * 1024 }),
    BlockStorage,
    storage
  )
  const pipeline = yield* makeCommitPipeline({
    sync: setting.sync ?? "commit",
    syncInterval: setting.syncInterval ?? Duration.millis(20),
    memoryBytesMax: setting.memoryBytesMax ?? 1024 * 1024 * 1024
  }).pipe(
    Effect.provideService(Engine, engine),
    Effect.provideService(SegmentFiles, files),
    Effect.provideService(Wal, wal)
  )
  const mvcc = yield* makeMvcc.pipe(
    Effect.provideService(Engine, engine),
    Effect.provideService(SegmentFiles, files)
  )
  const checkpoints = yield* makeCheckpoints({
    logRetention: setting.logRetention ?? { micros: 0, bytesMax: 0 }
  }).pipe(
    Effect.provideService(BlockStorage, storage),
    Effect.provideService(Engine, engine),
    Effect.provideService(Wal, wal)
  )
  const catalog = makeCatalog(() => engine.state.catalog)
  const provide = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(
      Effect.provideService(Catalog, catalog),
      Effect.provideService(CommitPipeline, pipeline),
      Effect.provideService(Decoders, makeDecoders()),
      Effect.provideService(Mvcc, mvcc),
      Effect.provideService(Wal, wal)
    )
  return {
    engine,
    checkpoints,
    files,
    wal,
    pipeline,
    mvcc,
    catalog,
    ingestion: yield* provide(makeIngestion),
    administration: yield* provide(makeAdministration),
    query: yield* provide(makeQuery)
  }
})

/** A processor that makes an engine's segments, in this thread, until the scope closes. */
export const openProcessor = (
  { checkpoints, engine, files, mvcc, pipeline }: OpenEngine,
  storage: BlockStorageService,
  options: Partial<ProcessorOptions> = {}
): Effect.Effect<ProcessorService, never, Scope.Scope> =>
  makeProcessor({ ...processorDefaults, ...options }).pipe(
    Effect.provideServiceEffect(SegmentWorkers, makeInlineWorkers),
    Effect.provideService(BlockStorage, storage),
    Effect.provideService(Engine, engine),
    Effect.provideService(SegmentFiles, files),
    Effect.provideService(CommitPipeline, pipeline),
    Effect.provideService(Checkpoints, checkpoints),
    Effect.provideService(Mvcc, mvcc)
  )

/** For tests in which something must fail: what the engine logs of it is no news. */
export const quiet: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = Effect.provide(
  Logger.layer([])
)

/** Holds what the pipeline appends until it is opened. */
export class Gate {
  private readonly latch = Latch.makeUnsafe(true)
  /** Groups that reached the gate. */
  arrivals = 0

  close(): void {
    this.latch.closeUnsafe()
  }

  open(): void {
    this.latch.openUnsafe()
  }

  /** Waits until so many groups have reached the gate. */
  readonly arrived = (groups: number): Effect.Effect<void> =>
    Effect.suspend(() => this.arrivals >= groups ? Effect.void : Effect.andThen(Effect.yieldNow, this.arrived(groups)))

  /** The log behind the gate. */
  before(wal: WalService): WalService {
    // Reads through to the log, whose positions are getters.
    const gated = Object.create(wal) as WalService
    return Object.defineProperty(gated, "append", {
      value: ((frames, options) =>
        Effect.suspend(() => {
          this.arrivals++
          return Effect.andThen(this.latch.await, wal.append(frames, options))
        })) satisfies WalService["append"]
    })
  }
}

/** Registers table `name` of tenant `t`, of one nullable text column `v`; gives its number. */
export const registerTable = Effect.fnUntraced(
  function*({ administration, catalog }: OpenEngine, name = "x", tenant = "t") {
    const definition = JSON.stringify({ columns: [{ name: "v", type: "string", nullable: true }] })
    yield* administration.registerSchema({ tenant, table: name, definition }, { tenant: undefined })
    return catalog.table(tenant, name)!.id
  }
)

/** Rows of such a table: [key, value] each; a value of `null` deletes the key. */
export const batchOf = (table: number, rows: ReadonlyArray<readonly [string, string | null]>): RowBatch => {
  const batch = new RowBatch({ table, schemaVersion: 1, columns: ["text"] }, rows.length)
  const [values] = batch.columns as [TextVector]
  rows.forEach(([key, value], row) => {
    batch.keys.set(row, Buffer.from(key))
    setNull(batch.timestamps, row)
    setNull(batch.metadata, row)
    if (value === null) {
      setNull(values, row)
      batch.deleted[row] = 1
      batch.hasDeleted = true
    } else values.set(row, Buffer.from(value))
  })
  batch.count = rows.length
  return batch
}

/** An intent to write rows. */
export const writeOf = (
  table: number,
  rows: ReadonlyArray<readonly [string, string | null]>,
  options: Partial<Pick<RowsIntent, "tenant" | "expectedVersion" | "durability">> & {
    readonly key?: string
    readonly content?: number
  } = {}
): RowsIntent => ({
  kind: "rows",
  tenant: options.tenant ?? "t",
  transactional: true,
  batches: [batchOf(table, rows)],
  idempotency: options.key === undefined
    ? undefined
    : { key: options.key, contentHash: new Uint8Array(32).fill(options.content ?? 0) },
  expectedVersion: options.expectedVersion,
  durability: options.durability
})

/** The value of a key at a position: `undefined` where there is none, `null` where it is deleted. */
export const valueAt = (
  { mvcc }: Pick<OpenEngine, "mvcc">,
  table: number,
  key: string,
  position: number
): string | null | undefined => {
  const version = mvcc.versions(table)?.find(Buffer.from(key), position as Position.Position)
  if (version === undefined) return undefined
  const { memtable, row } = version
  if (memtable.hasDeleted && memtable.deleted[row] === 1) return null
  return Buffer.from((memtable.columns[0] as TextVector).get(row)).toString()
}

/** Everything that a fold has come to, as plain data, whatever its representation in memory. */
export const dump = (state: EngineState) => ({
  position: state.position as number,
  tenants: [...state.catalog.tenants.values()].map(({ createdAt, id, name, tables }) => ({
    createdAt,
    id,
    name,
    tables: [...tables.values()].map((table) => ({
      id: table.id,
      name: table.name,
      versions: table.versions.map(({ definition, position, registeredAt, version }) => ({
        definition,
        position: position as number,
        registeredAt,
        version
      })),
      settings: table.settings,
      segments: table.segments,
      flushedThrough: table.flushedThrough as number,
      horizon: table.horizon as number,
      expirations: table.expirations.map(({ before, position }) => ({ before, position: position as number }))
    }))
  })),
  versions: [...state.tables].sort(([one], [other]) => one - other).map(([table, { memtables, segments }]) => ({
    table,
    segments: segments.map(({ entry }) => entry.name),
    rows: memtables.flatMap((memtable) =>
      Array.from(
        { length: memtable.count },
        (_, row) =>
          [
            memtable.positions[row],
            memtable.superseded[row],
            memtable.shape.schemaVersion,
            rowOf(memtable, row)
          ] as const
      )
    )
  })),
  receipts: [...state.receipts["byKey"]].map(([key, receipt]) => ({
    key,
    firstPosition: receipt.firstPosition as number,
    lastPosition: receipt.lastPosition as number,
    commitTime: receipt.commitTime,
    content: Buffer.from(receipt.contentHash).toString("hex")
  })),
  times: Array.from({ length: state.position + 1 }, (_, position) => {
    const at = position as Position.Position
    return `${state.commitTimes.timeOf(at)} ${state.commitTimes.wholeAt(at)}`
  })
})
