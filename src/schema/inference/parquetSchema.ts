/**
 * Columns from the schema of a Parquet file: its logical types say more than values could. The schema comes as
 * hyparquet's tree, of which only the shape is needed here.
 */
import type { SchemaElement, SchemaTree } from "hyparquet"
import { columnNameProblem } from "../../base/names.ts"
import type { ColumnType } from "../types.ts"
import type { InferredColumn } from "./inferred.ts"

/** The columns below the root of a schema tree. */
export const parquetColumns = (root: SchemaTree): ReadonlyArray<InferredColumn> =>
  root.children.map((child) => ({
    name: child.element.name,
    type: parquetType(child),
    nullable: child.element.repetition_type === "OPTIONAL"
  }))

/**
 * The type of a column or of a part of one. Lists and maps that may hold nulls are json, because the elements of an
 * array or a map are never null.
 */
export const parquetType = (tree: SchemaTree): ColumnType => {
  if (tree.element.repetition_type === "REPEATED") return "json"
  if (tree.children.length === 0) return leafType(tree.element)
  const item = listItem(tree)
  if (item !== undefined) return item.element.repetition_type === "REQUIRED" ? wrap("array", parquetType(item)) : "json"
  const value = mapValue(tree)
  if (value !== undefined)
    return value.element.repetition_type === "REQUIRED"
      ? wrap("map", parquetType(value))
      : "json"
  if (tree.element.logical_type !== undefined || isMapOrList(tree)) return "json"
  if (tree.children.some(({ element }) => columnNameProblem(element.name) !== undefined)) return "json"
  return {
    struct: tree.children.map((child, i) => ({
      name: child.element.name,
      type: parquetType(child),
      nullable: child.element.repetition_type !== "REQUIRED",
      default: undefined,
      id: i + 1
    }))
  }
}

const wrap = (kind: "array" | "map", type: ColumnType): ColumnType =>
  type === "json" ? "json" : kind === "array" ? { array: type } : { map: type }

const isMapOrList = ({ element }: SchemaTree): boolean =>
  ["LIST", "MAP", "MAP_KEY_VALUE"].includes(element.converted_type ?? "")

/** What a list's elements are, in the form that writers use today: `LIST { repeated group { element } }`. */
export const listItem = (tree: SchemaTree): SchemaTree | undefined => {
  if (tree.element.converted_type !== "LIST" || tree.children.length !== 1) return undefined
  const [repeated] = tree.children
  return repeated.element.repetition_type === "REPEATED" && repeated.children.length === 1
    ? repeated.children[0]
    : undefined
}

/** What a map's values are: `MAP { repeated group { key value } }`. */
export const mapValue = (tree: SchemaTree): SchemaTree | undefined => {
  if (tree.element.converted_type !== "MAP" || tree.children.length !== 1) return undefined
  const [repeated] = tree.children
  return repeated.element.repetition_type === "REPEATED" && repeated.children.length === 2
    ? repeated.children[1]
    : undefined
}

const leafType = (
  { converted_type: converted, logical_type: logical, precision, scale, type }: SchemaElement
): ColumnType => {
  switch (converted ?? logical?.type) {
    case "UTF8":
    case "STRING":
    case "ENUM":
    case "UUID":
      return "string"
    case "JSON":
    case "BSON":
    case "GEOMETRY":
    case "GEOGRAPHY":
    case "NULL":
      return "json"
    case "DATE":
    case "TIMESTAMP":
    case "TIMESTAMP_MILLIS":
    case "TIMESTAMP_MICROS":
      return "timestamp"
    case "DECIMAL": {
      const digits = logical?.type === "DECIMAL" ? logical : { precision: precision ?? 0, scale: scale ?? 0 }
      return digits.scale === 0 && digits.precision <= 18 ? "int64" : "float64"
    }
    case "UINT_32":
      return "int64"
    case "INTEGER":
      if (logical?.type === "INTEGER" && !logical.isSigned && logical.bitWidth === 32) return "int64"
      break
    case "FLOAT16":
      return "float32"
  }
  switch (type) {
    case "BOOLEAN":
      return "bool"
    case "INT32":
      return "int32"
    case "INT64":
      return "int64"
    case "INT96":
      return "timestamp"
    case "FLOAT":
      return "float32"
    case "DOUBLE":
      return "float64"
    default:
      return "bytes"
  }
}
