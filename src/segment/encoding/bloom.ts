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
  const hash: Hash64 = { high: 0, low: 0 }
  let count = 0
  for (let i = from; i < end; i++) {
    hash.high = hashes[2 * order[i]]
    hash.low = hashes[2 * order[i] + 1]
    if (bloomMayContain(bytes, hash)) matches[count++] = i
  }
  return count
}
