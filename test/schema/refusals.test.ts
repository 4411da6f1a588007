/** What is wrong with a value is said: the reason, the field's path, the value and the way out. */
import { assert, describe, it } from "@effect/vitest"
import { nestingDepthMax } from "../../src/base/limits.ts"
import type { ColumnType, Json } from "../../src/schema/types.ts"
import { catalogOf, type DecodedRecord, makeHarness } from "../support/decoding.ts"
import { seeded } from "../support/dice.ts"
import { cellsOfStruct } from "../support/naiveRows.ts"
import { type Document, randomName } from "../support/randomSchema.ts"
import {
  entryBytes,
  fieldBytes,
  type Kind,
  noKind,
  recordBytes,
  rowBytes,
  structBytes,
  valueBytes,
  type WireValue
} from "../support/wireRecord.ts"

/** What becomes of a value in column `c` of the type: the cell, or the reason, field and message. */
const decodeValue = (
  type: ColumnType,
  value: { readonly struct: WireValue } | { readonly row: Kind },
  nullable = false
) => {
  const harness = makeHarness(catalogOf({ x: [{ columns: [{ name: "c", type, nullable }] }] }))
  const payload = "struct" in value ? { data: structBytes([["c", value.struct]]) } : { row: rowBytes([value.row]) }
  const [result] = harness.decode([recordBytes({ table: "x", key: "k", ...payload })])
  return "row" in result ? result.row.cells[0] : `${result.error.reason} ${result.error.message}`
}

const nested = (levels: number): Json => {
  let value: Json = 1
  for (let level = 0; level < levels; level++) value = [value]
  return value
}

const struct: ColumnType = {
  struct: [
    { name: "lat", type: "float64", nullable: false, default: undefined, id: 1 },
    { name: "tags", type: { map: { array: "int32" } }, nullable: true, default: undefined, id: 2 }
  ]
}

describe("a value of a Struct", () => {
  it.each<[ColumnType, WireValue, string]>([
    ["bool", 1, "WRONG_TYPE data.c: the number 1 is not a bool; send true or false"],
    ["bool", "true", "WRONG_TYPE data.c: the string \"true\" is not a bool"],
    ["int32", 1.5, "WRONG_TYPE data.c: the number 1.5 is not an int32; send a whole number"],
    ["int32", "1", "WRONG_TYPE data.c: the string \"1\" is not an int32"],
    ["int32", 2 ** 31, "VALUE_OUT_OF_RANGE data.c: 2147483648 is beyond an int32; register the column as int64"],
    ["int32", -(2 ** 31) - 1, "VALUE_OUT_OF_RANGE"],
    ["int32", Number.NaN, "NOT_FINITE data.c: NaN is not a finite number"],
    [
      "int64",
      2 ** 53,
      "VALUE_OUT_OF_RANGE data.c: 9007199254740992 is beyond 2^53 and may have been rounded on its way; send it as a decimal string"
    ],
    ["int64", -(2 ** 53), "VALUE_OUT_OF_RANGE"],
    ["int64", "9223372036854775808", "VALUE_OUT_OF_RANGE data.c: 9223372036854775808 is beyond an int64"],
    ["int64", "-9223372036854775809", "VALUE_OUT_OF_RANGE"],
    ["int64", "1.0", "WRONG_TYPE"],
    ["int64", "0x10", "WRONG_TYPE"],
    ["int64", " 1", "WRONG_TYPE"],
    ["int64", "", "WRONG_TYPE"],
    ["int64", 0.5, "WRONG_TYPE"],
    ["float32", 3.5e38, "VALUE_OUT_OF_RANGE data.c: 3.5e+38 is beyond a float32; register the column as float64"],
    ["float64", Number.POSITIVE_INFINITY, "NOT_FINITE data.c: Infinity is not a finite number"],
    ["float64", "1", "WRONG_TYPE"],
    ["string", 5, "WRONG_TYPE data.c: the number 5 is not a string; send a string"],
    ["string", ["x"], "WRONG_TYPE data.c: a list is not a string"],
    ["bytes", "a", "WRONG_TYPE data.c: the string \"a\" is not a bytes; send a base64 string"],
    ["bytes", "AAA==", "WRONG_TYPE"],
    ["bytes", "AA-_", "WRONG_TYPE"],
    ["timestamp", "yesterday", "WRONG_TYPE data.c: the string \"yesterday\" is not a timestamp; send RFC 3339 text as"],
    ["timestamp", "2023-02-29T00:00:00Z", "WRONG_TYPE"],
    ["timestamp", 1e300, "WRONG_TYPE"],
    ["json", Number.NaN, "NOT_FINITE"],
    [{ array: "int32" }, [1, 2.5], "WRONG_TYPE data.c[1]: the number 2.5 is not an int32"],
    [{ array: "int32" }, [null], "WRONG_TYPE data.c[0]: null is not an int32"],
    [{ array: "int32" }, {}, "WRONG_TYPE data.c: an object is not an array<int32>; send a list"],
    [{ map: "bool" }, { x: "y" }, "WRONG_TYPE data.c.x: the string \"y\" is not a bool"],
    [{ map: "bool" }, [], "WRONG_TYPE data.c: a list is not a map<bool>; send an object"],
    [struct, {}, "MISSING_FIELD data.c.lat: missing; it is not nullable and has no default"],
    [struct, { lat: null }, "MISSING_FIELD data.c.lat"],
    [struct, { lat: 1, lon: 2 }, "UNKNOWN_FIELD data.c.lon: no such field; the struct has lat, tags"],
    [struct, { lat: 1, tags: { a: [1, "2"] } }, "WRONG_TYPE data.c.tags.a[1]: the string \"2\" is not an int32"],
    ["string", null, "WRONG_TYPE data.c: null is not a string; the column is not nullable"],
    ["int32", noKind, "WRONG_TYPE data.c: null is not an int32; the column is not nullable"],
    ["json", null, "WRONG_TYPE data.c: null is not a json; the column is not nullable"]
  ])("in a column of type %j: %j is refused as %s", (type, value, expected) => {
    const found = decodeValue(type, { struct: value })
    assert.isTrue(found?.startsWith(expected), `${found}`)
  })

  it("a long string is not repeated in full", () => {
    const found = decodeValue("bool", { struct: "long ".repeat(1000) })
    assert.isTrue(found!.length < 150, found!)
  })

  it("json may be nested as deeply as the limit says, and no level deeper, however deep", () => {
    assert.strictEqual(
      decodeValue("json", { struct: nested(nestingDepthMax) }),
      JSON.stringify(nested(nestingDepthMax))
    )
    const tooDeep = "INVALID_VALUE data.c: nested deeper than 32 levels"
    assert.strictEqual(decodeValue("json", { struct: nested(nestingDepthMax + 1) }), tooDeep)
    // Deeper than the other library can write, and than a stack that follows it could read.
    let value: Uint8Array = new Uint8Array()
    for (let level = 0; level < 5000; level++) value = fieldBytes(6, fieldBytes(1, value))
    const harness = makeHarness(catalogOf({ x: [{ columns: [{ name: "c", type: "json" }] }] }))
    const [result] = harness.decode([recordBytes({ table: "x", key: "k", data: entryBytes("c", value) })])
    assert.strictEqual("error" in result ? `${result.error.reason} ${result.error.message}` : "", tooDeep)
  })
})

describe("a typed value", () => {
  const timestamp = (seconds: bigint, nanos: number): Kind => ({
    case: "timestampValue",
    value: { $typeName: "google.protobuf.Timestamp", seconds, nanos }
  })

  it.each<[ColumnType, string, Kind]>([
    ["bool", "WRONG_TYPE row.c: an int_value is not a bool", { case: "intValue", value: 1n }],
    ["int32", "VALUE_OUT_OF_RANGE row.c: 2147483648 is beyond an int32", { case: "intValue", value: 2n ** 31n }],
    ["int32", "VALUE_OUT_OF_RANGE row.c: -9223372036854775808 is beyond", { case: "intValue", value: -(2n ** 63n) }],
    ["int64", "WRONG_TYPE row.c: a double_value is not an int64", { case: "doubleValue", value: 1 }],
    ["float32", "VALUE_OUT_OF_RANGE row.c", { case: "doubleValue", value: 1e39 }],
    ["float64", "NOT_FINITE row.c", { case: "doubleValue", value: Number.NaN }],
    ["float64", "NOT_FINITE row.c", { case: "doubleValue", value: Number.NEGATIVE_INFINITY }],
    ["float64", "WRONG_TYPE row.c: an int_value is not a float64", { case: "intValue", value: 1n }],
    ["string", "WRONG_TYPE row.c: a bytes_value is not a string", { case: "bytesValue", value: new Uint8Array(1) }],
    ["bytes", "WRONG_TYPE row.c: a string_value is not a bytes", { case: "stringValue", value: "AA==" }],
    ["timestamp", "WRONG_TYPE row.c: a string_value is not a timestamp", { case: "stringValue", value: "2024-01-01" }],
    [
      "timestamp",
      "VALUE_OUT_OF_RANGE row.c: the timestamp is not between 0001-01-01 and 9999-12-31",
      timestamp(-62_135_596_801n, 999_999_999)
    ],
    ["timestamp", "VALUE_OUT_OF_RANGE row.c", timestamp(253_402_300_800n, 0)],
    ["timestamp", "VALUE_OUT_OF_RANGE row.c", timestamp(0n, -1)],
    ["timestamp", "VALUE_OUT_OF_RANGE row.c", timestamp(0n, 1_000_000_000)],
    ["json", "WRONG_TYPE row.c: a string_value is not a json", { case: "stringValue", value: "{}" }],
    [{ array: "int32" }, "WRONG_TYPE row.c[0]: the number 1.5 is not an int32", { case: "jsonValue", value: [1.5] }],
    ["string", "WRONG_TYPE row.c: null is not a string; the column is not nullable", undefined]
  ])("in a column of type %j is refused as %s", (type, expected, kind) => {
    const found = decodeValue(type, { row: kind })
    assert.isTrue(found?.startsWith(expected), `${found}`)
  })

  it.each<[string, bigint, number, string]>([
    ["the first instant", -62_135_596_800n, 0, "-62135596800000000"],
    ["the last instant", 253_402_300_799n, 999_999_999, "253402300799999999"],
    ["just before the epoch", -1n, 999_999_999, "-1"]
  ])("a timestamp is exact at %s", (_, seconds, nanos, micros) => {
    assert.strictEqual(decodeValue("timestamp", { row: timestamp(seconds, nanos) }), micros)
  })
})

describe("timestamps as text", () => {
  it.each([
    ["1970-01-01T00:00:00Z", "0"],
    ["1970-01-01", "0"],
    ["1970-01-01T00:00:00", "0"],
    ["1970-01-01 00:00:00z", "0"],
    ["1970-01-01t00:00:00.000001Z", "1"],
    ["1970-01-01T00:00:00.0000019Z", "1"],
    ["1969-12-31T23:59:59.9999999Z", "-1"],
    ["1970-01-01T01:00:00+01:00", "0"],
    ["1969-12-31T23:30:00-00:30", "0"],
    ["2024-02-29T00:00:00Z", "1709164800000000"],
    ["2000-02-29T23:59:59.5Z", "951868799500000"],
    ["1600-02-29T00:00:00Z", "-11670998400000000"],
    ["0001-01-01T00:00:00Z", "-62135596800000000"],
    ["9999-12-31T23:59:59.999999Z", "253402300799999999"]
  ])("%s is %s", (text, micros) => {
    assert.strictEqual(decodeValue("timestamp", { struct: text }), micros)
  })

  it.each([
    "1900-02-29T00:00:00Z",
    "2100-02-29",
    "2024-04-31T00:00:00Z",
    "2024-01-01T24:00:00Z",
    "2024-01-01T23:59:60Z",
    "2024-01-01T00:00:00.Z",
    "2024-01-01T00:00:00.1234567890Z",
    "0000-12-31T00:00:00Z",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "2024-01-01T00:00:00+24:00",
    "2024-01-01T00:00:00+1:00",
    "2024-01-01T00:00:00 Z",
    "2024-1-1",
    "+2024-01-01T00:00:00Z",
    "２０２４-01-01T00:00:00Z"
  ])("%s is none", (text) => {
    assert.match(decodeValue("timestamp", { struct: text })!, /^WRONG_TYPE/)
  })

  it("a number is milliseconds, down to microseconds", () => {
    assert.strictEqual(decodeValue("timestamp", { struct: 1.5 }), "1500")
    assert.strictEqual(decodeValue("timestamp", { struct: -0.001 }), "-1")
  })
})

describe("columns", () => {
  const one: Document = {
    columns: [{ name: "must", type: "int32" }, { name: "may", type: "int32", nullable: true }, {
      name: "has",
      type: "int32",
      default: 3
    }]
  }
  const harness = makeHarness(catalogOf({ x: [one] }))
  const decodeOne = (data: Uint8Array): DecodedRecord =>
    harness.decode([recordBytes({ table: "x", key: "k", data })])[0]
  const why = (result: DecodedRecord): string =>
    "error" in result ? `${result.error.reason} ${result.error.message}` : result.row.cells.join(" ")

  it("that are missing are null, their default, or an error", () => {
    assert.strictEqual(why(decodeOne(structBytes([["must", 1]]))), "1  3")
    assert.strictEqual(
      why(decodeOne(structBytes([["may", 1]]))),
      "MISSING_FIELD data.must: missing; the column is not nullable and has no default"
    )
    assert.match(why(decodeOne(new Uint8Array())), /^MISSING_FIELD data\.must/)
  })

  it("that are unknown are named, with those that there are", () => {
    assert.strictEqual(
      why(decodeOne(structBytes([["must", 1], ["musst", 1]]))),
      "UNKNOWN_FIELD data.musst: no such column; the schema has must, may, has"
    )
  })

  it("that come twice: the last counts", () => {
    assert.strictEqual(why(decodeOne(structBytes([["must", 1], ["may", 5], ["must", 2], ["may", null]]))), "2  3")
  })

  it("without a value are null", () => {
    const noValue = entryBytes("may", new Uint8Array())
    assert.strictEqual(why(decodeOne(Buffer.concat([structBytes([["must", 1]]), noValue]))), "1  3")
  })

  it("a default is not used for a null that was sent", () => {
    assert.match(why(decodeOne(structBytes([["must", 1], ["has", null]]))), /^WRONG_TYPE data\.has: null/)
  })

  seeded("of every name are found, in a table of as many as there may be", 2, (dice) => {
    const names = new Set<string>()
    while (names.size < 1024) names.add(randomName(dice))
    const wide: Document = { columns: [...names].map((name, i) => ({ name, type: "int32", nullable: i % 2 === 0 })) }
    const wideHarness = makeHarness(catalogOf({ x: [wide] }))
    const { schema } = wideHarness.table("x").versions[0]
    for (let round = 0; round < 3; round++) {
      const entries = dice.shuffle(schema.columns.filter((column) => !column.nullable || dice.chance(0.9)))
        .map((column): readonly [string, WireValue] => [column.name, column.id])
      const [first, second] = wideHarness.decode(
        [0, 1].map(() => recordBytes({ table: "x", key: "k", data: structBytes(entries) }))
      )
      const expected = cellsOfStruct(schema, entries)
      for (const result of [first, second]) assert.deepStrictEqual("row" in result ? result.row.cells : [], expected)
    }
  })

  it("of the longest names are found", () => {
    const names = [
      "n".repeat(128),
      "長".repeat(128),
      "😀".repeat(64),
      "n".repeat(100),
      "n".repeat(101),
      "長".repeat(33) + "n",
      "長".repeat(34)
    ]
    const longHarness = makeHarness(catalogOf({ x: [{ columns: names.map((name) => ({ name, type: "int32" })) }] }))
    const record = recordBytes({ table: "x", key: "k", data: structBytes(names.map((name, i) => [name, i])) })
    for (const result of longHarness.decode([record, record])) {
      assert.deepStrictEqual("row" in result && result.row.cells, names.map((_, i) => String(i)))
    }
  })

  it("a Value with two kinds has the last of them", () => {
    const both = Buffer.concat([valueBytes("text"), valueBytes(7)])
    assert.strictEqual(why(decodeOne(entryBytes("must", both))), "7  3")
  })
})
