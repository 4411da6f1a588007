/** The fold of the log, the way into it, and snapshots of it. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  checkpointDefaults,
  type CheckpointOptions,
  Checkpoints,
  makeCheckpoints
} from "../src/mvcc/checkpoint/Checkpoints.ts"
import { CommitPipeline } from "../src/mvcc/CommitPipeline.ts"
import { Engine, type EngineOptions, makeEngine, memtableBytesDefault } from "../src/mvcc/Engine.ts"
import {
  commitPipelineDefaults,
  type CommitPipelineOptions,
  makeCommitPipeline
} from "../src/mvcc/makeCommitPipeline.ts"
import { makeMvcc } from "../src/mvcc/makeMvcc.ts"
import { Mvcc } from "../src/mvcc/Mvcc.ts"
import type { RecoveryError } from "../src/mvcc/recovery/RecoveryError.ts"
import {
  cacheBytesDefault,
  makeSegmentFiles,
  SegmentFiles,
  type SegmentFilesOptions
} from "../src/mvcc/SegmentFiles.ts"
import type { BlockStorage } from "../src/storage/BlockStorage.ts"
import type { Wal, WalError } from "../src/wal/Wal.ts"

/** How rows are kept in memory, groups committed, segments read and checkpoints written. */
export type MvccOptions = Partial<EngineOptions & CommitPipelineOptions & SegmentFilesOptions & CheckpointOptions>

/**
 * Recovers from the log and the storage that are provided. Each call makes another layer: keep it in a const where it is
 * used twice.
 */
export const layer = (
  options: MvccOptions = {}
): Layer.Layer<
  Engine | CommitPipeline | Checkpoints | Mvcc | SegmentFiles,
  WalError | RecoveryError,
  BlockStorage | Wal
> =>
  Layer.mergeAll(
    Layer.effect(CommitPipeline, makeCommitPipeline({ ...commitPipelineDefaults, ...options })),
    Layer.effect(Checkpoints, makeCheckpoints({ ...checkpointDefaults, ...options })),
    Layer.effect(Mvcc, Effect.map(makeMvcc, (mvcc) => Mvcc.of(mvcc)))
  ).pipe(
    Layer.provideMerge(Layer.effect(Engine, makeEngine({ memtableBytesMax: memtableBytesDefault, ...options }))),
    Layer.provideMerge(
      Layer.effect(SegmentFiles, makeSegmentFiles({ cacheBytesMax: cacheBytesDefault, ...options }))
    )
  )
