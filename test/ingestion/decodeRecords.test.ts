/** The outside of a record: where it goes, its key, time and metadata, in whatever order its fields come. */
import { WireType } from "@bufbuild/protobuf/wire"
import { assert, describe, it } from "@effect/vitest"
import { keyBytesMax, metadataBytesMax, metadataEntriesMax } from "../../src/base/limits.ts"
import { catalogOf, type DecodedRecord, makeHarness } from "../support/decoding.ts"
import { type Dice, seeded } from "../support/dice.ts"
import type { Document } from "../support/randomSchema.ts"
import {
  recordBytes,
  recordFields,
  type RecordParts,
  rowBytes,
  structBytes,
  unknownField
} from "../support/wireRecord.ts"

const plain: Document = { columns: [{ name: "n", type: "int32" }] }

const data = structBytes([["n", 1]])

const why = (result: DecodedRecord): string =>
  "error" in result ? `${result.error.reason} ${result.error.message}` : "accepted"

const keyOf = (result: DecodedRecord): string => "row" in result ? result.row.key : why(result)

describe("a record", () => {
  const harness = makeHarness(
    catalogOf({ x: [plain], y: [{ columns: [{ name: "s", type: "string", nullable: true }] }] })
  )

  const randomParts = (dice: Dice): RecordParts => {
    const deleted = dice.chance(0.2)
    const table = dice.pick(["x", "y"])
    const row = rowBytes([table === "x" ? { case: "intValue", value: 5n } : undefined])
    const names = [...new Set(dice.times(dice.below(4), () => dice.text(dice.below(5))))]
    return {
      table,
      key: dice.text(dice.between(1, 20)),
      ...(deleted ? { deleted } : dice.chance(0.5) ? { row } : { data: table === "x" ? data : structBytes([]) }),
      ...(dice.chance(0.5)
        ? { timestamp: { seconds: BigInt(dice.between(-(2 ** 31), 2 ** 31)), nanos: dice.below(10 ** 9) } }
        : {}),
      ...(dice.chance(0.5) ? { metadata: names.map((name) => [name, dice.text(dice.below(9))] as const) } : {}),
      ...(dice.chance(0.2) ? { tenant: "t" } : {}),
      ...(dice.chance(0.2) ? { version: dice.below(2) } : {})
    }
  }

  seeded("is the same whatever the order of its fields, with fields that nobody knows between them", 60, (dice) => {
    const samples = dice.times(30, () => randomParts(dice))
    const records = samples.map((parts) => {
      const fields = recordFields(parts)
      const unknown = dice.times(
        dice.below(3),
        () =>
          unknownField(
            dice.pick([12, 15, 16, 2047, 2048, 2 ** 28, 2 ** 29 - 1]),
            dice.pick([WireType.Varint, WireType.Bit32, WireType.Bit64, WireType.LengthDelimited])
          )
      )
      return Buffer.concat(dice.shuffle([...fields, ...unknown]))
    })
    harness.decode(records, dice.below(8)).forEach((result, i) => {
      if ("error" in result) throw new Error(result.error.message)
      const { deleted, key, metadata, table, timestamp } = samples[i]
      assert.strictEqual(result.row.table, table)
      assert.strictEqual(result.row.key, key)
      assert.strictEqual(result.row.deleted, deleted ?? false)
      assert.strictEqual(
        result.row.timestamp,
        timestamp === undefined
          ? null
          : String(timestamp.seconds * 1_000_000n + BigInt(Math.floor(timestamp.nanos / 1000)))
      )
      if (metadata === undefined || metadata.length === 0) return assert.isNull(result.row.metadata)
      // Whatever comes first on the wire, one metadata is one text.
      const sorted = metadata.map(([name]) => name).sort()
      assert.strictEqual(
        result.row.metadata,
        `{${
          sorted.map((name) => `${JSON.stringify(name)}:${JSON.stringify(Object.fromEntries(metadata)[name])}`).join(
            ","
          )
        }}`
      )
    })
  })

  it.each<[string, RecordParts, string]>([
    ["carries nothing", { key: "k" }, "MISSING_FIELD data: missing; send the columns in data or row"],
    [
      "deletes and carries columns",
      { key: "k", data, deleted: true },
      "INVALID_VALUE deleted: a deletion carries no payload"
    ],
    [
      "has a time before year 1",
      { key: "k", data, timestamp: { seconds: -62_135_596_801n, nanos: 0 } },
      "VALUE_OUT_OF_RANGE timestamp: not between 0001-01-01"
    ],
    [
      "has a time after year 9999",
      { key: "k", data, timestamp: { seconds: 253_402_300_800n, nanos: 0 } },
      "VALUE_OUT_OF_RANGE timestamp"
    ],
    ["has negative nanos", { key: "k", data, timestamp: { seconds: 0n, nanos: -1 } }, "VALUE_OUT_OF_RANGE timestamp"],
    [
      "names a version that is not there",
      { key: "k", data, version: 2 },
      "SCHEMA_VERSION_NOT_FOUND schema_version: 2 is not there; table \"x\" has versions 1 to 1"
    ],
    ["names no table", { table: "", key: "k", data }, "MISSING_ARGUMENT table: missing"],
    [
      "names an unknown table",
      { table: "z", key: "k", data },
      "TABLE_NOT_FOUND table: tenant \"t\" has no table \"z\"; register its schema first"
    ],
    [
      "names an unknown tenant",
      { tenant: "u", key: "k", data },
      "TENANT_NOT_FOUND tenant_id: there is no tenant \"u\"; create it first"
    ]
  ])("that %s is refused", (_, parts, expected) => {
    const good = recordBytes({ table: "x", key: "good", data })
    const [before, at, after] = harness.decode([good, recordBytes({ table: "x", ...parts }), good])
    assert.deepStrictEqual([keyOf(before), keyOf(after)], ["good", "good"])
    assert.isTrue(why(at).startsWith(expected), why(at))
  })

  it("with both payloads, or one of them twice, is refused", () => {
    const one = recordBytes({ table: "x", key: "k", data })
    for (const more of [recordBytes({ data }), recordBytes({ row: rowBytes([{ case: "intValue", value: 5n }]) })]) {
      assert.match(why(harness.decode([Buffer.concat([one, more])])[0]), /^MALFORMED_MESSAGE/)
    }
  })
})

describe("a key", () => {
  const harness = makeHarness(catalogOf({
    x: [plain],
    s: [{ columns: [{ name: "id", type: "string" }, { name: "n", type: "int32", nullable: true }], key: "id" }],
    i: [{ columns: [{ name: "n", type: "int32" }], key: "n" }],
    l: [{ columns: [{ name: "n", type: "int64" }], key: "n" }]
  }))

  seeded("of every length from 1 to the limit is kept as it is", 10, (dice) => {
    const keys = dice.times(60, () => {
      const length = dice.chance(0.3)
        ? dice.pick([1, 47, 48, 49, 127, 128, keyBytesMax - 1, keyBytesMax])
        : dice.between(1, keyBytesMax)
      const text = Buffer.from(dice.text(length))
      // Cut between characters, then filled up.
      let end = Math.min(text.length, length)
      while ((text[end] & 0xc0) === 0x80) end--
      return text.subarray(0, end).toString().padEnd(length - end + text.subarray(0, end).toString().length, "k")
    })
    assert.isTrue(keys.every((key) => Buffer.byteLength(key) <= keyBytesMax))
    const results = harness.decode(keys.map((key) => recordBytes({ table: "x", key, data })))
    assert.deepStrictEqual(results.map(keyOf), keys)
  })

  it("is 1 to 1024 bytes, not characters", () => {
    const results = harness.decode(
      ["", "k".repeat(keyBytesMax + 1), "長".repeat(342), "長".repeat(341), "\0"].map((key) =>
        recordBytes({ table: "x", key, data })
      )
    )
    assert.match(
      keyOf(results[0]),
      /^INVALID_KEY key: is empty; give a key of 1 to 1024 bytes, or register a key column/
    )
    assert.match(keyOf(results[1]), /^INVALID_KEY key: has 1025 bytes; 1024 are allowed/)
    assert.match(keyOf(results[2]), /^INVALID_KEY key: has 1026 bytes/)
    assert.strictEqual(keyOf(results[3]), "長".repeat(341))
    assert.strictEqual(keyOf(results[4]), "\0")
  })

  it("is taken from the key column, and may be given too if it is the same", () => {
    const s = (id: string, key?: string) =>
      recordBytes({ table: "s", data: structBytes([["id", id]]), ...(key === undefined ? {} : { key }) })
    const n = (table: string, value: number | string, key?: string) =>
      recordBytes({ table, data: structBytes([["n", value]]), ...(key === undefined ? {} : { key }) })
    const results = harness.decode([
      s("a"),
      s("b", "b"),
      s("c", "other"),
      s(""),
      s("x".repeat(keyBytesMax + 1)),
      n("i", -5),
      n("i", -0),
      n("i", 7, "7"),
      n("i", 7, "07"),
      n("l", "9223372036854775807"),
      n("l", 12),
      n("l", "-0012"),
      recordBytes({ table: "s", row: rowBytes([{ case: "stringValue", value: "typed" }, undefined]) }),
      recordBytes({ table: "l", row: rowBytes([{ case: "intValue", value: -(2n ** 63n) }]) })
    ])
    assert.deepStrictEqual(results.map((result) => "row" in result ? result.row.key : result.error.reason), [
      "a",
      "b",
      "INVALID_KEY",
      "INVALID_KEY",
      "INVALID_KEY",
      "-5",
      "0",
      "7",
      "INVALID_KEY",
      "9223372036854775807",
      "12",
      "-12",
      "typed",
      "-9223372036854775808"
    ])
    assert.strictEqual(
      why(results[2]),
      "INVALID_KEY key: differs from column id; leave the key empty, it is taken from there"
    )
  })

  it("of a deletion is the record's own", () => {
    const results = harness.decode([
      recordBytes({ table: "s", key: "a", deleted: true }),
      recordBytes({ table: "i", key: "-5", deleted: true }),
      recordBytes({ table: "s", deleted: true })
    ])
    assert.deepStrictEqual(results.map((result) => "row" in result ? result.row.key : result.error.reason), [
      "a",
      "-5",
      "INVALID_KEY"
    ])
  })
})

describe("metadata", () => {
  const harness = makeHarness(catalogOf({ x: [plain] }))
  const decode = (metadata: ReadonlyArray<readonly [string, string]>): string => {
    const [result] = harness.decode([recordBytes({ table: "x", key: "k", data, metadata })])
    return "row" in result ? result.row.metadata ?? "none" : why(result)
  }

  it("has at most so many entries and so many bytes, names and values together", () => {
    const entries = (count: number, size: number) =>
      Array.from({ length: count }, (_, i) => [String(i).padStart(2, "0"), "\n".repeat(size)] as const)
    assert.strictEqual(
      Object.keys(JSON.parse(decode(entries(metadataEntriesMax, 0))) as object).length,
      metadataEntriesMax
    )
    assert.match(
      decode(entries(metadataEntriesMax + 1, 0)),
      /^INVALID_METADATA metadata: has 65 entries; 64 are allowed/
    )
    // A line feed is two characters of JSON text, and one byte of metadata.
    assert.match(decode(entries(1, metadataBytesMax - 2)), /^\{"00":"\\n/)
    assert.match(
      decode(entries(1, metadataBytesMax - 1)),
      /^INVALID_METADATA metadata: has 16385 bytes; 16384 are allowed/
    )
  })

  it("that repeats a name has the last value", () => {
    assert.strictEqual(decode([["a", "1"], ["b", "2"], ["a", "3"]]), "{\"a\":\"3\",\"b\":\"2\"}")
  })

  it("may have any name", () => {
    assert.strictEqual(
      decode([["__proto__", "1"], ["", "2"], ["7", "3"]]),
      "{\"\":\"2\",\"7\":\"3\",\"__proto__\":\"1\"}"
    )
  })
})

describe("a record goes to its tenant", () => {
  const harness = makeHarness(catalogOf({ x: [plain], "u/x": [plain], "u/y": [plain] }))
  const places: ReadonlyArray<RecordParts> = [{}, { table: "x" }, { table: "y" }, { tenant: "t", table: "x" }, {
    tenant: "u",
    table: "x"
  }, { tenant: "u" }]
  const targets = (tenant: string | undefined, defaults: { readonly tenant: string; readonly table: string }) =>
    harness.decode(places.map((place) => recordBytes({ key: "k", data, ...place })), 0, { tenant }, defaults)
      .map((result) => "row" in result ? result.row.table : result.error.reason)

  it("that it names, or the request, or the credential", () => {
    assert.deepStrictEqual(targets(undefined, { tenant: "", table: "" }), [
      "MISSING_ARGUMENT",
      "MISSING_ARGUMENT",
      "MISSING_ARGUMENT",
      "x",
      "u/x",
      "MISSING_ARGUMENT"
    ])
    assert.deepStrictEqual(targets(undefined, { tenant: "u", table: "y" }), ["u/y", "u/x", "u/y", "x", "u/x", "u/y"])
    assert.deepStrictEqual(targets("u", { tenant: "", table: "y" }), [
      "u/y",
      "u/x",
      "u/y",
      "TENANT_FORBIDDEN",
      "u/x",
      "u/y"
    ])
  })

  it("and never to one that the credential does not name", () => {
    assert.deepStrictEqual(targets("t", { tenant: "u", table: "x" }), [
      "TENANT_FORBIDDEN",
      "TENANT_FORBIDDEN",
      "TENANT_FORBIDDEN",
      "x",
      "TENANT_FORBIDDEN",
      "TENANT_FORBIDDEN"
    ])
    // A tenant that does not exist is forbidden all the same: whether it exists is nobody else's business.
    assert.deepStrictEqual(
      harness.decode([recordBytes({ tenant: "nobody", table: "x", key: "k", data })], 0, { tenant: "t" }).map(why),
      ["TENANT_FORBIDDEN tenant_id: the credential is not for tenant \"nobody\""]
    )
  })

  seeded("whatever its neighbours' are", 20, (dice) => {
    const records = dice.times(200, () => dice.pick(places))
    const results = harness.decode(records.map((place) => recordBytes({ key: "k", data, ...place })), 0, {
      tenant: undefined
    }, { tenant: "u", table: "y" })
    const expected = targets(undefined, { tenant: "u", table: "y" })
    assert.deepStrictEqual(
      results.map((result) => "row" in result ? result.row.table : ""),
      records.map((place) => expected[places.indexOf(place)])
    )
  })
})
