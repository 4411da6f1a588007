/** The processor program. */
import * as Layer from "effect/Layer"
import type { Checkpoints } from "../src/mvcc/checkpoint/Checkpoints.ts"
import type { CommitPipeline } from "../src/mvcc/CommitPipeline.ts"
import type { Engine } from "../src/mvcc/Engine.ts"
import type { Mvcc } from "../src/mvcc/Mvcc.ts"
import type { SegmentFiles } from "../src/mvcc/SegmentFiles.ts"
import { makeProcessor, processorDefaults, type ProcessorOptions } from "../src/processor/makeProcessor.ts"
import { Processor } from "../src/processor/Processor.ts"
import type { SegmentWorkers } from "../src/segment/worker/SegmentWorkers.ts"

/** Over the engine, whose segments it writes through the workers. */
export const layer = (
  options: Partial<ProcessorOptions> = {}
): Layer.Layer<Processor, never, Checkpoints | CommitPipeline | Engine | Mvcc | SegmentFiles | SegmentWorkers> =>
  Layer.effect(Processor, makeProcessor({ ...processorDefaults, ...options }))
