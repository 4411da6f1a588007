/**
 * Rows and their vectors as plain objects, which is all that crosses between threads: structured cloning leaves a class
 * behind. The fields stay what they are, so that nothing is lost: nulls, exact int64s, garbage beyond the last row, a
 * dictionary with its hash table.
 *
 * The typed arrays' buffers are to be transferred, not copied: `buffersOf` lists them.
 */
import { DictionaryVector } from "../../event/dictionary.ts"
import { Int64Vector, NumberVector, TextVector } from "../../event/vector.ts"
import type { SegmentRows, SegmentVector } from "../write/SegmentRows.ts"

/** A `NumberVector` without its class. */
export type PlainNumbers = Pick<NumberVector, "kind" | "values" | "nulls" | "hasNulls">

/** An `Int64Vector` without its class. */
export type PlainInt64s = Pick<Int64Vector, "kind" | "values" | "wide" | "nulls" | "hasNulls">

/** A `TextVector` without its class. */
export type PlainTexts = Pick<TextVector, "kind" | "offsets" | "heap" | "nulls" | "hasNulls">

/** A `DictionaryVector` without its class. The dictionary's hash table, which is private to it, is among the fields. */
export interface PlainCodes extends Pick<DictionaryVector, "kind" | "codes" | "nulls" | "hasNulls"> {
  readonly dictionary: { readonly count: number; readonly values: PlainTexts }
}

/** A vector without its class. */
export type PlainVector = PlainNumbers | PlainInt64s | PlainTexts | PlainCodes

/** `SegmentRows` without classes. */
export interface PlainRows extends Omit<SegmentRows, "keys" | "timestamps" | "metadata" | "columns"> {
  readonly keys: PlainTexts
  readonly timestamps: PlainInt64s
  readonly metadata: PlainTexts | PlainCodes
  readonly columns: ReadonlyArray<PlainVector>
}

/** The fields of an object, private ones too, without its class. */
const fieldsOf = <A extends object>(instance: A): A => Object.assign({}, instance)

const toPlainVector = (vector: SegmentVector): PlainVector => {
  const plain = fieldsOf(vector)
  if (plain.kind !== "dictionary") return plain
  const { dictionary } = plain
  return Object.assign(plain, {
    dictionary: Object.assign(fieldsOf(dictionary), { values: fieldsOf(dictionary.values) })
  })
}

const fromPlainVector = (plain: PlainVector): SegmentVector => {
  switch (plain.kind) {
    case "text":
      return Object.assign(new TextVector(0, 0), plain)
    case "int64":
      return Object.assign(new Int64Vector(0), plain)
    case "dictionary": {
      const { dictionary: { values, ...table }, ...rows } = plain
      const vector = Object.assign(new DictionaryVector(0), rows)
      Object.assign(vector.dictionary, table)
      Object.assign(vector.dictionary.values, values)
      return vector
    }
    default:
      return Object.assign(new NumberVector(plain.kind, 0), plain)
  }
}

/** Rows as they are sent. The typed arrays are the rows' own. */
export const toPlainRows = (rows: SegmentRows): PlainRows => ({
  ...rows,
  keys: toPlainVector(rows.keys) as PlainTexts,
  timestamps: toPlainVector(rows.timestamps) as PlainInt64s,
  metadata: toPlainVector(rows.metadata) as PlainTexts | PlainCodes,
  columns: rows.columns.map(toPlainVector)
})

/** Rows as they were before they were sent. */
export const fromPlainRows = (plain: PlainRows): SegmentRows => ({
  ...plain,
  keys: fromPlainVector(plain.keys) as TextVector,
  timestamps: fromPlainVector(plain.timestamps) as Int64Vector,
  metadata: fromPlainVector(plain.metadata) as TextVector | DictionaryVector,
  columns: plain.columns.map(fromPlainVector)
})

/** The buffers of all typed arrays in a plain value, each once. */
export const buffersOf = (value: unknown, found = new Set<ArrayBuffer>()): ReadonlyArray<ArrayBuffer> => {
  if (ArrayBuffer.isView(value)) found.add(value.buffer as ArrayBuffer)
  else if (typeof value === "object" && value !== null) {
    for (const part of Object.values(value)) {
      buffersOf(part, found)
    }
  }
  return Array.from(found)
}

/**
 * Gives buffers' memory back at once. An idle thread collects no garbage, and what it was sent is what it has most of.
 * Before Node 21 there is no way to: there it waits for the next collection.
 */
export const freeBuffers = (buffers: ReadonlyArray<ArrayBuffer>): void => {
  for (const buffer of buffers) buffer.transfer?.(0)
}
