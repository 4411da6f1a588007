/**
 * Whether a text column of a row group is worth a dictionary, and its codes if so. Codes follow the order of the values'
 * bytes, so that the smallest and largest code of a page are its bounds.
 */
import { Dictionary } from "../../event/dictionary.ts"
import { TextVector } from "../../event/vector.ts"
import { bitWidth } from "../encoding/hybrid.ts"
import { dictionaryBytesMax, dictionaryValuesMax } from "../format.ts"
import { sortRows } from "../sortRows.ts"
import type { TextRows } from "./textRows.ts"

/** A column of a row group as codes. */
export interface CodedText {
  /** The distinct values, sorted. */
  readonly values: TextVector
  readonly count: number
  /** The code of the row at order[from + i]; 0 for a null. */
  readonly codes: Uint32Array
}

/** Rows after which a column without repetition is given up. */
const sampleRows = 2048

/** Codes rows order[from, to); `undefined` where plain pages are better. */
export const codeText = (rows: TextRows, order: Int32Array, from: number, to: number): CodedText | undefined => {
  const coded = rows.codes === undefined ? codeValues(rows, order, from, to) : recode(rows, rows.codes, order, from, to)
  if (coded === undefined || coded.count === 0) return undefined
  const { codes, count, plainBytes, values } = coded
  const dictionaryBytes = values.offsets[count] + 4 * count
  const codeBytes = (to - from) * bitWidth(count - 1) / 8
  if (dictionaryBytes > dictionaryBytesMax || 4 * (dictionaryBytes + codeBytes) > 3 * plainBytes) return undefined
  return sorted(values, count, codes)
}

interface Coding {
  /** Distinct values in the order of their arrival. */
  readonly values: TextVector
  readonly count: number
  readonly codes: Uint32Array
  /** Bytes of all rows as plain values. */
  readonly plainBytes: number
}

/** Gives codes to plain text, and gives up early where nearly every value is new. */
const codeValues = (rows: TextRows, order: Int32Array, from: number, to: number): Coding | undefined => {
  const { hasNulls, heap, nulls, offsets } = rows
  const dictionary = new Dictionary()
  const codes = new Uint32Array(to - from)
  let plainBytes = 0
  for (let i = from; i < to; i++) {
    const row = order[i]
    if (hasNulls && nulls[row] === 1) continue
    const start = offsets[row]
    const end = offsets[row + 1]
    plainBytes += end - start + 4
    codes[i - from] = dictionary.code(heap, start, end)
    if ((i - from) % sampleRows === sampleRows - 1 && isTooLarge(dictionary, i - from + 1)) return undefined
  }
  return isTooLarge(dictionary, Infinity)
    ? undefined
    : { values: dictionary.values, count: dictionary.count, codes, plainBytes }
}

const isTooLarge = ({ count, values }: Dictionary, rows: number): boolean =>
  count > dictionaryValuesMax || 2 * count > rows || values.offsets[count] + 4 * count > dictionaryBytesMax

/** Gives codes of their own to the values of a dictionary that these rows have: no value is hashed. */
const recode = (
  { hasNulls, heap, nulls, offsets }: TextRows,
  given: Uint32Array,
  order: Int32Array,
  from: number,
  to: number
): Coding | undefined => {
  const values = new TextVector(64)
  const codes = new Uint32Array(to - from)
  // Codes by code, plus one.
  const known = new Int32Array(largest(given, order, from, to) + 1)
  let count = 0
  let plainBytes = 0
  for (let i = from; i < to; i++) {
    const row = order[i]
    if (hasNulls && nulls[row] === 1) continue
    const code = given[row]
    const start = offsets[code]
    const end = offsets[code + 1]
    plainBytes += end - start + 4
    if (known[code] === 0) {
      if (count === dictionaryValuesMax || values.offsets[count] + end - start > dictionaryBytesMax) return undefined
      values.reserve(count + 1, count)
      values.set(count, heap.subarray(start, end))
      known[code] = ++count
    }
    codes[i - from] = known[code] - 1
  }
  return { values, count, codes, plainBytes }
}

const largest = (codes: Uint32Array, order: Int32Array, from: number, to: number): number => {
  let max = 0
  for (let i = from; i < to; i++) {
    const code = codes[order[i]]
    if (code > max) max = code
  }
  return max
}

/** Renumbers the codes by the order of their values. */
const sorted = (values: TextVector, count: number, codes: Uint32Array): CodedText => {
  const order = sortRows(values, new Float64Array(count), count)
  const ranks = new Uint32Array(count)
  const ordered = new TextVector(count, values.offsets[count])
  for (let rank = 0; rank < count; rank++) {
    ranks[order[rank]] = rank
    ordered.set(rank, values.get(order[rank]))
  }
  for (let i = 0; i < codes.length; i++) codes[i] = ranks[codes[i]]
  return { values: ordered, count, codes }
}
