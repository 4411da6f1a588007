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

/** Writes a null that was sent as one. Of a version in which the column was nullable still, it becomes the default. */
export const storeNull = (column: Column, vector: Vector, row: number, refuse: Refuse, written = column): boolean => {
  if (column.nullable) {
    setNull(vector, row)
    return true
  }
  const value = written.nullable ? absentValue(column) : undefined
  if (value === undefined) {
    return refuse({
      reason: "WRONG_TYPE",
      field: column.name,
      message: `null is not ${article(formatType(column.type))}; the column is not nullable`
    })
  }
  storeValue(column, vector, row, value)
  return true
}

/**
 * Writes a JSON value in any form that the column's type allows, or says what is wrong with it. `written` is the
 * column in the version that the value was written in.
 */
export const storeJson = (
  column: Column,
  vector: Vector,
  row: number,
  value: Json,
  refuse: Refuse,
  written = column
): boolean => {
  if (value === null) return storeNull(column, vector, row, refuse, written)
  const checked = checkValue(isPromoted(column, written) ? written.type : column.type, value, column.name)
  if (checked.problem !== undefined) return refuse(checked.problem)
  if (!isNested(column.type)) {
    storeValue(column, vector, row, checked.value)
    return true
  }
  const text = encodeUtf8(JSON.stringify(checked.value))
  if (text.length > valueBytesMax) {
    return refuse({
      reason: "VALUE_TOO_LONG",
      field: column.name,
      message: `${text.length} bytes of JSON; ${valueBytesMax} are allowed`
    })
  }
  vector.nulls[row] = 0
  ;(vector as TextVector).set(row, text)
  return true
}

/** Whether whole numbers were written that are floating point now: they come in the forms of whole numbers. */
export const isPromoted = (column: Column, written: Column): boolean =>
  column.type === "float64" && (written.type === "int32" || written.type === "int64")

/** Writes the `google.protobuf.Value` in bytes[start, end). */
export const storeStructValue = (
  column: Column,
  vector: Vector,
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  row: number,
  refuse: Refuse,
  written = column
): boolean => {
  try {
    return storeJson(column, vector, row, readValue(bytes, view, start, end), refuse, written)
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

/**
 * What an absent value becomes, ready to be stored: the default, null, or `undefined` where it must be given. That is
 * for the version that the row was written in to say; `written` is the column there.
 */
export const absentValue = (column: Column, written = column): Value | undefined => {
  if (written.default !== undefined) {
    const { problem, value } = checkValue(written.type, written.default, column.name)
    return problem !== undefined ? undefined : isPromoted(column, written) ? Number(value) : value
  }
  if (!written.nullable) return undefined
  return column.nullable ? null : absentValue(column)
}
