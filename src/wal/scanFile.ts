/** Reads the frames of one log file in big blocks. */
import * as Effect from "effect/Effect"
import type { BlockFile, StorageError } from "../storage/BlockStorage.ts"
import { type LocatedFrame, type Parsed, parseFrames } from "./parseFrames.ts"

/** Bytes that one read asks for. */
export const blockBytesDefault = 8 * 1024 * 1024

/** Frames of one block, and how far they came. */
export interface ScannedBlock extends Parsed {
  readonly frames: ReadonlyArray<LocatedFrame>
}

/** Where a scan stands: a frame begins at `offset`, and has `position`. */
export interface ScanStart {
  readonly offset: number
  readonly position: number
}

/**
 * Reads and parses at least one frame from `start` on, if there is one before `limit`: the stop is never `More` unless
 * frames were found. Frames before and after the block's end are read again by the next call.
 */
export const scanBlock = Effect.fnUntraced(function*(
  file: BlockFile,
  start: ScanStart,
  limit: number,
  seed: number,
  blockBytes: number
): Effect.fn.Return<ScannedBlock, StorageError> {
  let bytes = blockBytes
  for (;;) {
    const length = Math.min(bytes, limit - start.offset)
    const block = yield* file.read(start.offset, length)
    const frames: Array<LocatedFrame> = []
    // The file may be shorter than the caller believes: then it ends there.
    const end = block.length < length ? start.offset + block.length : limit
    const parsed = parseFrames(block, start.offset, end, start.position, seed, frames)
    // parsed.offset moves on without frames where there are only marks.
    if (parsed.stop !== "More" || parsed.offset > start.offset) return { ...parsed, frames }
    bytes = parsed.need
  }
})
