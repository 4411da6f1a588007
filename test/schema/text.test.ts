/** Strings: what is not UTF-8 is refused wherever it stands, and every length takes the same way to the same bytes. */
import { assert, describe, it } from "@effect/vitest"
import { valueBytesMax } from "../../src/base/limits.ts"
import { catalogOf, type DecodedRecord, makeHarness } from "../support/decoding.ts"
import { type Dice, seeded } from "../support/dice.ts"
import type { Document } from "../support/randomSchema.ts"
import { entryBytes, fieldBytes, recordBytes, rowBytes, structBytes } from "../support/wireRecord.ts"

const document: Document = {
  columns: [
    { name: "s", type: "string" },
    { name: "u", type: "string", nullable: true },
    { name: "raw", type: "bytes", nullable: true },
    { name: "j", type: "json", nullable: true }
  ]
}

const invalid: ReadonlyArray<readonly [string, ReadonlyArray<number>]> = [
  ["a lone continuation byte", [0x80]],
  ["a character cut short", [0x61, 0xe3, 0x81]],
  ["a character cut short at the end of a long text", [...Buffer.from("x".repeat(200)), 0xf0, 0x9f, 0x98]],
  ["an overlong form", [0xc0, 0xaf]],
  ["a surrogate", [0xed, 0xa0, 0x80]],
  ["a code point that is none", [0xf4, 0x90, 0x80, 0x80]],
  ["a byte that never occurs", [0x61, 0xff, 0x62]]
]

/** A Value that holds a string of these bytes. */
const stringValue = (bytes: Uint8Array): Uint8Array => fieldBytes(3, bytes)

const structRecord = (s: Uint8Array, key = "k"): Uint8Array =>
  recordBytes({ table: "x", key, data: entryBytes("s", stringValue(s)) })

const rowRecord = (s: Uint8Array, key = "k"): Uint8Array => {
  const rest = rowBytes([undefined, undefined, undefined])
  return recordBytes({ table: "x", key, row: Buffer.concat([fieldBytes(1, fieldBytes(4, s)), rest]) })
}

const good = Buffer.from("good 日本")
const goodCell = `x${good.toString("hex")}`

const reasonOf = (result: DecodedRecord): string =>
  "error" in result ? `${result.error.reason} ${result.error.field}` : "accepted"

/** The cell of column s of a record that was accepted. */
const textOf = (result: DecodedRecord): string | null => "row" in result ? result.row.cells[0] : result.error.message

describe("invalid UTF-8 is refused, and the records around it are not touched", () => {
  const harness = makeHarness(catalogOf({ x: [document] }))

  it.each(invalid)("%s", (_, bytes) => {
    const text = Uint8Array.from(bytes)
    const places: ReadonlyArray<readonly [Uint8Array, string]> = [
      [structRecord(text), "INVALID_UTF8 data.s"],
      [rowRecord(text), "INVALID_UTF8 row.s"],
      [structRecord(good, Buffer.from(text).toString("latin1")), "accepted"],
      [recordBytes({ table: "x", key: text, data: entryBytes("s", stringValue(good)) }), "INVALID_UTF8 key"],
      [
        recordBytes({
          table: "x",
          key: "k",
          data: Buffer.concat([entryBytes("s", stringValue(good)), entryBytes("j", stringValue(text))])
        }),
        "INVALID_UTF8 data.j"
      ],
      [
        Buffer.concat([structRecord(good), fieldBytes(7, Buffer.concat([fieldBytes(1, text), fieldBytes(2, good)]))]),
        "INVALID_METADATA metadata"
      ],
      [
        Buffer.concat([structRecord(good), fieldBytes(7, Buffer.concat([fieldBytes(1, good), fieldBytes(2, text)]))]),
        "INVALID_METADATA metadata"
      ],
      [Buffer.concat([fieldBytes(1, text), structRecord(good)]), "INVALID_UTF8 tenant_id"],
      [Buffer.concat([structRecord(good), fieldBytes(2, text)]), "INVALID_UTF8 table"],
      [
        recordBytes({
          table: "x",
          key: "k",
          data: Buffer.concat([entryBytes("s", stringValue(good)), entryBytes(text, stringValue(good))])
        }),
        "UNKNOWN_FIELD"
      ]
    ]
    for (const [record, expected] of places) {
      const [before, at, after] = harness.decode([structRecord(good), record, rowRecord(good)])
      assert.strictEqual(textOf(before), goodCell)
      assert.strictEqual(textOf(after), goodCell)
      assert.isTrue(reasonOf(at).startsWith(expected), `${reasonOf(at)} is not ${expected}`)
    }
  })

  it("a bytes column takes them all", () => {
    for (const [, bytes] of invalid) {
      const raw = Buffer.from(bytes)
      const row = Buffer.concat([
        fieldBytes(1, fieldBytes(4, good)),
        rowBytes([undefined]),
        fieldBytes(1, fieldBytes(5, raw)),
        rowBytes([undefined])
      ])
      const [result] = harness.decode([recordBytes({ table: "x", key: "k", row })])
      assert.deepStrictEqual("row" in result && result.row.cells, [goodCell, null, `x${raw.toString("hex")}`, null])
    }
  })

  seeded("a character split over strings of neighbouring rows", 60, (dice) => {
    const character = Buffer.from(dice.pick(["é", "日", "😀"]))
    const at = dice.between(1, character.length - 1)
    const record = (bytes: Uint8Array, key: string) => dice.pick([structRecord, rowRecord])(bytes, key)
    const head = Buffer.concat([Buffer.from("x".repeat(dice.pick([0, 1, 46, 47, 48, 130]))), character.subarray(0, at)])
    const tail = Buffer.concat([character.subarray(at), Buffer.from(dice.pick(["", "y"]))])
    // Whole halves of a split character join to valid text in the column's heap.
    const records = [record(good, "a"), record(head, "b"), record(tail, "c"), record(good, "d")]
    const results = harness.decode(records, dice.below(4))
    assert.deepStrictEqual(results.map((result) => "row" in result), [true, false, false, true])
    assert.strictEqual(textOf(results[3]), goodCell)
    // The same over keys.
    const keyed = (key: Uint8Array) => recordBytes({ table: "x", key, data: structBytes([["s", "v"]]) })
    const keys = harness.decode([head, tail, good].map(keyed))
    assert.deepStrictEqual(keys.map((result) => "row" in result), [false, false, true])
  })
})

describe("strings of every length", () => {
  const harness = makeHarness(catalogOf({ x: [document] }))

  const check = (dice: Dice, lengths: ReadonlyArray<number>): void => {
    const texts = lengths.map((length) => Buffer.from("長".repeat(length / 3) + "z".repeat(length % 3)))
    const results = harness.decode(texts.map((text) => dice.pick([structRecord, rowRecord])(text)), dice.below(8))
    results.forEach((result, i) =>
      assert.strictEqual(textOf(result), `x${texts[i].toString("hex")}`, `${lengths[i]} bytes`)
    )
  }

  seeded(
    "around every size at which their encoding changes",
    20,
    (dice) =>
      check(
        dice,
        dice.shuffle([
          0,
          1,
          2,
          46,
          47,
          48,
          49,
          99,
          100,
          101,
          110,
          120,
          125,
          126,
          127,
          128,
          129,
          130,
          16_383,
          16_384,
          65_535,
          65_536,
          70_000
        ])
      )
  )

  it("up to the limit, and no byte beyond it", () => {
    const most = Buffer.alloc(valueBytesMax, "x")
    const over = Buffer.alloc(valueBytesMax + 1, "x")
    const many = Buffer.from("長".repeat(valueBytesMax / 3 + 1))
    for (const record of [structRecord, rowRecord]) {
      const [atMost, beyond, beyondInCharacters, after] = harness.decode([
        record(most),
        record(over),
        record(many),
        record(good)
      ])
      assert.strictEqual(textOf(atMost)!.length, 1 + 2 * valueBytesMax)
      for (const refused of [beyond, beyondInCharacters]) {
        assert.match(reasonOf(refused), /^VALUE_TOO_LONG (data|row)\.s$/)
      }
      assert.strictEqual(textOf(after), goodCell)
    }
  })

  it("bytes as base64 have the same limit, whatever their text's length", () => {
    const record = (length: number) =>
      recordBytes({
        table: "x",
        key: "k",
        data: structBytes([["s", ""], ["raw", Buffer.alloc(length, 7).toString("base64")]])
      })
    const [atMost, beyond] = harness.decode([record(valueBytesMax), record(valueBytesMax + 1)])
    assert.strictEqual("row" in atMost && atMost.row.cells[2]!.length, 1 + 2 * valueBytesMax)
    assert.strictEqual(reasonOf(beyond), "VALUE_TOO_LONG data.raw")
  })

  it("json has the same limit, for the text that it is kept as", () => {
    const record = (parts: number) =>
      recordBytes({
        table: "x",
        key: "k",
        data: structBytes([["s", ""], ["j", Array.from({ length: parts }, () => "x".repeat(1021))]])
      })
    // Each part takes its text, two quotes and a comma; the brackets replace the last comma and one more byte.
    const [atMost, beyond] = harness.decode([record(valueBytesMax / 1024 - 1), record(valueBytesMax / 1024)])
    assert.strictEqual(reasonOf(atMost), "accepted")
    assert.strictEqual(reasonOf(beyond), "VALUE_TOO_LONG data.j")
  })
})
