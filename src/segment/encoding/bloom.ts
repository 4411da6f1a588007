/**
 * Parquet's split-block bloom filter: blocks of 256 bits, each of eight 32-bit words; a value sets one bit in every word
 * of one block. The high half of its hash picks the block, the low half the bits.
 */
import { bloomBytesPerKey } from "../format.ts"
import type { Hash64 } from "./xxhash64.ts"

const salts = new Uint32Array([
  0x47b6137b,
  0x44974d91,
  0x8824ad5b,
  0xa2b7289d,
  0x705495c7,
  0x2df1424b,
  0x9efc4947,
  0x5c6bfb31
])

const [salt0, salt1, salt2, salt3, salt4, salt5, salt6, salt7] = salts

const blockBytes = 32
const blockWords = 8

/** The words of an empty filter for that many keys. */
export const makeBloom = (keys: number): Uint32Array<ArrayBuffer> =>
  new Uint32Array(Math.max(1, Math.ceil(keys * bloomBytesPerKey / blockBytes)) * blockWords)

/** The block of a hash: floor(high * blocks / 2^32), which is exact in a double. */
const blockOf = (blocks: number, high: number): number => Math.floor(high * blocks / 0x1_0000_0000)

/** Adds a value by its hash. */
export const addToBloom = (words: Uint32Array, { high, low }: Hash64): void => {
  const block = blockOf(words.length / blockWords, high) * blockWords
  for (let i = 0; i < blockWords; i++) words[block + i] |= 1 << (Math.imul(low, salts[i]) >>> 27)
}

/** Whether a value may have been added to a filter of these bytes; false is certain. */
export const bloomMayContain = (bytes: Uint8Array, { high, low }: Hash64): boolean => {
  const block = blockOf(bytes.length / blockBytes, high) * blockBytes
  for (let i = 0; i < blockWords; i++) {
    const bit = Math.imul(low, salts[i]) >>> 27
    // Words are little-endian: their bits lie in the order of the bytes.
    if ((bytes[block + 4 * i + (bit >> 3)] & (1 << (bit & 7))) === 0) return false
  }
  return true
}

/** The lowest bit tells whether a value has set its bit of the word at `at`. */
const bitOf = (bytes: Uint8Array, at: number, low: number, salt: number): number => {
  const bit = Math.imul(low, salt) >>> 27
  return bytes[at + (bit >> 3)] >>> (bit & 7)
}

/**
 * Of the values order[from, end), those that may have been added to a filter of these bytes: their places in `order` are
 * written to `matches`, ascending. `hashes` has [high, low] of each value. Returns how many they are.
 */
export const bloomMatches = (
  bytes: Uint8Array,
  hashes: Uint32Array,
  order: Int32Array,
  from: number,
  end: number,
  matches: Int32Array
): number => {
  const scale = bytes.length / blockBytes / 0x1_0000_0000
  let count = 0
  for (let i = from; i < end; i++) {
    const at = 2 * order[i]
    const low = hashes[at + 1] | 0
    const block = Math.floor(hashes[at] * scale) * blockBytes
    // Half of the words at once, without a branch that nobody could predict: few absent values pass them.
    const first = bitOf(bytes, block, low, salt0) & bitOf(bytes, block + 4, low, salt1) &
      bitOf(bytes, block + 8, low, salt2) & bitOf(bytes, block + 12, low, salt3)
    if ((first & 1) === 0) continue
    const second = bitOf(bytes, block + 16, low, salt4) & bitOf(bytes, block + 20, low, salt5) &
      bitOf(bytes, block + 24, low, salt6) & bitOf(bytes, block + 28, low, salt7)
    if ((second & 1) === 1) matches[count++] = i
  }
  return count
}
