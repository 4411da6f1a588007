/** Events as bytes, and back: any rows, any alignment, any damage. */
import { assert, describe, it } from "@effect/vitest"
import { ByteWriter, FormatError } from "../../src/base/byteCursor.ts"
import { decodeEvent, encodeEvent, type Event, frameKinds, type RowsWritten, spanOf } from "../../src/event/Event.ts"
import { RowBatch } from "../../src/event/rowBatch.ts"
import { type Dice, seeded } from "../support/dice.ts"
import { randomBatch, randomKinds, rowsOf } from "../support/randomBatch.ts"

const payloadOf = (event: Event, capacity = 64): Uint8Array<ArrayBuffer> => {
  const writer = new ByteWriter(capacity)
  encodeEvent(writer, event)
  return writer.written().slice()
}

const randomEvent = (dice: Dice): RowsWritten => ({
  kind: "RowsWritten",
  transactional: dice.chance(0.5),
  batches: dice.times(
    dice.between(1, 4),
    (i) =>
      randomBatch(
        dice,
        { table: i + 1, schemaVersion: dice.between(1, 9), columns: randomKinds(dice, dice.below(9)) },
        {
          rows: dice.pick([1, 2, 7, 8, 9, 31, 100]),
          keys: ["", "a", "日本", "k".repeat(1024)]
        }
      )
  ),
  idempotency: dice.chance(0.5)
    ? undefined
    : { tenant: dice.text(dice.between(1, 20)), key: dice.text(dice.below(256)), contentHash: dice.bytes(32) }
})

const contentOf = (event: Event) =>
  event.kind !== "RowsWritten" ? event : {
    batches: event.batches.map((batch) => ({
      ...batch.shape,
      columns: [...batch.shape.columns],
      rows: rowsOf(batch)
    })),
    idempotency: event.idempotency === undefined
      ? undefined
      : { ...event.idempotency, contentHash: Buffer.from(event.idempotency.contentHash).toString("hex") }
  }

describe("RowsWritten", () => {
  seeded("reads back as it was written", 150, (dice) => {
    const event = randomEvent(dice)
    // A small buffer grows at every kind of write.
    const payload = payloadOf(event, dice.between(1, 64))
    const read = decodeEvent(frameKinds.RowsWritten, payload)
    assert.deepStrictEqual(contentOf(read), contentOf(event))
    assert.strictEqual(spanOf(read), spanOf(event))
    assert.isTrue(Buffer.from(payloadOf(read)).equals(payload))
  })

  seeded("reads back from any alignment", 30, (dice) => {
    const event = randomEvent(dice)
    const payload = payloadOf(event)
    for (let offset = 1; offset < 8; offset++) {
      const shifted = new Uint8Array(payload.length + offset)
      shifted.set(payload, offset)
      assert.deepStrictEqual(contentOf(decodeEvent(frameKinds.RowsWritten, shifted.subarray(offset))), contentOf(event))
    }
  })

  seeded("is a view of its payload: nothing else is written to", 20, (dice) => {
    const payload = payloadOf(randomEvent(dice))
    const before = payload.slice()
    contentOf(decodeEvent(frameKinds.RowsWritten, payload))
    assert.deepStrictEqual(payload, before)
  })

  seeded("that is cut short is refused", 6, (dice) => {
    const payload = payloadOf(randomEvent(dice))
    for (let length = 0; length < Math.min(payload.length, 3000); length++) {
      assert.throws(() => decodeEvent(frameKinds.RowsWritten, payload.slice(0, length)), FormatError)
    }
  })

  seeded("with damaged numbers is refused or read, never anything else", 60, (dice) => {
    const payload = payloadOf(randomEvent(dice))
    for (let round = 0; round < 30; round++) {
      const damaged = payload.slice()
      // Heads and lengths are near the start; a checksum guards the whole.
      damaged[dice.below(Math.min(damaged.length, 200))] ^= 1 << dice.below(8)
      try {
        const event = decodeEvent(frameKinds.RowsWritten, damaged)
        assert.strictEqual(event.kind, "RowsWritten")
      } catch (error) {
        assert.instanceOf(error, FormatError)
      }
    }
  })
})

describe("an event", () => {
  it("of the catalog reads back as it was written", () => {
    const events: ReadonlyArray<Event> = [
      { kind: "TenantCreated", tenant: "t", name: "Ünïcode \ud83d\ude00 \"quoted\" \ufeff" },
      { kind: "SchemaRegistered", tenant: "t", table: "x", tableId: 7, version: 3, definition: "{\"columns\":[]}" }
    ]
    for (const event of events) {
      assert.deepStrictEqual(decodeEvent(frameKinds[event.kind], payloadOf(event)), event)
      assert.strictEqual(spanOf(event), 1)
    }
  })

  it.each([0, 7, 8, 255, 65_535])("of the unknown kind %i is refused, for a newer version wrote it", (kind) => {
    assert.throws(() => decodeEvent(kind, new Uint8Array(64)), FormatError, `event kind ${kind} is unknown`)
  })

  it.each(
    [
      ["TenantCreated", ""],
      ["TenantCreated", "{"],
      ["TenantCreated", "{\"tenant\":\"t\"}"],
      ["TenantCreated", "{\"tenant\":1,\"name\":\"\"}"],
      ["SchemaRegistered", "{\"tenant\":\"t\",\"table\":\"x\",\"tableId\":1.5,\"version\":1,\"definition\":\"\"}"],
      ["SchemaRegistered", "null"]
    ] as const
  )("%s that is %j is refused", (kind, text) => {
    assert.throws(() => decodeEvent(frameKinds[kind], new TextEncoder().encode(text)), FormatError)
  })

  it("with a vector of an unknown kind is refused", () => {
    const batch = new RowBatch({ table: 1, schemaVersion: 1, columns: ["bool"] }, 1)
    batch.keys.set(0, Buffer.from("k"))
    batch.count = 1
    const payload = payloadOf({
      kind: "RowsWritten",
      transactional: false,
      batches: [batch],
      idempotency: undefined
    })
    // The last vector: its head, and one row that fills eight bytes.
    const head = payload.length - 16
    assert.strictEqual(payload[head], 1)
    payload[head] = 9
    assert.throws(() => decodeEvent(frameKinds.RowsWritten, payload), FormatError, "unknown vector kind 9")
  })

  it("with more rows than its bytes can hold is refused before anything is allocated", () => {
    const writer = new ByteWriter(64)
    for (const part of [1, 0, 1, 1, 0xffff_fff0, 0, 0, 0]) writer.u32(part)
    assert.throws(
      () => decodeEvent(frameKinds.RowsWritten, writer.written().slice()),
      FormatError,
      "4294967280 rows in 32 bytes"
    )
  })
})
