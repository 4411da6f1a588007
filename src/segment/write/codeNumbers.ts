/** The distinct numbers of a column of a row group, if they are few enough for a dictionary, and which of them each row has. */
import type { Int64Vector, NumberArray, NumberVector } from "../../event/vector.ts"
import { dictionaryBytesMax } from "../format.ts"

/** A column of a row group as codes. */
export interface CodedNumbers {
  /** The distinct values, sorted; those of 64-bit integers as doubles. */
  readonly values: NumberArray
  /** The code of the row at order[from + i]; 0 for a null. Valid until the next call. */
  readonly codes: Uint32Array
}

/** Most values of a dictionary: those of eight bytes that fit one. */
const valuesMax = dictionaryBytesMax / 8

/** Open addressing, at most half full: code + 1; 0 = free. */
const slots = new Int32Array(2 * valuesMax)
const slotMask = slots.length - 1

/** The words of the distinct values; the high ones are 0 where a value has one word. */
const lows = new Int32Array(valuesMax)
const highs = new Int32Array(valuesMax)

let codes = new Uint32Array(0)

/**
 * Columns whose values hardly ever repeat are given up: where, of so many values, fewer than this were there before. Of
 * 131,072 values, these would leave more than 100,000 distinct ones.
 */
const samples: ReadonlyArray<readonly [values: number, repeated: number]> = [[4096, 12], [16_384, 350]]

/** Spreads two words over the slots. */
const slotOf = (low: number, high: number): number => {
  const mixed = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b)
  return (mixed ^ (mixed >>> 15)) & slotMask
}

/** Codes rows order[from, to) of a vector without wide integers; `undefined` where a dictionary is not worth it. */
export const codeNumbers = (
  { hasNulls, nulls, values }: NumberVector | Int64Vector,
  order: Int32Array,
  from: number,
  to: number
): CodedNumbers | undefined => {
  if (codes.length < to - from) codes = new Uint32Array(to - from)
  const words = new Int32Array(values.buffer, values.byteOffset, values.byteLength >> 2)
  const isPair = values.BYTES_PER_ELEMENT === 8
  slots.fill(0)
  let count = 0
  let seen = 0
  let sample = 0
  for (let i = from; i < to; i++) {
    const row = order[i]
    if (hasNulls && nulls[row] === 1) {
      codes[i - from] = 0
      continue
    }
    const low = isPair ? words[2 * row] : words[row]
    const high = isPair ? words[2 * row + 1] : 0
    let slot = slotOf(low, high)
    let entry = slots[slot]
    while (entry !== 0 && (lows[entry - 1] !== low || highs[entry - 1] !== high)) {
      slot = (slot + 1) & slotMask
      entry = slots[slot]
    }
    if (entry === 0) {
      if (count === valuesMax) return undefined
      lows[count] = low
      highs[count] = high
      slots[slot] = entry = ++count
    }
    codes[i - from] = entry - 1
    seen++
    if (sample < samples.length && seen === samples[sample][0]) {
      if (seen - count < samples[sample][1]) return undefined
      sample++
    }
  }
  return count === 0 ? undefined : sorted(values, count, to - from)
}

/** Renumbers the codes by the order of their values. */
const sorted = (like: NumberArray, count: number, rows: number): CodedNumbers | undefined => {
  const values = new (like.constructor as new(length: number) => NumberArray)(count)
  const words = new Int32Array(values.buffer)
  const isPair = values.BYTES_PER_ELEMENT === 8
  for (let code = 0; code < count; code++) {
    words[isPair ? 2 * code : code] = lows[code]
    if (isPair) words[2 * code + 1] = highs[code]
  }
  values.sort()
  // Sorting may change the bits of NaNs, which are sorted last.
  if (Number.isNaN(values[count - 1])) return undefined
  const ranks = new Uint32Array(count)
  for (let rank = 0; rank < count; rank++) {
    const low = words[isPair ? 2 * rank : rank]
    const high = isPair ? words[2 * rank + 1] : 0
    let slot = slotOf(low, high)
    while (lows[slots[slot] - 1] !== low || highs[slots[slot] - 1] !== high) slot = (slot + 1) & slotMask
    ranks[slots[slot] - 1] = rank
  }
  for (let i = 0; i < rows; i++) codes[i] = ranks[codes[i]]
  return { values, codes }
}
