/** The jobs themselves, the same in a worker thread and in the caller's own. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BlockStorageService } from "../../storage/BlockStorage.ts"
import { BlockCache } from "../BlockCache.ts"
import { rowGroupRows } from "../format.ts"
import { type MergeInput, type MergeResult, mergeSegments } from "../merge/mergeSegments.ts"
import { openSegment } from "../Segment.ts"
import { fromStorageError, type SegmentError } from "../SegmentError.ts"
import { sortRows } from "../sortRows.ts"
import { type SegmentPiece, storeSegment } from "../storeSegment.ts"
import { storeValueIndex } from "../valueIndex/storeValueIndex.ts"
import type { IndexRequest, IndexResult, StoredMergeRequest, WriteRequest, WriteResult } from "./SegmentWorkers.ts"

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

/** Opens the inputs and merges them. They are read once, from one end to the other: nothing is cached. */
export const mergeJob = Effect.fnUntraced(
  function*(
    storage: BlockStorageService,
    { inputs, ...request }: StoredMergeRequest
  ): Effect.fn.Return<MergeResult, SegmentError, Scope.Scope> {
    const cache = new BlockCache(0)
    const opened: Array<MergeInput> = []
    for (const { name, ...rest } of inputs) {
      const file = yield* Effect.mapError(storage.open(name, { readOnly: true }), fromStorageError)
      opened.push({ segment: yield* openSegment(file, cache), ...rest })
    }
    return yield* mergeSegments(storage, { ...request, inputs: opened })
  },
  Effect.scoped
)

/** Opens the segment and indexes a column. It is read once, from one end to the other: nothing is cached. */
export const indexJob = Effect.fnUntraced(
  function*(
    storage: BlockStorageService,
    { columnId, name, segment }: IndexRequest
  ): Effect.fn.Return<IndexResult, SegmentError, Scope.Scope> {
    const file = yield* Effect.mapError(storage.open(segment, { readOnly: true }), fromStorageError)
    const opened = yield* openSegment(file, new BlockCache(0))
    return { bytes: yield* storeValueIndex(storage, name, opened, columnId) }
  },
  Effect.scoped
)

/** A request whose marks are its own: those of a segment in use go on changing. */
export const withOwnMarks = (request: StoredMergeRequest): StoredMergeRequest => ({
  ...request,
  inputs: request.inputs.map(({ marks, name }) =>
    marks === undefined
      ? { name }
      : { name, marks: { rows: marks.rows.slice(), positions: marks.positions.slice() } }
  )
})
