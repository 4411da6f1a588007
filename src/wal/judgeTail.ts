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

/** What kind of frame a search looks for. */
interface Wanted {
  /** Its position is after this. */
  readonly after: number
  /** It was written when this position was known to be synced. */
  readonly durable: number
  readonly seed: number
}

/** The position of the frame that begins at `offset`, if it is valid and wanted. */
const positionOf = Effect.fnUntraced(function*(
  file: BlockFile,
  offset: number,
  size: number,
  wanted: Wanted
): Effect.fn.Return<number | undefined, StorageError> {
  if (offset + frameHeaderBytes > size) return undefined
  const header = yield* file.read(offset, frameHeaderBytes)
  const view = new DataView(header.buffer, header.byteOffset)
  const length = view.getUint32(8, true)
  const position = getUint64(view, 16)
  const durable = getUint64(view, 24)
  // Looked at before the payload: most candidates end here.
  if (position <= wanted.after || durable < wanted.durable || durable >= position) return undefined
  if (length > framePayloadBytesMax) return undefined
  const bytes = frameBytes(length)
  if (offset + bytes > size) return undefined
  const frame = yield* file.read(offset, bytes)
  return parseFrames(frame, offset, offset + bytes, position, wanted.seed, []).stop === "Limit" ? position : undefined
})

/** What a search came upon. */
interface Search {
  /** The first wanted frame. */
  readonly found: ScanStart | undefined
  /** The end of the last byte before it, or in the file, that is not zero; 0 where all are. */
  readonly end: number
}

const search = Effect.fnUntraced(function*(
  file: BlockFile,
  start: number,
  size: number,
  wanted: Wanted
): Effect.fn.Return<Search, StorageError> {
  let end = 0
  for (let offset = start; offset < size; offset += blockBytesDefault) {
    const block = yield* file.read(offset, Math.min(blockBytesDefault, size - offset))
    const used = lastNonZero(block)
    if (used === 0) continue
    end = offset + used
    // The block begins at a multiple of 8, and so does every frame: no magic number lies across two blocks.
    const bytes = Buffer.from(block.buffer, block.byteOffset, used)
    for (let at = bytes.indexOf(frameMagicBytes); at !== -1; at = bytes.indexOf(frameMagicBytes, at + 1)) {
      if (at % alignmentBytes !== 0) continue
      const position = yield* positionOf(file, offset + at, size, wanted)
      if (position !== undefined) return { found: { offset: offset + at, position }, end }
    }
  }
  return { found: undefined, end }
})

/**
 * Judges the bytes from `start` to the end of the last file, where no valid frame begins.
 *
 * @param start Where the frame of position `start.position` was expected.
 */
export const judgeTail = (
  file: BlockFile,
  start: ScanStart,
  size: number,
  seed: number
): Effect.Effect<Tail, StorageError> =>
  Effect.map(
    search(file, start.offset, size, { after: start.position, durable: start.position, seed }),
    ({ end, found }) =>
      found !== undefined
        ? { kind: "Damaged", witness: found.offset }
        : end === 0
        ? { kind: "Clean" }
        : { kind: "Torn", end }
  )

/** The first valid frame of a later position behind `start`: where reading may go on after damage. */
export const findNextFrame = (
  file: BlockFile,
  start: ScanStart,
  size: number,
  seed: number
): Effect.Effect<ScanStart | undefined, StorageError> =>
  Effect.map(
    search(file, start.offset + alignmentBytes, size, { after: start.position, durable: 0, seed }),
    ({ found }) => found
  )
