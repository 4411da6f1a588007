/** Values as JSON has them. */
import { formatTimestamp } from "../schema/timestamp.ts"
import { isNested, type Json } from "../schema/types.ts"
import type { ResultColumn, Value } from "./result.ts"

/**
 * A value of a column as JSON: whole numbers beyond 2^53 as decimal strings, bytes as base64, timestamps as RFC 3339
 * with up to six decimals, nested values as themselves.
 */
export const valueJson = ({ type }: Pick<ResultColumn, "type">, value: Value): Json => {
  if (value === null) return null
  if (type === "timestamp") return formatTimestamp(value as number | bigint)
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value)
  if (typeof value === "bigint") return String(value)
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64")
  return isNested(type) ? JSON.parse(value as string) as Json : value
}

/** A row as a JSON object, its columns by name. */
export const rowJson = (
  columns: ReadonlyArray<ResultColumn>,
  values: ReadonlyArray<Value>
): { readonly [name: string]: Json } => {
  // Without a prototype, since a column may be named like one of its properties.
  const row: Record<string, Json> = Object.create(null)
  for (let i = 0; i < columns.length; i++) row[columns[i].name] = valueJson(columns[i], values[i])
  return row
}
