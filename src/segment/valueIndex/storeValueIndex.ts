/** Writes value indexes to storage. */
import * as Effect from "effect/Effect"
import type { BlockStorageService, StorageError } from "../../storage/BlockStorage.ts"
import type { Segment } from "../Segment.ts"
import { fromStorageError, type SegmentError } from "../SegmentError.ts"
import { buildValueIndex, placeOfColumn } from "./buildValueIndex.ts"

/**
 * Makes the file `name` of the value index of a segment's column, by the column's id, and makes it last: file and
 * folder are synced. Returns its length. A failure, or an interruption, removes the file.
 */
export const storeValueIndex = (
  storage: BlockStorageService,
  name: string,
  segment: Segment,
  columnId: number
): Effect.Effect<number, SegmentError> =>
  Effect.onError(
    Effect.scoped(Effect.gen(function*() {
      const file = yield* stored(storage.open(name, { create: true }))
      yield* stored(file.truncate(0))
      let offset = 0
      const { bytes } = yield* buildValueIndex(segment, placeOfColumn(segment, columnId), (chunks) => {
        const at = offset
        for (const chunk of chunks) offset += chunk.length
        return stored(file.write(at, chunks))
      })
      yield* stored(file.sync)
      yield* stored(storage.syncDirectory(name.slice(0, Math.max(0, name.lastIndexOf("/")))))
      return bytes
    })),
    () => Effect.ignore(storage.remove(name))
  )

const stored = <A, R>(effect: Effect.Effect<A, StorageError, R>): Effect.Effect<A, SegmentError, R> =>
  Effect.mapError(effect, fromStorageError)
