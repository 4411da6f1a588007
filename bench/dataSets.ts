/** Rows of several kinds, as batches, with the bytes that they are as NDJSON. */
import { asyncBufferFromFile, parquetRead } from "hyparquet"
import { compressors } from "hyparquet-compressors"
import { createHash } from "node:crypto"
import * as path from "node:path"
import { encodeUtf8 } from "../src/base/bytes.ts"
import { type BatchShape, RowBatch } from "../src/event/rowBatch.ts"
import { type Int64Vector, type NumberVector, setNull, type TextVector } from "../src/event/vector.ts"
import { keyOf, makeRows, schema } from "./workload.ts"

/** A row as JSON has it. */
type PlainRow = Readonly<Record<string, string | number | boolean | null>>

/** Rows that a benchmark writes. */
export interface DataSet {
  readonly name: string
  /** The table's schema document. */
  readonly document: object
  /** Row n, the same whenever it is made. */
  readonly rows: (first: number, count: number) => ReadonlyArray<PlainRow>
  readonly keyOf: (n: number) => string
}

const flightsFile = path.resolve(import.meta.dirname, "../node_modules/vega-datasets/data/flights-3m.parquet")
const flightColumns = ["date", "delay", "distance", "origin", "destination"] as const
const flightsMax = 3_000_000

/** The three million flights of vega-datasets, again and again, a year later each time. */
const readFlights = async (count: number): Promise<DataSet["rows"]> => {
  const read: Record<string, Array<unknown>> = Object.fromEntries(flightColumns.map((name) => [name, []]))
  await parquetRead({
    file: await asyncBufferFromFile(flightsFile),
    compressors,
    columns: [...flightColumns],
    rowEnd: Math.min(count, flightsMax),
    onChunk: ({ columnData, columnName }) => {
      for (const value of columnData as Iterable<unknown>) read[columnName].push(value)
    }
  })
  const { date, delay, destination, distance, origin } = read
  return (first, rows) =>
    Array.from({ length: rows }, (_, i): PlainRow => {
      const at = (first + i) % date.length
      const years = Math.floor((first + i) / date.length)
      return {
        date: new Date((date[at] as Date).getTime() + years * 366 * 86_400_000).toISOString(),
        delay: Number(delay[at]),
        distance: Number(distance[at]),
        origin: origin[at] as string,
        destination: destination[at] as string
      }
    })
}

const flightsDocument = {
  columns: [
    { name: "date", type: "timestamp" },
    { name: "delay", type: "int32" },
    { name: "distance", type: "int32" },
    { name: "origin", type: "string" },
    { name: "destination", type: "string" }
  ]
}

const hashOf = (n: number): string => createHash("md5").update(String(n)).digest("hex")

const uuidOf = (n: number): string => hashOf(n).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")

/** The data sets; `count` says how many rows will be asked for at most. */
export const makeDataSets = async (count: number): Promise<ReadonlyArray<DataSet>> => {
  const flights = await readFlights(count)
  const workload: DataSet["rows"] = (first, rows) => makeRows(first, rows).map((row): PlainRow => ({ ...row }))
  const withKey = (of: (n: number) => string): DataSet["rows"] => (first, rows) =>
    flights(first, rows).map((row, i) => ({ id: of(first + i), ...row }))
  const keyed = { columns: [{ name: "id", type: "string" }, ...flightsDocument.columns], key: "id" }
  return [
    { name: "flights, ascending keys", document: flightsDocument, rows: flights, keyOf },
    {
      name: "flights, key column of random 16 hex",
      document: keyed,
      rows: withKey((n) => hashOf(n).slice(0, 16)),
      keyOf: (n) => hashOf(n).slice(0, 16)
    },
    { name: "flights, key column of random UUIDs", document: keyed, rows: withKey(uuidOf), keyOf: uuidOf },
    { name: "bench workload, ascending keys", document: schema, rows: workload, keyOf },
    { name: "bench workload, random 16 hex", document: schema, rows: workload, keyOf: (n) => hashOf(n).slice(0, 16) }
  ]
}

/** Rows as a batch, and the bytes that they are as NDJSON. */
export const batchOf = (
  shape: BatchShape,
  columns: ReadonlyArray<{ readonly name: string; readonly type: unknown }>,
  rows: ReadonlyArray<PlainRow>,
  keys: ReadonlyArray<string>
): { readonly batch: RowBatch; readonly jsonBytes: number } => {
  const batch = new RowBatch(shape, rows.length)
  let jsonBytes = 0
  rows.forEach((row, at) => {
    jsonBytes += JSON.stringify(row).length + 1
    batch.keys.set(at, encodeUtf8(keys[at]))
    setNull(batch.timestamps, at)
    setNull(batch.metadata, at)
    columns.forEach(({ name, type }, i) => {
      const vector = batch.columns[i]
      const value = row[name]
      if (value === null) setNull(vector, at)
      else if (vector.kind === "text") (vector as TextVector).set(at, encodeUtf8(String(value)))
      else if (vector.kind === "int64") {
        const vector64 = vector as Int64Vector
        vector64.setNumber(at, type === "timestamp" ? Date.parse(String(value)) * 1000 : Number(value))
      } else (vector as NumberVector).values[at] = Number(value)
    })
  })
  batch.count = rows.length
  return { batch, jsonBytes }
}
