/** Parquet files: every type comes out as what it means, exactly, in every codec and over any number of row groups. */
/* oxlint-disable vitest/no-standalone-expect -- the rule does not know that it.effect is a test */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { SchemaElement } from "hyparquet"
import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as zlib from "node:zlib"
import { openInput } from "../../src/cli/ingest/openInput.ts"
import { parseDocument } from "../../src/schema/document.ts"
import { documentOf, formatDocument } from "../../src/schema/inference/inferred.ts"
import type { Value } from "../../src/schema/value.ts"

const withFile = <A, E>(bytes: ArrayBuffer, use: (file: string) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const directory = fs.mkdtempSync(path.join(os.tmpdir(), "varve-parquet-"))
      fs.writeFileSync(path.join(directory, "a.parquet"), new Uint8Array(bytes))
      return directory
    }),
    (directory) => use(path.join(directory, "a.parquet")),
    (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true }))
  )

/** Infers the file's schema and reads its rows by it, or by `columns`. */
const readFile = (bytes: ArrayBuffer, columns?: ReadonlyArray<object>) =>
  withFile(bytes, (file) =>
    Effect.gen(function*() {
      const input = yield* openInput(file, undefined)
      const inferred = yield* input.infer
      const document = columns === undefined ? formatDocument(inferred, undefined) : JSON.stringify({ columns })
      const parsed = parseDocument(document)
      if (parsed.problem !== undefined) return yield* Effect.die(parsed.problem)
      const rows: Array<ReadonlyArray<Value>> = []
      const problems: Array<string> = []
      const lines: Array<number> = []
      yield* Stream.runForEach(input.rows(parsed.schema), (batch) =>
        Effect.sync(() => {
          for (let i = 0; i < batch.count; i++) {
            const values: Array<Value> = []
            const problem = batch.read(i, values)
            if (problem === undefined) rows.push(values)
            else problems.push(`${batch.line(i)}: ${problem.field}: ${problem.message} ${batch.text(i)}`)
            lines.push(batch.line(i))
          }
        }))
      const types = inferred.map(({ name, nullable, type }) => [name, type, nullable])
      return { types, rows, problems, lines, total: input.total }
    }).pipe(Effect.scoped))

const micros = 1_714_557_600_123_456n

describe("Parquet", () => {
  it.effect("types with logical meanings", () =>
    Effect.gen(function*() {
      const leaf = (name: string, more: Partial<SchemaElement>): SchemaElement => ({
        name,
        repetition_type: "OPTIONAL",
        ...more
      })
      const schema: Array<SchemaElement> = [
        { name: "root", num_children: 8 },
        leaf("micros", { type: "INT64", converted_type: "TIMESTAMP_MICROS" }),
        leaf("nanos", { type: "INT64", logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "NANOS" } }),
        leaf("day", { type: "INT32", converted_type: "DATE" }),
        leaf("money", { type: "INT32", converted_type: "DECIMAL", precision: 9, scale: 2 }),
        leaf("json", { type: "BYTE_ARRAY", converted_type: "JSON" }),
        leaf("blob", { type: "BYTE_ARRAY" }),
        leaf("wide", { type: "INT64" }),
        leaf("text", { type: "BYTE_ARRAY", logical_type: { type: "STRING" } })
      ]
      const columnData: Array<ColumnSource> = [
        { name: "micros", data: [new Date(Number(micros / 1000n)), null] },
        { name: "nanos", data: [new Date(1000), null] },
        { name: "day", data: [new Date("2024-05-01"), null] },
        { name: "money", data: [12.34, null] },
        { name: "json", data: [{ a: [1, null] }, null] },
        { name: "blob", data: [Uint8Array.of(255, 0), null] },
        { name: "wide", data: [2n ** 60n, null] },
        { name: "text", data: ["Zürich", null] }
      ]
      const { rows, types } = yield* readFile(parquetWriteBuffer({ schema, columnData }))
      expect(types.map(([name, type]) => [name, type])).toEqual([
        ["micros", "timestamp"],
        ["nanos", "timestamp"],
        ["day", "timestamp"],
        ["money", "float64"],
        ["json", "json"],
        ["blob", "bytes"],
        ["wide", "int64"],
        ["text", "string"]
      ])
      expect(rows).toEqual([
        [
          Number(micros / 1000n) * 1000,
          1_000_000,
          Date.UTC(2024, 4, 1) * 1000,
          12.34,
          { a: [1, null] },
          Uint8Array.of(255, 0),
          2n ** 60n,
          "Zürich"
        ],
        [null, null, null, null, null, null, null, null]
      ])
    }))

  it.effect("nested columns", () =>
    Effect.gen(function*() {
      const group = (name: string, children: number, more: Partial<SchemaElement> = {}): SchemaElement => ({
        name,
        num_children: children,
        repetition_type: "OPTIONAL",
        ...more
      })
      const schema: Array<SchemaElement> = [
        { name: "root", num_children: 2 },
        group("tags", 1, { converted_type: "LIST" }),
        group("list", 1, { repetition_type: "REPEATED" }),
        { name: "element", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
        group("place", 2),
        { name: "at", type: "INT64", converted_type: "TIMESTAMP_MILLIS", repetition_type: "OPTIONAL" },
        { name: "n", type: "INT64", repetition_type: "OPTIONAL" }
      ]
      const columnData: Array<ColumnSource> = [
        { name: "tags", data: [["a", "b"], [], null] },
        { name: "place", data: [{ at: new Date(0), n: 2n ** 60n }, { at: null, n: 1n }, null] }
      ]
      const { rows } = yield* readFile(parquetWriteBuffer({ schema, columnData }))
      expect(rows).toEqual([
        [["a", "b"], { at: "1970-01-01T00:00:00Z", n: String(2n ** 60n) }],
        [[], { at: null, n: 1 }],
        [null, null]
      ])
    }))

  const integers = Array.from({ length: 10_000 }, (_, i) => i % 7 === 0 ? null : i)

  it.effect.each(
    [
      ["UNCOMPRESSED", undefined],
      ["SNAPPY", undefined],
      ["ZSTD", (bytes: Uint8Array) => zlib.zstdCompressSync(bytes)],
      ["GZIP", (bytes: Uint8Array) => zlib.gzipSync(bytes)],
      ["BROTLI", (bytes: Uint8Array) => zlib.brotliCompressSync(bytes)]
    ] as const
  )("rows over several groups, %s", ([codec, compress]) =>
    Effect.gen(function*() {
      const bytes = parquetWriteBuffer({
        codec,
        ...(compress === undefined ? {} : { compressors: { [codec]: compress } }),
        rowGroupSize: 3000,
        pageSize: 2000,
        columnData: [
          { name: "n", data: integers, type: "INT32", nullable: true },
          { name: "text", data: integers.map((n) => `text ${n}`), type: "STRING", nullable: false }
        ]
      })
      const { lines, rows, total, types } = yield* readFile(bytes)
      expect(types).toEqual([["n", "int32", true], ["text", "string", false]])
      expect(total).toBe(10_000)
      expect(lines).toEqual(integers.map((_, i) => i + 1))
      expect(rows).toEqual(integers.map((n) => [n, `text ${n}`]))
    }))

  it.effect("values that do not suit the table are named with their row", () =>
    Effect.gen(function*() {
      const bytes = parquetWriteBuffer({
        columnData: [
          { name: "a", data: [1n, 2n ** 40n, 3n], type: "INT64", nullable: false },
          { name: "b", data: ["x", "y", null], type: "STRING" }
        ]
      })
      const columns = [{ name: "a", type: "int32" }, { name: "b", type: "string" }]
      const { problems, rows } = yield* readFile(bytes, columns)
      expect(rows).toEqual([[1, "x"]])
      expect(problems).toEqual([
        "2: a: 1099511627776 is beyond an int32; register the column as int64 {\"a\":\"1099511627776\",\"b\":\"y\"}",
        "3: b: null is not a string; the column is not nullable {\"a\":\"3\",\"b\":null}"
      ])
      const other = yield* Effect.flip(
        readFile(bytes, [{ name: "a", type: "int64" }, { name: "c", type: "string", nullable: true }])
      )
      expect(other.message).toContain("has a column \"b\" and the table has not")
      const missing = yield* Effect.flip(readFile(bytes, [...columns, { name: "c", type: "bool" }]))
      expect(missing.message).toContain("has no column \"c\", which every row of the table needs")
    }))

  it.effect("columns that hold no null may be keys, although the file's schema would let them", () =>
    withFile(
      parquetWriteBuffer({ columnData: [{ name: "id", data: ["a", "b"], type: "STRING", nullable: true }] }),
      (file) =>
        Effect.gen(function*() {
          const input = yield* openInput(file, undefined)
          expect(documentOf(yield* input.infer, "id").problem).toBeUndefined()
        }).pipe(Effect.scoped)
    ))
})
