/** Random rows and random filters over them. */
import type { Comparison, Filter, Literal, Operator } from "../../../src/query/filter.ts"
import { comparableOf } from "../../../src/query/literals.ts"
import type { Value } from "../../../src/query/result.ts"
import { formatTimestamp } from "../../../src/schema/timestamp.ts"
import { type Column, isNested } from "../../../src/schema/types.ts"
import { Dataset, type NewRow } from "./dataset.ts"
import { columnsOf, valueOf } from "./model.ts"
import type { Random } from "./random.ts"

/** A column of each type. */
export const firstSchema = {
  columns: [
    { name: "city", type: "string", nullable: true },
    { name: "note", type: "string", nullable: true },
    { name: "small", type: "int32", nullable: true },
    { name: "big", type: "int64", nullable: true },
    { name: "ratio", type: "float32" },
    { name: "score", type: "float64", nullable: true },
    { name: "flag", type: "bool", nullable: true },
    { name: "at", type: "timestamp", nullable: true },
    { name: "raw", type: "bytes", nullable: true },
    { name: "doc", type: "json", nullable: true },
    { name: "tags", type: { array: "string" }, nullable: true }
  ]
}

/** Wider numbers, new columns, one without its nulls, one gone. */
export const secondSchema = {
  columns: [
    { name: "added", type: "string", default: "new" },
    { name: "city", type: "string", default: "nowhere" },
    { name: "small", type: "int64", default: 7 },
    { name: "big", type: "int64", nullable: true },
    { name: "ratio", type: "float64" },
    { name: "score", type: "float64", nullable: true },
    { name: "flag", type: "bool", nullable: true },
    { name: "at", type: "timestamp", nullable: true },
    { name: "raw", type: "bytes", nullable: true },
    { name: "doc", type: "json", nullable: true },
    { name: "tags", type: { array: "string" }, nullable: true },
    { name: "rank", type: "int32", nullable: true },
    { name: "wide", type: "int64", default: "9007199254740993" }
  ]
}

const cities = ["SFO", "LAX", "JFK", "", "É", "Z", "zebra", "\u{1F600}", "\uFFFD", "a'b"]

const valueFor = (random: Random, column: Column): Value => {
  if (column.nullable && random.chance(0.15)) return null
  switch (column.name) {
    case "city":
    case "added":
      return random.pick(cities)
    case "note":
      return `${random.pick(cities)}-${random.integer(100_000)}-${random.pick(cities)}`
    case "doc":
      return JSON.stringify({ n: random.integer(9) })
    case "tags":
      return JSON.stringify(random.chance(0.5) ? [] : ["x", "y"])
  }
  switch (column.type) {
    case "int32":
      return random.chance(0.05) ? random.pick([-2147483648, 2147483647]) : random.integer(40) - 20
    case "int64":
      return random.chance(0.03)
        ? BigInt(random.pick(["9007199254740993", "-9223372036854775808", "9223372036854775807", "9007199254740995"]))
        : random.integer(60) - 30
    case "float32":
      return Math.fround(random.integer(100) / 10)
    case "float64":
      return random.chance(0.1) ? random.next() * 1e9 - 5e8 : (random.integer(200) - 100) / 4
    case "bool":
      return random.chance(0.5)
    case "timestamp":
      return 1_600_000_000_000_000 + random.integer(50) * 1_234_567
    default:
      return new Uint8Array([random.integer(3), random.integer(256)].slice(0, random.integer(3)))
  }
}

/** A row with random values of the latest schema, or a deletion. */
export const newRow = (random: Random, dataset: Dataset, keys: number): NewRow => {
  const key = `${random.pick(["k", "ké", "\u{1F600}", "\uFFFD"])}${random.integer(keys)}`
  if (random.chance(0.08)) return { key, deleted: true }
  const values = Object.fromEntries(dataset.columns.map((column) => [column.name, valueFor(random, column)]))
  return {
    key,
    values,
    ...(random.chance(0.5) ? { timestamp: 1_500_000_000_000_000 + random.integer(1e9) } : {}),
    ...(random.chance(0.2) ? { metadata: { source: "test" } } : {})
  }
}

/** Where a dataset's rows are: all in memory, or at random in memtables, new segments and merged ones. */
export type Placement = "memory" | "spread"

/** Lets memtables become segments, and segments others, at random. */
export const spread = (random: Random, dataset: Dataset): void => {
  const rowGroupRows = () => random.pick([3, 17, 64, 1000, 100_000, 100_000])
  if (random.chance(0.5)) dataset.seal()
  while (random.chance(0.8) && dataset.flush(rowGroupRows()));
  if (random.chance(0.25)) dataset.merge(random.pick([20, 100, 5000]), rowGroupRows())
}

/** A table with updates, deletions and two schema versions, in many small memtables, or in segments too. */
export const newDataset = (
  random: Random,
  rows: number,
  memtableBytesMax: number,
  placement: Placement = "memory"
): Dataset => {
  const dataset = new Dataset(memtableBytesMax, random.pick([0, 100_000, 1 << 24, 1 << 24]))
  dataset.register(firstSchema)
  let written = 0
  const writeUpTo = (end: number): void => {
    while (written < end) {
      const count = Math.min(end - written, 1 + random.integer(40))
      dataset.write(Array.from({ length: count }, () => newRow(random, dataset, rows / 3)))
      written += count
      if (placement === "spread" && random.chance(10 / Math.sqrt(rows))) spread(random, dataset)
      if (placement === "spread" && random.chance(20 / rows)) {
        dataset.expire(random.pick([1_500_000_000_000_000, 1_500_000_000_000_000 + random.integer(3e8)]))
      }
    }
  }
  writeUpTo(Math.floor(rows * 0.6))
  dataset.register(secondSchema)
  writeUpTo(rows)
  return dataset
}

const orders: ReadonlyArray<Operator> = ["eq", "ne", "gt", "gte", "lt", "lte"]

/** A literal near the values that there are. */
const literalFor = (random: Random, column: Column, value: Value): Literal => {
  if (value === null) return literalFor(random, column, defaultFor(column))
  if (column.type === "timestamp") {
    const micros = Number(value) + random.pick([0, 0, 1, -1])
    return random.chance(0.5) ? { micros } : formatTimestamp(micros)
  }
  if (column.type === "bytes") {
    return random.chance(0.5) ? value as Uint8Array : Buffer.from(value as Uint8Array).toString("base64")
  }
  if (typeof value === "bigint") return random.chance(0.5) ? value : String(value)
  if (typeof value === "number") {
    const moved = value + random.pick([0, 0, 0, 1, -1, 0.5])
    return moved
  }
  return value
}

const defaultFor = (column: Column): Value => {
  switch (comparableOf(column)) {
    case "text":
      return column.type === "bytes" ? new Uint8Array(1) : "L"
    default:
      return column.type === "bool" ? true : 3
  }
}

/** A comparison that the column's type allows. */
const newComparison = (random: Random, dataset: Dataset): Comparison => {
  const column = random.pick(columnsOf(dataset.table))
  const { name } = column
  if (isNested(column.type) || random.chance(0.1)) {
    return { kind: "comparison", column: name, operator: "is_null", values: [] }
  }
  const sample = (): Literal => {
    const value = valueOf(dataset.table, random.pick(dataset.versions), column)
    return literalFor(random, column, value)
  }
  if (random.chance(0.25)) {
    const values = Array.from({ length: 1 + random.integer(5) }, sample)
    return { kind: "comparison", column: name, operator: random.pick(["in", "not_in"]), values }
  }
  if (comparableOf(column) === "text" && random.chance(0.3)) {
    const text = sample()
    const part = typeof text === "string" && column.type !== "bytes"
      ? Array.from(text).slice(random.integer(3), 2 + random.integer(3)).join("")
      : text
    return { kind: "comparison", column: name, operator: random.pick(["contains", "starts_with"]), values: [part] }
  }
  return { kind: "comparison", column: name, operator: random.pick(orders), values: [sample()] }
}

/** A tree of comparisons. */
export const newFilter = (random: Random, dataset: Dataset, depth = 3): Filter => {
  if (depth === 0 || random.chance(0.35)) return newComparison(random, dataset)
  if (random.chance(0.25)) return { kind: "not", filter: newFilter(random, dataset, depth - 1) }
  const filters = Array.from({ length: 2 + random.integer(2) }, () => newFilter(random, dataset, depth - 1))
  return { kind: random.pick(["and", "or"]), filters }
}
