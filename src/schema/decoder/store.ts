/** Writes values into columns one at a time: the general way in, for whatever the generated code does not meet every day. */
import { encodeUtf8 } from "../../base/bytes.ts"
import { valueBytesMax } from "../../base/limits.ts"
import * as wire from "../../base/protobufWire.ts"
import { setNull, type TextVector, type Vector } from "../../event/vector.ts"
import type { Problem } from "../problem.ts"
import { type Column, formatType, isNested, type Json } from "../types.ts"
import { article, checkValue, type Value } from "../value.ts"
import { readValue, ValueError } from "./structValue.ts"

/** Takes the reason why a row is refused; returns false so that callers can return it on. */
export type Refuse = (problem: Problem) => false

/** Writes a value that `checkValue` made for the column's type. */
export const storeValue = (column: Column, vector: Vector, row: number, value: Value): void => {
  if (value === null) return setNull(vector, row)
  vector.nulls[row] = 0
  switch (vector.kind) {
    case "text":
      return vector.set(
        row,
        isNested(column.type)
          ? encodeUtf8(JSON.stringify(value))
          : typeof value === "string"
          ? encodeUtf8(value)
          : value as Uint8Array
      )
    case "int64":
      return typeof value === "bigint" ? vector.setBigInt(row, value) : vector.setNumber(row, (value as number) + 0)
    default:
      vector.values[row] = Number(value)
  }
}

/** Writes a null that was sent as one. */
export const storeNull = (column: Column, vector: Vector, row: number, refuse: Refuse): boolean => {
  if (!column.nullable) {
    return refuse({
      reason: "WRONG_TYPE",
      field: column.name,
      message: `null is not ${article(formatType(column.type))}; the column is not nullable`
    })
  }
  setNull(vector, row)
  return true
}

/** Writes a JSON value in any form that the column's type allows, or says what is wrong with it. */
export const storeJson = (column: Column, vector: Vector, row: number, value: Json, refuse: Refuse): boolean => {
  if (value === null) return storeNull(column, vector, row, refuse)
  const checked = checkValue(column.type, value, column.name)
  if (checked.problem !== undefined) return refuse(checked.problem)
  storeValue(column, vector, row, checked.value)
  return true
}

/** Writes the `google.protobuf.Value` in bytes[start, end). */
export const storeStructValue = (
  column: Column,
  vector: Vector,
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  row: number,
  refuse: Refuse
): boolean => {
  try {
    return storeJson(column, vector, row, readValue(bytes, view, start, end), refuse)
  } catch (error) {
    if (!(error instanceof ValueError)) throw error
    return refuse({ reason: error.reason, field: column.name, message: error.message })
  }
}

/**
 * Writes a string of any length straight from the wire. False, with nothing written, where the column or the value is
 * something else, or is better looked at by `storeStructValue`.
 */
export const storeText = (
  column: Column,
  vector: Vector,
  bytes: Uint8Array,
  start: number,
  end: number,
  row: number
): boolean => {
  if (column.type !== "string" || end === start || bytes[start] !== 0x1a) return false
  const length = wire.readLength(bytes, start + 1, end)
  if (length < 0 || wire.cursor + length !== end || length > valueBytesMax) return false
  // A string that starts with a continuation byte is not UTF-8 by itself, though the heap as a whole may be.
  if (length > 0 && (bytes[wire.cursor] & 0xc0) === 0x80) return false
  vector.nulls[row] = 0
  ;(vector as TextVector).set(row, bytes.subarray(wire.cursor, end))
  return true
}

/** What an absent value becomes, ready to be stored: the default, null, or `undefined` where it must be given. */
export const absentValue = (column: Column): Value | undefined => {
  if (column.default === undefined) return column.nullable ? null : undefined
  const checked = checkValue(column.type, column.default, column.name)
  return checked.problem === undefined ? checked.value : undefined
}
