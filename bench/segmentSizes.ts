/**
 * What segments take of the disk, column by column: flights, and the rows of the other benchmarks, with keys of several
 * kinds. `node bench/segmentSizes.ts [rows]`; default 1,000,000. Sizes are compared with newline-delimited JSON of the same
 * rows, in which a key is only where it is a column too.
 */
import { asyncBufferFromFile, parquetMetadata, parquetRead } from "hyparquet"
import { compressors } from "hyparquet-compressors"
import { createHash } from "node:crypto"
import * as path from "node:path"
import { encodeUtf8 } from "../src/base/bytes.ts"
import { DictionaryVector } from "../src/event/dictionary.ts"
import { Int64Vector, setNull, TextVector } from "../src/event/vector.ts"
import { parseDocument } from "../src/schema/document.ts"
import type { TableSchema } from "../src/schema/types.ts"
import { sortRows } from "../src/segment/sortRows.ts"
import type { SegmentRows, SegmentVector } from "../src/segment/write/SegmentRows.ts"
import { encodeSegment } from "../src/segment/write/SegmentWriter.ts"
import { makeBenchRows } from "./segment.ts"
import { makeRandom, schema as benchDocument } from "./workload.ts"

const flightsFile = path.resolve(import.meta.dirname, "../node_modules/vega-datasets/data/flights-3m.parquet")

/** How keys look. */
export type KeyKind = "ascending" | "shuffled" | "hashed" | "uuid"

/** 0, 1, 2, ... in no order. */
const shuffled = (count: number): Int32Array => {
  const numbers = Int32Array.from({ length: count }, (_, i) => i)
  const random = makeRandom(9)
  for (let i = count - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1))
    const number = numbers[i]
    numbers[i] = numbers[other]
    numbers[other] = number
  }
  return numbers
}

const keyText = (kind: KeyKind, row: number): string => {
  if (kind === "ascending" || kind === "shuffled") return String(row).padStart(10, "0")
  const hash = createHash("md5").update(String(row)).digest("hex")
  return kind === "hashed"
    ? hash.slice(0, 16)
    : [hash.slice(0, 8), hash.slice(8, 12), `4${hash.slice(13, 16)}`, `a${hash.slice(17, 20)}`, hash.slice(20)].join(
      "-"
    )
}

/** A table without its keys. */
interface Table {
  readonly name: string
  readonly rows: number
  readonly columns: TableSchema["columns"]
  readonly vectors: ReadonlyArray<SegmentVector>
  readonly jsonBytes: number
}

const schemaOf = (columns: ReadonlyArray<{ readonly name: string; readonly type: string }>): TableSchema => {
  const parsed = parseDocument(JSON.stringify({ columns }))
  if (parsed.problem !== undefined) throw new Error(parsed.problem.message)
  return parsed.schema
}

const readFlights = async (rows: number): Promise<Table> => {
  const types = { date: "timestamp", delay: "int64", distance: "int64", origin: "string", destination: "string" }
  const names = Object.keys(types)
  const data = new Map<string, Array<unknown>>(names.map((name) => [name, []]))
  await parquetRead({
    file: await asyncBufferFromFile(flightsFile),
    compressors,
    rowEnd: rows,
    onChunk: ({ columnData, columnName, rowStart }) => {
      const column = data.get(columnName)!
      for (let i = 0; i < columnData.length; i++) column[rowStart + i] = columnData[i]
    }
  })
  const staged = new TextVector(1)
  const vectors = Object.entries(types).map(([name, type]) => {
    const column = data.get(name)!
    const vector = type === "string" ? new DictionaryVector(rows) : new Int64Vector(rows)
    for (let row = 0; row < rows; row++) {
      const value = column[row]
      if (vector.kind === "int64") vector.setNumber(row, value instanceof Date ? value.getTime() * 1000 : Number(value))
      else {
        staged.reset()
        staged.set(0, encodeUtf8(value as string))
        vector.append(row, staged, 0, 1)
      }
    }
    return vector
  })
  let jsonBytes = 0
  for (let row = 0; row < rows; row++) {
    const record = names.map((name): [string, unknown] => {
      const value = data.get(name)![row]
      return [name, typeof value === "bigint" ? Number(value) : value]
    })
    jsonBytes += JSON.stringify(Object.fromEntries(record)).length + 1
  }
  const { columns } = schemaOf(names.map((name) => ({ name, type: types[name as keyof typeof types] })))
  return { name: "flights", rows, columns, vectors, jsonBytes }
}

const benchTable = (count: number): Table => {
  const { jsonBytes, rows } = makeBenchRows(count)
  // Its JSON has `"key":"flight-0000000000",` in each row.
  const keyBytes = 25
  const { columns } = schemaOf(benchDocument.columns)
  return { name: "benchmark", rows: count, columns, vectors: rows.columns, jsonBytes: jsonBytes - keyBytes * count }
}

/** Rows as they lie in a table: one after another, some thousands in each commit. */
const withKeys = ({ rows, vectors }: Table, kind: KeyKind, isColumn: boolean): SegmentRows => {
  const keys = new TextVector(rows)
  const [timestamps, metadata] = [new Int64Vector(rows), new TextVector(rows, 0)]
  const [positions, commitTimes] = [new Float64Array(rows), new Float64Array(rows)]
  const random = makeRandom(3)
  let commitTime = 1_760_000_000_000_000
  let nextCommit = 0
  const numbers = kind === "shuffled" ? shuffled(rows) : undefined
  for (let row = 0; row < rows; row++) {
    if (row === nextCommit) {
      commitTime += 2000 + Math.floor(random() * 3000)
      nextCommit += 1000 + Math.floor(random() * 4000)
    }
    keys.set(row, encodeUtf8(keyText(kind, numbers?.[row] ?? row)))
    positions[row] = row + 1
    commitTimes[row] = commitTime
    setNull(timestamps, row)
    setNull(metadata, row)
  }
  const columns = isColumn ? [keys.copy(rows), ...vectors] : vectors
  return { keys, positions, commitTimes, timestamps, deleted: undefined, metadata, columns }
}

/** A column of a segment. */
export interface ColumnSize {
  readonly name: string
  readonly bytesPerRow: number
  readonly encoding: string
}

/** What a table takes. */
export interface SegmentSize {
  readonly name: string
  readonly bytesPerRow: number
  /** Share of the size as JSON. */
  readonly share: number
  readonly columns: ReadonlyArray<ColumnSize>
}

const join = (chunks: ReadonlyArray<Uint8Array>): ArrayBuffer => {
  const file = new Uint8Array(chunks.reduce((bytes, chunk) => bytes + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    file.set(chunk, at)
    at += chunk.length
  }
  return file.buffer
}

const measureTable = (table: Table, kind: KeyKind, isColumn: boolean): SegmentSize => {
  const { rows: count } = table
  const rows = withKeys(table, kind, isColumn)
  const schema = schemaOf([
    ...(isColumn ? [{ name: "id", type: "string" }] : []),
    ...table.columns.map(({ name, type }) => ({ name, type: type as string }))
  ])
  const order = sortRows(rows.keys, rows.positions, count)
  const { chunks, summary } = encodeSegment({ table: 1, schemaVersion: 1, schema }, rows, order)
  const groups = parquetMetadata(join(chunks)).row_groups
  const bloomBytes = groups.reduce((bytes, { columns }) => bytes + (columns[0].meta_data?.bloom_filter_length ?? 0), 0)
  const columns = summary.columns.map(({ bytes, name }, i): ColumnSize => {
    const encodings = new Set(groups.flatMap((group) => group.columns[i].meta_data!.encodings))
    const encoding = [...encodings].filter((used) => used !== "RLE").join(", ")
    return { name, bytesPerRow: bytes / count, encoding: bytes === 0 ? "the pages of _key" : encoding }
  })
  // `"id":"...",`
  const jsonBytes = table.jsonBytes + (isColumn ? rows.keys.offsets[count] + 8 * count : 0)
  return {
    name: `${table.name}, ${kind} keys${isColumn ? ", which are a column too" : ""}`,
    bytesPerRow: summary.bytes / count,
    share: summary.bytes / jsonBytes,
    columns: [...columns, { name: "bloom filter", bytesPerRow: bloomBytes / count, encoding: "" }]
  }
}

/** Measures them all. */
export const measureSizes = async (
  rows: number,
  report: (size: SegmentSize) => void = () => {}
): Promise<ReadonlyArray<SegmentSize>> => {
  const sizes: Array<SegmentSize> = []
  for (const table of [await readFlights(rows), benchTable(rows)]) {
    for (const kind of ["ascending", "shuffled", "hashed", "uuid"] as const) {
      for (const isColumn of [false, true]) {
        const size = measureTable(table, kind, isColumn)
        sizes.push(size)
        report(size)
      }
    }
  }
  return sizes
}

if (import.meta.main) {
  await measureSizes(Number(process.argv[2] ?? 1_000_000), ({ bytesPerRow, columns, name, share }) => {
    console.log(`\n${name}: ${bytesPerRow.toFixed(2)} bytes a row, ${(100 * share).toFixed(1)}% of JSON`)
    for (const column of columns) {
      if (column.bytesPerRow < 0.02 && column.encoding === "PLAIN") continue
      console.log(`  ${column.name.padEnd(14)} ${column.bytesPerRow.toFixed(2).padStart(6)}  ${column.encoding}`)
    }
  })
}
