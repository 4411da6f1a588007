/** From frames to the chunks of one write. */
import { crc32c } from "../base/crc32c.ts"
import { invariant } from "../base/invariant.ts"
import { framePayloadBytesMax } from "../base/limits.ts"
import type { Position } from "../base/position.ts"
import { frameBytes, frameHeaderBytes, frameMagic, paddingBytes, setUint64 } from "./format.ts"
import type { FrameInput } from "./Wal.ts"

/** A payload up to this many bytes is copied beside its header: cheaper than one more chunk and checksum call. */
const copyBytesMax = 16 * 1024

/** Scratch memory above this is given back after the group. */
const scratchBytesKeptMax = 4 * 1024 * 1024

/** The sizes of a group's frames. */
export interface GroupSize {
  /** Payload bytes of each frame. */
  readonly lengths: ReadonlyArray<number>
  /** Bytes that the group takes in the file. */
  readonly bytes: number
  /** Bytes of the largest payload. */
  readonly lengthMax: number
}

/** Measures a group; defects on a frame that no caller may build. */
export const measureGroup = (frames: ReadonlyArray<FrameInput>): GroupSize => {
  invariant(frames.length > 0, "a group has a frame")
  const lengths: Array<number> = []
  let bytes = 0
  let lengthMax = 0
  for (const frame of frames) {
    invariant(Number.isInteger(frame.kind) && frame.kind >= 0 && frame.kind <= 0xffff, "a frame's kind is a u16")
    invariant(
      Number.isInteger(frame.span) && frame.span >= 1 && frame.span <= 0xffffffff,
      "a frame's span is a u32 from 1 on"
    )
    let length = 0
    for (const piece of frame.payload) length += piece.length
    lengths.push(length)
    bytes += frameBytes(length)
    if (length > lengthMax) lengthMax = length
  }
  return { lengths, bytes, lengthMax }
}

/** What every frame of a group carries. */
export interface GroupContext {
  /** Position of the first frame. */
  readonly position: number
  /** The last position known to be synced. */
  readonly durable: number
  /** Microseconds since 1970. */
  readonly commitTime: number
  /** See `frameSeed`. */
  readonly seed: number
}

/** A group that is ready to be written. */
export interface EncodedGroup {
  /** Valid until the next group is encoded. */
  readonly chunks: ReadonlyArray<Uint8Array>
  /** First position of each frame. */
  readonly positions: Array<Position>
  /** The position after the last frame. */
  readonly next: number
}

/** Encodes one group after another, reusing its memory. */
export class GroupEncoder {
  #scratch = Buffer.allocUnsafeSlow(64 * 1024)
  #view = new DataView(this.#scratch.buffer)

  #reserve(bytes: number): void {
    if (this.#scratch.length >= bytes && this.#scratch.length <= scratchBytesKeptMax) return
    if (this.#scratch.length >= bytes && bytes > scratchBytesKeptMax / 2) return
    this.#scratch = Buffer.allocUnsafeSlow(Math.max(64 * 1024, 2 ** Math.ceil(Math.log2(bytes))))
    this.#view = new DataView(this.#scratch.buffer)
  }

  #writeHeader(at: number, kind: number, span: number, length: number, position: number, context: GroupContext): void {
    const view = this.#view
    view.setUint32(at, frameMagic, true)
    view.setUint32(at + 8, length, true)
    view.setUint16(at + 12, kind, true)
    view.setUint16(at + 14, 0, true)
    setUint64(view, at + 16, position)
    setUint64(view, at + 24, context.durable)
    setUint64(view, at + 32, context.commitTime)
    view.setUint32(at + 40, span, true)
    view.setUint32(at + 44, 0, true)
  }

  /** Encodes a group. Headers, padding and small payloads are copied into scratch memory, large pieces are not. */
  encode(frames: ReadonlyArray<FrameInput>, size: GroupSize, context: GroupContext): EncodedGroup {
    let scratchBytes = 0
    for (const length of size.lengths) scratchBytes += frameBytes(length <= copyBytesMax ? length : 0) + 8
    this.#reserve(scratchBytes)
    const scratch = this.#scratch
    const chunks: Array<Uint8Array> = []
    const positions: Array<Position> = []
    let position = context.position
    let chunkStart = 0
    let at = 0
    for (let i = 0; i < frames.length; i++) {
      const frame = frames[i]
      const length = size.lengths[i]
      const header = at
      this.#writeHeader(header, frame.kind, frame.span, length, position, context)
      at += frameHeaderBytes
      let crc: number
      if (length <= copyBytesMax) {
        for (const piece of frame.payload) {
          scratch.set(piece, at)
          at += piece.length
        }
        crc = crc32c(scratch.subarray(header + 8, at), context.seed)
      } else {
        crc = crc32c(scratch.subarray(header + 8, at), context.seed)
        chunks.push(scratch.subarray(chunkStart, at))
        chunkStart = at
        for (const piece of frame.payload) {
          if (piece.length === 0) continue
          crc = crc32c(piece, crc)
          chunks.push(piece)
        }
      }
      this.#view.setUint32(header + 4, crc, true)
      const padding = paddingBytes(length)
      scratch.fill(0, at, at + padding)
      at += padding
      positions.push(position as Position)
      position += frame.span
    }
    if (at > chunkStart) chunks.push(scratch.subarray(chunkStart, at))
    return { chunks, positions, next: position }
  }

  /** Encodes a mark: see format.ts. */
  encodeMark(context: GroupContext): Uint8Array {
    this.#writeHeader(0, 0, 0, 0, context.position, context)
    this.#view.setUint32(4, crc32c(this.#scratch.subarray(8, frameHeaderBytes), context.seed), true)
    return this.#scratch.subarray(0, frameHeaderBytes)
  }
}

/** Whether a payload is over the limit of a frame. */
export const isTooLarge = (length: number): boolean => length > framePayloadBytesMax
