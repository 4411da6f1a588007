/**
 * Typed rows: `varve.v1.Row` from the wire into columns. Values come in schema order and carry their kinds, so int64,
 * bytes and timestamps are exact.
 */
import { valueBytesMax } from "../../base/limits.ts"
import * as wire from "../../base/protobufWire.ts"
import { Int64Vector, type TextVector, type Vector } from "../../event/vector.ts"
import { earliestMicros, latestMicros } from "../timestamp.ts"
import { type Column, formatType, isNested } from "../types.ts"
import { article } from "../value.ts"
import { isPromoted, type Refuse, storeNull, storeStructValue } from "./store.ts"

// TypedValue's tags: field number and wire type.
const boolTag = 0x08
const intTag = 0x10
const doubleTag = 0x19
const stringTag = 0x22
const bytesTag = 0x2a
const timestampTag = 0x32
const jsonTag = 0x3a

const kindNames: Readonly<Record<number, string>> = {
  [boolTag]: "a bool_value",
  [intTag]: "an int_value",
  [doubleTag]: "a double_value",
  [stringTag]: "a string_value",
  [bytesTag]: "a bytes_value",
  [timestampTag]: "a timestamp_value",
  [jsonTag]: "a json_value"
}

/**
 * Makes the decoder of rows whose values are those of the columns `written`, in their order. `targets` are the numbers
 * of the columns that they are stored in, negative for a column that is stored no more.
 */
export const typedRowDecoder = (
  columns: ReadonlyArray<Column>,
  written: ReadonlyArray<Column>,
  targets: ReadonlyArray<number>,
  vectors: ReadonlyArray<Vector>,
  absent: (column: number, row: number) => boolean,
  refuse: Refuse
) => {
  const unwritten = columns.map((_, i) => i).filter((i) => !targets.includes(i))
  const malformed = (): false =>
    refuse({ reason: "MALFORMED_MESSAGE", field: "", message: "the bytes are no varve.v1.Row" })

  return (bytes: Uint8Array, view: DataView, start: number, end: number, row: number): boolean => {
    let count = 0
    for (let at = start; at < end; count++) {
      if (wire.readVarint32(bytes, at, end) !== 0x0a) return malformed()
      const length = wire.readLength(bytes, wire.cursor, end)
      if (length < 0) return malformed()
      at = wire.cursor
      const i = count < targets.length ? targets[count] : -1
      if (
        i >= 0 && !storeTypedValue(columns[i], vectors[i], bytes, view, at, at + length, row, refuse, written[count])
      ) {
        return false
      }
      at += length
    }
    if (count !== targets.length) {
      return refuse({
        reason: count < targets.length ? "MISSING_FIELD" : "UNKNOWN_FIELD",
        field: "values",
        message: `${count} values; the schema has ${targets.length} columns, and a typed row names every one`
      })
    }
    for (const i of unwritten) if (!absent(i, row)) return false
    return true
  }
}

const storeTypedValue = (
  column: Column,
  vector: Vector,
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  row: number,
  refuse: Refuse,
  written: Column
): boolean => {
  if (start === end) return storeNull(column, vector, row, refuse, written)
  // Each branch takes a value that ends where the message ends. All that is left goes to `storeOddValue`.
  const tag = bytes[start]
  const at = start + 1
  switch (column.type) {
    case "bool":
      if (tag === boolTag && end - at === 1 && bytes[at] < 2 && vector.kind === "bool") {
        vector.values[row] = bytes[at]
        vector.nulls[row] = 0
        return true
      }
      break
    case "int32":
    case "int64":
      if (tag === intTag) {
        const low = wire.readVarint64(bytes, at, end)
        if (low >= 0 && wire.cursor === end) {
          return storeInteger(column, vector, row, wire.toInt64(low, wire.high), refuse)
        }
      }
      break
    case "float32":
    case "float64":
      if (tag === doubleTag && end - at === 8) {
        return storeDouble(column, vector, row, view.getFloat64(at, true), refuse)
      }
      if (tag === intTag && isPromoted(column, written)) {
        const low = wire.readVarint64(bytes, at, end)
        if (low >= 0 && wire.cursor === end) {
          return storeDouble(column, vector, row, Number(wire.toInt64(low, wire.high)), refuse)
        }
      }
      break
    case "timestamp":
      if (tag === timestampTag && isWhole(bytes, at, end)) {
        return storeTimestamp(column, vector, bytes, wire.cursor, end, row, refuse)
      }
      break
    case "string":
    case "bytes":
      if (tag === (column.type === "string" ? stringTag : bytesTag) && isWhole(bytes, at, end)) {
        return storeBytes(column, vector as TextVector, bytes, wire.cursor, end, row, refuse)
      }
      break
    default:
      if (isNested(column.type) && tag === jsonTag && isWhole(bytes, at, end)) {
        return storeStructValue(column, vector, bytes, view, wire.cursor, end, row, refuse, written)
      }
  }
  return storeOddValue(column, vector, bytes, view, start, end, row, refuse, written)
}

/** Whether a length and so many bytes are all there is; they begin at `wire.cursor` then. */
const isWhole = (bytes: Uint8Array, start: number, end: number): boolean => {
  const length = wire.readLength(bytes, start, end)
  return length >= 0 && wire.cursor + length === end
}

/** A value with fields that this version does not know, or of another type, or no TypedValue at all. */
const storeOddValue = (
  column: Column,
  vector: Vector,
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  row: number,
  refuse: Refuse,
  written: Column
): boolean => {
  const malformed = (message: string): false => refuse({ reason: "MALFORMED_MESSAGE", field: column.name, message })
  let kind = 0
  let kindStart = 0
  let kindEnd = 0
  for (let at = start; at < end;) {
    const tag = wire.readTag(bytes, at, end)
    const next = tag < 0 ? -1 : wire.skipValue(bytes, tag, wire.cursor, end)
    if (next < 0) return malformed("the bytes are no varve.v1.TypedValue")
    if (tag >>> 3 <= 7) {
      if (kind !== 0) return malformed("more than one kind of value is set")
      kind = tag
      kindStart = at
      kindEnd = next
    }
    at = next
  }
  if (kind === 0) return storeNull(column, vector, row, refuse, written)
  if (kindStart !== start || kindEnd !== end) {
    return storeTypedValue(column, vector, bytes, view, kindStart, kindEnd, row, refuse, written)
  }
  return refuse({
    reason: "WRONG_TYPE",
    field: column.name,
    message: `${kindNames[kind] ?? "an unknown kind of value"} is not ${article(formatType(written.type))}`
  })
}

const storeInteger = (column: Column, vector: Vector, row: number, value: number | bigint, refuse: Refuse): boolean => {
  vector.nulls[row] = 0
  if (vector.kind === "int64") {
    if (typeof value === "number") vector.setNumber(row, value)
    else vector.setBigInt(row, value)
    return true
  }
  if (typeof value === "bigint" || value !== (value | 0)) {
    return refuse({
      reason: "VALUE_OUT_OF_RANGE",
      field: column.name,
      message: `${value} is beyond an int32; register the column as int64`
    })
  }
  if (vector.kind === "int32") vector.values[row] = value
  return true
}

const storeDouble = (column: Column, vector: Vector, row: number, value: number, refuse: Refuse): boolean => {
  if (value - value !== 0) {
    return refuse({ reason: "NOT_FINITE", field: column.name, message: `${value} is not a finite number` })
  }
  if (vector.kind === "float32" && !Number.isFinite(Math.fround(value))) {
    return refuse({
      reason: "VALUE_OUT_OF_RANGE",
      field: column.name,
      message: `${value} is beyond a float32; register the column as float64`
    })
  }
  if (vector.kind === "float32" || vector.kind === "float64") vector.values[row] = value
  vector.nulls[row] = 0
  return true
}

const storeTimestamp = (
  column: Column,
  vector: Vector,
  bytes: Uint8Array,
  start: number,
  end: number,
  row: number,
  refuse: Refuse
): boolean => {
  const micros = readTimestamp(bytes, start, end)
  if (micros === undefined || !(vector instanceof Int64Vector)) {
    return refuse({
      reason: "VALUE_OUT_OF_RANGE",
      field: column.name,
      message: "the timestamp is not between 0001-01-01 and 9999-12-31 with nanos from 0 to 999,999,999"
    })
  }
  vector.nulls[row] = 0
  if (typeof micros === "number") vector.setNumber(row, micros)
  else vector.setBigInt(row, micros)
  return true
}

/** Microseconds of a `google.protobuf.Timestamp` in bytes[start, end); `undefined` where it is none. */
export const readTimestamp = (bytes: Uint8Array, start: number, end: number): number | bigint | undefined => {
  let seconds: number | bigint = 0
  let nanos: number | bigint = 0
  for (let at = start; at < end;) {
    const tag = wire.readTag(bytes, at, end)
    if (tag < 0) return undefined
    at = wire.cursor
    if (tag === 0x08 || tag === 0x10) {
      const low = wire.readVarint64(bytes, at, end)
      if (low < 0) return undefined
      at = wire.cursor
      if (tag === 0x08) seconds = wire.toInt64(low, wire.high)
      else nanos = wire.toInt64(low, wire.high)
    } else {
      at = tag >>> 3 <= 2 ? -1 : wire.skipValue(bytes, tag, at, end)
      if (at < 0) return undefined
    }
  }
  if (typeof seconds === "bigint" || typeof nanos === "bigint" || nanos < 0 || nanos > 999_999_999) return undefined
  const rest = Math.floor(nanos / 1000)
  const micros = seconds * 1_000_000 + rest
  if (Number.isSafeInteger(micros)) return micros
  const wide = BigInt(seconds) * 1_000_000n + BigInt(rest)
  return wide < earliestMicros || wide > latestMicros ? undefined : wide
}

const storeBytes = (
  column: Column,
  vector: TextVector,
  bytes: Uint8Array,
  start: number,
  end: number,
  row: number,
  refuse: Refuse
): boolean => {
  if (end - start > valueBytesMax) {
    return refuse({ reason: "VALUE_TOO_LONG", field: column.name, message: `longer than ${valueBytesMax} bytes` })
  }
  // A string that starts with a continuation byte is not UTF-8 by itself, though the heap as a whole may be.
  if (column.type === "string" && end > start && (bytes[start] & 0xc0) === 0x80) {
    return refuse({ reason: "INVALID_UTF8", field: column.name, message: "the string is not valid UTF-8" })
  }
  vector.nulls[row] = 0
  vector.set(row, bytes.subarray(start, end))
  return true
}
