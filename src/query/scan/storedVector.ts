/**
 * Columns as stored, read as the table's latest schema has them: matched by id, an absent one as its default or null, a
 * narrower number as the wider one, and null as the default where the column has since lost its nulls.
 */
import { encodeUtf8 } from "../../base/bytes.ts"
import { DictionaryVector } from "../../event/dictionary.ts"
import { Int64Vector, NumberVector, TextVector, type Vector } from "../../event/vector.ts"
import { type Column, isNested, vectorKind } from "../../schema/types.ts"
import { checkValue } from "../../schema/value.ts"
import type { ReadVector, TextRead } from "./readVector.ts"

/** Anything that a memtable keeps a column in. */
export type StoredVector = Vector | DictionaryVector

/** A column as rows were written, with its vector. */
export interface StoredColumn {
  readonly column: Column
  readonly vector: StoredVector
}

/** Whether the vector can be read as it lies: nothing has to be made for it. */
export const isReadAsStored = (column: Column, stored: StoredColumn | undefined): stored is StoredColumn =>
  stored !== undefined && !isFilled(column, stored)

/**
 * Whether the default stands for the vector's nulls: where the column was nullable and is no longer. A column that
 * never was has nulls too, under deletions, where nobody looks.
 */
const isFilled = (column: Column, stored: StoredColumn): boolean =>
  stored.vector.hasNulls && stored.column.nullable && !column.nullable && column.default !== undefined

/**
 * Rows [0, count) of a stored column as `column`. `stored` is `undefined` where the rows' version of the schema did not
 * have it.
 */
export const readStored = (column: Column, stored: StoredColumn | undefined, count: number): ReadVector => {
  if (stored === undefined) return constant(column, count)
  if (isFilled(column, stored)) return filled(column, stored.vector, count)
  return asRead(stored.vector, column.type === "float64")
}

/** The vector as it is. `asDouble`: an int64 beyond 2^53 is wanted as its nearest double. */
const asRead = (stored: StoredVector, asDouble = false): ReadVector => {
  const nulls = stored.hasNulls ? stored.nulls : undefined
  switch (stored.kind) {
    case "dictionary": {
      const { count: distinct, values } = stored.dictionary
      return { kind: "dictionary", codes: stored.codes, distinct, texts: asRead(values) as TextRead, nulls }
    }
    case "text":
      return { kind: "text", heap: stored.heap, offsets: stored.offsets, nulls }
    case "int64":
      return { kind: "number", values: stored.values, wide: asDouble ? undefined : stored.wide, nulls }
    default:
      return { kind: "number", values: stored.values, wide: undefined, nulls }
  }
}

/** Every row holds the default, or null where there is none. */
const constant = (column: Column, count: number): ReadVector => {
  const nulls = column.default === undefined ? new Uint8Array(count).fill(1) : undefined
  if (vectorKind(column.type) === "text") {
    const vector = new DictionaryVector(count)
    const bytes = textDefault(column)
    vector.dictionary.code(bytes, 0, bytes.length)
    return { ...asRead(vector), nulls }
  }
  const value = numberDefault(column)
  const values = new Float64Array(count).fill(Number(value))
  const wide = typeof value === "bigint" ? new BigInt64Array(count).fill(value) : undefined
  return { kind: "number", values, wide: column.type === "float64" ? undefined : wide, nulls }
}

/** A copy in which the default stands for null. */
const filled = (column: Column, stored: StoredVector, count: number): ReadVector => {
  const { nulls } = stored
  if (stored.kind === "text" || stored.kind === "dictionary") {
    const copy = new TextVector(count)
    const bytes = textDefault(column)
    for (let row = 0; row < count; row++) copy.set(row, nulls[row] === 1 ? bytes : stored.get(row))
    return asRead(copy)
  }
  const value = numberDefault(column)
  if (stored.kind === "int64" && (stored.wide !== undefined || typeof value === "bigint")) {
    const copy = new Int64Vector(count)
    for (let row = 0; row < count; row++) copy.setBigInt(row, BigInt(nulls[row] === 1 ? value : stored.get(row)))
    return asRead(copy, column.type === "float64")
  }
  const copy = new NumberVector("float64", count)
  for (let row = 0; row < count; row++) copy.values[row] = nulls[row] === 1 ? Number(value) : stored.values[row]
  return asRead(copy)
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
