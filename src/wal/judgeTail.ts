/**
 * What bytes that are no frame mean at the end of a log: nothing, a torn tail, or damage.
 *
 * A crash may leave any mixture of what was not yet synced: it is torn, and it was promised to nobody. A valid frame
 * further on that was written when the bytes in question were already known to be synced proves that they were once
 * whole: they are damaged, and something that was promised is lost.
 */
import * as Effect from "effect/Effect"
import { framePayloadBytesMax } from "../base/limits.ts"
import type { BlockFile, StorageError } from "../storage/BlockStorage.ts"
import { alignmentBytes, frameBytes, frameHeaderBytes, frameMagicBytes, getUint64 } from "./format.ts"
import { parseFrames } from "./parseFrames.ts"
import { blockBytesDefault, type ScanStart } from "./scanFile.ts"

/** What the rest of the last file is. */
export type Tail =
  | { readonly kind: "Clean" }
  /** Bytes [start.offset, end) are to be cut; what is after them is zero. */
  | { readonly kind: "Torn"; readonly end: number }
  /** The frame at `witness` proves it. */
  | { readonly kind: "Damaged"; readonly witness: number }

/** The end of the last byte of a block that is not zero; 0 where all are. */
const lastNonZero = (block: Uint8Array<ArrayBuffer>): number => {
  let end = block.length
  while (end % 4 !== 0 && block[end - 1] === 0) end--
  if (end % 4 !== 0) return end
  const words = new Uint32Array(block.buffer, block.byteOffset, end / 4)
  let word = words.length
  while (word > 0 && words[word - 1] === 0) word--
  end = word * 4
  while (end > 0 && block[end - 1] === 0) end--
  return end
}

/** Whether a valid frame begins at `offset` that was written after `position` was known to be synced. */
const isWitness = Effect.fnUntraced(function*(
  file: BlockFile,
  offset: number,
  size: number,
  position: number,
  seed: number
): Effect.fn.Return<boolean, StorageError> {
  if (offset + frameHeaderBytes > size) return false
  const header = yield* file.read(offset, frameHeaderBytes)
  const view = new DataView(header.buffer, header.byteOffset)
  const length = view.getUint32(8, true)
  const found = getUint64(view, 16)
  const durable = getUint64(view, 24)
  // Looked at before the payload: most candidates end here.
  if (durable < position || found <= durable || length > framePayloadBytesMax) return false
  const bytes = frameBytes(length)
  if (offset + bytes > size) return false
  const frame = yield* file.read(offset, bytes)
  const parsed = parseFrames(frame, offset, offset + bytes, found, seed, [])
  return parsed.stop === "Limit"
})

/**
 * Judges the bytes from `start` to the end of the last file, where no valid frame begins.
 *
 * @param start Where the frame of position `start.position` was expected.
 */
export const judgeTail = Effect.fnUntraced(function*(
  file: BlockFile,
  start: ScanStart,
  size: number,
  seed: number
): Effect.fn.Return<Tail, StorageError> {
  let end = 0
  for (let offset = start.offset; offset < size; offset += blockBytesDefault) {
    const block = yield* file.read(offset, Math.min(blockBytesDefault, size - offset))
    const used = lastNonZero(block)
    if (used === 0) continue
    end = offset + used
    // The block begins at a multiple of 8, and so does every frame: no magic number lies across two blocks.
    const bytes = Buffer.from(block.buffer, block.byteOffset, used)
    for (let at = bytes.indexOf(frameMagicBytes); at !== -1; at = bytes.indexOf(frameMagicBytes, at + 1)) {
      if (at % alignmentBytes !== 0) continue
      if (yield* isWitness(file, offset + at, size, start.position, seed)) {
        return { kind: "Damaged", witness: offset + at }
      }
    }
  }
  return end === 0 ? { kind: "Clean" } : { kind: "Torn", end }
})
