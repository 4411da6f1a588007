/** Checks a value index: every checksum, and that it holds what the segment's column does, no more and no less. */
import * as Effect from "effect/Effect"
import type { BlockFile } from "../../storage/BlockStorage.ts"
import { BlockCache } from "../BlockCache.ts"
import type { Segment } from "../Segment.ts"
import { SegmentError } from "../SegmentError.ts"
import { buildValueIndex, placeOfColumn } from "./buildValueIndex.ts"
import { openValueIndex } from "./ValueIndex.ts"

/**
 * Fails with `Damaged` at the first thing that is wrong. `segment` is `undefined` where it is damaged itself: then the file
 * is looked at alone.
 */
export const verifyValueIndex = Effect.fnUntraced(function*(
  file: BlockFile,
  segment: Segment | undefined,
  columnId: number
): Effect.fn.Return<void, SegmentError> {
  const index = yield* openValueIndex(file, new BlockCache(0))
  const contentCrc = yield* index.verify
  if (segment === undefined) return
  const built = yield* buildValueIndex(segment, placeOfColumn(segment, columnId), () => Effect.void)
  if (built.contentCrc !== contentCrc || built.pages !== index.pageCount) {
    return yield* new SegmentError({
      reason: "Damaged",
      file: file.path,
      message: `the index is damaged: ${file.path} does not hold the values of ${segment.file.path}. ` +
        "Have it built anew: `varve index rebuild`"
    })
  }
})
