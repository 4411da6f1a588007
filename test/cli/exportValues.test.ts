/** Rows off the wire into columns, and out of them as text: what the round trips of whole tables cannot single out. */
/* oxlint-disable vitest/no-standalone-expect -- the rule does not know that seeded is a test */
import { create, toBinary } from "@bufbuild/protobuf"
import { describe, expect, it } from "vitest"
import { RowVectors } from "../../src/cli/export/RowVectors.ts"
import { TextOutput } from "../../src/cli/export/TextOutput.ts"
import { earliestMicros, exact, formatTimestamp, latestMicros } from "../../src/schema/timestamp.ts"
import { QueryStreamBatchSchema } from "../../src/transport/grpc/generated/varve/v1/query_pb.ts"
import { seeded } from "../support/dice.ts"

const output = new TextOutput()

const written = (write: () => void): string => {
  write()
  return String(Buffer.from(output.take()))
}

describe("instants as text", () => {
  const instant = (micros: bigint) => written(() => output.instant(exact(micros)))

  it("at the ends of the calendar, around its zero and on leap days", () => {
    const days = ["0004-02-29", "1900-02-28", "1900-03-01", "2000-02-29", "2024-02-29", "2100-03-01", "9999-12-31"]
    const micros = days.map((day) => BigInt(Date.parse(`${day}T23:59:59.999Z`)) * 1000n)
    for (const at of [earliestMicros, latestMicros, 0n, -1n, 1n, -1000n, 1000n, -1_000_000n, ...micros]) {
      expect(instant(at)).toBe(formatTimestamp(at))
    }
  })

  seeded("at any time", 20, (dice) => {
    for (let i = 0; i < 200; i++) {
      const day = BigInt(dice.between(-719_162, 2_932_895)) * 86_400_000_000n
      const within = BigInt(dice.below(86_400_000_000))
      const at = day + within - within % dice.pick([1n, 1000n, 1_000_000n])
      expect(instant(at)).toBe(formatTimestamp(at))
    }
  })
})

describe("texts as JSON", () => {
  seeded("are what JSON.stringify makes of them, however many there are", 10, (dice) => {
    const texts = dice.times(100, () => dice.text(dice.pick([0, 3, 30, 300])))
    const json = written(() => {
      for (const text of texts) {
        const bytes = Buffer.from(text)
        output.jsonString(bytes, 0, bytes.length)
      }
    })
    // DEL and what else JSON.stringify leaves alone is left alone.
    expect(json).toBe(texts.map((text) => JSON.stringify(text)).join(""))
  })
})

describe("records off the wire", () => {
  const batch = (bytes: ReadonlyArray<number>) => Buffer.from([0x0a, bytes.length, ...bytes])
  const key = [0x1a, 1, 0x6b]

  it("of a later version have fields that are passed over", () => {
    const rows = new RowVectors(["int32"], 1)
    // Field 15 in the batch, in the record, and in its row.
    rows.add(Buffer.concat([Buffer.from([0x7a, 1, 0]), batch([...key, 0x2a, 4, 0x0a, 2, 0x10, 7, 0x7a, 1, 0])]), 0)
    expect([rows.count, rows.columns[0].kind === "int32" && rows.columns[0].values[0]]).toEqual([1, 7])
    expect(String(Buffer.from(rows.keys.get(0)))).toBe("k")
    // More rows than there was room for.
    for (let i = 0; i < 40; i++) rows.add(batch([...key, 0x2a, 4, 0x0a, 2, 0x10, i]), 0)
    expect(rows.columns[0].kind === "int32" && Array.from(rows.columns[0].values.subarray(1, rows.count))).toEqual(
      Array.from({ length: 40 }, (_, i) => i)
    )
  })

  it.each([
    ["a record that ends too late", [0x0a, 9, ...key]],
    ["a record without a key", batch([0x2a, 4, 0x0a, 2, 0x10, 7])],
    ["a record without values", batch(key)],
    ["a value too few", batch([...key, 0x2a, 0])],
    ["a value too many", batch([...key, 0x2a, 4, 0x0a, 0, 0x0a, 0])],
    ["a value of another kind", batch([...key, 0x2a, 4, 0x0a, 2, 0x08, 1])],
    ["a value with something behind it", batch([...key, 0x2a, 6, 0x0a, 4, 0x10, 7, 0x10, 7])],
    ["a value that ends too early", batch([...key, 0x2a, 4, 0x0a, 2, 0x10, 0x80])],
    ["a row with another field", batch([...key, 0x2a, 2, 0x12, 0])]
  ])("are refused: %s", (_, bytes) => {
    expect(() => new RowVectors(["int32"], 4).add(Buffer.from(bytes), 0)).toThrow("the answer's bytes are no")
  })

  it("take entries of metadata of any name", () => {
    const record = { key: "k", metadata: { b: "2", a: "\"" }, payload: { case: "row" as const, value: {} } }
    const bytes = Buffer.from(toBinary(QueryStreamBatchSchema, create(QueryStreamBatchSchema, { records: [record] })))
    const rows = new RowVectors([], 4)
    rows.add(bytes, 0)
    rows.add(batch([...key, 0x2a, 0]), 0)
    expect(JSON.parse(String(Buffer.from(rows.metadata.get(0))))).toEqual(record.metadata)
    expect([rows.count, rows.metadata.nulls[1], rows.timestamps.nulls[1]]).toEqual([2, 1, 1])
    rows.reset()
    expect([rows.count, rows.metadata.hasNulls]).toEqual([0, false])
  })
})
