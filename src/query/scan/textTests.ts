/** Loops that keep the rows whose text passes a test; see numberTests.ts for how they work on the list of rows. */
import { compareBytes, equalRanges } from "../../base/bytes.ts"
import { Dictionary } from "../../event/dictionary.ts"
import type { Order, Test } from "../checkFilter.ts"
import type { Keep } from "./numberTests.ts"
import type { DictionaryRead, TextRead } from "./readVector.ts"

/** A test of text. */
export type TextTest = Extract<Test, { readonly value: Uint8Array } | { readonly values: ReadonlyArray<Uint8Array> }>

/** Rows, none of them null, that pass. */
export const keepText = (vector: TextRead, test: TextTest): Keep => {
  switch (test.kind) {
    case "text":
      return test.order === "eq" || test.order === "ne"
        ? keepEqual(vector, test.value, test.order === "eq")
        : keepOrdered(vector, test.order, test.value)
    case "texts":
      return keepListed(vector, test.values, !test.negated)
    case "contains":
      return keepContaining(vector, test.value, !test.negated)
    case "starts_with":
      return keepStarting(vector, test.value, !test.negated)
  }
}

/** The same for coded text: each code is tested once, and rows by their codes. */
export const keepCoded = (vector: DictionaryRead, test: TextTest): Keep => {
  const { codes, distinct, texts } = vector
  const all = new Int32Array(distinct)
  for (let code = 0; code < distinct; code++) all[code] = code
  const passes = new Uint8Array(Math.max(distinct, 1))
  const passed = keepText(texts, test)(all, distinct)
  for (let i = 0; i < passed; i++) passes[all[i]] = 1
  return (rows, count) => {
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]
      rows[kept] = row
      kept += passes[codes[row]]
    }
    return kept
  }
}

const keepEqual = ({ heap, offsets }: TextRead, value: Uint8Array, wanted: boolean): Keep => {
  const { length } = value
  return (rows, count) => {
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]
      const start = offsets[row]
      const equal = offsets[row + 1] - start === length && equalRanges(heap, start, value, 0, length)
      if (equal === wanted) rows[kept++] = row
    }
    return kept
  }
}

const orderTests: Readonly<Record<Exclude<Order, "eq" | "ne">, (difference: number) => boolean>> = {
  gt: (difference) => difference > 0,
  gte: (difference) => difference >= 0,
  lt: (difference) => difference < 0,
  lte: (difference) => difference <= 0
}

const keepOrdered = (
  { heap, offsets }: TextRead,
  order: Exclude<Order, "eq" | "ne">,
  value: Uint8Array
): Keep => {
  const test = orderTests[order]
  return (rows, count) => {
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]
      if (test(compareRange(heap, offsets[row], offsets[row + 1], value))) rows[kept++] = row
    }
    return kept
  }
}

/** Orders heap[start, end) against bytes. */
export const compareRange = (heap: Uint8Array, start: number, end: number, value: Uint8Array): number => {
  const length = Math.min(end - start, value.length)
  for (let i = 0; i < length; i++) {
    const difference = heap[start + i] - value[i]
    if (difference !== 0) return difference
  }
  return end - start - value.length
}

const keepListed = ({ heap, offsets }: TextRead, values: ReadonlyArray<Uint8Array>, wanted: boolean): Keep => {
  const sorted = [...values].sort(compareBytes)
  const list = new Dictionary()
  for (const value of sorted) list.code(value, 0, value.length)
  return (rows, count) => {
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]
      if ((list.find(heap.subarray(offsets[row], offsets[row + 1])) >= 0) === wanted) rows[kept++] = row
    }
    return kept
  }
}

const keepStarting = ({ heap, offsets }: TextRead, value: Uint8Array, wanted: boolean): Keep => {
  const { length } = value
  return (rows, count) => {
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]
      const start = offsets[row]
      const starts = offsets[row + 1] - start >= length && equalRanges(heap, start, value, 0, length)
      if (starts === wanted) rows[kept++] = row
    }
    return kept
  }
}

/**
 * Searches the heap as one text, natively, and asks of each find whether it lies within a row: the search runs over
 * each byte once, however many rows there are.
 */
const keepContaining = ({ heap, offsets }: TextRead, value: Uint8Array, wanted: boolean): Keep => {
  if (value.length === 0) return (_, count) => wanted ? count : 0
  const haystack = Buffer.from(heap.buffer, heap.byteOffset, heap.byteLength)
  const needle = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return (rows, count) => {
    if (count === 0) return 0
    const searched = haystack.subarray(0, offsets[rows[count - 1] + 1])
    let found = -1
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]
      if (found < offsets[row]) {
        found = searched.indexOf(needle, offsets[row])
        if (found < 0) found = Number.POSITIVE_INFINITY
      }
      if ((found + value.length <= offsets[row + 1]) === wanted) rows[kept++] = row
    }
    return kept
  }
}
