/** `varve ingest` end to end: files of every format in, and out again as they were. */
import { parquetWriteBuffer } from "hyparquet-writer"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openWorkplace, type Workplace } from "./support/varve.ts"

let place: Workplace

beforeAll(async () => {
  place = await openWorkplace()
})
afterAll(() => place.close())

/** 2,500 records: more than a message holds. */
const records = Array.from({ length: 2500 }, (_, i) => ({
  id: `r${String(i).padStart(4, "0")}`,
  seats: i % 2 === 0 ? i - 500 : null,
  serial: 9_000_000_000 + i,
  ratio: i / 8 + 0.125,
  cancelled: i % 3 === 0,
  departed: new Date(978_307_260_000 + i * 61_001).toISOString().replace(".000Z", "Z"),
  note: i % 5 === 0 ? null : `Zürich, "gate ${i}"\nrow ${i}`
}))

const names = Object.keys(records[0]) as ReadonlyArray<keyof (typeof records)[0]>

const csvField = (value: string | number | boolean | null): string =>
  value === null ? "" : typeof value === "string" ? `"${value.replaceAll("\"", "\"\"")}"` : String(value)

const asNdjson = () => records.map((record) => JSON.stringify(record)).join("\n")
const asJson = () => JSON.stringify(records, undefined, 1)
const asCsv = () =>
  [names.join(","), ...records.map((record) => names.map((name) => csvField(record[name])).join(","))].join("\r\n")
const asParquet = () => {
  const column = (name: (typeof names)[number]) => records.map((record) => record[name])
  return new Uint8Array(parquetWriteBuffer({
    rowGroupSize: 1000,
    columnData: [
      { name: "id", data: column("id"), type: "STRING", nullable: false },
      {
        name: "seats",
        data: column("seats").map((value) => value === null ? null : BigInt(value as number)),
        type: "INT64"
      },
      {
        name: "serial",
        data: column("serial").map((value) => BigInt(value as number)),
        type: "INT64",
        nullable: false
      },
      { name: "ratio", data: column("ratio"), type: "DOUBLE", nullable: false },
      { name: "cancelled", data: column("cancelled"), type: "BOOLEAN", nullable: false },
      {
        name: "departed",
        data: column("departed").map((value) => new Date(value as string)),
        type: "TIMESTAMP",
        nullable: false
      },
      { name: "note", data: column("note"), type: "STRING" }
    ]
  }))
}

const inferred = {
  columns: [
    { name: "id", type: "string" },
    { name: "seats", type: "int64", nullable: true },
    { name: "serial", type: "int64" },
    { name: "ratio", type: "float64" },
    { name: "cancelled", type: "bool" },
    { name: "departed", type: "timestamp" },
    { name: "note", type: "string", nullable: true }
  ],
  key: "id"
}

describe.each([
  ["ndjson", asNdjson],
  ["json", asJson],
  ["csv", asCsv],
  ["parquet", asParquet]
])("a %s file", (format, content) => {
  it("comes back as it was", async () => {
    const file = place.write(`records.${format}`, content())
    const ingested = await place.varve(["ingest", file, "--table", format, "--key", "id", "--register"])
    expect(ingested.err).toBe(`registered demo/${format} with 7 columns\n`)
    expect(ingested.out).toMatch(
      new RegExp(`^2,500 records accepted into demo/${format} in .* s \\(.*/s\\); last position \\d+\n$`)
    )
    expect(ingested.code).toBe(0)
    const [shown, found] = await Promise.all([
      place.varve(["schema", "show", "--table", format]),
      place.json(["query", "--table", format, "--select", "*", "--order-by", "id"])
    ])
    expect(JSON.parse(shown.out)).toEqual(inferred)
    expect(found).toEqual(records)
  })
})

describe("ingest", () => {
  it("makes keys of the file's name and row numbers, and says that the file can be ingested again", async () => {
    const file = place.write("keyless.csv", "a,b\n1,x\n2,y\n")
    const first = await place.varve(["ingest", file, "--table", "keyless", "--register"])
    expect(first.err).toContain(
      "keys are keyless.csv#00000001 and so on: ingesting this file again writes the same keys"
    )
    const second = await place.varve(["ingest", file, "--table", "keyless", "--quiet"])
    expect([first.code, second.code, second.err]).toEqual([0, 0, ""])
    expect(await place.json(["query", "--table", "keyless"])).toEqual([
      { _key: "keyless.csv#00000001", a: 1, b: "x" },
      { _key: "keyless.csv#00000002", a: 2, b: "y" }
    ])
  })

  it("takes event times from a column, and keys from another than the table's", async () => {
    place.write(
      "times.schema.json",
      JSON.stringify({
        columns: [{ name: "id", type: "int64" }, { name: "at", type: "string" }, { name: "millis", type: "int64" }]
      })
    )
    await place.varve(["schema", "register", "times.schema.json", "--table", "times"])
    const file = place.write("times.ndjson", "{\"id\":7,\"at\":\"2024-05-01T00:00:00Z\",\"millis\":86400000}\n")
    const args = ["ingest", file, "--table", "times", "--key", "id", "--timestamp"]
    expect((await place.varve([...args, "at"])).code).toBe(0)
    expect(await place.json(["get", "7", "--table", "times"])).toMatchObject([{ _timestamp: "2024-05-01T00:00:00Z" }])
    expect((await place.varve([...args, "millis"])).code).toBe(0)
    expect(await place.json(["get", "7", "--table", "times"])).toMatchObject([{ _timestamp: "1970-01-02T00:00:00Z" }])
  })

  it("keeps the good lines, names the bad ones by number and field, and writes them whole to a file", async () => {
    place.write(
      "bad.schema.json",
      JSON.stringify({
        columns: [{ name: "id", type: "string" }, { name: "n", type: "int32", nullable: true }],
        key: "id"
      })
    )
    await place.varve(["schema", "register", "bad.schema.json", "--table", "bad"])
    const lines = [
      "{\"id\":\"a\",\"n\":1}",
      "{\"id\":\"b\",\"n\":\"one\"}",
      "",
      "{\"id\":\"c\",\"n\":2",
      "{\"id\":\"d\",\"m\":3}",
      "{\"n\":3}",
      "{\"id\":\"e\",\"n\":3000000000}",
      `{"id":"${"k".repeat(2000)}","n":1}`,
      "[1]",
      "{\"id\":\"f\",\"n\":null}"
    ]
    const broken = Buffer.concat([Buffer.from(`${lines.join("\n")}\n{"id":"`), Buffer.of(0xff), Buffer.from("\"}\n")])
    const ran = await place.varve(["ingest", place.write("bad.ndjson", broken), "--table", "bad"])
    expect(ran.code).toBe(1)
    expect(ran.out).toMatch(/^2 records accepted into demo\/bad, 8 rejected/)
    const told = ran.err.trimEnd().split("\n")
    expect(told.map((line) => line.replace(/ not JSON: .*/, " not JSON"))).toEqual([
      "bad.ndjson, line 2: n: the string \"one\" is not an int32; send a whole number",
      "bad.ndjson, line 4: not JSON",
      "bad.ndjson, line 5: m: no such column; the schema has id, n",
      "bad.ndjson, line 6: id: missing; the column is not nullable and has no default",
      "bad.ndjson, line 7: n: 3000000000 is beyond an int32; register the column as int64",
      "bad.ndjson, line 9: not a JSON object",
      "bad.ndjson, line 11: the line is not valid UTF-8",
      expect.stringMatching(/^bad\.ndjson, line 8: .*1024/),
      "varve: 8 of 10 records were rejected; they are in bad.ndjson.rejects.ndjson"
    ])
    const rejects = place.read("bad.ndjson.rejects.ndjson").trimEnd().split("\n").map((line) => JSON.parse(line))
    expect(rejects).toHaveLength(8)
    expect(rejects[0]).toEqual({
      line: 2,
      reason: "WRONG_TYPE",
      field: "n",
      message: "the string \"one\" is not an int32; send a whole number",
      text: lines[1]
    })
    expect(await place.json(["query", "--table", "bad"])).toEqual([
      { _key: "a", id: "a", n: 1 },
      { _key: "f", id: "f", n: null }
    ])
  })

  it("names lines of CSV, with quotes over several lines between them", async () => {
    const content = "id,text,n\n1,\"a\nb\",1\n2,x,one\n3,\"y\"z,3\n4,short\n5,ok,5\n6,\"never closed,6\n"
    await place.varve(["schema", "register", "-", "--table", "lines"], {
      input: JSON.stringify({
        columns: [
          { name: "id", type: "int64" },
          { name: "text", type: "string" },
          { name: "n", type: "int64", default: 0 }
        ],
        key: "id"
      })
    })
    const ran = await place.varve(["ingest", place.write("lines.csv", content), "--table", "lines"])
    expect(ran.err.trimEnd().split("\n")).toEqual([
      "lines.csv, line 4: n: \"one\" is not an int64; write a whole number",
      "lines.csv, line 5: a quote in the middle of a field; put the whole field in quotes and double those within",
      "lines.csv, line 6: 2 cells; the header has 3",
      "lines.csv, line 8: a quote that is never closed",
      "varve: 4 of 6 records were rejected; they are in lines.csv.rejects.ndjson"
    ])
    expect(await place.json(["query", "--table", "lines", "--select", "*"])).toEqual([
      { id: 1, text: "a\nb", n: 1 },
      { id: 5, text: "ok", n: 5 }
    ])
  })

  it("shows the first ten bad lines, and how many more there are", async () => {
    const lines = Array.from({ length: 30 }, (_, i) => i < 5 ? `{"id":"${i}"}` : "no")
    const args = ["ingest", "-", "--table", "many", "--key", "id", "--register", "--rejects", "many.rejects"]
    const ran = await place.varve(args, { input: lines.join("\n") })
    expect(ran.err.split("\n").filter((line) => line.startsWith("-, line"))).toHaveLength(10)
    expect(ran.err).toContain("… and 15 more\nvarve: 25 of 30 records were rejected; they are in many.rejects\n")
    expect(place.read("many.rejects").trimEnd().split("\n")).toHaveLength(25)
  })

  it("keeps integers beyond 2^53 exact, and nested values", async () => {
    await place.varve(["schema", "register", "-", "--table", "exact"], {
      input: JSON.stringify({
        columns: [
          { name: "id", type: "int64" },
          { name: "tags", type: { array: "string" } },
          { name: "place", type: { struct: [{ name: "lat", type: "float64" }] }, nullable: true },
          { name: "any", type: "json", nullable: true }
        ],
        key: "id"
      })
    })
    const input =
      "{\"id\":9007199254740993,\"tags\":[\"ü\",\"b\"],\"place\":{\"lat\":1.5},\"any\":{\"id\":1,\"x\":[null,true]}}\n" +
      "{\"id\":\"-9223372036854775808\",\"tags\":[]}\n"
    expect((await place.varve(["ingest", "-", "--table", "exact"], { input })).code).toBe(0)
    expect(await place.json(["query", "--table", "exact", "--select", "*", "--order-by", "id"])).toEqual([
      { id: "-9223372036854775808", tags: [], place: null, any: null },
      { id: "9007199254740993", tags: ["ü", "b"], place: { lat: 1.5 }, any: { id: 1, x: [null, true] } }
    ])
  })

  it("prints its summary in the format that is asked for, and nothing else", async () => {
    const file = place.write("summary.ndjson", "{\"id\":\"a\"}\n{\"id\":1}\n")
    await place.varve(["schema", "register", "-", "--table", "summary"], {
      input: "{\"columns\":[{\"name\":\"id\",\"type\":\"string\"}],\"key\":\"id\"}"
    })
    const ran = await place.varve(["--format", "json", "ingest", file, "--table", "summary"])
    expect(ran.code).toBe(1)
    expect(JSON.parse(ran.out)).toEqual([{
      tenant: "demo",
      table: "summary",
      accepted: 1,
      rejected: 1,
      seconds: expect.any(Number),
      records_per_second: expect.any(Number),
      last_position: expect.any(Number),
      rejects_file: expect.stringMatching(/summary\.ndjson\.rejects\.ndjson$/)
    }])
    expect(JSON.parse(ran.err)).toEqual({
      reason: "REJECTED",
      message: "1 of 2 records was rejected; it is in summary.ndjson.rejects.ndjson",
      exit_code: 1
    })
  })

  it.each([
    ["a file that is not there", ["nothing.csv", "--table", "t"], 2, /nothing\.csv: there is no such file/],
    ["a format that is not known", ["records.txt", "--table", "t"], 2, /records\.txt: the format is not known/],
    ["a table that is not there", ["records.csv", "--table", "nope"], 1, /there is no table nope .*--register/],
    ["a key that is no column", ["records.csv", "--table", "csv", "--key", "x"], 2, /--key "x" is no column/],
    ["a time that is none", ["records.csv", "--table", "csv", "--timestamp", "ratio"], 2, /column is float64/],
    ["columns that do not suit", ["keyless.csv", "--table", "csv"], 1, /has a column "a" and the table has not/],
    [
      "Parquet that is none",
      ["records.csv", "--table", "csv", "--input-format", "parquet"],
      1,
      /not a readable Parquet/
    ],
    ["JSON that is none", ["records.csv", "--table", "csv", "--input-format", "json"], 1, /not JSON/],
    ["standard input without keys", ["-", "--table", "new", "--register"], 2, /say --key COLUMN/],
    ["a batch that is too large", ["records.csv", "--table", "csv", "--batch-size", "0"], 2, /from 1 to 100000/]
  ])("refuses %s", async (_, args, code, message) => {
    const ran = await place.varve(["ingest", ...args])
    expect(ran.err.trimEnd().split("\n")).toHaveLength(1)
    expect(ran.err).toMatch(message)
    expect(ran.code).toBe(code)
  })

  it("says up to which line everything was acknowledged when the server goes away", async () => {
    const other = await openWorkplace()
    try {
      const running = other.begin(["ingest", "-", "--table", "t", "--key", "id", "--register", "--batch-size", "100"])
      const lines = (from: number, to: number) =>
        Array.from({ length: to - from }, (_, i) => `{"id":${from + i}}\n`).join("")
      // Enough to infer a schema from; the rest waits.
      running.stdin.write(lines(0, 60_000))
      for (let count = 0; count < 1000;) {
        const [counted] = await other.json(["aggregate", "--table", "t", "--agg", "count"]).catch(() => [{ count: 0 }])
        count = counted.count as number
      }
      other.server.process.kill("SIGKILL")
      running.stdin.end(lines(60_000, 200_000))
      const { code, err } = await running.ended
      expect(code).toBe(3)
      const line = Number(/everything up to line ([\d,]+) was acknowledged/.exec(err)?.[1].replaceAll(",", ""))
      expect(line).toBeGreaterThanOrEqual(1000)
      expect(line % 100).toBe(0)
      expect(err).toContain("run the same command again")
    } finally {
      await other.close()
    }
  })
})
