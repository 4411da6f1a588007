/** Records as bytes: what the general decoder reads of them is what the rows hold. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { describe, expect, it } from "vitest"
import * as Position from "../../src/base/position.ts"
import type { RecordRow, ResultColumn, Value } from "../../src/query/result.ts"
import { rowJson } from "../../src/query/valueJson.ts"
import { QueryResponseSchema } from "../../src/transport/grpc/generated/varve/v1/query_pb.ts"
import { type DataRecord, type TypedValue } from "../../src/transport/grpc/generated/varve/v1/record_pb.ts"
import { encodedRecords } from "../../src/transport/grpc/queryRecords.ts"
import { Random, seedOf } from "./support/random.ts"

const seed = seedOf(12)

const columns: ReadonlyArray<ResultColumn> = [
  { name: "flag", type: "bool" },
  { name: "small", type: "int32" },
  { name: "big", type: "int64" },
  { name: "ratio", type: "float64" },
  { name: "größe", type: "string" },
  { name: "raw", type: "bytes" },
  { name: "at", type: "timestamp" },
  { name: "doc", type: "json" },
  { name: "__proto__x", type: { array: "string" } }
]

const text = (random: Random): string =>
  random.pick(["", "a", "é", "\u{1F600}", "x".repeat(31), `${"x".repeat(40)}é`, "\u{1F600}".repeat(200), "SFO"])

const micros = (random: Random): number | bigint =>
  random.pick<number | bigint>([
    0,
    -1,
    -62_135_596_800_000_000n,
    253_402_300_799_999_999n,
    1_700_000_000_000_000,
    1_700_000_000_123_000,
    1_700_000_000_123_456,
    -1_000_001,
    86_399_999_999,
    random.integer(2 ** 31) * 1_000_003
  ])

const values = (random: Random): ReadonlyArray<Value> => {
  const integers = [0, 1, -1, 127, 128, 16_383, 16_384, 2 ** 31 - 1, -(2 ** 31)]
  const row: ReadonlyArray<Value> = [
    random.chance(0.5),
    random.pick(integers),
    random.pick<Value>([...integers, 2 ** 53 - 1, -(2 ** 53 - 1), 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n]),
    random.pick([0, -0.5, 1e300, -1e-300, 3]),
    text(random),
    new Uint8Array(Array.from({ length: random.integer(5) }, () => random.integer(256))),
    micros(random),
    JSON.stringify(random.pick([null, 1, "x", { a: [1, { b: null }] }, [], true])),
    JSON.stringify(random.pick([[], ["a", "b"]]))
  ]
  return row.map((value) => random.chance(0.2) ? null : value)
}

const newRow = (random: Random): RecordRow => ({
  key: text(random) || "k",
  position: Position.make(random.pick([1, 127, 128, 2 ** 40, Number.MAX_SAFE_INTEGER])),
  commitTime: 1_700_000_000_000_001,
  timestamp: micros(random),
  metadata: random.chance(0.5) ? undefined : JSON.stringify({ a: "", b: text(random), "": "x" }),
  schemaVersion: 1 + random.integer(300),
  deleted: random.chance(0.1),
  values: values(random)
})

const decoded = (rows: ReadonlyArray<RecordRow>, typedRows: boolean): ReadonlyArray<DataRecord> => {
  const message = create(QueryResponseSchema, { position: 5n, nextCursor: "next" })
  message.$unknown = encodedRecords(1, { tenantId: "acme", table: "events", typedRows }, columns, rows)
  const answer = fromBinary(QueryResponseSchema, toBinary(QueryResponseSchema, message))
  expect([answer.position, answer.nextCursor]).toEqual([5n, "next"])
  return answer.records
}

const microsOf = (timestamp: { readonly seconds: bigint; readonly nanos: number } | undefined): bigint =>
  timestamp!.seconds * 1_000_000n + BigInt(timestamp!.nanos / 1000)

/** A typed value in the engine's form, whole numbers as bigints. */
const plain = ({ kind }: TypedValue): unknown => {
  switch (kind.case) {
    case undefined:
      return null
    case "timestampValue":
      return microsOf(kind.value)
    case "jsonValue":
      return "json"
    default:
      return kind.value
  }
}

const wanted = (column: ResultColumn, value: Value): unknown => {
  if (value === null) return null
  if (column.type === "json" || typeof column.type !== "string") return "json"
  return ["int32", "int64", "timestamp"].includes(column.type) ? BigInt(value as number) : value
}

describe(`records (VARVE_SEED=${seed})`, () => {
  it("are read as what they hold", () => {
    const random = new Random(seed)
    for (let round = 0; round < 200; round++) {
      const rows = Array.from({ length: random.integer(8) }, () => newRow(random))
      for (const typedRows of [false, true]) {
        const records = decoded(rows, typedRows)
        expect(records.length).toBe(rows.length)
        const read = records.map((record) => ({
          key: record.key,
          tenant: record.tenantId,
          table: record.table,
          position: Number(record.position),
          schemaVersion: record.schemaVersion,
          commitTime: microsOf(record.commitTime),
          timestamp: microsOf(record.timestamp),
          deleted: record.deleted,
          metadata: record.metadata,
          payload: record.payload.case === "row" ? record.payload.value.values.map(plain) : record.payload.value
        }))
        const payload = ({ deleted, values }: RecordRow) => {
          if (deleted) return undefined
          if (typedRows) return columns.map((column, i) => wanted(column, values[i]))
          return { ...rowJson(columns, values) }
        }
        expect(read).toEqual(rows.map((row) => ({
          key: row.key,
          tenant: "acme",
          table: "events",
          position: row.position,
          schemaVersion: row.schemaVersion,
          commitTime: BigInt(row.commitTime),
          timestamp: BigInt(row.timestamp),
          deleted: row.deleted,
          metadata: row.metadata === undefined ? {} : JSON.parse(row.metadata) as unknown,
          payload: payload(row)
        })))
      }
    }
  })
})
