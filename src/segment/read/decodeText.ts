/** Text values, plain or with all lengths before them, into a text vector or a dictionary. */
import { FormatError } from "../../base/byteCursor.ts"
import { Dictionary } from "../../event/dictionary.ts"
import type { TextVector } from "../../event/vector.ts"
import { decodeDelta } from "../encoding/delta.ts"

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

/** Of the texts of a page: how much each shares with the one before, and how much is its own. */
let prefixes = new Int32Array(4096)
let lengths = new Int32Array(4096)

/**
 * As `decodeText`, of DELTA_BYTE_ARRAY: how much of the one before each text begins with, for all of them; then the lengths
 * of the rests; then these.
 */
export const decodeDeltaText = (
  vector: TextVector,
  row: number,
  rows: number,
  present: number,
  bytes: Uint8Array,
  at: number,
  end: number,
  scale: number
): void => {
  if (lengths.length < present) {
    prefixes = new Int32Array(present)
    lengths = new Int32Array(present)
  }
  at = decodeDelta(bytes, at, end, prefixes, 0, present)
  at = decodeDelta(bytes, at, end, lengths, 0, present)
  const { nulls, offsets } = vector
  let used = offsets[row]
  let own = 0
  let all = 0
  // Bytes of the text before: no text shares more.
  let before = 0
  for (let i = 0; i < present; i++) {
    const prefix = prefixes[i]
    if (lengths[i] < 0 || prefix < 0 || prefix > before) {
      throw new FormatError(`text ${i} of a page has a length that cannot be`)
    }
    before = prefix + lengths[i]
    own += lengths[i]
    all += before
  }
  if (own !== end - at) throw new FormatError(`a page has ${end - at} bytes of text where ${own} are expected`)
  if (row === 0 && vector.heap.length < all) vector.heap = new Uint8Array(Math.ceil(all * scale))
  vector.reserveHeap(used + all, used)
  const { heap } = vector
  let value = 0
  let start = used
  for (let i = row; i < row + rows; i++) {
    if (present === rows || nulls[i] === 0) {
      const prefix = prefixes[value]
      const length = lengths[value]
      const previous = start
      start = used
      if (prefix > shortBytes) heap.copyWithin(used, previous, previous + prefix)
      else for (let byte = 0; byte < prefix; byte++) heap[used + byte] = heap[previous + byte]
      used += prefix
      if (length > shortBytes) heap.set(bytes.subarray(at, at + length), used)
      else for (let byte = 0; byte < length; byte++) heap[used + byte] = bytes[at + byte]
      at += length
      used += length
      value++
    }
    offsets[i + 1] = used
  }
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
