/** The whole engine in memory: it starts in milliseconds, needs no disk, and is gone with its scope. For tests. */
import * as Layer from "effect/Layer"
import type { RecoveryError } from "../src/mvcc/recovery/RecoveryError.ts"
import type { WalError } from "../src/wal/Wal.ts"
import { layerOver, memoryOptions, type Services } from "./Embedded.ts"
import * as SegmentWorkersLayer from "./SegmentWorkersLayer.ts"
import * as StorageLayer from "./StorageLayer.ts"

/** One engine for everyone who provides this layer within one scope. */
export const layer: Layer.Layer<Services, WalError | RecoveryError> = layerOver(
  StorageLayer.layerMemory,
  SegmentWorkersLayer.layerInline,
  memoryOptions
)

/** An engine of its own wherever it is provided. */
export const layerFresh: Layer.Layer<Services, WalError | RecoveryError> = Layer.fresh(layer)
