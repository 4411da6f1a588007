/** Tables, YAML and the other forms of output. */
import { describe, expect, it } from "@effect/vitest"
import { parse } from "effect/encoding/Yaml"
import * as Schema from "effect/Schema"
import { isDeepStrictEqual, stripVTControlCharacters } from "node:util"
import stringWidth from "string-width"
import { describeProgress } from "../../src/cli/ingest/progress.ts"
import type { Row } from "../../src/cli/output/cell.ts"
import { formatBytes, formatRate, formatSeconds } from "../../src/cli/output/numbers.ts"
import { makeRenderer } from "../../src/cli/output/Renderer.ts"
import type { Terminal } from "../../src/cli/output/terminal.ts"
import { clip, printable, widthOf } from "../../src/cli/output/width.ts"
import { toYaml } from "../../src/cli/output/yaml.ts"

const plain: Terminal = { width: undefined, colors: false }

const columns = [{ name: "name", isNumber: false }, { name: "count", isNumber: true }, {
  name: "note",
  isNumber: false
}]

const table = (rows: ReadonlyArray<Row>, terminal: Terminal = plain) => {
  const renderer = makeRenderer("table", columns, terminal)
  return renderer.add(rows) + renderer.end()
}

describe("a table", () => {
  const rows: ReadonlyArray<Row> = [
    ["東京タワー", 1, "wide"],
    ["👩‍👩‍👧 family", 12_345, null],
    ["e\u0301t\u00e9\u200b", -3, "two\nlines\u001b[31m"]
  ]

  it("stands straight with any script, and obeys nothing that is in it", () => {
    expect(table(rows)).toBe(
      [
        "name        count  note",
        "東京タワー      1  wide",
        "👩‍👩‍👧 family   12345  null",
        "e\u0301t\u00e9\u200b            -3  two\\nlines\\x1b[31m",
        ""
      ].join("\n")
    )
  })

  it.each([10, 20, 24, 30, 40, 80])("fits into %i columns, and clips no number", (width) => {
    const long: ReadonlyArray<Row> = [...rows, ["x".repeat(100), 1_234_567, "y".repeat(50)]]
    const text = table(long, { width, colors: true })
    const lines = stripVTControlCharacters(text).trimEnd().split("\n")
    const isNotice = (line: string) => line.startsWith("… ")
    expect(lines.filter((line) => !isNotice(line) && stringWidth(line) > width)).toEqual([])
    // The column of numbers is there as a whole, or not at all.
    expect(lines.filter((line) => /(?:123|1234567)…/.test(line))).toEqual([])
    expect(lines.some((line) => line.includes("1234567"))).toBe(width >= 20)
    expect(lines.some(isNotice)).toBe(width < 30)
  })

  it("takes its widths from the first rows, and goes on without holding back", () => {
    const renderer = makeRenderer("table", columns, { width: 40, colors: false })
    const many = Array.from({ length: 1000 }, (_, i): Row => ["abc", i, "n"])
    const first = renderer.add(many)
    expect(first.split("\n")).toHaveLength(1002)
    expect(renderer.add([["much longer than before", 1, ""]])).toBe("muc…      1\n")
    expect(renderer.end()).toBe("")
  })
})

describe("texts", () => {
  it.prop("are clipped to a width", {
    text: Schema.String,
    width: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 }))
  }, ({ text, width }) => {
    const shown = printable(text)
    const clipped = clip(shown, width)
    return widthOf(clipped) <= width && (clipped === shown || clipped.endsWith("…")) &&
      !/\p{Control}/u.test(shown)
  })
})

describe("YAML", () => {
  // Effect's own reader takes no more than this of texts with characters that YAML cannot hold.
  const Text = Schema.String.check(Schema.makeFilter((text) => text.isWellFormed()))
  const Part = Schema.Union([Text, Schema.Finite, Schema.Boolean, Schema.Null, Schema.Array(Schema.Finite)])

  it.prop("is read as what was written", { rows: Schema.Array(Schema.Record(Text, Part)) }, ({ rows }) => {
    const named = rows.map((row) =>
      Object.fromEntries(Object.entries(row).filter(([name]) => name !== "" && name !== "<<"))
    )
    return isDeepStrictEqual(parse(toYaml(named)), JSON.parse(JSON.stringify(named)))
  })

  it("looks as people write it", () => {
    expect(toYaml([{ key: "yes", text: "two words", none: null, nested: { list: [{ a: 1 }, [1, 2]], empty: {} } }]))
      .toBe(
        [
          "- key: \"yes\"",
          "  text: two words",
          "  none: null",
          "  nested:",
          "    list:",
          "      - a: 1",
          "      - [1,2]",
          "    empty: {}",
          ""
        ].join("\n")
      )
  })
})

describe("numbers", () => {
  it("are short", () => {
    expect([formatRate(481_234.5), formatRate(7.129), formatRate(0.2), formatRate(Number.POSITIVE_INFINITY)]).toEqual([
      "481,000",
      "7.13",
      "0",
      "0"
    ])
    expect([formatSeconds(420), formatSeconds(12_340), formatSeconds(250_000)]).toEqual([
      "0.42 s",
      "12.3 s",
      "4 min 10 s"
    ])
    expect([formatBytes(812), formatBytes(13_493_022), formatBytes(5e15)]).toEqual(["812 B", "13.5 MB", "5000.0 TB"])
  })
})

describe("progress", () => {
  const state = { progress: 500, accepted: 1000, rejected: 2 }

  it("says how much is done, how fast and how long it will take", () => {
    expect(describeProgress({ measure: "bytes", total: 2000 }, state, 2000, false)).toBe(
      "25%  1,002 records  501/s  6.00 s left  2 rejected"
    )
    expect(describeProgress({ measure: "bytes", total: 2000 }, state, 2000, true)).toMatch(/^▕██████ {18}▏ 25% /)
    expect(describeProgress({ measure: "bytes", total: undefined }, state, 2000, false)).toBe(
      "1,002 records  500 B  501/s  2 rejected"
    )
    expect(describeProgress({ measure: "rows", total: 0 }, { progress: 0, accepted: 0, rejected: 0 }, 1, false)).toBe(
      "0 records  0/s"
    )
  })
})
