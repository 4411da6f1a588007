/** What the tests of segments share: rows drawn from a seed, and vectors as lists of plain values. */
import { encodeUtf8 } from "../../src/base/bytes.ts"
import { DictionaryVector } from "../../src/event/dictionary.ts"
import { Int64Vector, makeVector, NumberVector, setNull, TextVector } from "../../src/event/vector.ts"
import { type Column, type ColumnType, type TableSchema, vectorKind } from "../../src/schema/types.ts"
import { sortRows } from "../../src/segment/sortRows.ts"
import { type SegmentRows, type SegmentVector, vectorsOf } from "../../src/segment/write/SegmentRows.ts"
import type { SegmentOwner } from "../../src/segment/write/SegmentWriter.ts"

/** Numbers in [0, 1), the same for the same seed. */
export type Dice = () => number

export const makeDice = (seed: number): Dice => {
  let state = (seed + 1) * 2654435761 >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export const below = (dice: Dice, limit: number): number => Math.floor(dice() * limit)

export const pick = <A>(dice: Dice, of: ReadonlyArray<A>): A => of[below(dice, of.length)]

const alphabet = [
  "a",
  "b",
  "z",
  "0",
  "_",
  "\u0000",
  "\u007f",
  "é",
  "ß",
  "中",
  "\ud7ff",
  "\ue000",
  "\uffff",
  "😀",
  "\u{10ffff}"
]

/** A string of up to `length` characters, of one to four bytes each. */
export const randomText = (dice: Dice, length: number): string => {
  let text = ""
  for (let i = below(dice, length + 1); i > 0; i--) text += pick(dice, alphabet)
  return text
}

const types: ReadonlyArray<ColumnType> = [
  "bool",
  "int32",
  "int64",
  "float32",
  "float64",
  "string",
  "bytes",
  "timestamp",
  "json",
  { array: "string" },
  { map: "float64" }
]

/** Rows drawn from a seed, with their schema and their order. */
export interface RandomRows {
  readonly owner: SegmentOwner
  readonly rows: SegmentRows
  readonly order: Int32Array
}

/** How a column's values are drawn. */
type Draw = "few" | "many" | "long"

const randomBytes = (dice: Dice, type: ColumnType, draw: Draw, row: number): Uint8Array => {
  const few = below(dice, 7)
  if (type === "bytes") {
    const length = draw === "few" ? few : below(dice, draw === "long" ? 400 : 24)
    return Uint8Array.from({ length }, (_, i) => draw === "few" ? few * i : pick(dice, [0, 0xff, below(dice, 256)]))
  }
  const text = draw === "few" ? `value ${few}` : randomText(dice, draw === "long" ? 300 : 8) + (dice() < 0.5 ? row : "")
  return encodeUtf8(type === "string" ? text : JSON.stringify([text]))
}

const fillColumn = (dice: Dice, type: ColumnType, count: number): SegmentVector => {
  const kind = vectorKind(type)
  const vector = makeVector(kind, count)
  const draw = pick(dice, ["few", "many", "long"] as const)
  const nulls = pick(dice, [0, 0, 0.01, 0.5, 0.99, 1])
  const wide = dice() < 0.5
  for (let row = 0; row < count; row++) {
    if (dice() < nulls) {
      setNull(vector, row)
      continue
    }
    switch (vector.kind) {
      case "text":
        vector.set(row, randomBytes(dice, type, draw, row))
        break
      case "int64":
        if (wide && dice() < 0.1) {
          vector.setBigInt(row, pick(dice, [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, -(2n ** 53n), BigInt(row) << 40n]))
        } else vector.setNumber(row, pick(dice, [0, -1, row, -row * 4294967296, 2 ** 53 - 1, 1 - 2 ** 53, 0xffffffff]))
        break
      case "bool":
        vector.values[row] = draw === "few" ? 1 : below(dice, 2)
        break
      case "int32":
        vector.values[row] = draw === "few" ? 7 : below(dice, 2 ** 32) | 0
        break
      default:
        vector.values[row] = draw === "few" ? pick(dice, [0, -0]) : (dice() - 0.5) * 10 ** below(dice, 30)
    }
  }
  if (vector.kind !== "text" || dice() < 0.5) return vector
  const coded = new DictionaryVector(count)
  coded.append(0, vector, 0, count)
  return coded
}

const columnOf = (type: ColumnType, i: number): Column => ({
  name: `column ${i}`,
  type,
  nullable: true,
  default: undefined,
  id: i + 1
})

/** A schema of such columns. */
export const schemaOf = (columnTypes: ReadonlyArray<ColumnType>): TableSchema => ({
  columns: columnTypes.map(columnOf),
  key: undefined
})

/** Rows of every type; keys repeat, are each other's prefixes and share long ones. */
export const randomRows = (seed: number, count: number): RandomRows => {
  const dice = makeDice(seed)
  const keys = new TextVector(count)
  const distinct = Math.max(1, below(dice, 2 * count))
  const prefix = dice() < 0.3
    ? "a long prefix that all keys have, of more than one word".repeat(1 + below(dice, 3))
    : ""
  const style = below(dice, 3)
  for (let row = 0; row < count; row++) {
    const key = style === 0 ? String(below(dice, distinct)) : style === 1 ? randomText(dice, 4) : randomText(dice, 20)
    keys.set(row, encodeUtf8(prefix + key))
  }
  const positions = new Float64Array(count)
  const commitTimes = new Float64Array(count)
  const timestamps = new Int64Vector(count)
  const metadata = new TextVector(count)
  const deleted = new Uint8Array(count)
  const hasTimes = dice() < 0.5
  const first = pick(dice, [1, 1000, 2 ** 40])
  for (let row = 0; row < count; row++) {
    positions[row] = first + row
    commitTimes[row] = 1_700_000_000_000_000 + 10 * below(dice, row + 1)
    if (hasTimes && dice() < 0.8) timestamps.setNumber(row, -62_135_596_800_000_000 + row)
    else setNull(timestamps, row)
    if (hasTimes && dice() < 0.5) metadata.set(row, encodeUtf8(JSON.stringify({ source: `s${below(dice, 3)}` })))
    else setNull(metadata, row)
    deleted[row] = dice() < 0.05 ? 1 : 0
  }
  const columns = types.map((type) => fillColumn(dice, type, count))
  return {
    owner: { table: 7, schemaVersion: 3, schema: schemaOf(types) },
    rows: { keys, positions, commitTimes, timestamps, deleted: dice() < 0.3 ? undefined : deleted, metadata, columns },
    order: sortRows(keys, positions, count)
  }
}

/** A value in a form that any reader's can be turned into: text as hexadecimal bytes. */
export type PlainValue = null | boolean | number | bigint | string

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")

/** The value of a row. Int64s are bigints, floats distinguish the zeros. */
export const valueAt = (vector: SegmentVector, row: number): PlainValue => {
  if (vector.hasNulls && vector.nulls[row] === 1) return null
  switch (vector.kind) {
    case "text":
    case "dictionary":
      return hex(vector.get(row))
    case "int64":
      return BigInt(vector.get(row))
    case "bool":
      return vector.values[row] === 1
    default:
      return Object.is(vector.values[row], -0) ? "-0" : vector.values[row]
  }
}

/** The values of a vector. */
export const valuesOf = (vector: SegmentVector, count: number): Array<PlainValue> =>
  Array.from({ length: count }, (_, row) => valueAt(vector, row))

/** What a segment of these rows must hold, column by column. */
export const expectedColumns = ({ order, rows }: Pick<RandomRows, "order" | "rows">): Array<Array<PlainValue>> =>
  vectorsOf(rows).map((vector) => Array.from(order, (row) => valueAt(vector, row)))

/** A value as hyparquet gives it, when asked for raw bytes. */
export const fromHyparquet = (value: unknown): PlainValue => {
  if (value === undefined) return null
  if (value instanceof Uint8Array) return hex(value)
  return Object.is(value, -0) ? "-0" : value as PlainValue
}

/** Joins chunks into one buffer of its own. */
export const join = (chunks: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const joined = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    joined.set(chunk, at)
    at += chunk.length
  }
  return joined
}

/** A column of doubles, for tests that need no more. */
export const doubles = (values: ReadonlyArray<number>): NumberVector => {
  const vector = new NumberVector("float64", values.length)
  vector.values.set(values)
  return vector
}
