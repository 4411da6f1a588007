/** The CSV parser: whatever is written by the rules is read again, and what is not spoils only its own record. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { isDeepStrictEqual } from "node:util"
import { CsvParser } from "../../src/cli/ingest/CsvParser.ts"

const Cell = Schema.Array(Schema.Literals(["a", "ü", "✈️", ",", "\"", "\n", "\r\n", " ", "\t", "0"])).pipe(
  Schema.brand("cell")
)
const Cells = Schema.Array(Cell).check(Schema.isMinLength(1))

const field = (text: string, isQuoted: boolean): string =>
  isQuoted || /[",\r\n]/.test(text) ? `"${text.replaceAll("\"", "\"\"")}"` : text

/** Parses a text that comes in blocks of whole lines, cut behind some of its line feeds. */
const parse = (text: string, isCut: (line: number) => boolean, delimiter = ",") => {
  const parser = new CsvParser(delimiter)
  const cells: Array<ReadonlyArray<string>> = []
  const lines: Array<number> = []
  const texts: Array<string> = []
  const problems: Array<readonly [number, string]> = []
  const take = (records: ReturnType<CsvParser["add"]>): void => {
    for (const [index, problem] of records.problems) problems.push([records.lines[index], problem])
    cells.push(...records.cells)
    lines.push(...records.lines)
    texts.push(...records.texts)
  }
  const all = text.split("\n")
  let first = 0
  for (let line = 0; line < all.length; line++) {
    if (line < all.length - 1 && !isCut(line)) continue
    take(parser.add(all.slice(first, line + 1).join("\n"), first + 1))
    first = line + 1
  }
  take(parser.finish())
  return { cells, lines, texts, problems }
}

describe("CsvParser", () => {
  it.prop(
    "reads what was written, wherever blocks are cut",
    {
      rows: Schema.Array(Schema.Struct({ cells: Cells, isQuoted: Schema.Boolean, isCrlf: Schema.Boolean })),
      cuts: Schema.Array(Schema.Boolean)
    },
    ({ cuts, rows }) => {
      const written = rows.map(({ cells, isCrlf, isQuoted }) => ({
        // A record of one empty field is a blank line, which counts for nothing, unless it is quoted.
        text: cells.map((cell) => field(cell.join(""), isQuoted || cells.length === 1)).join(","),
        cells: cells.map((cell) => cell.join("")),
        end: isCrlf ? "\r\n" : "\n"
      }))
      const text = written.map((row) => row.text + row.end).join("")
      const parsed = parse(text, (line) => cuts[line % Math.max(1, cuts.length)] === true)
      return isDeepStrictEqual(parsed.cells, written.map(({ cells }) => cells)) &&
        isDeepStrictEqual(parsed.texts, written.map((row) => row.text)) && parsed.problems.length === 0
    }
  )

  it("counts lines through quotes and blank ones", () => {
    const { cells, lines } = parse("a,b\n\n\"x\ny\",1\n\n\nc,d", () => true)
    expect(cells).toEqual([["a", "b"], ["x\ny", "1"], ["c", "d"]])
    expect(lines).toEqual([1, 3, 7])
  })

  it("goes on behind a quote that is out of place, and one that nothing closes", () => {
    const { cells, problems } = parse("1,a\"b\n2,\"c\"d\n3,ok\n4,\"open\n5,ok", () => false)
    expect(problems.map(([line, problem]) => [line, problem.split(";")[0]])).toEqual([
      [1, "a quote in the middle of a field"],
      [2, "a quote in the middle of a field"],
      [4, "a quote that is never closed"]
    ])
    expect(cells).toEqual([[], [], ["3", "ok"], [], ["5", "ok"]])
  })

  it("does not hold the rest of a file for a quote that nothing closes", () => {
    const rest = Array.from({ length: 200_000 }, (_, i) => `${i},plain`).join("\n")
    const { cells, problems } = parse(`0,"open\n${rest}\n`, (line) => line % 1000 === 0)
    expect(problems).toEqual([[1, "a quote that is never closed"]])
    expect(cells).toHaveLength(200_001)
  })

  it("knows other delimiters", () => {
    expect(parse("a\tb,c\n\"x\ty\"\tz\t", () => false, "\t").cells).toEqual([["a", "b,c"], ["x\ty", "z", ""]])
  })
})
