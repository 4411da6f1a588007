/** What is inferred from records, cells and Parquet schemas; and that what was inferred takes the data it came from. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { parquetMetadata, parquetSchema } from "hyparquet"
import { parquetWriteBuffer } from "hyparquet-writer"
import { makeReadJsonRow } from "../../../src/cli/ingest/readJsonRow.ts"
import { parseDocument } from "../../../src/schema/document.ts"
import { documentOf, formatDocument } from "../../../src/schema/inference/inferred.ts"
import { JsonInference } from "../../../src/schema/inference/JsonInference.ts"
import { parquetColumns } from "../../../src/schema/inference/parquetSchema.ts"
import { readCell, TextInference } from "../../../src/schema/inference/TextInference.ts"
import type { Column, ColumnType } from "../../../src/schema/types.ts"

const inferJson = (...records: ReadonlyArray<object>) => {
  const inference = new JsonInference()
  for (const record of records) inference.add(record)
  return inference.columns
}

/** A type as a document has it. */
const written = (type: unknown): unknown =>
  JSON.parse(JSON.stringify(type, (name, value: unknown) => name === "id" || value === false ? undefined : value))

/** The type of one column, and whether it is nullable; `undefined` stands for a record without it. */
const inferValues = (...values: ReadonlyArray<unknown>) => {
  const [column] = inferJson(...values.map((value) => (value === undefined ? {} : { a: value })))
  const type = written(column.type)
  return column.nullable ? [type, "nullable"] : type
}

describe("JSON records", () => {
  it.each<readonly [ReadonlyArray<unknown>, unknown]>([
    [[true, false], "bool"],
    [[1, -2], "int64"],
    [[2 ** 60], "int64"],
    [[1, 2 ** 70], "float64"],
    [[1, 0.5], "float64"],
    [["2024-05-01T10:00:00Z", "2024-05-01"], "timestamp"],
    [["2024-05-01T10:00:00Z", "soon"], "string"],
    [["1"], "string"],
    [[1, "1"], "json"],
    [[null], ["json", "nullable"]],
    [[1, null], ["int64", "nullable"]],
    [[1, undefined], ["int64", "nullable"]],
    [[[1, 2], []], { array: "int64" }],
    [[[1, 0.5]], { array: "float64" }],
    [[[1, null]], "json"],
    [[[]], "json"],
    [[[1], "x"], "json"],
    [[{}], "json"],
    [[[{ b: 1 }, { b: 2, c: "x" }]], {
      array: { struct: [{ name: "b", type: "int64" }, { name: "c", type: "string", nullable: true }] }
    }]
  ])("%j are %j", (values, expected) => {
    expect(inferValues(...values)).toEqual(expected)
  })

  it("are maps where they have many names and each few of them", () => {
    const objects = Array.from({ length: 100 }, (_, i) => ({ [`user-${i}`]: i, [`user-${i + 1}`]: 1 }))
    expect(inferValues(...objects)).toEqual({ map: "int64" })
    expect(inferValues(...objects, { odd: "text" })).toBe("json")
    // Names that no column may have.
    expect(inferValues({ _a: 1 }, { _b: 2 })).toEqual({ map: "int64" })
  })

  it("keep their columns in the order in which they were seen", () => {
    expect(inferJson({ b: 1, a: 2 }, { c: 3, a: 1, b: 1 }).map(({ name }) => name)).toEqual(["b", "a", "c"])
  })

  const Record = Schema.Struct({
    a: Schema.optionalKey(Schema.Json),
    b: Schema.optionalKey(Schema.Json),
    c: Schema.optionalKey(Schema.Json)
  })

  it.prop(
    "can all be written by the schema that was inferred from them",
    { records: Schema.Array(Record) },
    ({ records }) => {
      const columns = inferJson(...records)
      if (columns.length === 0) return true
      const inferred = documentOf(columns, undefined)
      if (inferred.problem !== undefined) return false
      const parsed = parseDocument(inferred.document)
      if (parsed.problem !== undefined) return false
      const read = makeReadJsonRow(parsed.schema)
      return records.every((record) => read(record, [], JSON.stringify(record)) === undefined)
    }
  )
})

describe("cells", () => {
  const inferCells = (...cells: ReadonlyArray<string>) => {
    const inference = new TextInference(["a"])
    for (const cell of cells) inference.add([cell])
    const [{ nullable, type }] = inference.columns
    return nullable ? [type, "nullable"] : type
  }

  it.each<readonly [ReadonlyArray<string>, unknown]>([
    [["1", "-20"], "int64"],
    [["9223372036854775807"], "int64"],
    [["9223372036854775808"], "string"],
    [["0", "007"], "string"],
    [["1", "2.5", "-1e6", ".5"], "float64"],
    [["true", "FALSE"], "bool"],
    [["true", "1"], "string"],
    [["2024-05-01", "2024-05-01T10:00:00.5+02:00"], "timestamp"],
    [["2024-05-01", "01.05.2024"], "string"],
    [["", ""], ["string", "nullable"]],
    [["1", ""], ["int64", "nullable"]],
    [[" 1 "], "int64"],
    [["NaN"], "string"]
  ])("%j are %j", (cells, expected) => {
    expect(inferCells(...cells)).toEqual(expected)
  })

  const column = (type: ColumnType): Column => ({ name: "a", type, nullable: false, default: undefined, id: 1 })

  it.each<readonly [ColumnType, string, unknown]>([
    ["bool", "Yes", true],
    ["bool", "0", false],
    ["bool", "perhaps", undefined],
    ["int32", "+12", 12],
    ["int32", "2147483648", undefined],
    ["int32", "1.0", undefined],
    ["int64", "9007199254740993", 9007199254740993n],
    ["int64", "-9223372036854775808", -(2n ** 63n)],
    ["int64", "9223372036854775808", undefined],
    ["int64", "1e3", undefined],
    ["float64", "1e3", 1000],
    ["float64", "NaN", undefined],
    ["float64", "1e400", undefined],
    ["string", " x ", " x "],
    ["timestamp", "1970-01-01T00:00:01Z", 1_000_000],
    ["timestamp", "1000", 1_000_000],
    ["timestamp", "soon", undefined],
    ["bytes", "AQI=", Uint8Array.of(1, 2)],
    ["json", "{\"a\":[1]}", { a: [1] }],
    [{ array: "int64" }, "[1,2]", [1, 2]],
    [{ array: "int64" }, "[1,\"x\"]", undefined],
    ["json", "{", undefined]
  ])("as %j: %j", (type, cell, expected) => {
    const read = readCell(column(type), cell)
    expect(read.problem === undefined ? read.value : undefined).toEqual(expected)
    expect(read.problem === undefined || read.problem.message.length > 10).toBe(true)
  })
})

describe("Parquet schemas", () => {
  it("name types better than values do", () => {
    const column = (name: string, more: object) => ({ name, repetition_type: "REQUIRED", ...more })
    const list = { name: "list", num_children: 1, repetition_type: "REPEATED" }
    const schema = [
      { name: "root", num_children: 12 },
      column("bool", { type: "BOOLEAN" }),
      column("tiny", { type: "INT32", converted_type: "INT_8" }),
      column("unsigned", { type: "INT32", converted_type: "UINT_32" }),
      column("day", { type: "INT32", converted_type: "DATE" }),
      column("money", { type: "INT64", converted_type: "DECIMAL", precision: 10, scale: 2 }),
      column("digits", { type: "INT64", converted_type: "DECIMAL", precision: 10, scale: 0 }),
      column("old", { type: "INT96" }),
      column("float", { type: "FLOAT" }),
      column("text", { type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" }),
      column("blob", { type: "BYTE_ARRAY" }),
      column("list", { num_children: 1, converted_type: "LIST" }),
      list,
      column("element", { type: "INT64" }),
      column("group", { num_children: 2 }),
      column("a", { type: "DOUBLE", repetition_type: "OPTIONAL" }),
      column("b", { num_children: 1, converted_type: "LIST" }),
      list,
      column("element", { type: "INT64", repetition_type: "OPTIONAL" })
    ]
    const columns = parquetColumns(parquetSchema({ schema } as unknown as ReturnType<typeof parquetMetadata>))
    expect((JSON.parse(formatDocument(columns, undefined)) as { columns: unknown }).columns).toEqual([
      { name: "bool", type: "bool" },
      { name: "tiny", type: "int32" },
      { name: "unsigned", type: "int64" },
      { name: "day", type: "timestamp" },
      { name: "money", type: "float64" },
      { name: "digits", type: "int64" },
      { name: "old", type: "timestamp" },
      { name: "float", type: "float32" },
      { name: "text", type: "string", nullable: true },
      { name: "blob", type: "bytes" },
      { name: "list", type: { array: "int64" } },
      // A list whose elements may be null is no array.
      { name: "group", type: { struct: [{ name: "a", type: "float64", nullable: true }, { name: "b", type: "json" }] } }
    ])
  })

  it("are read from a file", () => {
    const file = parquetWriteBuffer({ columnData: [{ name: "n", data: [1, 2], type: "INT32", nullable: false }] })
    expect(parquetColumns(parquetSchema(parquetMetadata(file)))).toEqual([{
      name: "n",
      type: "int32",
      nullable: false
    }])
  })
})

describe("the document", () => {
  const columns = [
    { name: "id", type: "string", nullable: false },
    { name: "n", type: "float64", nullable: true }
  ] as const

  it("parses into what was inferred", () => {
    const inferred = documentOf(columns, "id")
    expect(parseDocument(inferred.problem === undefined ? inferred.document : "")).toMatchObject({
      schema: { key: "id", columns }
    })
  })

  it.each(
    [
      [columns, "x", "\"x\" is no column; there are id, n"],
      [columns, "n", "column n has nulls; a key must always be there"],
      [[{ ...columns[1], nullable: false }], "n", "column n is float64; a key must be a string, int32 or int64"],
      [[], undefined, "the data has no columns"],
      [[{ ...columns[0], name: "_id" }], undefined, "the column's name is \"_id\"; names that begin with \"_\""]
    ] as const
  )("of %j with key %j: %s", (given, key, message) => {
    expect(documentOf(given, key).problem?.message).toContain(message)
  })
})
