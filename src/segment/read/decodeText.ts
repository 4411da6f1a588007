/** Plain text values, each after its length, into a text vector or a dictionary. */
import { FormatError } from "../../base/byteCursor.ts"
import { Dictionary } from "../../event/dictionary.ts"
import type { TextVector } from "../../event/vector.ts"

/** Copies shorter than this are faster byte by byte. */
const shortBytes = 40

const lengthAt = (bytes: Uint8Array, at: number, end: number): number => {
  const length = (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0
  if (at + 4 > end || length > end - at - 4) throw new FormatError("a text is longer than its page")
  return length
}

/**
 * Reads the values of rows [row, row + rows) from bytes[at, end), `present` of them; the others are null already.
 * Bytes must end with the last value. `scale`: how many times the page's bytes all pages may come to.
 */
export const decodeText = (
  vector: TextVector,
  row: number,
  rows: number,
  present: number,
  bytes: Uint8Array,
  at: number,
  end: number,
  scale: number
): void => {
  const { nulls, offsets } = vector
  let used = offsets[row]
  const needed = Math.max(end - at - 4 * present, 0)
  if (row === 0 && vector.heap.length < needed) vector.heap = new Uint8Array(Math.ceil(needed * scale))
  vector.reserveHeap(used + needed, used)
  const { heap } = vector
  for (let i = row; i < row + rows; i++) {
    if (present === rows || nulls[i] === 0) {
      const length = lengthAt(bytes, at, end)
      at += 4
      if (length > shortBytes) heap.set(bytes.subarray(at, at + length), used)
      else for (let byte = 0; byte < length; byte++) heap[used + byte] = bytes[at + byte]
      at += length
      used += length
    }
    offsets[i + 1] = used
  }
  if (at !== end) throw new FormatError(`${end - at} bytes are left of a page of text`)
}

/** Reads a dictionary page of `count` distinct values. */
export const decodeDictionary = (bytes: Uint8Array, count: number): Dictionary => {
  const dictionary = new Dictionary()
  let at = 0
  for (let i = 0; i < count; i++) {
    const length = lengthAt(bytes, at, bytes.length)
    at += 4
    if (dictionary.code(bytes, at, at + length) !== i)
      throw new FormatError(`value ${i} of a dictionary is there twice`)
    at += length
  }
  if (at !== bytes.length) throw new FormatError(`${bytes.length - at} bytes are left of a dictionary`)
  return dictionary
}
