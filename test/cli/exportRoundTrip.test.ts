/** Random tables of every type: what `varve export` writes, `varve import` brings back as the same records. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Dice, seedsOf } from "../support/dice.ts"
import { randomDocument } from "../support/randomSchema.ts"
import { rowBytes } from "../support/wireRecord.ts"
import { randomRecords, readRecords, writeRecords } from "./support/tables.ts"
import { openWorkplace, type Workplace } from "./support/varve.ts"

let place: Workplace

beforeAll(async () => {
  place = await openWorkplace()
})
afterAll(() => place.close())

const formats = ["parquet", "ndjson", "csv"] as const

/** Runs a command that must succeed and have nothing to say beside its result. */
const ok = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { code, err, out } = await place.varve([...args, "--quiet"])
  expect([err, code]).toEqual(["", 0])
  return out
}

const register = async (name: string, table: string): Promise<void> => {
  const { code, err } = await place.varve(["schema", "register", name, "--table", table])
  expect([err, code]).toEqual(["", 0])
}

describe.each(seedsOf(3))("seed %i", (seed) => {
  it("comes back in every format", async () => {
    const dice = new Dice(seed)
    const document = randomDocument(dice, dice.between(1, 14))
    const schema = place.write(`${seed}.json`, JSON.stringify(document))
    const table = `t${seed}`
    await register(schema, table)
    const count = dice.pick([1, 20, 400])
    await writeRecords(place, table, randomRecords(dice, document, count))
    const written = await readRecords(place, table)
    expect(written.size).toBe(count)

    for (const format of formats) {
      const copy = `${table}-${format}`
      const file = `${table}.${format}`
      await ok("export", "--table", table, "--output", file)
      // Parquet holds the schema.
      if (format !== "parquet") await register(schema, copy)
      await ok("import", file, "--table", copy, "--register")
      const shown = await Promise.all([table, copy].map((name) => place.varve(["schema", "show", "--table", name])))
      expect(shown[1]).toEqual(shown[0])
      expect([format, await readRecords(place, copy)]).toEqual([format, written])
    }
  })
})

/** Values that formats have stumbled over. */
const awkward = [
  null,
  "",
  " ",
  "\"",
  "\"\"",
  ",",
  "\r",
  "\n",
  "a\r\nb",
  "null",
  "\ufeff",
  "\\N",
  "\\",
  "\u0000",
  "\u2028",
  "😀",
  `${"a \"line\"\n".repeat(150_000)}end`
]

describe("texts that formats stumble over", () => {
  const columns = [
    { name: " spaces ", type: "string" as const, nullable: true, default: "not null" },
    { name: "a,\"b\"", type: "json" as const, nullable: true },
    { name: "bytes", type: "bytes" as const, nullable: true, default: "AAAA" }
  ]

  it.each(formats)("stay what they are in %s", async (format) => {
    const schema = place.write("awkward.json", JSON.stringify({ columns }))
    const [table, copy] = [`awkward-${format}`, `awkward-${format}-copy`]
    await register(schema, table)
    await register(schema, copy)
    await writeRecords(
      place,
      table,
      awkward.map((text, i) => ({
        key: `${i}${(text ?? "").slice(0, 9)}`,
        row: rowBytes(
          text === null ? [undefined, undefined, undefined] : [
            { case: "stringValue", value: text },
            { case: "jsonValue", value: { [text.slice(0, 20)]: [text] } },
            { case: "bytesValue", value: new Uint8Array(Buffer.from(text)) }
          ]
        )
      }))
    )
    await ok("export", "--table", table, "--output", `${table}.${format}`)
    await ok("import", `${table}.${format}`, "--table", copy)
    expect(await readRecords(place, copy)).toEqual(await readRecords(place, table))
  })
})
