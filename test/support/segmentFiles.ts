/** Segments' files for engines that have none: rows in memory only. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { makeSegmentFiles } from "../../src/mvcc/SegmentFiles.ts"
import { BlockStorage } from "../../src/storage/BlockStorage.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"

/** Over an empty storage, never closed. */
export const noSegments = Effect.runSync(
  makeSegmentFiles({ cacheBytesMax: 0 }).pipe(
    Effect.provideServiceEffect(BlockStorage, Effect.map(makeMemoryStorage, (storage) => BlockStorage.of(storage))),
    Effect.provideServiceEffect(Scope.Scope, Scope.make())
  )
)
