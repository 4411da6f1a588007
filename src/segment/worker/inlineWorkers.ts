/** Makes segments in the caller's own thread: for engines that must start at once, and for tests. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { BlockStorage } from "../../storage/BlockStorage.ts"
import { indexJob, mergeJob, withOwnMarks, writeJob } from "./jobs.ts"
import { removingCreated } from "./jobStorage.ts"
import type { SegmentWorkersService } from "./SegmentWorkers.ts"

/** Makes the service. A job holds the thread for about 0.1 s at a time. */
export const makeInlineWorkers = Effect.gen(function*(): Effect.gen.Return<SegmentWorkersService, never, BlockStorage> {
  const storage = yield* BlockStorage
  const writes = yield* Semaphore.make(1)
  const merges = yield* Semaphore.make(1)
  const indexes = yield* Semaphore.make(1)
  return {
    write: (request) => Semaphore.withPermit(writes, removingCreated(storage, (own) => writeJob(own, request))),
    merge: (request) =>
      Effect.suspend(() => {
        const owned = withOwnMarks(request)
        return Semaphore.withPermit(merges, removingCreated(storage, (own) => mergeJob(own, owned)))
      }),
    index: (request) => Semaphore.withPermit(indexes, removingCreated(storage, (own) => indexJob(own, request)))
  }
})
