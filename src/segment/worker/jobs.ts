/** The jobs themselves, the same in a worker thread and in the caller's own. */
import * as Effect from "effect/Effect"
import type { BlockStorageService } from "../../storage/BlockStorage.ts"
import { rowGroupRows } from "../format.ts"
import type { SegmentError } from "../SegmentError.ts"
import { sortRows } from "../sortRows.ts"
import { type SegmentPiece, storeSegment } from "../storeSegment.ts"
import type { WriteRequest, WriteResult } from "./SegmentWorkers.ts"

/**
 * Sorts rows, then encodes and writes them a row group at a time, so that no more than that is held in encoded form.
 * Between row groups the thread sees to its messages, or to its other fibers.
 */
export const writeJob = Effect.fnUntraced(
  function*(
    storage: BlockStorageService,
    { count, name, owner, rows }: WriteRequest
  ): Effect.fn.Return<WriteResult, SegmentError> {
    const order = sortRows(rows.keys, rows.positions, count)
    let from = 0
    const next = Effect.map(Effect.yieldNow, (): SegmentPiece | undefined => {
      if (from === count) return undefined
      const to = Math.min(count, from + rowGroupRows)
      const piece = { rows, order: order.subarray(from, to) }
      from = to
      return piece
    })
    const summary = yield* storeSegment(storage, name, owner, next)
    return { summary, order }
  }
)
