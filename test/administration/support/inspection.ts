/** An engine with a processor in this thread, and the service that looks into it. */
import * as Effect from "effect/Effect"
import { makeInspection } from "../../../src/administration/makeInspection.ts"
import { Catalog } from "../../../src/catalog/Catalog.ts"
import { Mvcc } from "../../../src/mvcc/Mvcc.ts"
import { SegmentFiles } from "../../../src/mvcc/SegmentFiles.ts"
import type { ProcessorOptions } from "../../../src/processor/makeProcessor.ts"
import { BlockStorage } from "../../../src/storage/BlockStorage.ts"
import { makeMemoryStorage, type MemoryStorage } from "../../../src/storage/memoryStorage.ts"
import { Wal } from "../../../src/wal/Wal.ts"
import { type EngineSetting, openEngine, openProcessor } from "../../support/openEngine.ts"

/** The service of an engine. */
export const openInspection = (opened: Effect.Success<ReturnType<typeof openEngine>>, storage: MemoryStorage) =>
  makeInspection.pipe(
    Effect.provideService(Catalog, opened.catalog),
    Effect.provideService(Mvcc, opened.mvcc),
    Effect.provideService(SegmentFiles, opened.files),
    Effect.provideService(BlockStorage, storage),
    Effect.provideService(Wal, opened.wal)
  )

/** Opens all of it until the scope closes. */
export const setUpInspection = Effect.fnUntraced(function*(
  setting: EngineSetting = {},
  options: Partial<ProcessorOptions> = {}
) {
  const storage = yield* makeMemoryStorage
  const opened = yield* openEngine(storage, { memtableBytesMax: 1 << 30, ...setting })
  const processor = yield* openProcessor(opened, storage, options)
  const inspection = yield* openInspection(opened, storage)
  return { storage, opened, processor, inspection, administration: opened.administration, pipeline: opened.pipeline }
})
