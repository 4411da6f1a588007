/** Columns of numbers: plain, as differences, or as codes of a dictionary, whichever is smaller once compressed. */
import type { Int64Vector, NumberArray, NumberVector } from "../../event/vector.ts"
import type { Bounds } from "../bounds.ts"
import { deltaBytesMax, deltaRangeMax, encodeDelta } from "../encoding/delta.ts"
import type { DistinctSketch } from "../encoding/DistinctSketch.ts"
import { bitWidth, encodeHybrid, hybridBytesMax } from "../encoding/hybrid.ts"
import { compressDictionary } from "../encoding/zstd.ts"
import { pageRows } from "../format.ts"
import { DELTA_BINARY_PACKED, PLAIN, RLE_DICTIONARY } from "../parquet.ts"
import type { ChunkWriter } from "./ChunkWriter.ts"
import { type CodedNumbers, codeNumbers } from "./codeNumbers.ts"
import { gather, gatherPairs, numberBounds, pairBounds, splitDoubles } from "./gatherNumbers.ts"
import { type Present, presentRows } from "./presentRows.ts"

// The values of one page, without its nulls. No page has more rows.
const bytes = new Uint8Array(pageRows)
const ints = new Int32Array(pageRows)
const floats = new Float32Array(pageRows)
const doubles = new Float64Array(pageRows)
/** Pairs of words, the low one first: int64 as it lies in a file. */
const pairs = new Int32Array(2 * pageRows)
const codes = new Uint32Array(pageRows)

/** How the numbers of a column of a row group are written. */
interface Layout {
  readonly encoding: number
  /** Where the encoding is a dictionary's. */
  readonly coded: CodedNumbers | undefined
  readonly dictionary: Uint8Array
  readonly storedDictionary: Uint8Array
}

const none = new Uint8Array(0)
const withoutDictionary = (encoding: number): Layout => ({
  encoding,
  coded: undefined,
  dictionary: none,
  storedDictionary: none
})
const plain = withoutDictionary(PLAIN)
const delta = withoutDictionary(DELTA_BINARY_PACKED)

/** What differences must save before they are preferred to plain values, which cost nothing to read. */
const deltaShare = 0.92

/** What a dictionary must save before it is preferred: the reader of a page needs it too. */
const dictionaryShare = 0.85

/** Columns of fewer rows are plain: there is nothing to gain. */
const rowsMin = 256

/** Writes the pages of a column: page p has rows order[pages[p], pages[p + 1]). */
export const encodeNumbers = (
  chunk: ChunkWriter,
  vector: NumberVector | Int64Vector,
  order: Int32Array,
  pages: ReadonlyArray<number>,
  sketch: DistinctSketch
): void => {
  if (vector.kind === "bool") return encodeBools(chunk, vector, order, pages, sketch)
  if (vector.kind === "int64" && vector.wide !== undefined) {
    return encodeWide(chunk, vector, vector.wide, order, pages, sketch)
  }
  const values = vector.kind === "int32" ? ints : vector.kind === "float32" ? floats : doubles
  const layout = chooseLayout(chunk, vector, values, order, pages)
  const { coded, dictionary, encoding, storedDictionary } = layout
  if (coded !== undefined) {
    chunk.dictionary(dictionary, coded.values.length, storedDictionary)
    for (let from = 0; from < coded.values.length; from += pageRows) {
      const part = coded.values.subarray(from, from + pageRows)
      values.set(part as never)
      addToSketch(sketch, vector.kind, values, part.length)
    }
  }
  for (let page = 0; page + 1 < pages.length; page++) {
    const from = pages[page]
    const to = pages[page + 1]
    const present = presentRows(vector, order, from, to)
    gather(vector.values, order, from, to, present, values)
    const bounds = numberBounds(values, present.count, to - from - present.count)
    if (coded === undefined) addToSketch(sketch, vector.kind, values, present.count)
    chunk.end(putPage(chunk, vector.kind, layout, values, pages[0], from, to, present), to - from, encoding, bounds)
  }
}

const addToSketch = (
  sketch: DistinctSketch,
  kind: (NumberVector | Int64Vector)["kind"],
  values: NumberArray,
  count: number
): void => {
  if (kind === "int64") {
    splitDoubles(doubles, count, pairs)
    sketch.addPairs(pairs, count)
  } else {
    const words = new Int32Array(values.buffer, 0, count * values.BYTES_PER_ELEMENT >> 2)
    if (values === doubles) sketch.addPairs(words, count)
    else sketch.addWords(words, count)
  }
}

/** Puts a page together, whose values are at the front of `values`, and gives its length. */
const putPage = (
  chunk: ChunkWriter,
  kind: (NumberVector | Int64Vector)["kind"],
  { coded, encoding }: Layout,
  values: NumberArray,
  groupFrom: number,
  from: number,
  to: number,
  { count, flags }: Present
): number => {
  if (coded !== undefined) {
    const width = bitWidth(coded.values.length - 1)
    let used = 0
    for (let i = from; i < to; i++) {
      if (flags === undefined || flags[i - from] === 1) codes[used++] = coded.codes[i - groupFrom]
    }
    const body = chunk.begin(to - from, flags, 1 + hybridBytesMax(count, width))
    body.bytes[body.at] = width
    return encodeHybrid(body.bytes, body.at + 1, codes, 0, count, width)
  }
  if (encoding === DELTA_BINARY_PACKED) {
    const body = chunk.begin(to - from, flags, deltaBytesMax(count))
    return encodeDelta(body.bytes, body.at, values as Float64Array | Int32Array, count)
  }
  const body = chunk.begin(to - from, flags, 8 * count)
  const stored = kind === "int64" ? pairs : values
  if (kind === "int64") splitDoubles(doubles, count, pairs)
  const length = count * values.BYTES_PER_ELEMENT
  body.bytes.set(new Uint8Array(stored.buffer, 0, length), body.at)
  return body.at + length
}

/** Tries the page in the middle each way. */
const chooseLayout = (
  chunk: ChunkWriter,
  vector: NumberVector | Int64Vector,
  values: NumberArray,
  order: Int32Array,
  pages: ReadonlyArray<number>
): Layout => {
  const pageCount = pages.length - 1
  const [groupFrom, groupTo] = [pages[0], pages[pageCount]]
  if (groupTo - groupFrom < rowsMin) return plain
  const from = pages[pageCount >> 1]
  const to = pages[(pageCount >> 1) + 1]
  const present = presentRows(vector, order, from, to)
  if (present.count === 0) return plain
  gather(vector.values, order, from, to, present, values)
  let best = plain
  let least = Infinity
  // Tries a layout, which must bring the bytes of all pages down to a share of what they are so far.
  const attempt = (layout: Layout, share: number): void => {
    const length = putPage(chunk, vector.kind, layout, values, groupFrom, from, to, present)
    const size = layout.storedDictionary.length + pageCount * chunk.storedBytes(length)
    if (size >= share * least) return
    best = layout
    least = size
    chunk.expect(size, layout.dictionary.length + pageCount * length)
  }
  attempt(plain, 1)
  const rangeMax = vector.kind === "int64" ? deltaRangeMax : vector.kind === "int32" ? 2 ** 31 - 1 : 0
  const { max, min } = rangeMax > 0 ? extremes(vector.values, order, groupFrom, groupTo) : { min: 0, max: 0 }
  if (vector.kind === "int64" && !(Number.isSafeInteger(min) && Number.isSafeInteger(max))) return plain
  if (rangeMax > 0 && max - min <= rangeMax) attempt(delta, deltaShare)
  // A bit a row, and less, is good enough.
  if (8 * least <= pageCount * present.count) return best
  const coded = codeNumbers(vector, order, groupFrom, groupTo)
  if (coded === undefined) return best
  const dictionary = plainBytes(vector.kind, coded.values)
  const storedDictionary = compressDictionary(dictionary)
  attempt({ encoding: RLE_DICTIONARY, coded, dictionary, storedDictionary }, dictionaryShare)
  return best
}

/** The smallest and the largest of rows order[from, to), with what lies under nulls. */
const extremes = (
  values: NumberArray,
  order: Int32Array,
  from: number,
  to: number
): { readonly min: number; readonly max: number } => {
  let min = values[order[from]]
  let max = min
  for (let i = from; i < to; i++) {
    const value = values[order[i]]
    if (value < min) min = value
    else if (value > max) max = value
  }
  return { min, max }
}

/** Values as a dictionary page has them. */
const plainBytes = (kind: (NumberVector | Int64Vector)["kind"], values: NumberArray): Uint8Array => {
  if (kind !== "int64") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const words = new Int32Array(2 * values.length)
  splitDoubles(values as Float64Array, values.length, words)
  return new Uint8Array(words.buffer)
}

/** 64-bit integers of which some are beyond 2^53: plain. */
const encodeWide = (
  chunk: ChunkWriter,
  vector: Int64Vector,
  wide: BigInt64Array,
  order: Int32Array,
  pages: ReadonlyArray<number>,
  sketch: DistinctSketch
): void => {
  const words = new Int32Array(wide.buffer, wide.byteOffset, 2 * wide.length)
  for (let page = 0; page + 1 < pages.length; page++) {
    const from = pages[page]
    const to = pages[page + 1]
    const present = presentRows(vector, order, from, to)
    const { count, flags } = present
    gatherPairs(words, order, from, to, present, pairs)
    sketch.addPairs(pairs, count)
    const body = chunk.begin(to - from, flags, 8 * count)
    body.bytes.set(new Uint8Array(pairs.buffer, 0, 8 * count), body.at)
    chunk.end(body.at + 8 * count, to - from, PLAIN, pairBounds(pairs, count, to - from - count))
  }
}

const encodeBools = (
  chunk: ChunkWriter,
  vector: NumberVector,
  order: Int32Array,
  pages: ReadonlyArray<number>,
  sketch: DistinctSketch
): void => {
  for (let page = 0; page + 1 < pages.length; page++) {
    const from = pages[page]
    const to = pages[page + 1]
    const present = presentRows(vector, order, from, to)
    gather(vector.values, order, from, to, present, bytes)
    const bounds: Bounds = numberBounds(bytes, present.count, to - from - present.count)
    // A flag has two values at most: the bounds tell which.
    if (bounds.min !== undefined) sketch.addHash(bounds.min === 0 ? 0x12345678 : 0x6abcdef0)
    if (bounds.max !== undefined) sketch.addHash(bounds.max === 0 ? 0x12345678 : 0x6abcdef0)
    const body = chunk.begin(to - from, present.flags, (present.count + 7) >> 3)
    chunk.end(packBits(bytes, present.count, body.bytes, body.at), to - from, PLAIN, bounds)
  }
}

/** Packs `count` flags into bits, lowest first, at `at`, and returns where they end. */
const packBits = (flags: Uint8Array, count: number, target: Uint8Array, at: number): number => {
  for (let i = 0; i < count; i += 8) {
    let bits = 0
    const end = Math.min(8, count - i)
    for (let bit = 0; bit < end; bit++) bits |= (flags[i + bit] & 1) << bit
    target[at++] = bits
  }
  return at
}
