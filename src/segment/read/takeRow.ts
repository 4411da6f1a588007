/** One row of a page: what a reader of a single row keeps of it. */
import { isMarkedAsUntransferable } from "node:worker_threads"
import { DictionaryVector } from "../../event/dictionary.ts"
import { Int64Vector, NumberVector, TextVector } from "../../event/vector.ts"
import type { SegmentVector } from "../write/SegmentRows.ts"

/** A vector of its own that holds one row of another one, as row 0. A dictionary stays shared. */
export const takeRow = (vector: SegmentVector, row: number): SegmentVector => {
  const taken = takeValue(vector, row)
  if (vector.hasNulls && vector.nulls[row] === 1) {
    taken.nulls[0] = 1
    taken.hasNulls = true
  }
  return taken
}

const takeValue = (vector: SegmentVector, row: number): SegmentVector => {
  switch (vector.kind) {
    case "text": {
      const text = new TextVector(1)
      text.set(0, vector.get(row))
      return text
    }
    case "dictionary": {
      const coded = new DictionaryVector(1, vector.dictionary)
      coded.codes[0] = vector.codes[row]
      return coded
    }
    case "int64": {
      const number = new Int64Vector(1)
      number.values[0] = vector.values[row]
      if (vector.wide !== undefined) number.wide = vector.wide.slice(row, row + 1)
      return number
    }
    default: {
      const number = new NumberVector(vector.kind, 1)
      number.values[0] = vector.values[row]
      return number
    }
  }
}

/**
 * Frees the memory of a page that nobody else has, of which a row was taken. Its nulls may be shared, and its dictionary
 * is.
 */
export const releasePage = (vector: SegmentVector): void => {
  switch (vector.kind) {
    case "text":
      free(vector.heap)
      return free(vector.offsets)
    case "dictionary":
      return free(vector.codes)
    default:
      return free(vector.values)
  }
}

const free = ({ buffer }: { readonly buffer: ArrayBuffer }): void => {
  // Small pages lie in the pool of Node's buffers, which is not anybody's.
  if (buffer.byteLength > 0 && !isMarkedAsUntransferable(buffer)) buffer.transfer(0)
}
