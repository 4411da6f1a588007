/** Lists the frames of a log that nobody has open, and changes nothing. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { BlockStorage, type BlockStorageService } from "../storage/BlockStorage.ts"
import { fileHeaderBytes, frameSeed } from "./format.ts"
import { judgeTail } from "./judgeTail.ts"
import { damaged, findLogFiles, type FoundFile, fromStorageError } from "./logFiles.ts"
import type { LocatedFrame } from "./parseFrames.ts"
import { blockBytesDefault, scanBlock, type ScanStart } from "./scanFile.ts"
import type { WalError } from "./Wal.ts"

/** A frame and where it lies. */
export interface InspectedFrame extends LocatedFrame {
  /** As the user knows it. */
  readonly file: string
}

const inspectFile = (
  storage: BlockStorageService,
  found: FoundFile,
  isLast: boolean
): Stream.Stream<InspectedFrame, WalError> =>
  Stream.unwrap(Effect.gen(function*() {
    const file = yield* Effect.mapError(storage.open(found.name, { readOnly: true }), fromStorageError)
    const seed = frameSeed(found.header.logId)
    const start: ScanStart = { offset: fileHeaderBytes, position: found.header.firstPosition }
    return Stream.paginate(
      start,
      Effect.fnUntraced(function*(at: ScanStart) {
        const block = yield* Effect.mapError(
          scanBlock(file, at, found.size, seed, blockBytesDefault),
          fromStorageError
        )
        const frames = block.frames.map((frame): InspectedFrame => ({ ...frame, file: found.path }))
        const next: ScanStart = { offset: block.offset, position: block.position }
        if (block.stop === "More") return [frames, Option.some(next)] as const
        if (block.stop === "Limit") return [frames, Option.none<ScanStart>()] as const
        // What can be read is given first; the next call comes back here with no frames.
        if (frames.length > 0) return [frames, Option.some(next)] as const
        const tail = isLast
          ? yield* Effect.mapError(judgeTail(file, next, found.size, seed), fromStorageError)
          : undefined
        if (tail !== undefined && tail.kind !== "Damaged") return [frames, Option.none<ScanStart>()] as const
        return yield* damaged(
          found.path,
          next.offset,
          block.stop === "Zero" ? "zeros where a frame was" : block.problem
        )
      })
    )
  }))

/**
 * The frames of a log in order, with the file and the offset of each. It ends before a torn tail, and fails with
 * `Damaged` at damage.
 */
export const inspectLog = (folder: string): Stream.Stream<InspectedFrame, WalError, BlockStorage> =>
  Stream.unwrap(Effect.gen(function*() {
    const storage = yield* BlockStorage
    const files = yield* findLogFiles(storage, folder)
    return Stream.flatMap(
      Stream.fromIterable(files),
      (file) => inspectFile(storage, file, file === files[files.length - 1])
    )
  }))
