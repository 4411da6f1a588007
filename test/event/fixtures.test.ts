/**
 * Frozen layouts: bytes that were written once and must be read for ever. They are never written again; a new layout
 * is a new frame kind with a file of its own.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { ByteWriter } from "../../src/base/byteCursor.ts"
import { decodeEvent, encodeEvent, type Event, frameKinds } from "../../src/event/Event.ts"
import { RowBatch } from "../../src/event/rowBatch.ts"
import { type Int64Vector, type NumberVector, setNull, type TextVector } from "../../src/event/vector.ts"
import { rowsOf } from "../support/randomBatch.ts"

const fixture = (name: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(fs.readFileSync(path.join(import.meta.dirname, "fixtures", name)))

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Every kind of vector, with and without nulls, wide and not; times, deletions and metadata. */
const everything = (): RowBatch => {
  const batch = new RowBatch(
    { table: 7, schemaVersion: 3, columns: ["bool", "int32", "int64", "int64", "float32", "float64", "text", "text"] },
    3
  )
  const [bool, int32, int64, wide, float32, float64, text, nulls] = batch.columns as unknown as readonly [
    NumberVector,
    NumberVector,
    Int64Vector,
    Int64Vector,
    NumberVector,
    NumberVector,
    TextVector,
    TextVector
  ]
  const keys = ["a", "日本", "😀"]
  for (let row = 0; row < 3; row++) {
    batch.keys.set(row, utf8(keys[row]))
    batch.timestamps.setNumber(row, 1_700_000_000_000_000 + row)
    bool.values[row] = row & 1
    int32.values[row] = -row
    int64.setNumber(row, row * 1e15)
    wide.setBigInt(row, 2n ** 62n + BigInt(row))
    float32.values[row] = row / 3
    float64.values[row] = row / 3
    text.set(row, utf8("x".repeat(row)))
    setNull(nulls, row)
  }
  batch.metadata.set(0, utf8("{\"source\":\"fixture\"}"))
  setNull(batch.metadata, 1)
  setNull(batch.metadata, 2)
  setNull(int32, 1)
  setNull(wide, 1)
  nulls.nulls[2] = 0
  nulls.set(2, utf8("not null"))
  batch.deleted[2] = 1
  batch.hasDeleted = true
  batch.count = 3
  return batch
}

const plain = (): RowBatch => {
  const batch = new RowBatch({ table: 1, schemaVersion: 1, columns: [] }, 1)
  batch.keys.set(0, utf8("only a key"))
  setNull(batch.timestamps, 0)
  setNull(batch.metadata, 0)
  batch.count = 1
  return batch
}

const events: Readonly<Record<string, Event>> = {
  "tenantCreated-v1.bin": { kind: "TenantCreated", tenant: "lake", name: "Größter See 湖" },
  "schemaRegistered-v1.bin": {
    kind: "SchemaRegistered",
    tenant: "lake",
    table: "layers",
    tableId: 7,
    version: 3,
    definition: "{\"columns\":[{\"id\":1,\"name\":\"depth\",\"type\":\"float64\",\"nullable\":true}]}"
  },
  "rowsWritten-v1.bin": {
    kind: "RowsWritten",
    transactional: false,
    batches: [everything(), plain()],
    idempotency: undefined
  },
  "rowsWritten-transaction-v1.bin": {
    kind: "RowsWritten",
    transactional: true,
    batches: [plain()],
    idempotency: undefined
  },
  "rowsWritten-idempotent-v1.bin": {
    kind: "RowsWritten",
    transactional: false,
    batches: [plain()],
    idempotency: { tenant: "lake", key: "retry-1 é", contentHash: Uint8Array.from({ length: 32 }, (_, i) => 255 - i) }
  }
}

const contentOf = (event: Event) =>
  event.kind === "RowsWritten"
    ? {
      transactional: event.transactional,
      batches: event.batches.map((
        batch
      ) => [batch.shape.table, batch.shape.schemaVersion, ...batch.shape.columns, ...rowsOf(batch)]),
      idempotency: event.idempotency === undefined
        ? undefined
        : [event.idempotency.tenant, event.idempotency.key, ...event.idempotency.contentHash]
    }
    : event

describe("a frozen layout", () => {
  it.each(Object.entries(events))("%s is read as it was meant, and written as it was", (name, event) => {
    const bytes = fixture(name)
    assert.deepStrictEqual(contentOf(decodeEvent(frameKinds[event.kind], bytes)), contentOf(event))
    const writer = new ByteWriter(64)
    encodeEvent(writer, event)
    assert.strictEqual(Buffer.from(writer.written()).toString("hex"), Buffer.from(bytes).toString("hex"))
  })

  it("has a number that no other layout ever gets", () => {
    assert.deepStrictEqual(frameKinds, {
      TenantCreated: 1,
      SchemaRegistered: 2,
      RowsWritten: 3,
      TableConfigured: 4,
      SegmentsPublished: 5,
      RowsExpired: 6
    })
  })
})
