/**
 * Columns as stored, taken for a later version of the table's schema: matched by id, an absent one is its default or
 * null, a narrower number stands for the wider one, and null becomes the default where the column has since lost its
 * nulls. Reads and merges both go by this.
 */
import { encodeUtf8 } from "../base/bytes.ts"
import { DictionaryVector } from "../event/dictionary.ts"
import { Int64Vector, makeVector, NumberVector, TextVector, type Vector } from "../event/vector.ts"
import { type Column, isNested, vectorKind } from "./types.ts"
import { checkValue } from "./value.ts"

/** Anything that rows keep a column in. */
export type StoredVector = Vector | DictionaryVector

/** A column as rows were written, with its vector. */
export interface StoredColumn {
  readonly column: Column
  readonly vector: StoredVector
}

/**
 * Whether the default stands for a stored column's nulls: where the column was nullable and is no longer. A column that
 * never was has nulls too, under deletions, where nobody looks.
 */
export const isFilled = (column: Column, stored: Column): boolean =>
  stored.nullable && !column.nullable && column.default !== undefined

/** Whether the vector can be taken as it lies: nothing has to be made for it. */
export const isReadAsStored = (column: Column, stored: StoredColumn | undefined): stored is StoredColumn =>
  stored !== undefined && !(stored.vector.hasNulls && isFilled(column, stored.column))

/**
 * Rows [0, count) of a stored column as `column`; a vector of numbers may be of a narrower kind than the column's.
 * `stored` is `undefined` where the rows' version of the schema did not have the column.
 */
export const vectorAs = (column: Column, stored: StoredColumn | undefined, count: number): StoredVector =>
  stored === undefined
    ? constant(column, count)
    : stored.vector.hasNulls && isFilled(column, stored.column)
    ? filled(column, stored.vector, count)
    : stored.vector

/** Every row holds the default, or null where there is none. */
const constant = (column: Column, count: number): StoredVector => {
  const vector = constantValues(column, count)
  if (column.default !== undefined) return vector
  vector.nulls.fill(1)
  vector.hasNulls = true
  return vector
}

const constantValues = (column: Column, count: number): StoredVector => {
  const vector = makeVector(vectorKind(column.type), count)
  if (vector.kind === "text") {
    const coded = new DictionaryVector(count)
    const bytes = textDefault(column)
    coded.dictionary.code(bytes, 0, bytes.length)
    return coded
  }
  const value = numberDefault(column)
  vector.values.fill(Number(value))
  if (vector.kind === "int64" && typeof value === "bigint") vector.wide = new BigInt64Array(count).fill(value)
  return vector
}

/** A copy in which the default stands for null. */
const filled = (column: Column, stored: StoredVector, count: number): StoredVector => {
  const { nulls } = stored
  if (stored.kind === "text" || stored.kind === "dictionary") {
    const copy = new TextVector(count)
    const bytes = textDefault(column)
    for (let row = 0; row < count; row++) copy.set(row, nulls[row] === 1 ? bytes : stored.get(row))
    return copy
  }
  const value = numberDefault(column)
  const kind = vectorKind(column.type)
  if (kind === "int64") {
    const copy = new Int64Vector(count)
    for (let row = 0; row < count; row++) {
      const exact = nulls[row] === 1 ? value : stored.kind === "int64" ? stored.get(row) : stored.values[row]
      if (typeof exact === "bigint") copy.setBigInt(row, exact)
      else copy.setNumber(row, exact)
    }
    return copy
  }
  const copy = new NumberVector(kind as NumberVector["kind"], count)
  for (let row = 0; row < count; row++) copy.values[row] = nulls[row] === 1 ? Number(value) : stored.values[row]
  return copy
}

const empty = new Uint8Array(0)

const textDefault = (column: Column): Uint8Array => {
  if (column.default === undefined) return empty
  const { value } = checked(column)
  if (isNested(column.type)) return encodeUtf8(JSON.stringify(value))
  return value instanceof Uint8Array ? value : encodeUtf8(value as string)
}

const numberDefault = (column: Column): number | bigint => {
  if (column.default === undefined) return 0
  const { value } = checked(column)
  if (column.type === "float32") return Math.fround(value as number)
  return typeof value === "bigint" ? value : Number(value)
}

/** The default in its own form; it was checked when the schema was registered. */
const checked = (column: Column) => {
  const value = checkValue(column.type, column.default!, column.name)
  if (value.problem !== undefined) throw new TypeError(`default of column ${column.name}: ${value.problem.message}`)
  return value
}
