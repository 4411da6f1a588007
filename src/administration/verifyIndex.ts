/** Looks at every byte of the file of an index, and whether it holds what its segment does. */
import * as Effect from "effect/Effect"
import type { SegmentEntry, TableSettings } from "../event/Event.ts"
import { BlockCache } from "../segment/BlockCache.ts"
import { openSegment } from "../segment/Segment.ts"
import { fromStorageError } from "../segment/SegmentError.ts"
import { verifyValueIndex } from "../segment/valueIndex/verifyValueIndex.ts"
import type { BlockStorageService } from "../storage/BlockStorage.ts"
import type { Fault } from "./verifyStorage.ts"

/** What is wrong with a file of an index; `undefined` where nothing is. */
export const verifyIndex = Effect.fnUntraced(
  function*(
    storage: BlockStorageService,
    { bytes, index, name, version }: SegmentEntry["indexes"][number],
    /** `undefined` where the segment is damaged: then the file is looked at alone. */
    segment: string | undefined,
    declared: TableSettings["indexes"]
  ) {
    const file = yield* Effect.mapError(storage.open(name, { readOnly: true }), fromStorageError)
    const size = yield* Effect.mapError(file.size, fromStorageError)
    if (size !== bytes) {
      return { file: file.path, offset: undefined, problem: `has ${size} bytes, and the catalog says ${bytes}` }
    }
    // What was dropped, or declared anew, is about to be removed.
    const current = declared.find((each) => each.name === index && each.version === version)
    const opened = segment === undefined || current === undefined
      ? undefined
      : yield* openSegment(
        yield* Effect.mapError(storage.open(segment, { readOnly: true }), fromStorageError),
        new BlockCache(0)
      )
    yield* verifyValueIndex(file, opened, current?.columnId ?? 0)
    return undefined
  },
  Effect.scoped,
  Effect.catch(({ file, message, offset }): Effect.Effect<Fault> => Effect.succeed({ file, offset, problem: message }))
)
