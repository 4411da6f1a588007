/** Literals against columns: each is checked and brought into the column's own form once, before any row is read. */
import { encodeUtf8 } from "../base/bytes.ts"
import { formatTimestamp, parseTimestamp } from "../schema/timestamp.ts"
import { type Column, formatType, isNested } from "../schema/types.ts"
import type { Literal, Operator } from "./filter.ts"
import { refuse } from "./refuse.ts"

/** The form in which a column's values are compared. */
export type Comparable = "number" | "integer" | "text"

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/

/** Whole numbers within and beyond 2^53, or doubles, or bytes; `undefined` for what cannot be compared. */
export const comparableOf = (column: Column): Comparable | undefined => {
  if (isNested(column.type)) return undefined
  switch (column.type) {
    case "bool":
    case "float32":
    case "float64":
      return "number"
    case "int32":
    case "int64":
    case "timestamp":
      return "integer"
    default:
      return "text"
  }
}

/** What a literal of the column looks like, for messages. */
const wanted = (column: Column): string => {
  switch (column.type) {
    case "bool":
      return "true or false"
    case "int32":
    case "int64":
    case "float32":
    case "float64":
      return "a number"
    case "bytes":
      return "base64 text"
    case "timestamp":
      return "RFC 3339 text like '2026-01-31T12:00:00Z'"
    default:
      return "text"
  }
}

const describe = (value: Literal): string => {
  if (value === null) return "null"
  if (value instanceof Uint8Array) return "bytes"
  if (typeof value === "object") return `the time ${formatTimestamp(value.micros)}`
  if (typeof value === "string") {
    return `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 37)}...` : value)}`
  }
  return typeof value === "boolean" ? String(value) : `the number ${value}`
}

const wrong = (column: Column, value: Literal, field: string): never => {
  const hint = value === null ? "; a comparison with null is never true, use is_null" : ""
  return refuse(
    "WRONG_TYPE",
    field,
    `column ${column.name} is ${formatType(column.type)} and is compared with ${wanted(column)}, not with ${
      describe(value)
    }${hint}`
  )
}

/** Refuses operators that mean nothing for the column's type. */
export const checkOperator = (column: Column, operator: Operator, field: string): void => {
  if (operator === "is_null") return
  if (isNested(column.type)) {
    refuse(
      "INVALID_FILTER",
      field,
      `column ${column.name} is ${formatType(column.type)}; such values can be tested by is_null only`
    )
  }
  if ((operator === "contains" || operator === "starts_with") && comparableOf(column) !== "text") {
    refuse(
      "INVALID_FILTER",
      field,
      `column ${column.name} is ${formatType(column.type)}; ${operator} is for string and bytes columns`
    )
  }
}

/** A literal of a column whose values are compared as text: its bytes. */
export const textLiteral = (column: Column, value: Literal, field: string): Uint8Array => {
  if (column.type === "bytes") {
    if (value instanceof Uint8Array) return value
    if (typeof value === "string" && base64.test(value)) return new Uint8Array(Buffer.from(value, "base64"))
    return wrong(column, value, field)
  }
  return typeof value === "string" ? encodeUtf8(value) : wrong(column, value, field)
}

/**
 * A literal of a column whose values are numbers. Whole numbers beyond 2^53 are bigints; a decimal string will do for
 * an int64, since JSON and Struct have no other way to say it.
 */
export const numberLiteral = (column: Column, value: Literal, field: string): number | bigint => {
  switch (column.type) {
    case "bool":
      return typeof value === "boolean" ? Number(value) : wrong(column, value, field)
    case "timestamp": {
      if (typeof value === "object" && value !== null && "micros" in value) return value.micros
      const micros = typeof value === "string" ? parseTimestamp(value) : undefined
      return micros ?? wrong(column, value, field)
    }
    case "int64":
      if (typeof value === "string" && /^-?\d{1,19}$/.test(value)) return exactInteger(BigInt(value))
      break
    case "float32":
      // As the column itself would round it, so that 0.1 finds what was stored as 0.1.
      if (typeof value === "number" || typeof value === "bigint") return Math.fround(finite(column, value, field))
      break
  }
  if (typeof value === "bigint") return column.type === "float64" ? Number(value) : exactInteger(value)
  if (typeof value !== "number") return wrong(column, value, field)
  finite(column, value, field)
  return column.type !== "float64" && Number.isInteger(value) ? exactInteger(BigInt(value)) : value
}

const finite = (column: Column, value: number | bigint, field: string): number => {
  const near = Number(value)
  if (!Number.isFinite(near)) refuse("NOT_FINITE", field, `column ${column.name} cannot be compared with ${value}`)
  return near
}

const exactInteger = (value: bigint): number | bigint => {
  const near = Number(value)
  return Number.isSafeInteger(near) ? near : value
}
