/**
 * What loops read: one column of one source of rows, in one of three forms. Whoever stores the rows (memtables now,
 * files later) gives its columns these forms; promotions of types cost nothing, since a narrow array is read like a
 * wide one.
 *
 * A vector is taken when a source is opened and stays right for the rows of its snapshot: rows are only ever added
 * behind them.
 */
import { decodeUtf8 } from "../../base/bytes.ts"
import type { Column } from "../../schema/types.ts"
import { isNested } from "../../schema/types.ts"
import type { Value } from "../result.ts"

/** Any typed array of numbers that doubles can hold. */
export type NumberValues = Uint8Array | Int32Array | Float32Array | Float64Array

/** bool (0 or 1), int32, int64, timestamp, float32, float64. */
export interface NumberRead {
  readonly kind: "number"
  /** Exact, unless `wide` is there: then the nearest doubles. */
  readonly values: NumberValues
  /** Every value, exactly, where some are beyond 2^53. */
  readonly wide: BigInt64Array | ReadonlyArray<bigint> | undefined
  /** 1 = null; `undefined` where no row is null. */
  readonly nulls: Uint8Array | undefined
}

/** Text, bytes and JSON: row r is heap[offsets[r], offsets[r + 1]). */
export interface TextRead {
  readonly kind: "text"
  readonly heap: Uint8Array
  readonly offsets: Uint32Array
  readonly nulls: Uint8Array | undefined
}

/** Text as codes: row r is the text `codes[r]` of `texts`. */
export interface DictionaryRead {
  readonly kind: "dictionary"
  readonly codes: Uint32Array
  /** How many codes there are. */
  readonly distinct: number
  /** Has no nulls. */
  readonly texts: TextRead
  /** 1 = null, whose code means nothing. */
  readonly nulls: Uint8Array | undefined
}

/** A column, as loops read it. */
export type ReadVector = NumberRead | TextRead | DictionaryRead

/** A row's bytes; a view. */
export const bytesAt = (vector: TextRead | DictionaryRead, row: number): Uint8Array => {
  const text = vector.kind === "text" ? vector : vector.texts
  const at = vector.kind === "text" ? row : vector.codes[row]
  return text.heap.subarray(text.offsets[at], text.offsets[at + 1])
}

/** Below this many bytes a loop over the bytes beats the decoder. */
const shortText = 24

/** The string of bytes that are valid UTF-8. */
export const textOf = (heap: Uint8Array, start: number, end: number): string => {
  if (end - start <= shortText) {
    let text = ""
    for (let i = start; i < end; i++) {
      const byte = heap[i]
      if (byte > 0x7f) return decodeUtf8(heap.subarray(start, end))
      text += String.fromCharCode(byte)
    }
    return text
  }
  return decodeUtf8(heap.subarray(start, end))
}

/** Makes the values of a column, one row at a time; strings of a dictionary are made once each. */
export const valueReader = (column: Column, vector: ReadVector): (row: number) => Value => {
  const { nulls } = vector
  const read = presentReader(column, vector)
  return nulls === undefined ? read : (row) => nulls[row] === 1 ? null : read(row)
}

const presentReader = (column: Column, vector: ReadVector): (row: number) => Value => {
  if (vector.kind === "number") {
    const { values, wide } = vector
    if (column.type === "bool") return (row) => values[row] === 1
    if (wide === undefined) return (row) => values[row]
    return (row) => Number.isSafeInteger(values[row]) ? values[row] : wide[row]
  }
  if (column.type === "bytes") return (row) => bytesAt(vector, row).slice()
  if (vector.kind === "text") {
    const { heap, offsets } = vector
    return (row) => textOf(heap, offsets[row], offsets[row + 1])
  }
  const { codes, texts } = vector
  const made: Array<string | undefined> = []
  return (row) => made[codes[row]] ??= textOf(texts.heap, texts.offsets[codes[row]], texts.offsets[codes[row] + 1])
}

/** Whether values of the column are kept as JSON text. */
export const isJsonText = (column: Column): boolean => isNested(column.type)
