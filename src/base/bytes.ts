/**
 * Comparing and hashing byte strings. Keys are ordered as UTF-8 bytes, never as JavaScript strings: UTF-16 orders
 * characters outside the basic plane differently.
 */

const encoder = new TextEncoder()
// A byte order mark is a character like any other: two keys that differ by one are two keys.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** The UTF-8 bytes of a string. Lone surrogates become U+FFFD, as everywhere on the web. */
export const encodeUtf8 = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text) as Uint8Array<ArrayBuffer>

/** The string of UTF-8 bytes that are known to be valid. */
export const decodeUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes)

/** Orders byte strings lexicographically: negative, zero or positive. */
export const compareBytes = (left: Uint8Array, right: Uint8Array): number => {
  const length = Math.min(left.length, right.length)
  for (let i = 0; i < length; i++) {
    const difference = left[i] - right[i]
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

/** Whether bytes[start, start + length) of two arrays are the same. */
export const equalRanges = (
  left: Uint8Array,
  leftStart: number,
  right: Uint8Array,
  rightStart: number,
  length: number
): boolean => {
  for (let i = 0; i < length; i++) {
    if (left[leftStart + i] !== right[rightStart + i]) return false
  }
  return true
}

/**
 * A 32-bit hash of bytes[start, end), mixed well enough for open addressing on its low bits. Used in memory only: it
 * is no part of any format.
 */
export const hashRange = (bytes: Uint8Array, start: number, end: number): number => {
  let hash = (end - start) ^ 0x9e3779b9
  let i = start
  for (; i + 4 <= end; i += 4) {
    let word = bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24)
    word = Math.imul(word, 0xcc9e2d51)
    word = (word << 15) | (word >>> 17)
    hash ^= Math.imul(word, 0x1b873593)
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64 | 0
  }
  let rest = 0
  for (let shift = 0; i < end; i++, shift += 8) rest |= bytes[i] << shift
  rest = Math.imul(rest, 0xcc9e2d51)
  hash ^= Math.imul((rest << 15) | (rest >>> 17), 0x1b873593)
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
