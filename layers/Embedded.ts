/** The whole engine in one process: the log and the rows on this machine, every program over them. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Administration } from "../src/administration/Administration.ts"
import type { Inspection } from "../src/administration/Inspection.ts"
import { Configuration, type Values } from "../src/base/configuration/Configuration.ts"
import type { Catalog } from "../src/catalog/Catalog.ts"
import type { Ingestion } from "../src/ingestion/Ingestion.ts"
import { checkpointDefaults, type Checkpoints } from "../src/mvcc/checkpoint/Checkpoints.ts"
import type { CommitPipeline } from "../src/mvcc/CommitPipeline.ts"
import type { Engine } from "../src/mvcc/Engine.ts"
import type { Mvcc } from "../src/mvcc/Mvcc.ts"
import type { RecoveryError } from "../src/mvcc/recovery/RecoveryError.ts"
import type { SegmentFiles } from "../src/mvcc/SegmentFiles.ts"
import type { ProcessorOptions } from "../src/processor/makeProcessor.ts"
import type { Processor } from "../src/processor/Processor.ts"
import type { Query } from "../src/query/Query.ts"
import type { SegmentWorkers } from "../src/segment/worker/SegmentWorkers.ts"
import type { BlockStorage, StorageError } from "../src/storage/BlockStorage.ts"
import type { WalOptions } from "../src/wal/makeWal.ts"
import type { Wal, WalError } from "../src/wal/Wal.ts"
import * as AdministrationLayer from "./AdministrationLayer.ts"
import * as CatalogLayer from "./CatalogLayer.ts"
import * as IngestionLayer from "./IngestionLayer.ts"
import * as MvccLayer from "./MvccLayer.ts"
import * as ProcessorLayer from "./ProcessorLayer.ts"
import * as QueryLayer from "./QueryLayer.ts"
import * as SchemaLayer from "./SchemaLayer.ts"
import * as SegmentWorkersLayer from "./SegmentWorkersLayer.ts"
import * as StorageLayer from "./StorageLayer.ts"
import * as WalLayer from "./WalLayer.ts"

/** What an engine offers, from the programs down to the log. */
export type Services =
  | Administration
  | Inspection
  | Ingestion
  | Query
  | Catalog
  | Checkpoints
  | CommitPipeline
  | Mvcc
  | Engine
  | Processor
  | SegmentFiles
  | Wal
  | BlockStorage

/** Why an engine cannot start. Each has a `message` that names the file or directory and the way out. */
export type StartError = WalError | StorageError | RecoveryError

/** How to run an engine on a storage. */
export interface EngineOptions
  extends
    MvccLayer.MvccOptions,
    WalOptions,
    Partial<ProcessorOptions>,
    Partial<AdministrationLayer.AdministrationOptions>
{}

/** The engine over a storage, in which its log and its segments lie. `workers` make the segments. */
export const layerOver = <E>(
  storage: Layer.Layer<BlockStorage, E>,
  workers: Layer.Layer<SegmentWorkers, never, BlockStorage>,
  options: EngineOptions = {}
): Layer.Layer<Services, E | WalError | RecoveryError> =>
  Layer.mergeAll(
    AdministrationLayer.layer(options),
    IngestionLayer.layer,
    QueryLayer.layer,
    Layer.provide(ProcessorLayer.layer(options), workers)
  ).pipe(
    Layer.provideMerge(CatalogLayer.layer),
    Layer.provideMerge(MvccLayer.layer(options)),
    Layer.provide(SchemaLayer.layer),
    Layer.provideMerge(WalLayer.layer(options)),
    Layer.provideMerge(storage)
  )

/** How to keep an engine's data in a directory. */
export interface EmbeddedOptions extends EngineOptions {
  /** The directory, which is made where it does not exist and which one engine owns at a time. */
  readonly directory: string
  /** Threads that write and merge segments. */
  readonly workers?: number
}

/** The engine in a directory of this machine. Each call makes another layer: keep it in a const where it is used twice. */
export const layer = ({ directory, workers, ...options }: EmbeddedOptions): Layer.Layer<Services, StartError> =>
  layerOver(
    StorageLayer.layerFile({ root: directory }),
    SegmentWorkersLayer.layerThreads(workers === undefined ? {} : { workers }),
    options
  )

/** In memory log files are small, nothing is gained by allocating ahead, and little of the log is kept for its followers. */
export const memoryOptions: EngineOptions = {
  segmentBytes: 4 * 1024 * 1024,
  aheadBytes: 0,
  logRetention: { ...checkpointDefaults.logRetention, bytesMax: 64e6 }
}

const engineOptions = (values: Values): EngineOptions => ({
  memtableBytesMax: values["memtable.size"],
  memoryBytesMax: values["memtable.limit"],
  memoryBytesFlush: values["memtable.limit"] / 2,
  memtableAgeMax: Duration.millis(values["memtable.max_age"]),
  cacheBytesMax: values["segment.cache_size"],
  level0Files: values["compaction.level0_files"],
  level1Bytes: values["compaction.level_size"],
  fileBytesMax: values["compaction.file_size"],
  compactionInterval: Duration.millis(values["compaction.interval"]),
  historyDefault: values["mvcc.history"],
  sync: values["wal.sync"],
  syncInterval: Duration.millis(values["wal.sync_interval"]),
  logRetention: { micros: values["wal.retention"] * 1000, bytesMax: values["wal.retention_size"] },
  archive: values["wal.archive"]
})

/** The engine as the configuration says. */
export const layerConfiguration: Layer.Layer<Services, StartError, Configuration> = Layer.unwrap(
  Effect.map(Configuration, (values): Layer.Layer<Services, StartError> =>
    values["wal.backend"] === "memory"
      ? layerOver(StorageLayer.layerMemory, SegmentWorkersLayer.layerInline, {
        ...engineOptions(values),
        ...memoryOptions
      })
      : layer({
        directory: values["storage.data_dir"],
        workers: values["segment.workers"],
        // The log's files hold whole words.
        segmentBytes: Math.floor(values["wal.segment_size"] / 8) * 8,
        ...engineOptions(values)
      }))
)
