/**
 * Reading the protobuf wire format in place. These functions never allocate and never throw on bad input: a negative
 * result means that the bytes are no valid message.
 */

/** Wire types. */
export const varint = 0
export const fixed64 = 1
export const lengthDelimited = 2
export const fixed32 = 5

/** Where the last `read...` call ended. One reader runs at a time, synchronously, so a module variable serves all. */
export let cursor = 0

/** High 32 bits of the last `readVarint64`, unsigned. */
export let high = 0

/**
 * Reads a varint of up to 32 bits (longer ones are cut to their low 32, as protobuf does) and leaves its end in
 * `cursor`. Returns it unsigned, or -1 where it does not end before `end`.
 */
export const readVarint32 = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start
  let value = 0
  for (let shift = 0; at < end && shift < 70; shift += 7) {
    const byte = bytes[at++]
    if (shift < 32) value |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      cursor = at
      return value >>> 0
    }
  }
  return -1
}

/** Reads a varint of 64 bits: returns its low 32 unsigned, with the rest in `high`; -1 where it does not end. */
export const readVarint64 = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start
  let low = 0
  let top = 0
  for (let shift = 0; at < end && shift < 70; shift += 7) {
    const byte = bytes[at++]
    const bits = byte & 0x7f
    if (shift < 28) low |= bits << shift
    else if (shift === 28) {
      low |= bits << 28
      top = bits >>> 4
    } else if (shift < 64) top |= bits << (shift - 32)
    if (byte < 0x80) {
      cursor = at
      high = top >>> 0
      return low >>> 0
    }
  }
  return -1
}

/** As `readVarint32`, for tags and lengths: -1 too where the value is beyond 32 bits. */
export const readTag = (bytes: Uint8Array, start: number, end: number): number => {
  const value = readVarint32(bytes, start, end)
  const size = cursor - start
  return value >= 0 && (size > 5 || (size === 5 && bytes[start + 4] > 0x0f)) ? -1 : value
}

/**
 * Reads a length and checks that so many bytes follow before `end`. Returns it with the first of those bytes in
 * `cursor`, or -1.
 */
export const readLength = (bytes: Uint8Array, start: number, end: number): number => {
  const length = readTag(bytes, start, end)
  return length < 0 || length > end - cursor ? -1 : length
}

/** Passes over the value of a field whose tag was just read; returns the offset behind it, or -1. No field has number 0. */
export const skipValue = (bytes: Uint8Array, tag: number, start: number, end: number): number => {
  if (tag < 8) return -1
  switch (tag & 7) {
    case varint:
      return readVarint64(bytes, start, end) < 0 ? -1 : cursor
    case fixed64:
      return start + 8 <= end ? start + 8 : -1
    case fixed32:
      return start + 4 <= end ? start + 4 : -1
    case lengthDelimited: {
      const length = readLength(bytes, start, end)
      return length < 0 ? -1 : cursor + length
    }
    default:
      return -1
  }
}

/** The signed 64-bit integer of two halves: a number where that is exact, else a bigint. */
export const toInt64 = (low: number, top: number): number | bigint => {
  const signed = top | 0
  // 2^53 = 2^21 * 2^32: within it, and for small negatives, doubles are exact.
  if (signed >= -0x200000 && signed < 0x200000) {
    const value = signed * 0x1_0000_0000 + low
    if (Number.isSafeInteger(value)) return value
  }
  return (BigInt(signed) << 32n) | BigInt(low)
}
