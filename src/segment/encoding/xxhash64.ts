/**
 * XXH64 with seed 0, the hash of Parquet's bloom filters, in 32-bit halves: a bigint would be ten times slower. The
 * steps are written out, since a function can return only one half, and state outside of the function costs as much as
 * the hash.
 */

/** A 64-bit hash as two unsigned halves. */
export interface Hash64 {
  high: number
  low: number
}

// The five primes, by halves.
const high1 = 0x9e3779b1 | 0
const low1 = 0x85ebca87 | 0
const high2 = 0xc2b2ae3d | 0
const low2 = 0x27d4eb4f | 0
const high3 = 0x165667b1 | 0
const low3 = 0x9e3779f9 | 0
const high4 = 0x85ebca77 | 0
const low4 = 0xc2b2ae63 | 0
const high5 = 0x27d4eb2f | 0
const low5 = 0x165667c5 | 0

/** The high half of the product of two unsigned words; the low half is `Math.imul`. */
const productHigh = (a: number, b: number): number => {
  const a0 = a & 0xffff
  const a1 = a >>> 16
  const b0 = b & 0xffff
  const b1 = b >>> 16
  const low = Math.imul(a0, b1)
  const high = Math.imul(a1, b0)
  const middle = (Math.imul(a0, b0) >>> 16) + (low & 0xffff) + (high & 0xffff)
  return (Math.imul(a1, b1) + (low >>> 16) + (high >>> 16) + (middle >>> 16)) | 0
}

/** The high half of the product of two 64-bit numbers, modulo 2^64. */
const timesHigh = (aHigh: number, aLow: number, bHigh: number, bLow: number): number =>
  (productHigh(aLow, bLow) + Math.imul(aHigh, bLow) + Math.imul(aLow, bHigh)) | 0

/** 1 where the sum of two unsigned words, whose low 32 bits are `sum`, passed 2^32. */
const carry = (sum: number, addend: number): number => (sum >>> 0) < (addend >>> 0) ? 1 : 0

const word = (bytes: Uint8Array, at: number): number =>
  bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)

/** Four lanes, for 32 bytes and more: [high, low] of each. */
const lanes = new Int32Array(8)

/** Lane `i` = round(lane, 8 bytes). */
const stepLane = (i: number, inHigh: number, inLow: number): void => {
  const addHigh = timesHigh(inHigh, inLow, high2, low2)
  const addLow = Math.imul(inLow, low2)
  const low = (lanes[2 * i + 1] + addLow) | 0
  const high = (lanes[2 * i] + addHigh + carry(low, addLow)) | 0
  const turnedHigh = (high << 31) | (low >>> 1)
  const turnedLow = (low << 31) | (high >>> 1)
  lanes[2 * i] = timesHigh(turnedHigh, turnedLow, high1, low1)
  lanes[2 * i + 1] = Math.imul(turnedLow, low1)
}

/** Adds the rotated lane `i` to `result`. */
const addTurned = (result: Hash64, i: number, bits: number): void => {
  const turnedHigh = (lanes[2 * i] << bits) | (lanes[2 * i + 1] >>> (32 - bits))
  const turnedLow = (lanes[2 * i + 1] << bits) | (lanes[2 * i] >>> (32 - bits))
  result.low = (result.low + turnedLow) | 0
  result.high = (result.high + turnedHigh + carry(result.low, turnedLow)) | 0
}

/** The whole stripes of 32 bytes of bytes[start, end): leaves their state in `result` and returns where they end. */
const stripes = (bytes: Uint8Array, start: number, end: number, result: Hash64): number => {
  // 0 + prime 1 + prime 2; prime 2; 0; -prime 1.
  lanes[1] = low1 + low2
  lanes[0] = high1 + high2 + carry(lanes[1], low2)
  lanes[2] = high2
  lanes[3] = low2
  lanes[4] = lanes[5] = 0
  lanes[6] = ~high1
  lanes[7] = -low1
  let at = start
  for (; at + 32 <= end; at += 32) {
    for (let i = 0; i < 4; i++) stepLane(i, word(bytes, at + 8 * i + 4), word(bytes, at + 8 * i))
  }
  result.high = result.low = 0
  addTurned(result, 0, 1)
  addTurned(result, 1, 7)
  addTurned(result, 2, 12)
  addTurned(result, 3, 18)
  for (let i = 0; i < 4; i++) {
    const inHigh = lanes[2 * i]
    const inLow = lanes[2 * i + 1]
    lanes[2 * i] = lanes[2 * i + 1] = 0
    stepLane(i, inHigh, inLow)
    const high = result.high ^ lanes[2 * i]
    const low = result.low ^ lanes[2 * i + 1]
    const sum = (Math.imul(low, low1) + low4) | 0
    result.high = (timesHigh(high, low, high1, low1) + high4 + carry(sum, low4)) | 0
    result.low = sum
  }
  return at
}

/** The hash of bytes[start, end), written to `result`. */
export const xxhash64 = (bytes: Uint8Array, start: number, end: number, result: Hash64): void => {
  let at = start
  let high = high5
  let low = low5
  if (end - start >= 32) {
    at = stripes(bytes, start, end, result)
    high = result.high
    low = result.low
  }
  const length = end - start
  low = (low + length) | 0
  high = (high + carry(low, length)) | 0
  for (; at + 8 <= end; at += 8) {
    // round(0, 8 bytes): times prime 2, rotated by 31, times prime 1.
    const inLow = word(bytes, at)
    const firstHigh = timesHigh(word(bytes, at + 4), inLow, high2, low2)
    const firstLow = Math.imul(inLow, low2)
    const turnedHigh = (firstHigh << 31) | (firstLow >>> 1)
    const turnedLow = (firstLow << 31) | (firstHigh >>> 1)
    high ^= timesHigh(turnedHigh, turnedLow, high1, low1)
    low ^= Math.imul(turnedLow, low1)
    const nextHigh = (high << 27) | (low >>> 5)
    const nextLow = (low << 27) | (high >>> 5)
    low = (Math.imul(nextLow, low1) + low4) | 0
    high = (timesHigh(nextHigh, nextLow, high1, low1) + high4 + carry(low, low4)) | 0
  }
  if (at + 4 <= end) {
    const inLow = word(bytes, at)
    high ^= timesHigh(0, inLow, high1, low1)
    low ^= Math.imul(inLow, low1)
    const nextHigh = (high << 23) | (low >>> 9)
    const nextLow = (low << 23) | (high >>> 9)
    low = (Math.imul(nextLow, low2) + low3) | 0
    high = (timesHigh(nextHigh, nextLow, high2, low2) + high3 + carry(low, low3)) | 0
    at += 4
  }
  for (; at < end; at++) {
    const byte = bytes[at]
    high ^= timesHigh(0, byte, high5, low5)
    low ^= Math.imul(byte, low5)
    const nextHigh = (high << 11) | (low >>> 21)
    const nextLow = (low << 11) | (high >>> 21)
    low = Math.imul(nextLow, low1)
    high = timesHigh(nextHigh, nextLow, high1, low1)
  }
  // h ^= h >>> 33, times prime 2; h ^= h >>> 29, times prime 3; h ^= h >>> 32.
  low ^= high >>> 1
  high = timesHigh(high, low, high2, low2)
  low = Math.imul(low, low2)
  low ^= (low >>> 29) | (high << 3)
  high ^= high >>> 29
  high = timesHigh(high, low, high3, low3)
  low = Math.imul(low, low3)
  result.high = high >>> 0
  result.low = (low ^ high) >>> 0
}
