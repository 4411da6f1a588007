/**
 * Values as JSON has them, checked against a type: defaults, the parts of nested values, and the literals of filters.
 * Rows on the fast path are checked by compiled decoders instead (decoder/), by the same rules.
 */
import { nestingDepthMax, valueBytesMax } from "../base/limits.ts"
import type { Reason } from "../base/reason.ts"
import type { Problem } from "./problem.ts"
import { earliestMicros, exact, latestMicros, parseTimestamp } from "./timestamp.ts"
import { type ColumnType, formatType, type Json, type PrimitiveType } from "./types.ts"

/** A checked value: int64 and timestamps as number or bigint, bytes as bytes, nested values as normalised JSON. */
export type Value = null | boolean | number | bigint | string | Uint8Array | Json

/** Either the value in the type's own form or what is wrong with it. */
export type Checked =
  | { readonly value: Value; readonly problem?: undefined }
  | { readonly problem: Problem; readonly value?: undefined }

const int64Min = -(2n ** 63n)
const int64Max = 2n ** 63n - 1n
const decimal = /^-?\d{1,19}$/
const base64Digits = /^[A-Za-z0-9+/]*={0,2}$/

const failed = (reason: Reason, field: string, message: string): Checked => ({ problem: { reason, field, message } })

const describe = (value: Json): string => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "a list"
  if (typeof value === "string")
    return value.length > 40
      ? `the string ${JSON.stringify(value.slice(0, 37))}...`
      : `the string ${JSON.stringify(value)}`
  if (typeof value === "number") return `the number ${value}`
  return typeof value === "boolean" ? String(value) : "an object"
}

/** Checks a non-null value against a type. `field` is its path, for the message. */
export const checkValue = (type: ColumnType, value: Json, field: string, depth = 0): Checked => {
  if (depth > nestingDepthMax) return failed("INVALID_VALUE", field, `nested deeper than ${nestingDepthMax} levels`)
  if (typeof type === "string") return checkPrimitive(type, value, field, depth)
  if ("array" in type) return checkArray(type.array, value, field, depth)
  if ("map" in type) return checkMap(type.map, value, field, depth)
  return checkStruct(type, value, field, depth)
}

const wrongType = (type: ColumnType, value: Json, field: string, hint = ""): Checked =>
  failed("WRONG_TYPE", field, `${describe(value)} is not ${article(formatType(type))}${hint}`)

/** `a bool`, `an int32`. */
export const article = (name: string): string => (/^[aeiou]/.test(name) ? `an ${name}` : `a ${name}`)

const checkPrimitive = (type: PrimitiveType, value: Json, field: string, depth: number): Checked => {
  switch (type) {
    case "bool":
      return typeof value === "boolean" ? { value } : wrongType(type, value, field, "; send true or false")
    case "int32":
      if (typeof value !== "number" || !Number.isInteger(value))
        return wrongType(type, value, field, "; send a whole number")
      return value === (value | 0)
        ? { value: value | 0 }
        : failed("VALUE_OUT_OF_RANGE", field, `${value} is beyond an int32; register the column as int64`)
    case "int64":
      return checkInt64(value, field)
    case "float32":
    case "float64":
      if (typeof value !== "number") return wrongType(type, value, field, "; send a number")
      if (!Number.isFinite(value)) return failed("NOT_FINITE", field, `${value} is not a finite number`)
      return type === "float32" && !Number.isFinite(Math.fround(value))
        ? failed("VALUE_OUT_OF_RANGE", field, `${value} is beyond a float32; register the column as float64`)
        : { value }
    case "string":
      if (typeof value !== "string") return wrongType(type, value, field, "; send a string")
      return isLongerThan(value, valueBytesMax) ? tooLong(field) : { value }
    case "bytes": {
      if (typeof value !== "string" || !isBase64(value)) {
        return wrongType(type, value, field, "; send a base64 string")
      }
      const bytes = new Uint8Array(Buffer.from(value, "base64"))
      return bytes.length > valueBytesMax ? tooLong(field) : { value: bytes }
    }
    case "timestamp": {
      if (typeof value === "number" && isTimestampMillis(value)) {
        return { value: Number.isSafeInteger(value * 1000) ? value * 1000 : exact(BigInt(value) * 1000n) }
      }
      const micros = typeof value === "string" ? parseTimestamp(value) : undefined
      return micros === undefined
        ? wrongType(type, value, field, "; send RFC 3339 text as \"2026-01-31T12:00:00Z\", or milliseconds since 1970")
        : { value: micros }
    }
    case "json":
      return isDeeperThan(value, nestingDepthMax - depth)
        ? failed("INVALID_VALUE", field, `nested deeper than ${nestingDepthMax} levels`)
        : { value }
  }
}

/** Whether a text has more UTF-8 bytes; they are counted only where its length leaves it open. */
const isLongerThan = (text: string, bytes: number): boolean =>
  text.length > bytes || (text.length * 3 > bytes && Buffer.byteLength(text) > bytes)

/** Padded or not. One loop over the text: a pattern with groups would need memory for each of them. */
const isBase64 = (text: string): boolean => {
  if (!base64Digits.test(text)) return false
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0
  return padding === 0 ? text.length % 4 !== 1 : text.length % 4 === 0
}

const tooLong = (field: string): Checked => failed("VALUE_TOO_LONG", field, `longer than ${valueBytesMax} bytes`)

const earliestMillis = Number(earliestMicros / 1000n)
const latestMillis = Number(latestMicros / 1000n)

/** Whether milliseconds since 1970 are within the years 1 to 9999 and hold no fraction of a microsecond. */
const isTimestampMillis = (millis: number): boolean =>
  millis >= earliestMillis && millis <= latestMillis &&
  (Number.isInteger(millis) || Number.isSafeInteger(millis * 1000))

const checkInt64 = (value: Json, field: string): Checked => {
  if (typeof value === "number") {
    if (!Number.isInteger(value)) return wrongType("int64", value, field, "; send a whole number")
    if (Number.isSafeInteger(value)) return { value }
    return failed(
      "VALUE_OUT_OF_RANGE",
      field,
      `${value} is beyond 2^53 and may have been rounded on its way; send it as a decimal string`
    )
  }
  if (typeof value !== "string" || !decimal.test(value)) {
    return wrongType("int64", value, field, "; send a whole number, or a decimal string beyond 2^53")
  }
  const wide = BigInt(value)
  return wide < int64Min || wide > int64Max
    ? failed("VALUE_OUT_OF_RANGE", field, `${value} is beyond an int64`)
    : { value: exact(wide) }
}

const checkArray = (items: ColumnType, value: Json, field: string, depth: number): Checked => {
  if (!Array.isArray(value)) return wrongType({ array: items }, value, field, "; send a list")
  const list: Array<Json> = []
  for (let i = 0; i < value.length; i++) {
    const part = checkPart(items, value[i], `${field}[${i}]`, depth)
    if (part.problem !== undefined) return part
    list.push(part.value as Json)
  }
  return { value: list }
}

const isObject = (value: Json): value is { readonly [name: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const checkMap = (values: ColumnType, value: Json, field: string, depth: number): Checked => {
  if (!isObject(value)) return wrongType({ map: values }, value, field, "; send an object")
  const map: Record<string, Json> = Object.create(null)
  for (const name of Object.keys(value).sort()) {
    const part = checkPart(values, value[name], `${field}.${name}`, depth)
    if (part.problem !== undefined) return part
    map[name] = part.value as Json
  }
  return { value: map }
}

const checkStruct = (
  type: Extract<ColumnType, { readonly struct: unknown }>,
  value: Json,
  field: string,
  depth: number
): Checked => {
  if (!isObject(value)) return wrongType(type, value, field, "; send an object")
  const struct: Record<string, Json> = Object.create(null)
  for (const part of type.struct) {
    const path = `${field}.${part.name}`
    const given = Object.hasOwn(value, part.name) ? value[part.name] : undefined
    if (given === undefined && part.default !== undefined) struct[part.name] = part.default
    else if (given === undefined || given === null) {
      if (!part.nullable) return failed("MISSING_FIELD", path, "missing; it is not nullable and has no default")
      struct[part.name] = null
    } else {
      const checked = checkPart(part.type, given, path, depth)
      if (checked.problem !== undefined) return checked
      struct[part.name] = checked.value as Json
    }
  }
  for (const name of Object.keys(value)) {
    if (!type.struct.some((part) => part.name === name)) {
      return failed("UNKNOWN_FIELD", `${field}.${name}`, `no such field; the struct has ${nameList(type.struct)}`)
    }
  }
  return { value: struct }
}

/** The names of columns, for a message. */
export const nameList = (columns: ReadonlyArray<{ readonly name: string }>): string => {
  const names = columns.slice(0, 12).map((column) => column.name)
  return names.join(", ") + (columns.length > names.length ? `, and ${columns.length - names.length} more` : "")
}

/** A part of a nested value, in the form that JSON text can hold exactly. */
const checkPart = (type: ColumnType, value: Json, field: string, depth: number): Checked => {
  if (value === null) {
    return type === "json" ? { value } : failed("WRONG_TYPE", field, `null is not ${article(formatType(type))}`)
  }
  const checked = checkValue(type, value, field, depth + 1)
  if (checked.problem !== undefined) return checked
  // Bytes and timestamps stay as they were written, which is what JSON can hold.
  if (type === "bytes" || type === "timestamp") return { value }
  return typeof checked.value === "bigint" ? { value: String(checked.value) } : checked
}

/** Stops at the limit: a value may be nested more deeply than the stack is. */
const isDeeperThan = (value: Json, levels: number): boolean => {
  if (typeof value !== "object" || value === null) return false
  if (levels === 0) return true
  const parts: ReadonlyArray<Json> = Array.isArray(value) ? value : Object.values(value)
  return parts.some((part) => isDeeperThan(part, levels - 1))
}
