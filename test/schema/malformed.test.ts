/** Bytes that are no message, or are one that nobody meant: refused, never thrown at, and the neighbours stay whole. */
import { fromBinary } from "@bufbuild/protobuf"
import { BinaryReader } from "@bufbuild/protobuf/wire"
import { StructSchema, type Value } from "@bufbuild/protobuf/wkt"
import { assert, describe, it } from "@effect/vitest"
import type { Json, TableSchema } from "../../src/schema/types.ts"
import { DataRecordSchema, type Row, RowSchema } from "../../src/transport/grpc/generated/varve/v1/record_pb.ts"
import { catalogOf, type DecodedRecord, makeHarness } from "../support/decoding.ts"
import { type Dice, seeded } from "../support/dice.ts"
import { cellsOfRow, cellsOfStruct, refused } from "../support/naiveRows.ts"
import { type Document, randomDocument } from "../support/randomSchema.ts"
import { validKind, validValue } from "../support/randomValue.ts"
import { type Kind, noKind, recordBytes, rowBytes, structBytes, type WireValue } from "../support/wireRecord.ts"

const everyType: Document = {
  columns: [
    { name: "b", type: "bool" },
    { name: "i", type: "int32", nullable: true },
    { name: "l", type: "int64", nullable: true },
    { name: "f", type: "float32" },
    { name: "d", type: "float64", default: 1 },
    { name: "s", type: "string" },
    { name: "raw", type: "bytes", nullable: true },
    { name: "t", type: "timestamp" },
    { name: "j", type: "json", nullable: true },
    { name: "a", type: { array: "string" }, nullable: true },
    {
      name: "o",
      type: { struct: [{ name: "x", type: "int64", nullable: true, default: undefined, id: 1 }] },
      nullable: true
    }
  ]
}

const goodEntries: ReadonlyArray<readonly [string, WireValue]> = [
  ["b", true],
  ["i", -7],
  ["l", "9223372036854775807"],
  ["f", 0.5],
  ["d", -0],
  ["s", "日本語 text that is long enough for no fast path, or is it? ".repeat(3)],
  ["raw", "AAEC"],
  ["t", "2024-02-29T12:30:00.123456Z"],
  ["j", { deep: [1, { er: null }] }],
  ["a", ["x", "ÿ"]],
  ["o", { x: "12345678901234567" }]
]

const goodKinds: ReadonlyArray<Kind> = [
  { case: "boolValue", value: true },
  { case: "intValue", value: -7n },
  { case: "intValue", value: -(2n ** 63n) },
  { case: "doubleValue", value: 0.5 },
  { case: "doubleValue", value: 1e300 },
  { case: "stringValue", value: "日本語" },
  { case: "bytesValue", value: new Uint8Array([255, 0, 128]) },
  { case: "timestampValue", value: { $typeName: "google.protobuf.Timestamp", seconds: -1n, nanos: 999_999_999 } },
  { case: "jsonValue", value: { deep: [1, { er: null }] } },
  { case: "jsonValue", value: ["x", "ÿ"] },
  { case: "jsonValue", value: { x: "12345678901234567" } }
]

const good = (key: string, isRow: boolean): Uint8Array =>
  recordBytes({
    table: "x",
    key,
    ...(isRow ? { row: rowBytes(goodKinds) } : { data: structBytes(goodEntries) }),
    timestamp: { seconds: 1_700_000_000n, nanos: 5000 },
    metadata: [["source", "test"], ["ü", "ö"]]
  })

const rowOf = (result: DecodedRecord) => {
  if ("error" in result) throw new Error(`a good record was refused: ${result.error.message}`)
  return result.row
}

/** Whether another library takes the bytes for a message at all. */
const parses = (parse: () => unknown): boolean => {
  try {
    parse()
    return true
  } catch {
    return false
  }
}

/** Bytes with something done to them. */
const mutated = (dice: Dice, bytes: Uint8Array): Uint8Array => {
  const changed = [...bytes]
  for (let times = dice.between(1, 3); times > 0; times--) {
    const at = dice.below(changed.length + 1)
    const kind = dice.below(5)
    if (kind === 0) changed[Math.min(at, changed.length - 1)] ^= 1 << dice.below(8)
    else if (kind === 1) changed.splice(at, dice.between(1, 4))
    else if (kind === 2) changed.splice(at, 0, ...dice.bytes(dice.between(1, 4)))
    else if (kind === 3) changed[Math.min(at, changed.length - 1)] = dice.pick([0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12])
    else changed.splice(at, 0, ...changed.slice(at, at + dice.between(1, 40)))
  }
  return Uint8Array.from(changed.slice(0, 100_000))
}

const wireValueOf = ({ kind }: Value): WireValue => {
  switch (kind.case) {
    case undefined:
      return noKind
    case "nullValue":
      return null
    case "listValue":
      return kind.value.values.map(jsonOf)
    case "structValue":
      return Object.fromEntries(Object.entries(kind.value.fields).map(([name, value]) => [name, jsonOf(value)]))
    default:
      return kind.value
  }
}

const jsonOf = (value: Value): Json => {
  const found = wireValueOf(value)
  return found === noKind ? null : found
}

const kindOf = ({ kind }: Row["values"][number]): Kind =>
  kind.case === undefined
    ? undefined
    : kind.case === "jsonValue"
    ? { case: "jsonValue", value: wireValueOf(kind.value) }
    : kind

/** Whether a Struct names a column twice. The last one counts then, so the others are not looked at as closely. */
const isRepetitive = (bytes: Uint8Array): boolean => {
  const reader = new BinaryReader(bytes)
  const names = new Set<string>()
  let entries = 0
  while (reader.pos < reader.len) {
    reader.tag()
    const entry = new BinaryReader(reader.bytes())
    while (entry.pos < entry.len) {
      const [field, type] = entry.tag()
      if (field === 1) names.add(Buffer.from(entry.bytes()).toString("hex"))
      else entry.skip(type)
    }
    entries++
  }
  return names.size < entries
}

/** What the bytes of a payload are to another library. */
const opinion = (schema: TableSchema, bytes: Uint8Array, isRow: boolean) => {
  try {
    return isRow
      ? cellsOfRow(schema, fromBinary(RowSchema, bytes).values.map(kindOf))
      : cellsOfStruct(
        schema,
        Object.entries(fromBinary(StructSchema, bytes).fields).map(([name, value]) => [name, wireValueOf(value)])
      )
  } catch {
    return refused
  }
}

describe("a message that is cut off", () => {
  it.each([["Struct", false], ["typed row", true]])(
    "at any byte of a record with a %s leaves its neighbours whole",
    (_, isRow) => {
      const harness = makeHarness(catalogOf({ x: [everyType] }))
      const [first, middle, last] = ["first", "middle", "last"].map((key) => good(key, isRow))
      const whole = harness.decode([first, middle, last]).map(rowOf)
      assert.deepStrictEqual({ ...whole[1], key: "first" }, whole[0])
      let refusals = 0
      for (let length = 0; length < middle.length; length++) {
        const cut = middle.subarray(0, length)
        const [before, at, after] = harness.decode([first, cut, last], length % 8)
        assert.deepStrictEqual(rowOf(before), whole[0], `cut at ${length}`)
        assert.deepStrictEqual(rowOf(after), whole[2], `cut at ${length}`)
        if ("error" in at) refusals++
        else assert.isTrue(
            parses(() => fromBinary(DataRecordSchema, cut)),
            `cut at ${length} is accepted and no message`
          )
      }
      assert.isTrue(refusals > middle.length * 0.9)
    }
  )
})

describe("bytes that were changed", () => {
  const check = (dice: Dice, isRow: boolean): number => {
    const document = dice.chance(0.3) ? everyType : randomDocument(dice, dice.between(1, 8))
    const harness = makeHarness(catalogOf({ x: [document] }))
    const { schema } = harness.table("x").versions[0]
    const key = schema.key === undefined ? { key: "k" } : {}
    const sound = isRow
      ? rowBytes(schema.columns.map(({ type }) => validKind(dice, type)))
      : structBytes(schema.columns.map(({ name, type }) => [name, validValue(dice, type)]))
    const record = (payload: Uint8Array) =>
      recordBytes({ table: "x", ...key, ...(isRow ? { row: payload } : { data: payload }) })
    const [whole] = harness.decode([record(sound)])
    // The key column may have drawn an empty key.
    if ("error" in whole) return 0
    let accepted = 0
    for (let round = 0; round < 60; round++) {
      const payload = mutated(dice, sound)
      const [before, at, after] = harness.decode([record(sound), record(payload), record(sound)], dice.below(8))
      assert.deepStrictEqual([before, after], [whole, whole])
      if ("error" in at) continue
      accepted++
      const expected = opinion(schema, payload, isRow)
      if (expected === refused && !isRow && isRepetitive(payload)) continue
      assert.deepStrictEqual(
        at.row.cells,
        expected === refused ? [] : expected,
        `accepted: ${Buffer.from(payload).toString("hex")} of ${JSON.stringify(schema.columns)}`
      )
    }
    return accepted
  }

  seeded(
    "in a Struct are refused, or mean to us what they mean to another library",
    25,
    (dice) => void check(dice, false)
  )
  seeded(
    "in a typed row are refused, or mean to us what they mean to another library",
    25,
    (dice) => void check(dice, true)
  )

  seeded("anywhere in a record never harm its neighbours", 20, (dice) => {
    const harness = makeHarness(catalogOf({ x: [everyType] }))
    const sound = good("sound", dice.chance(0.5))
    const [whole] = harness.decode([sound])
    for (let round = 0; round < 50; round++) {
      const records = dice.times(dice.between(1, 4), () => mutated(dice, sound))
      const decoded = harness.decode([sound, ...records, sound])
      assert.deepStrictEqual([decoded[0], decoded.at(-1)], [whole, whole])
      records.forEach((record, i) => {
        if ("error" in decoded[i + 1]) return
        assert.isTrue(
          parses(() => fromBinary(DataRecordSchema, record)),
          `accepted: ${Buffer.from(record).toString("hex")}`
        )
      })
    }
  })

  seeded("into noise are refused", 20, (dice) => {
    const harness = makeHarness(catalogOf({ x: [everyType] }))
    for (const result of harness.decode(dice.times(50, () => dice.bytes(dice.below(60))))) {
      assert.isTrue("error" in result)
    }
  })
})
