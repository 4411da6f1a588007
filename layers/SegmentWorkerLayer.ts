/** Who makes segments. */
import * as Layer from "effect/Layer"
import { makeInlineWorkers } from "../src/segment/worker/inlineWorkers.ts"
import {
  makeSegmentThreads,
  segmentThreadsDefaults,
  type SegmentThreadsOptions
} from "../src/segment/worker/segmentThreads.ts"
import { SegmentWorkers } from "../src/segment/worker/SegmentWorkers.ts"
import type { BlockStorage } from "../src/storage/BlockStorage.ts"

/** Worker threads. Each call makes another layer: keep it in a const where it is used twice. */
export const layerThreads = (
  options: Partial<SegmentThreadsOptions> = {}
): Layer.Layer<SegmentWorkers, never, BlockStorage> =>
  Layer.effect(SegmentWorkers, makeSegmentThreads({ ...segmentThreadsDefaults, ...options }))

/** The caller's own thread: nothing to start, and nothing else runs while a job does. */
export const layerInline: Layer.Layer<SegmentWorkers, never, BlockStorage> = Layer.effect(
  SegmentWorkers,
  makeInlineWorkers
)
