/** From bytes of a log file to frames. */
import { crc32c } from "../base/crc32c.ts"
import { framePayloadBytesMax } from "../base/limits.ts"
import type { Position } from "../base/position.ts"
import { frameBytes, frameHeaderBytes, frameMagic, getUint64 } from "./format.ts"
import type { Frame } from "./Wal.ts"

/** A frame and where in its file it begins. */
export interface LocatedFrame extends Frame {
  /** In bytes. */
  readonly offset: number
}

/**
 * Why parsing stopped.
 *
 * - `Limit`: everything up to the limit is parsed.
 * - `More`: the next frame is not wholly in the block; `need` bytes from `offset` on hold it, or at least its header.
 * - `Zero`: there are zeros where a frame would begin; what comes after them was not looked at.
 * - `Invalid`: `problem` says why the bytes at `offset` are no frame.
 */
export type ParseStop = "Limit" | "More" | "Zero" | "Invalid"

/** How far parsing came. */
export interface Parsed {
  readonly stop: ParseStop
  /** Where in the file the next frame begins, or what stopped the parsing. */
  readonly offset: number
  /** The position that is expected there. */
  readonly position: number
  readonly need: number
  readonly problem: string
}

/** Whether all bytes of [start, end) are zero. */
export const isZero = (bytes: Uint8Array, start: number, end: number): boolean => {
  for (let at = start; at < end; at++) {
    if (bytes[at] !== 0) return false
  }
  return true
}

/** What is wrong with the frame that begins at `at`, which lies wholly in the block; undefined if nothing. */
const findProblem = (
  block: Uint8Array,
  view: DataView,
  at: number,
  length: number,
  expected: number,
  seed: number
): string | undefined => {
  const end = at + frameHeaderBytes + length
  if (view.getUint32(at + 4, true) !== crc32c(block.subarray(at + 8, end), seed)) {
    return "the checksum of the frame is wrong"
  }
  if (!isZero(block, end, at + frameBytes(length))) return "the padding of the frame is not zero"
  const position = getUint64(view, at + 16)
  if (position !== expected) return `the frame has position ${position} where ${expected} is expected`
  if (view.getUint32(at + 40, true) === 0 && length !== 0) return "the frame spans no position and has a payload"
  return undefined
}

/**
 * Parses the frames of a block.
 *
 * @param block Bytes of the file from `start` on, beginning at an aligned address. Payloads are views into it.
 * @param start Where in the file the block begins; a frame begins there.
 * @param limit Where in the file the frames end at the latest.
 * @param expected The position of the first frame.
 * @param seed See `frameSeed`.
 * @param frames Takes the frames; marks are checked and left out.
 */
export const parseFrames = (
  block: Uint8Array<ArrayBuffer>,
  start: number,
  limit: number,
  expected: number,
  seed: number,
  frames: Array<LocatedFrame>
): Parsed => {
  const view = new DataView(block.buffer, block.byteOffset, block.length)
  let at = 0
  let position = expected
  const stopped = (stop: ParseStop, need: number, problem: string): Parsed => ({
    stop,
    offset: start + at,
    position,
    need,
    problem
  })
  for (;;) {
    const left = limit - start - at
    if (left <= 0) return stopped("Limit", 0, "")
    const there = Math.min(left, block.length - at)
    if (there < frameHeaderBytes && there < left) return stopped("More", Math.min(frameHeaderBytes, left), "")
    if (there < frameHeaderBytes) {
      return isZero(block, at, at + there)
        ? stopped("Zero", 0, "")
        : stopped("Invalid", 0, "the file ends within the header of a frame")
    }
    const magic = view.getUint32(at, true)
    if (magic === 0) return stopped("Zero", 0, "")
    if (magic !== frameMagic) return stopped("Invalid", 0, "no frame begins here")
    const length = view.getUint32(at + 8, true)
    if (length > framePayloadBytesMax) return stopped("Invalid", 0, `the frame claims a length of ${length} bytes`)
    const bytes = frameBytes(length)
    if (bytes > left) return stopped("Invalid", 0, "the frame goes beyond the end of the file")
    if (bytes > there) return stopped("More", bytes, "")
    const problem = findProblem(block, view, at, length, position, seed)
    if (problem !== undefined) return stopped("Invalid", 0, problem)
    const span = view.getUint32(at + 40, true)
    if (span > 0) {
      frames.push({
        kind: view.getUint16(at + 12, true),
        position: position as Position,
        span,
        commitTime: getUint64(view, at + 32),
        durable: getUint64(view, at + 24) as Position,
        payload: new Uint8Array(block.buffer, block.byteOffset + at + frameHeaderBytes, length),
        offset: start + at
      })
    }
    position += span
    at += bytes
  }
}
