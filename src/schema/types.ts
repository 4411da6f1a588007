/**
 * The type system: what a column can hold, and a table's schema.
 *
 * A schema document is JSON:
 *
 * ```json
 * {
 *   "columns": [
 *     { "name": "id", "type": "string" },
 *     { "name": "delay", "type": "int32", "nullable": true },
 *     { "name": "carrier", "type": "string", "default": "unknown" },
 *     { "name": "tags", "type": { "array": "string" } },
 *     { "name": "weights", "type": { "map": "float64" } },
 *     { "name": "from", "type": { "struct": [{ "name": "airport", "type": "string" }] } }
 *   ],
 *   "key": "id"
 * }
 * ```
 */
import type { VectorKind } from "../event/vector.ts"

/** Types whose values have no parts. */
export const primitiveTypes = [
  "bool",
  "int32",
  "int64",
  "float32",
  "float64",
  "string",
  "bytes",
  "timestamp",
  "json"
] as const

/** A type whose values have no parts. Timestamps count microseconds since 1970, UTC. */
export type PrimitiveType = (typeof primitiveTypes)[number]

/** The type of a column or of a part of one. */
export type ColumnType =
  | PrimitiveType
  | { readonly array: ColumnType }
  | { readonly map: ColumnType }
  | { readonly struct: ReadonlyArray<Column> }

/** A value as JSON has it; defaults are written so. */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [name: string]: Json }

/** A named column of a table, or a named part of a struct. */
export interface Column {
  readonly name: string
  readonly type: ColumnType
  /** Whether null is a value, and absence means null. */
  readonly nullable: boolean
  /** What an absent value becomes. */
  readonly default: Json | undefined
  /** Given by the registry, the same in every version of the schema, never reused in a table. */
  readonly id: number
}

/** One version of a table's schema. */
export interface TableSchema {
  /** In the order that typed rows follow. */
  readonly columns: ReadonlyArray<Column>
  /** The column that keys are taken from where a record names none. */
  readonly key: string | undefined
}

/** How values of a type lie in a vector: nested values and json are kept as JSON text. */
export const vectorKind = (type: ColumnType): VectorKind => {
  if (typeof type !== "string") return "text"
  switch (type) {
    case "bool":
    case "int32":
    case "int64":
    case "float32":
    case "float64":
      return type
    case "timestamp":
      return "int64"
    case "string":
    case "bytes":
    case "json":
      return "text"
  }
}

/** A type as people write it: `int32`, `array<string>`, `struct<lat: float64, lon: float64>`. */
export const formatType = (type: ColumnType): string => {
  if (typeof type === "string") return type
  if ("array" in type) return `array<${formatType(type.array)}>`
  if ("map" in type) return `map<${formatType(type.map)}>`
  return `struct<${type.struct.map((part) => `${part.name}: ${formatType(part.type)}`).join(", ")}>`
}

/** Whether values of the type are kept as JSON text. */
export const isNested = (type: ColumnType): boolean => type === "json" || typeof type !== "string"
