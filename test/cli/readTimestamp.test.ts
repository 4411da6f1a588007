/** The fast way to read timestamps against the one that everything else uses. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { plainInstant } from "../../src/cli/client/records.ts"
import { readTimestamp } from "../../src/cli/ingest/readTimestamp.ts"
import { formatTimestamp, parseTimestamp } from "../../src/schema/timestamp.ts"

const Micros = Schema.Int.check(
  Schema.isBetween({ minimum: -62_135_596_800_000_000 / 7, maximum: 9_007_199_254_740_991 })
)

describe("timestamps", () => {
  it.prop("are written and read as the schema's own functions do", { micros: Micros }, ({ micros }) => {
    const text = formatTimestamp(micros)
    return plainInstant(micros) === text && readTimestamp(text) === micros
  })

  it("of every day are read as parseTimestamp does", () => {
    const days = Array.from({ length: 40_000 }, (_, i) => new Date((i * 90 - 700_000) * 86_400_000).toISOString())
    const usual = days.filter((day) => day.length === 24)
    expect(usual.length).toBeGreaterThan(30_000)
    expect(usual.filter((text) => readTimestamp(text) !== parseTimestamp(text))).toEqual([])
  })

  it.each([
    "2024-02-29T00:00:00Z",
    "2023-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2000-02-29T23:59:59.999999Z",
    "2024-04-31T00:00:00Z",
    "2024-13-01T00:00:00Z",
    "2024-00-01T00:00:00Z",
    "2024-01-00T00:00:00Z",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:60:00Z",
    "2024-01-01T00:00:60Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2024-01-01 10:20:30Z",
    "2024-01-01t10:20:30z",
    "2024-01-01T10:20:30.Z",
    "2024-01-01T10:20:30.1Z",
    "2024-01-01T10:20:30.1234567Z",
    "2024-01-01T10:20:30.12x4Z",
    "2024-01-01T10:20:30+02:00",
    "2024-01-01T1a:20:30Z",
    "2024-01-01",
    "",
    "yesterday"
  ])("%s is what parseTimestamp says", (text) => {
    expect(readTimestamp(text)).toEqual(parseTimestamp(text))
  })
})
