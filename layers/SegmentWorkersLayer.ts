/** Who makes segments: worker threads, or the thread that asks. */
import * as Layer from "effect/Layer"
import { makeInlineWorkers } from "../src/segment/worker/inlineWorkers.ts"
import {
  makeSegmentThreads,
  segmentThreadsDefaults,
  type SegmentThreadsOptions
} from "../src/segment/worker/segmentThreads.ts"
import { SegmentWorkers } from "../src/segment/worker/SegmentWorkers.ts"
import type { BlockStorage } from "../src/storage/BlockStorage.ts"

/** Worker threads, which are started when they are first needed. */
export const layerThreads = (
  options: Partial<SegmentThreadsOptions> = {}
): Layer.Layer<SegmentWorkers, never, BlockStorage> =>
  Layer.effect(SegmentWorkers, makeSegmentThreads({ ...segmentThreadsDefaults, ...options }))

/** The thread that asks: nothing to start, but everything else waits meanwhile. For small data. */
export const layerInline: Layer.Layer<SegmentWorkers, never, BlockStorage> = Layer.effect(
  SegmentWorkers,
  makeInlineWorkers
)
