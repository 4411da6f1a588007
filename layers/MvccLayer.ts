/** The fold of the log, the way into it, and snapshots of it. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CommitPipeline } from "../src/mvcc/CommitPipeline.ts"
import { Engine, type EngineOptions, makeEngine, memtableBytesDefault, type RecoveryError } from "../src/mvcc/Engine.ts"
import {
  commitPipelineDefaults,
  type CommitPipelineOptions,
  makeCommitPipeline
} from "../src/mvcc/makeCommitPipeline.ts"
import { makeMvcc } from "../src/mvcc/makeMvcc.ts"
import { Mvcc } from "../src/mvcc/Mvcc.ts"
import {
  cacheBytesDefault,
  makeSegmentFiles,
  SegmentFiles,
  type SegmentFilesOptions
} from "../src/mvcc/SegmentFiles.ts"
import type { BlockStorage } from "../src/storage/BlockStorage.ts"
import type { Wal, WalError } from "../src/wal/Wal.ts"

/** How rows are kept in memory, groups committed and segments read. */
export type MvccOptions = Partial<EngineOptions & CommitPipelineOptions & SegmentFilesOptions>

/** Recovers from the log that is provided. Each call makes another layer: keep it in a const where it is used twice. */
export const layer = (
  options: MvccOptions = {}
): Layer.Layer<Engine | CommitPipeline | Mvcc | SegmentFiles, WalError | RecoveryError, BlockStorage | Wal> =>
  Layer.mergeAll(
    Layer.effect(CommitPipeline, makeCommitPipeline({ ...commitPipelineDefaults, ...options })),
    Layer.effect(Mvcc, Effect.map(makeMvcc, (mvcc) => Mvcc.of(mvcc)))
  ).pipe(
    Layer.provideMerge(Layer.effect(Engine, makeEngine({ memtableBytesMax: memtableBytesDefault, ...options }))),
    Layer.provideMerge(
      Layer.effect(SegmentFiles, makeSegmentFiles({ cacheBytesMax: cacheBytesDefault, ...options }))
    )
  )
