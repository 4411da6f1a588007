/** The hand-written encoder against the generated messages: what it writes, protobuf-es reads as what was meant. */
import { fromBinary, toJson } from "@bufbuild/protobuf"
import { ValueSchema } from "@bufbuild/protobuf/wkt"
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { isDeepStrictEqual } from "node:util"
import { RecordWriter } from "../../src/cli/client/RecordWriter.ts"
import type { Column, ColumnType } from "../../src/schema/types.ts"
import type { Value } from "../../src/schema/value.ts"
import { IngestStreamRequestSchema } from "../../src/transport/grpc/generated/varve/v1/ingestion_pb.ts"
import type { TypedValue } from "../../src/transport/grpc/generated/varve/v1/record_pb.ts"

const types: ReadonlyArray<ColumnType> = ["bool", "int32", "int64", "float64", "string", "bytes", "timestamp", "json", {
  array: "string"
}]

const columns = types.map((type, i): Column => ({ name: `c${i}`, type, nullable: true, default: undefined, id: i + 1 }))

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const wide = Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: -(2n ** 63n), maximum: 2n ** 63n - 1n }))
  .check(Schema.makeFilter((value) => !Number.isSafeInteger(Number(value))))

const Row = Schema.Tuple([
  Schema.NullOr(Schema.Boolean),
  Schema.NullOr(between(-(2 ** 31), 2 ** 31 - 1)),
  Schema.NullOr(Schema.Union([between(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER), wide])),
  Schema.NullOr(Schema.Finite),
  Schema.NullOr(Schema.String),
  Schema.NullOr(Schema.Uint8Array),
  Schema.NullOr(between(-9e15, 9e15)),
  Schema.NullOr(Schema.Json),
  Schema.NullOr(Schema.Array(Schema.String))
])

const Record = Schema.Struct({
  key: Schema.NullOr(Schema.String),
  timestamp: Schema.NullOr(between(-9e15, 9e15)),
  row: Row
})

/** Half a surrogate pair cannot be written as UTF-8. */
const wellFormed = <A>(value: A): A => {
  if (typeof value === "string") return value.toWellFormed() as A
  if (Array.isArray(value)) return value.map(wellFormed) as A
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [wellFormed(name), wellFormed(part)])) as A
}

const micros = ({ nanos, seconds }: { readonly seconds: bigint; readonly nanos: number }) =>
  Number(seconds) * 1e6 + nanos / 1000

/** A decoded value in the form in which it was given. */
const given = ({ kind }: TypedValue): Value => {
  switch (kind.case) {
    case undefined:
      return null
    case "timestampValue":
      return micros(kind.value)
    case "jsonValue":
      return toJson(ValueSchema, kind.value)
    case "intValue":
      return Number.isSafeInteger(Number(kind.value)) ? Number(kind.value) : kind.value
    case "bytesValue":
      // A plain array: toEqual tells a Buffer from a Uint8Array.
      return new Uint8Array(kind.value)
    default:
      return kind.value
  }
}

const decode = (bytes: Uint8Array) => {
  const { message } = fromBinary(IngestStreamRequestSchema, bytes)
  if (message.case !== "records") throw new Error(`not records: ${message.case}`)
  return message.value.records.map((record) => ({
    key: record.key === "" ? null : record.key,
    timestamp: record.timestamp === undefined ? null : micros(record.timestamp),
    version: record.schemaVersion,
    row: record.payload.case === "row" ? record.payload.value.values.map(given) : record.payload.case
  }))
}

const write = (
  writer: RecordWriter,
  records: ReadonlyArray<{ key: string | null; timestamp: number | null; row: ReadonlyArray<Value> }>
) => {
  for (const { key, row, timestamp } of records) {
    writer.begin()
    if (key !== null) writer.key(key)
    writer.row(row)
    if (timestamp !== null) writer.timestamp(timestamp)
    writer.end()
  }
  expect(writer.count).toBe(records.length)
  return writer.finish()
}

describe("RecordWriter", () => {
  it.prop("writes what protobuf-es reads", { records: Schema.Array(Record) }, ({ records }) => {
    const writer = new RecordWriter(columns, 7)
    const expected = records.map(({ key, row, timestamp }) => ({
      key: key === "" ? null : wellFormed(key),
      timestamp,
      version: 7,
      row: wellFormed(row)
    }))
    // The second message owes nothing to the first.
    return isDeepStrictEqual(decode(write(writer, records)), expected) &&
      isDeepStrictEqual(decode(write(writer, records)), expected)
  })

  it.each([0, 1, 44, 45, 48, 49, 126, 127, 128, 16_000, 16_383, 16_384, 70_000, 3_000_000])(
    "strings, bytes and nested values of %i bytes",
    (length) => {
      const text = "x".repeat(length)
      const umlauts = "ü".repeat(length >> 1)
      const bytes = new Uint8Array(length).fill(7)
      const row = [true, 1, 2, 0.5, text, bytes, 3, { [text]: [umlauts, text] }, [text]]
      const writer = new RecordWriter(columns, 1)
      const record = { key: umlauts, timestamp: 5, row }
      const expected = { key: umlauts === "" ? null : umlauts, timestamp: 5, version: 1, row }
      const decoded = decode(write(writer, [record, record]))
      // Not toEqual, whose difference would be megabytes long.
      expect(isDeepStrictEqual(decoded, [expected, expected])).toBe(true)
    }
  )

  it("the edges of integers and timestamps", () => {
    const integers = [0, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2n ** 53n, 2n ** 63n - 1n]
    for (const integer of [...integers, ...integers.map((value) => -value), -(2n ** 63n)]) {
      const expected = integer === 0 ? 0 : integer
      const [record] = decode(write(new RecordWriter([columns[2]], 1), [{ key: "k", timestamp: 0, row: [integer] }]))
      expect(record.row).toEqual([expected])
    }
    for (const instant of [-62_135_596_800_000_000n, 253_402_300_799_999_999n, -1n, 1_500_000n]) {
      const writer = new RecordWriter([columns[6]], 1)
      const { message } = fromBinary(
        IngestStreamRequestSchema,
        write(writer, [{ key: null, timestamp: null, row: [instant] }])
      )
      const value = message.case === "records" && message.value.records[0].payload.value
      const { seconds, nanos } = (value as { values: ReadonlyArray<TypedValue> }).values[0].kind.value as never
      expect(seconds * 1_000_000n + BigInt(nanos / 1000)).toBe(instant)
    }
  })

  it("messages that outgrow the buffer, wherever it ends", () => {
    const records = Array.from({ length: 8 }, (_, i) => ({
      key: `key-${i}`,
      timestamp: i,
      row: [i % 2 === 0, i, i * 1e9, i / 7, "ab".repeat(i * 4), Uint8Array.of(i), i * 1e6, { i }, ["x".repeat(i * 9)]]
    }))
    const expected = records.map((record) => ({ ...record, version: 1 }))
    const broken = Array.from({ length: 800 }, (_, i) => 8 + i).filter((capacity) =>
      !isDeepStrictEqual(decode(write(new RecordWriter(columns, 1, capacity), records)), expected)
    )
    expect(broken).toEqual([])
  })

  it("numbered keys", () => {
    const writer = new RecordWriter([columns[0]], 1)
    const prefix = Buffer.from("flüge.parquet#")
    for (const number of [1, 99_999_999, 100_000_000]) {
      writer.begin()
      writer.numberedKey(prefix, number)
      writer.row([null])
      writer.end()
    }
    expect(decode(writer.finish()).map(({ key }) => key)).toEqual([
      "flüge.parquet#00000001",
      "flüge.parquet#99999999",
      "flüge.parquet#100000000"
    ])
  })
})
