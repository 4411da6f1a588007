/** Decoders are reused: what a batch held before must not show in what it holds now. */
import { assert, describe, it } from "@effect/vitest"
import { ByteWriter } from "../../src/base/byteCursor.ts"
import { unrestricted } from "../../src/base/caller.ts"
import { encodeContent } from "../../src/event/Event.ts"
import { decodeRecords } from "../../src/ingestion/decodeRecords.ts"
import { type DecodersService, makeDecoders } from "../../src/schema/Decoders.ts"
import { catalogOf, schemaOf } from "../support/decoding.ts"
import { type Dice, seeded } from "../support/dice.ts"
import { type Document, randomDocument } from "../support/randomSchema.ts"
import { strangeValue, validKind, validValue } from "../support/randomValue.ts"
import { type Kind, recordBytes, rowBytes, structBytes } from "../support/wireRecord.ts"

const randomRecord = (dice: Dice, document: Document, share: { readonly strange: number }): Uint8Array => {
  const key = document.key === undefined ? { key: dice.text(3) } : {}
  if (dice.chance(0.1)) return recordBytes({ table: "x", key: dice.chance(0.5) ? "" : "gone", deleted: true })
  if (dice.chance(0.3)) {
    return recordBytes({
      table: "x",
      ...key,
      row: rowBytes(
        document.columns.map(({ nullable, type }): Kind =>
          nullable && dice.chance(0.3) ? undefined : validKind(dice, type)
        )
      )
    })
  }
  return recordBytes({
    table: "x",
    ...key,
    data: structBytes(
      dice.shuffle(document.columns).map(({ name, nullable, type }) => [
        name,
        dice.chance(share.strange)
          ? strangeValue(dice, type)
          : nullable && dice.chance(0.3)
          ? null
          : validValue(dice, type)
      ])
    ),
    ...(dice.chance(0.3) ? { timestamp: { seconds: BigInt(dice.between(-(2 ** 36), 2 ** 36)), nanos: 0 } } : {}),
    ...(dice.chance(0.3) ? { metadata: [["m", dice.text(3)]] as const } : {})
  })
}

/** The bytes that the log and an idempotency key would have of these records. */
const contentOf = (records: ReadonlyArray<Uint8Array>, document: Document, decoders: DecodersService): Buffer => {
  const bytes = new Uint8Array(Buffer.concat(records))
  const ranges: Array<number> = []
  let at = 0
  for (const record of records) ranges.push(at, at += record.length)
  const decoded = decodeRecords(
    bytes,
    ranges,
    { tenant: "t", table: "" },
    unrestricted,
    catalogOf({ x: [document] }),
    decoders
  )
  const writer = new ByteWriter(64)
  encodeContent(writer, decoded.targets.map(({ decoder }) => decoder.batch))
  for (const { decoder } of decoded.targets) decoders.giveBack(decoder)
  return Buffer.from(writer.written())
}

describe("equal records are equal bytes", () => {
  seeded("whatever a reused batch held before", 60, (dice) => {
    const document = randomDocument(dice, dice.between(1, 8))
    const records = dice.times(dice.between(1, 12), () => randomRecord(dice, document, { strange: 0.02 }))
    const fresh = contentOf(records, document, makeDecoders())
    const used = makeDecoders()
    for (let round = 0; round < 3; round++) {
      contentOf(dice.times(dice.between(1, 20), () => randomRecord(dice, document, { strange: 0.02 })), document, used)
      assert.isTrue(contentOf(records, document, used).equals(fresh))
    }
  })

  seeded("whatever was refused beside them", 60, (dice) => {
    const document = randomDocument(dice, dice.between(1, 8))
    const records = dice.times(dice.between(1, 8), () => randomRecord(dice, document, { strange: 0 }))
    const accepted = records.filter((record) => contentOf([record], document, makeDecoders()).length > 0)
    const alone = contentOf(accepted, document, makeDecoders())
    const among = accepted.flatMap((
      record
    ) => [record, recordBytes({ table: "x", key: "", deleted: true }), randomRefused(dice, document)])
    assert.isTrue(contentOf(among, document, makeDecoders()).equals(alone))
  })
})

/** A record that fills every column and is refused for its time. */
const randomRefused = (dice: Dice, document: Document): Uint8Array =>
  recordBytes({
    table: "x",
    key: document.key === undefined ? "k" : "",
    row: rowBytes(
      document.columns.map(({ nullable, type }): Kind =>
        nullable && dice.chance(0.5) ? undefined : validKind(dice, type)
      )
    ),
    timestamp: { seconds: 0n, nanos: -1 }
  })

describe("the decoders' service", () => {
  const version = (table: number, names: ReadonlyArray<string>) => {
    const schema = schemaOf({ columns: names.map((name) => ({ name, type: "int32" })) })
    return {
      version: 1,
      schema,
      shape: { table, schemaVersion: 1, columns: schema.columns.map(() => "int32" as const) }
    }
  }

  it("lends a decoder to one borrower at a time, and reuses it", () => {
    const decoders = makeDecoders()
    const x = version(1, ["a"])
    const first = decoders.borrow(x, x)
    const second = decoders.borrow(x, x)
    assert.notStrictEqual(first.batch, second.batch)
    first.batch.count = 1
    decoders.giveBack(first)
    const third = decoders.borrow(x, x)
    assert.strictEqual(third, first)
    assert.strictEqual(third.batch.count, 0)
  })

  it("forgets the schema that was not used for longest, and keeps no memory for what was lent of it", () => {
    const decoders = makeDecoders()
    const old = version(1, ["a"])
    const lent = Array.from({ length: 12 }, () => decoders.borrow(old, old))
    // Together more than may be kept.
    for (const { batch } of lent) batch.keys.reserveHeap(20 * 1024 * 1024, 0)
    for (let table = 2; table <= 1025; table++) {
      const next = version(table, ["a"])
      decoders.giveBack(decoders.borrow(next, next))
    }
    for (const decoder of lent) decoders.giveBack(decoder)
    const recent = version(1025, ["a"])
    const kept = decoders.borrow(recent, recent)
    kept.batch.keys.reserveHeap(20 * 1024 * 1024, 0)
    decoders.giveBack(kept)
    // Not strictEqual: it would print all of the memory.
    assert.isTrue(decoders.borrow(recent, recent) === kept)
    assert.isFalse(lent.includes(decoders.borrow(old, old)))
  })

  it("shows the source that it generates", () => {
    const x = version(1, ["a"])
    assert.match(makeDecoders().source(x, x), /function struct\(bytes, view, start, end, row\)/)
  })
})
