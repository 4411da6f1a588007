/** Values of Parquet columns, as hyparquet gives them, in the form of a schema's columns. */
import type { ParquetParsers, SchemaTree } from "hyparquet"
import { decodeUtf8 } from "../../base/bytes.ts"
import { listItem, mapValue, parquetType } from "../../schema/inference/parquetSchema.ts"
import type { Problem } from "../../schema/problem.ts"
import { exact, formatTimestamp } from "../../schema/timestamp.ts"
import { type Column, formatType, type Json } from "../../schema/types.ts"
import { article, checkValue, type Value } from "../../schema/value.ts"

const microsPerDay = 86_400_000_000

const floorDivide = (value: bigint, divisor: bigint): bigint =>
  value < 0n ? (value - divisor + 1n) / divisor : value / divisor

/** Dates and timestamps become microseconds, and nothing is rounded; texts are decoded when rows are made. */
export const parquetParsers: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (millis) => exact(millis * 1000n),
  timestampFromMicroseconds: (micros) => exact(micros),
  timestampFromNanoseconds: (nanos) => exact(floorDivide(nanos, 1000n)),
  dateFromDays: (days) => days * microsPerDay,
  jsonFromBytes: (bytes) => bytes,
  stringFromBytes: (bytes) => decodeUtf8(bytes)
}

/** A value as JSON can hold it, for nested columns. Throws on text that is no JSON. */
const toJson = (tree: SchemaTree, value: unknown): Json => {
  if (value === null || value === undefined) return null
  const item = listItem(tree)
  if (item !== undefined) return (value as ReadonlyArray<unknown>).map((part) => toJson(item, part))
  const mapped = mapValue(tree)
  if (tree.children.length > 0 && !Array.isArray(value)) {
    return Object.fromEntries(
      Object.entries(value as object).map(([name, part]) => {
        const child = mapped ?? tree.children.find(({ element }) => element.name === name)
        return [name, child === undefined ? plainJson(part) : toJson(child, part)]
      })
    )
  }
  if (Array.isArray(value)) return value.map(plainJson)
  const type = parquetType(tree)
  const leaf = readLeaf(tree, value)
  if (type === "timestamp") return formatTimestamp(leaf as number | bigint)
  return plainJson(leaf)
}

/** A value whose place in the schema is not known. */
const plainJson = (value: unknown): Json => {
  if (value === null || value === undefined) return null
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64")
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(plainJson)
  if (typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plainJson(part)]))
  }
  return typeof value === "number" && !Number.isFinite(value) ? null : value as Json
}

/** What hyparquet leaves raw where only the newer logical type names it. */
const readLeaf = ({ element }: SchemaTree, value: unknown): unknown => {
  const { converted_type: converted, logical_type: logical } = element
  if (converted === undefined && logical?.type === "DATE") return Number(value) * microsPerDay
  if (logical?.type === "DECIMAL" || converted === "DECIMAL") return readDecimal(element, value)
  if (value instanceof Uint8Array) {
    if (converted === "JSON" || logical?.type === "JSON") return JSON.parse(decodeUtf8(value))
    if (converted === "ENUM" || logical?.type === "ENUM") return decodeUtf8(value)
  }
  return value
}

const readDecimal = (
  { converted_type: converted, logical_type: logical, scale = 0 }: SchemaTree["element"],
  value: unknown
) => {
  const digits = logical?.type === "DECIMAL" ? logical.scale : scale
  const factor = 10 ** digits
  // hyparquet multiplies by 10^-scale, which is no double: 12.34 came as 12.340000000000002.
  if (converted === "DECIMAL") return Math.round((value as number) * factor) / factor
  return typeof value === "number" || typeof value === "bigint" ? Number(value) / factor : value
}

/** Reads a value as a column's; the result says what is wrong where it is none. */
export type ReadParquetValue = (value: unknown) => { readonly value: Value } | { readonly problem: Problem }

/** Makes the reader of values of the Parquet column `tree` for a table's column. */
export const makeReadParquetValue = (tree: SchemaTree, column: Column): ReadParquetValue => {
  const own = parquetType(tree)
  const isNested = tree.children.length > 0 || tree.element.repetition_type === "REPEATED"
  const checked = (value: Json): ReturnType<ReadParquetValue> => {
    const result = checkValue(column.type, value, column.name)
    return result.problem === undefined ? { value: result.value } : { problem: result.problem }
  }
  const read = (given: unknown): ReturnType<ReadParquetValue> => {
    if (isNested) return checked(toJson(tree, given))
    const value = readLeaf(tree, given)
    // The same type on both sides: the value is in its column's form, or nearly.
    if (own === column.type) {
      switch (own) {
        case "bool":
        case "string":
          return checked(value as Json)
        case "timestamp":
        case "bytes":
          return { value: value as Value }
        case "int64":
          return { value: typeof value === "bigint" ? exact(value) : value as number }
        case "json":
          return checked(plainJson(value))
        default:
          return checked(value as Json)
      }
    }
    if (own === "timestamp") {
      return column.type === "string" ? { value: formatTimestamp(value as number | bigint) } : wrong(column, own)
    }
    if (own === "bytes") return wrong(column, own)
    return checked(
      typeof value === "bigint" ? (column.type === "float64" ? Number(value) : plainJson(value)) : value as Json
    )
  }
  return (value) => {
    try {
      return read(value)
    } catch (error) {
      return { problem: { reason: "INVALID_VALUE", field: column.name, message: (error as Error).message } }
    }
  }
}

const wrong = (column: Column, own: string): ReturnType<ReadParquetValue> => ({
  problem: {
    reason: "WRONG_TYPE",
    field: column.name,
    message: `${article(own)} is not ${article(formatType(column.type))}`
  }
})
