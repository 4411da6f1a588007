/**
 * What a record's columns are, found the slow and obvious way from the values that were given to the encoder: the
 * independent opinion that decoders are compared with. Cells are text, so that a difference can be read.
 */
import type { Vector } from "../../src/event/vector.ts"
import type { Column, ColumnType, Json, TableSchema } from "../../src/schema/types.ts"
import { type Kind, noKind, type WireValue } from "./wireRecord.ts"

/** A cell as text; `null` is a null. */
export type Cell = string | null

/** The record must be refused. */
export const refused = Symbol("refused")

type Opinion = Cell | typeof refused

const hex = (bytes: Uint8Array): string => `x${Buffer.from(bytes).toString("hex")}`

const hexOfText = (text: string): string => hex(Buffer.from(text))

/** JSON text whose objects are sorted, so that only meaning is compared. */
export const sortedJson = (value: Json): string => {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(",")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).map(([name, part]) => `${JSON.stringify(name)}:${sortedJson(part)}`)
  return `{${entries.sort().join(",")}}`
}

const daysBefore = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]

/** Microseconds since 1970 of RFC 3339 text, by counting days; `undefined` where it is none. */
const microsOf = (text: string): bigint | undefined => {
  const match = /^(\d\d\d\d)-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d):(\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?)?$/.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0))
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const days = month === 2 ? isLeap ? 29 : 28 : [4, 6, 9, 11].includes(month) ? 30 : 31
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > days || hour > 23 || minute > 59 || second > 59) {
    return undefined
  }
  const before = year - 1
  const dayNumber = before * 365 + Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) +
    daysBefore[month - 1] + (isLeap && month > 2 ? 1 : 0) + day - 1 - 719_162
  const fraction = BigInt((match[7] ?? ".0").slice(1).padEnd(6, "0").slice(0, 6))
  let seconds = BigInt(dayNumber) * 86_400n + BigInt(hour * 3600 + minute * 60 + second)
  const offset = match[8] ?? "Z"
  if (offset.length === 6) {
    const [hours, minutes] = offset.slice(1).split(":").map(Number)
    if (hours > 23 || minutes > 59) return undefined
    seconds -= BigInt((hours * 60 + minutes) * 60) * (offset[0] === "+" ? 1n : -1n)
  }
  return inYears(seconds * 1_000_000n + fraction)
}

/** The microseconds, where they lie in the years 1 to 9999. */
const inYears = (micros: bigint): bigint | undefined =>
  micros >= -719_162n * 86_400_000_000n && micros < 2_932_897n * 86_400_000_000n ? micros : undefined

const isBase64 = (text: string): boolean => {
  const digits = text.replace(/={1,2}$/, "")
  if (/[^A-Za-z0-9+/]/.test(digits) || digits.length % 4 === 1) return false
  return text.length === digits.length || text.length % 4 === 0
}

/** Whether every number in the value is one that JSON can write. */
const isFinite = (value: Json): boolean =>
  typeof value === "number"
    ? Number.isFinite(value)
    : typeof value !== "object" || value === null || Object.values(value).every(isFinite)

/** A part of a nested value, as it is kept; `refused` as above. */
const nestedPart = (type: ColumnType, value: WireValue): Json | typeof refused => {
  if (value === noKind || value === null) return type === "json" ? null : refused
  if (typeof type !== "string") {
    if ("array" in type) {
      if (!Array.isArray(value)) return refused
      const parts = value.map((part) => nestedPart(type.array, part))
      return parts.includes(refused) ? refused : parts as Array<Json>
    }
    if (typeof value !== "object" || Array.isArray(value)) return refused
    const given = new Map(Object.entries(value as Record<string, Json>))
    const kept = new Map<string, Json | typeof refused>()
    if ("map" in type) { for (const [name, part] of given) kept.set(name, nestedPart(type.map, part)) }
    else {
      for (const part of type.struct) {
        const own = given.get(part.name)
        given.delete(part.name)
        if (own === undefined && part.default !== undefined) kept.set(part.name, part.default)
        else if (own === undefined || own === null) kept.set(part.name, part.nullable ? null : refused)
        else kept.set(part.name, nestedPart(part.type, own))
      }
      if (given.size > 0) return refused
    }
    return [...kept.values()].includes(refused) ? refused : Object.fromEntries(kept as Map<string, Json>)
  }
  if (type === "json") return isFinite(value) ? value : refused
  const cell = primitive(type, value)
  if (cell === refused) return refused
  if (type !== "int64") return value
  return Number.isSafeInteger(Number(cell)) ? Number(cell) : cell as string
}

const primitive = (type: ColumnType, value: Json): Opinion => {
  switch (type) {
    case "bool":
      return typeof value === "boolean" ? String(value) : refused
    case "int32":
      return typeof value === "number" && Number.isInteger(value) && Math.abs(value + 0.5) < 2 ** 31
        ? String(value + 0)
        : refused
    case "int64": {
      if (typeof value === "number") return Number.isSafeInteger(value) ? String(value + 0) : refused
      if (typeof value !== "string" || !/^-?[0-9]{1,19}$/.test(value)) return refused
      const wide = BigInt(value)
      return BigInt.asIntN(64, wide) === wide ? String(wide) : refused
    }
    case "float32":
      return typeof value === "number" && Number.isFinite(Math.fround(value)) ? float(Math.fround(value)) : refused
    case "float64":
      return typeof value === "number" && Number.isFinite(value) ? float(value) : refused
    case "string":
      return typeof value === "string" ? hexOfText(value) : refused
    case "bytes":
      return typeof value === "string" && isBase64(value) ? hex(Buffer.from(value, "base64")) : refused
    case "timestamp": {
      if (typeof value === "number") return Number.isSafeInteger(value * 1000) ? String(value * 1000 + 0) : refused
      const micros = typeof value === "string" ? microsOf(value) : undefined
      return micros === undefined ? refused : String(micros)
    }
    default:
      return refused
  }
}

const float = (value: number): string => Object.is(value, -0) ? "-0" : String(value)

const cellOfStruct = (column: Column, value: WireValue): Opinion => {
  if (value === null || value === noKind) return column.nullable ? null : refused
  if (typeof column.type === "string" && column.type !== "json") return primitive(column.type, value as Json)
  const kept = nestedPart(column.type, value)
  return kept === refused ? refused : sortedJson(kept)
}

/** The cells of a record that carries a Struct with these entries. */
export const cellsOfStruct = (
  schema: TableSchema,
  entries: ReadonlyArray<readonly [string, WireValue]>
): ReadonlyArray<Cell> | typeof refused => {
  const cells = new Map<string, Opinion>()
  for (const [name, value] of entries) {
    const column = schema.columns.find((candidate) => candidate.name === name)
    const cell = column === undefined ? refused : cellOfStruct(column, value)
    if (cell === refused) return refused
    cells.set(name, cell)
  }
  const row = schema.columns.map((column): Opinion => {
    const cell = cells.get(column.name)
    if (cell !== undefined) return cell
    return column.default === undefined ? column.nullable ? null : refused : cellOfStruct(column, column.default)
  })
  return row.includes(refused) ? refused : row as Array<Cell>
}

const cellOfKind = (column: Column, kind: Kind): Opinion => {
  if (kind === undefined) return column.nullable ? null : refused
  const { type } = column
  switch (kind.case) {
    case "boolValue":
      return type === "bool" ? String(kind.value) : refused
    case "intValue":
      if (type === "int32") return BigInt.asIntN(32, kind.value) === kind.value ? String(kind.value) : refused
      return type === "int64" ? String(kind.value) : refused
    case "doubleValue":
      return type === "float32" || type === "float64" ? primitive(type, kind.value) : refused
    case "stringValue":
      return type === "string" ? hexOfText(kind.value) : refused
    case "bytesValue":
      return type === "bytes" ? hex(kind.value) : refused
    case "timestampValue": {
      if (type !== "timestamp") return refused
      const { nanos, seconds } = kind.value
      const micros = nanos < 0 || nanos > 999_999_999
        ? undefined
        : inYears(seconds * 1_000_000n + BigInt(Math.floor(nanos / 1000)))
      return micros === undefined ? refused : String(micros)
    }
    case "jsonValue":
      return typeof type === "string" && type !== "json" ? refused : cellOfStruct(column, kind.value)
  }
}

/** The cells of a record that carries a typed row. */
export const cellsOfRow = (schema: TableSchema, kinds: ReadonlyArray<Kind>): ReadonlyArray<Cell> | typeof refused => {
  if (kinds.length !== schema.columns.length) return refused
  const row = schema.columns.map((column, i) => cellOfKind(column, kinds[i]))
  return row.includes(refused) ? refused : row as Array<Cell>
}

/** A cell as a vector holds it. */
export const cellOfVector = (column: Column, vector: Vector, row: number): Cell => {
  if (vector.hasNulls && vector.nulls[row] === 1) return null
  switch (vector.kind) {
    case "text":
      return typeof column.type === "string" && column.type !== "json"
        ? hex(vector.get(row))
        : sortedJson(JSON.parse(Buffer.from(vector.get(row)).toString()) as Json)
    case "int64":
      return String(vector.get(row))
    case "bool":
      return vector.values[row] === 1
        ? "true"
        : vector.values[row] === 0
        ? "false"
        : `not a bool: ${vector.values[row]}`
    default:
      return float(vector.values[row])
  }
}
