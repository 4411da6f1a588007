/** Writes segments to storage. */
import * as Effect from "effect/Effect"
import type { BlockStorageService, StorageError } from "../storage/BlockStorage.ts"
import { fromStorageError, type SegmentError } from "./SegmentError.ts"
import type { SegmentRows } from "./write/SegmentRows.ts"
import type { SegmentSummary } from "./write/SegmentSummary.ts"
import { type SegmentOwner, SegmentWriter } from "./write/SegmentWriter.ts"

/** Sorted rows to append to a segment; see `SegmentWriter.add`. */
export interface SegmentPiece {
  readonly rows: SegmentRows
  readonly order: Int32Array
}

/**
 * Makes the file `name` of the pieces that `next` gives until it gives none, at least one, and makes it last: file and
 * folder are synced. Each piece is encoded in one go, and its bytes are written before the next is asked for.
 *
 * A failure, or an interruption, removes the file. One that a crash leaves half written does no harm: nothing names it
 * before this has succeeded.
 *
 * `onBytes` is told of how many bytes the file has after each piece.
 */
export const storeSegment = <E, R>(
  storage: BlockStorageService,
  name: string,
  owner: SegmentOwner,
  next: Effect.Effect<SegmentPiece | undefined, E, R>,
  onBytes?: (bytes: number) => void
): Effect.Effect<SegmentSummary, E | SegmentError, R> =>
  Effect.onError(
    Effect.scoped(Effect.gen(function*() {
      const file = yield* stored(storage.open(name, { create: true }))
      yield* stored(file.truncate(0))
      const writer = new SegmentWriter(owner)
      let offset = 0
      const write = Effect.suspend(() => {
        const at = offset
        offset = writer.bytes
        return stored(file.write(at, writer.take()))
      })
      for (let piece = yield* next; piece !== undefined; piece = yield* next) {
        writer.add(piece.rows, piece.order)
        onBytes?.(writer.bytes)
        yield* write
      }
      const summary = writer.finish()
      yield* write
      yield* stored(file.sync)
      yield* stored(storage.syncDirectory(name.slice(0, Math.max(0, name.lastIndexOf("/")))))
      return summary
    })),
    () => Effect.ignore(storage.remove(name))
  )

const stored = <A, R>(effect: Effect.Effect<A, StorageError, R>): Effect.Effect<A, SegmentError, R> =>
  Effect.mapError(effect, fromStorageError)
