/**
 * Parquet's DELTA_BINARY_PACKED: whole numbers as the differences of neighbours, in as many bits as these need.
 *
 * ```text
 * varint  values of a block (128)
 * varint  miniblocks of a block (4)
 * varint  values
 * zigzag  the first value
 * then for every 128 values that follow:
 *   zigzag  the smallest difference
 *   u8[4]   bits of each miniblock's numbers
 *   then for every 32 values: each difference less the smallest one, lowest bits first; the last ones filled up with zeros
 * ```
 */
import { FormatError } from "../../base/byteCursor.ts"

const blockValues = 128
const miniblocks = 4
const miniblockValues = blockValues / miniblocks

/** Values of a page may be this far apart: their differences, and the differences of these, are safe integers. */
export const deltaRangeMax = 2 ** 51

/** Most bits that a difference less the smallest one takes. */
const widthMax = 53

/** Bits that are read or written at a time: with 7 that wait they fit 32. */
const pieceBits = 24
const pieceSize = 2 ** pieceBits

/** Most bytes that `count` values take. */
export const deltaBytesMax = (count: number): number =>
  24 + Math.ceil(count / blockValues) * (8 + miniblocks + blockValues * widthMax / 8)

/** What differences are computed in, one block at a time. */
const differences = new Float64Array(blockValues)

const bitsOf = (value: number): number =>
  value < 0x1_0000_0000 ? 32 - Math.clz32(value) : 64 - Math.clz32(value / 0x1_0000_0000)

/**
 * Writes values [0, count) at `at`, safe integers of which no two are further apart than `deltaRangeMax`, and returns
 * where they end. `target` has room for `deltaBytesMax`.
 */
export const encodeDelta = (
  target: Uint8Array,
  start: number,
  values: Float64Array | Int32Array,
  count: number
): number => {
  let at = writeVarint(target, start, blockValues)
  at = writeVarint(target, at, miniblocks)
  at = writeVarint(target, at, count)
  at = writeZigzag(target, at, count === 0 ? 0 : values[0])
  for (let from = 1; from < count; from += blockValues) {
    const length = Math.min(blockValues, count - from)
    let min = Infinity
    for (let i = 0; i < length; i++) {
      const difference = values[from + i] - values[from + i - 1]
      differences[i] = difference
      if (difference < min) min = difference
    }
    at = writeZigzag(target, at, min)
    const widthsAt = at
    at += miniblocks
    for (let miniblock = 0; miniblock < miniblocks; miniblock++) {
      const first = miniblock * miniblockValues
      const end = Math.min(first + miniblockValues, length)
      let max = 0
      for (let i = first; i < end; i++) {
        const above = differences[i] - min
        differences[i] = above
        if (above > max) max = above
      }
      if (end > first) differences.fill(0, end, first + miniblockValues)
      const width = bitsOf(max)
      target[widthsAt + miniblock] = width
      at = pack(target, at, first, width)
    }
  }
  return at
}

/** Writes a miniblock of differences. */
const pack = (target: Uint8Array, start: number, first: number, width: number): number => {
  let at = start
  let buffer = 0
  let bits = 0
  for (let i = first; i < first + miniblockValues; i++) {
    let rest = differences[i]
    for (let left = width; left > 0; left -= pieceBits) {
      const piece = left > pieceBits ? rest % pieceSize : rest
      rest = Math.floor(rest / pieceSize)
      buffer |= piece << bits
      bits += left < pieceBits ? left : pieceBits
      while (bits >= 8) {
        target[at++] = buffer
        buffer >>>= 8
        bits -= 8
      }
    }
  }
  return at
}

const writeVarint = (target: Uint8Array, at: number, value: number): number => {
  let rest = value
  while (rest >= 0x80) {
    target[at++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  target[at] = rest
  return at + 1
}

/** Zigzag: 0, -1, 1, -2, ... The sign is the lowest bit, so that the rest stays a safe integer. */
const writeZigzag = (target: Uint8Array, at: number, value: number): number => {
  const isNegative = value < 0
  const magnitude = isNegative ? -value - 1 : value
  const low = (magnitude % 0x40) * 2 + (isNegative ? 1 : 0)
  if (magnitude < 0x40) {
    target[at] = low
    return at + 1
  }
  target[at] = low | 0x80
  return writeVarint(target, at + 1, Math.floor(magnitude / 0x40))
}

/** Where the last number that was read ends. */
let readEnd = 0

const readVarint = (bytes: Uint8Array, start: number, end: number): number => {
  let value = 0
  let scale = 1
  for (let at = start; at < end && scale <= 2 ** 49; at++) {
    const byte = bytes[at]
    value += (byte & 0x7f) * scale
    if (byte < 0x80) {
      readEnd = at + 1
      return value
    }
    scale *= 0x80
  }
  throw new FormatError("a number of a delta page ends early, or is beyond 56 bits")
}

const readZigzag = (bytes: Uint8Array, start: number, end: number): number => {
  if (start >= end) throw new FormatError("a delta page ends early")
  const first = bytes[start]
  readEnd = start + 1
  const magnitude = ((first & 0x7e) >> 1) + (first < 0x80 ? 0 : readVarint(bytes, start + 1, end) * 0x40)
  return (first & 1) === 0 ? magnitude : -magnitude - 1
}

/**
 * Reads `count` values of bytes[start, end) into `target` from `row` on, and returns where they end. Throws
 * `FormatError` where the bytes do not hold exactly as many, or one of them is no safe integer.
 */
export const decodeDelta = (
  bytes: Uint8Array,
  start: number,
  end: number,
  target: Float64Array | Int32Array,
  row: number,
  count: number
): number => {
  const block = readVarint(bytes, start, end)
  const parts = readVarint(bytes, readEnd, end)
  const values = readVarint(bytes, readEnd, end)
  if (block !== blockValues || parts !== miniblocks) {
    throw new FormatError(`delta blocks of ${block} values in ${parts} parts where Varve writes ${blockValues} in 4`)
  }
  if (values !== count) throw new FormatError(`${values} delta values where ${count} are expected`)
  let value = readZigzag(bytes, readEnd, end)
  let at = readEnd
  let largest = Math.abs(value)
  if (count > 0) target[row] = value
  for (let from = 1; from < count; from += blockValues) {
    const min = readZigzag(bytes, at, end)
    const widthsAt = readEnd
    at = widthsAt + miniblocks
    if (at > end) throw new FormatError("a delta page ends early")
    for (let first = from; first < count && first < from + blockValues; first += miniblockValues) {
      const width = bytes[widthsAt + (first - from) / miniblockValues]
      if (width > widthMax) throw new FormatError(`delta numbers of ${width} bits; up to ${widthMax} are supported`)
      if (at + 4 * width > end) throw new FormatError("a delta page ends early")
      const last = Math.min(first + miniblockValues, count)
      if (width <= pieceBits) {
        // The common case, in whole numbers of 32 bits.
        const mask = (1 << width) - 1
        let offset = at
        let buffer = 0
        let bits = 0
        for (let i = first; i < last; i++) {
          while (bits < width) {
            buffer |= bytes[offset++] << bits
            bits += 8
          }
          value += min + (buffer & mask)
          target[row + i] = value
          buffer >>>= width
          bits -= width
        }
      } else value = unpackWide(bytes, at, width, target, row, first, last, value, min)
      if (value > largest) largest = value
      else if (-value > largest) largest = -value
      at += 4 * width
    }
  }
  // Differences are far below 2^53: what passes it and comes back within a miniblock is wrong, but no worse than that.
  if (largest > Number.MAX_SAFE_INTEGER + 1) throw new FormatError("a delta value beyond 2^53")
  return at
}

/** As `decodeDelta` for a miniblock of numbers that take more bits. */
const unpackWide = (
  bytes: Uint8Array,
  at: number,
  width: number,
  target: Float64Array | Int32Array,
  row: number,
  first: number,
  last: number,
  before: number,
  min: number
): number => {
  let value = before
  let offset = at
  let buffer = 0
  let bits = 0
  for (let i = first; i < last; i++) {
    let above = 0
    let scale = 1
    for (let left = width; left > 0; left -= pieceBits) {
      const take = left < pieceBits ? left : pieceBits
      while (bits < take) {
        buffer |= bytes[offset++] << bits
        bits += 8
      }
      above += (buffer & (2 ** take - 1)) * scale
      scale *= pieceSize
      buffer >>>= take
      bits -= take
    }
    value += min + above
    target[row + i] = value
  }
  return value
}
