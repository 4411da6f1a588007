/**
 * Parquet's hybrid of run lengths and packed bits: dictionary codes and definition levels.
 *
 * ```text
 * run      varint (count << 1), then the value in as few whole bytes as the width needs
 * packed   varint (groups << 1 | 1), then groups of 8 values of `width` bits, lowest bits first
 * ```
 */
import { FormatError } from "../../base/byteCursor.ts"

/** Bits that values up to `largest` need; at least 1, since not every reader knows a width of 0. */
export const bitWidth = (largest: number): number => Math.max(1, 32 - Math.clz32(largest))

/** Most bytes that `count` values of a width take. */
export const hybridBytesMax = (count: number, width: number): number => {
  const groups = (count + 7) >> 3
  // Runs are only made where they are shorter than the bits that they replace, but for their heads.
  return groups * width + 5 * (groups + 1) + 8
}

/** Values that must repeat before a run is worth its head. */
const runMin = 16

/** Writes `values[from, to)` at `at` and returns where they end. `target` has room for `hybridBytesMax`. */
export const encodeHybrid = (
  target: Uint8Array,
  at: number,
  values: Uint8Array | Uint32Array,
  from: number,
  to: number,
  width: number
): number => {
  // Values [packed, row) wait to be packed; their number is a multiple of 8 until the end.
  let packed = from
  let row = from
  while (row < to) {
    const value = values[row]
    let end = row + 1
    while (end < to && values[end] === value) end++
    // Only the end of all values may fill up a group of 8: what waits takes values of the run until its group is whole.
    const start = packed + ((row - packed + 7) & ~7)
    if (end - start >= runMin) {
      if (start > packed) at = encodePacked(target, at, values, packed, start, width)
      at = encodeVarint(target, at, 2 * (end - start))
      for (let bits = 0; bits < width; bits += 8) target[at++] = value >>> bits
      packed = end
    }
    row = end
  }
  return to > packed ? encodePacked(target, at, values, packed, to, width) : at
}

const encodeVarint = (target: Uint8Array, at: number, value: number): number => {
  while (value >= 0x80) {
    target[at++] = (value & 0x7f) | 0x80
    value >>>= 7
  }
  target[at] = value
  return at + 1
}

const encodePacked = (
  target: Uint8Array,
  start: number,
  values: Uint8Array | Uint32Array,
  from: number,
  to: number,
  width: number
): number => {
  const groups = (to - from + 7) >> 3
  let at = encodeVarint(target, start, 2 * groups + 1)
  const end = at + groups * width
  let buffer = 0
  let bits = 0
  for (let row = from; row < to; row++) {
    buffer |= values[row] << bits
    bits += width
    while (bits >= 8) {
      target[at++] = buffer
      buffer >>>= 8
      bits -= 8
    }
  }
  if (bits > 0) target[at++] = buffer
  if (at < end) target.fill(0, at, end)
  return end
}

/** Widths that codes of a dictionary may have: what 32 bits of buffer can shift. */
const widthMax = 24

/**
 * Reads `count` values of bytes[start, end) into `target` from `at` on, and returns the largest of them. Throws
 * `FormatError` where the bytes do not hold as many.
 */
export const decodeHybrid = (
  bytes: Uint8Array,
  start: number,
  end: number,
  width: number,
  target: Uint8Array | Uint32Array,
  at: number,
  count: number
): number => {
  if (width > widthMax) throw new FormatError(`codes of ${width} bits; up to ${widthMax} are supported`)
  const stop = at + count
  let offset = start
  let largest = 0
  while (at < stop) {
    let head = 0
    let shift = 0
    let byte = 0x80
    while (byte >= 0x80) {
      if (offset >= end || shift > 28) throw new FormatError("a run of codes ends early")
      byte = bytes[offset++]
      head |= (byte & 0x7f) << shift
      shift += 7
    }
    head >>>= 0
    const length = head >>> 1
    if (length === 0) throw new FormatError("an empty run of codes")
    if ((head & 1) === 0) {
      const valueBytes = (width + 7) >> 3
      if (length > stop - at || offset + valueBytes > end) throw new FormatError("a run of codes is too long")
      let value = 0
      for (let i = 0; i < valueBytes; i++) value |= bytes[offset++] << (8 * i)
      target.fill(value, at, at + length)
      at += length
      if (value > largest) largest = value
    } else {
      const wanted = Math.min(length * 8, stop - at)
      // The last group may be cut where no value needs its bytes.
      if (offset + ((wanted * width + 7) >> 3) > end) throw new FormatError("packed codes end early")
      largest = decodePacked(bytes, offset, width, target, at, wanted, largest)
      offset += length * width
      at += wanted
    }
  }
  return largest
}

const decodePacked = (
  bytes: Uint8Array,
  start: number,
  width: number,
  target: Uint8Array | Uint32Array,
  at: number,
  count: number,
  largestBefore: number
): number => {
  const mask = (1 << width) - 1
  let largest = largestBefore
  let offset = start
  let buffer = 0
  let bits = 0
  for (let i = 0; i < count; i++) {
    while (bits < width) {
      buffer |= bytes[offset++] << bits
      bits += 8
    }
    const value = buffer & mask
    target[at + i] = value
    if (value > largest) largest = value
    buffer >>>= width
    bits -= width
  }
  return largest
}
