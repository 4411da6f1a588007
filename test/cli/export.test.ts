/** `varve export` end to end: what is in its files, what is not, and what is left where it fails. */
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from "hyparquet"
import { compressors } from "hyparquet-compressors"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openWorkplace, type Workplace } from "./support/varve.ts"

let place: Workplace

const flights = [
  { id: "AA1", origin: "SFO", delay: 12, at: "2026-03-01T06:10:00Z", note: "Zürich ✈" },
  { id: "DL9", origin: "JFK", delay: 40, at: "2026-03-01T06:25:00.000001Z", note: null },
  { id: "UA7", origin: "SFO", delay: -3, at: "1969-12-31T23:59:59.5Z", note: "" }
]

const ndjson = (records: ReadonlyArray<object>) => records.map((record) => `${JSON.stringify(record)}\n`).join("")

const manyRows = 140_000

beforeAll(async () => {
  place = await openWorkplace()
  place.write("flights.ndjson", ndjson(flights))
  await place.varve([
    "ingest",
    "flights.ndjson",
    "--table",
    "flights",
    "--key",
    "id",
    "--timestamp",
    "at",
    "--register"
  ])
  // More than a row group.
  place.write("many.ndjson", ndjson(Array.from({ length: manyRows }, (_, i) => ({ n: i, text: `text ${i % 1000}` }))))
  await place.varve(["ingest", "many.ndjson", "--table", "many", "--register", "--quiet"])
})
afterAll(() => place.close())

/** Runs an export of the flights that must succeed. */
const ok = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { code, err, out } = await place.varve(["export", "--table", "flights", ...args])
  expect([code, err]).toEqual([0, ""])
  return out
}

/** What an export of the flights writes to standard output. */
const text = (...args: ReadonlyArray<string>) => ok("--output", "-", "--quiet", ...args)

/** Files in the workplace, those that are hidden too. */
const files = () => fs.readdirSync(place.directory).toSorted()

const bufferOf = (name: string) => asyncBufferFromFile(path.join(place.directory, name))

describe("a file", () => {
  it("of newline-delimited JSON holds keys and event times, and writes nulls", async () => {
    const out = await ok("--output", "all.ndjson")
    expect(out).toMatch(
      /^3 records of demo\/flights at position \d+ exported to all\.ndjson: \d+ B in .* s \(.*\/s\)\n$/
    )
    expect(place.read("all.ndjson")).toBe(
      `{"_key":"AA1","_timestamp":"2026-03-01T06:10:00Z","id":"AA1","origin":"SFO","delay":12,"at":"2026-03-01T06:10:00Z","note":"Zürich ✈"}
{"_key":"DL9","_timestamp":"2026-03-01T06:25:00.000001Z","id":"DL9","origin":"JFK","delay":40,"at":"2026-03-01T06:25:00.000001Z","note":null}
{"_key":"UA7","_timestamp":"1969-12-31T23:59:59.500Z","id":"UA7","origin":"SFO","delay":-3,"at":"1969-12-31T23:59:59.500Z","note":""}
`
    )
  })

  it("of CSV tells a null from an empty text", async () => {
    await ok("--output", "all.csv", "--no-system", "--select", "id,note")
    expect(place.read("all.csv")).toBe("id,note\nAA1,Zürich ✈\nDL9,\nUA7,\"\"\n")
  })

  it("of Parquet says what its columns are, and other readers read it", async () => {
    await ok("--output", "all.parquet")
    const file = await bufferOf("all.parquet")
    const metadata = await parquetMetadataAsync(file)
    const columns = parquetSchema(metadata).children.map(({ element }) => [
      element.name,
      element.type,
      element.converted_type,
      element.repetition_type,
      element.field_id
    ])
    expect(columns).toEqual([
      ["_key", "BYTE_ARRAY", "UTF8", "REQUIRED", 2_000_000_001],
      ["_timestamp", "INT64", "TIMESTAMP_MICROS", "OPTIONAL", 2_000_000_004],
      ["_metadata", "BYTE_ARRAY", "JSON", "OPTIONAL", 2_000_000_006],
      ["id", "BYTE_ARRAY", "UTF8", "OPTIONAL", 1],
      ["origin", "BYTE_ARRAY", "UTF8", "OPTIONAL", 2],
      ["delay", "INT64", undefined, "OPTIONAL", 3],
      ["at", "INT64", "TIMESTAMP_MICROS", "OPTIONAL", 4],
      ["note", "BYTE_ARRAY", "UTF8", "OPTIONAL", 5]
    ])
    // Rows come as they lie: nobody may take them for sorted.
    expect(metadata.row_groups.map(({ sorting_columns }) => sorting_columns)).toEqual([undefined])
    expect(await parquetReadObjects({ file, compressors })).toEqual(
      flights.map(({ at, delay, ...rest }) => ({
        _key: rest.id,
        _timestamp: new Date(at.replace("000001", "000")),
        _metadata: null,
        ...rest,
        delay: BigInt(delay),
        at: new Date(at.replace("000001", "000"))
      }))
    )
  })

  it("of more than one row group has every row once", async () => {
    const { out } = await place.varve(["export", "--table", "many", "--output", "many.parquet", "--format", "json"])
    const [summary] = JSON.parse(out) as ReadonlyArray<Record<string, unknown>>
    const { size } = fs.statSync(path.join(place.directory, "many.parquet"))
    expect(summary).toMatchObject({
      tenant: "demo",
      table: "many",
      file: fs.realpathSync(path.join(place.directory, "many.parquet")),
      type: "parquet",
      rows: manyRows,
      bytes: size
    })
    const [{ _position: last }] = await place.json([
      "query",
      "--table",
      "many",
      "--select",
      "_position",
      "--order-by",
      "_position:desc",
      "--limit",
      "1"
    ])
    expect(summary.position).toBe(last)
    const file = await bufferOf("many.parquet")
    const metadata = await parquetMetadataAsync(file)
    expect(metadata.row_groups.length).toBeGreaterThan(1)
    const rows = await parquetReadObjects({ file, compressors, columns: ["n", "text"] })
    expect(rows.map(({ n }) => Number(n)).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: manyRows }, (_, i) => i)
    )
    expect(rows.every(({ n, text }) => text === `text ${Number(n) % 1000}`)).toBe(true)
    // The statistics of the file's columns are its own.
    const { meta_data: chunk } = metadata.row_groups[0].columns.find(({ meta_data }) =>
      meta_data?.path_in_schema[0] === "n"
    )!
    expect(chunk?.statistics).toMatchObject({ null_count: 0n, min_value: 0n })
  })

  it("of no rows is a file too", async () => {
    for (const type of ["parquet", "ndjson", "csv"]) await ok("--output", `none.${type}`, "--where", "delay > 1000")
    expect(place.read("none.ndjson")).toBe("")
    expect(place.read("none.csv")).toBe("_key,_timestamp,_metadata,id,origin,delay,at,note\n")
    const file = await bufferOf("none.parquet")
    expect(await parquetReadObjects({ file, compressors })).toEqual([])
    expect(parquetSchema(await parquetMetadataAsync(file)).children).toHaveLength(8)
  })

  it("replaces another one only where it is told to", async () => {
    place.write("there.csv", "mine\n")
    const refused = await place.varve(["export", "--table", "flights", "--output", "there.csv"])
    expect(refused).toEqual({
      code: 2,
      out: "",
      err: "varve: there.csv exists already; replace it with --overwrite, or name another file\n"
    })
    expect(place.read("there.csv")).toBe("mine\n")
    fs.symlinkSync("there.csv", path.join(place.directory, "link.csv"))
    await ok("--output", "link.csv", "--overwrite", "--select", "id", "--no-system", "--where", "delay > 20")
    expect(place.read("there.csv")).toBe("id\nDL9\n")
    expect(fs.lstatSync(path.join(place.directory, "link.csv")).isSymbolicLink()).toBe(true)
  })
})

describe("what is exported", () => {
  it("is chosen by --select, --where and --no-system", async () => {
    const csv = (...args: ReadonlyArray<string>) => text("--type", "csv", ...args)
    expect(await csv("--where", "origin = 'SFO' and delay < 0", "--select", "delay")).toBe(
      "_key,_timestamp,_metadata,delay\nUA7,1969-12-31T23:59:59.500Z,,-3\n"
    )
    expect(await csv("--select", "_metadata", "--no-system", "--where", "delay < 0")).toBe("_metadata\n\n")
    expect(await csv("--select", "origin,_key", "--no-system", "--where", "delay < 0")).toBe("origin,_key\nSFO,UA7\n")
    const [record] = await place.json(["get", "UA7", "--table", "flights"])
    expect(await csv("--select", "_position,_commit_time", "--where", "delay < 0")).toBe(
      `_key,_timestamp,_metadata,_position,_commit_time\n` +
        `UA7,1969-12-31T23:59:59.500Z,,${String(record._position)},${String(record._commit_time)}\n`
    )
  })

  it("can be the past, by position and by time", async () => {
    const at = (...args: ReadonlyArray<string>) =>
      text("--select", "delay", "--where", "id = 'AA1'", "--no-system", ...args)
    const [before] = await place.json(["get", "AA1", "--table", "flights"])
    await place.varve(["ingest", "-", "--table", "flights"], { input: ndjson([{ ...flights[0], delay: 99 }]) })
    expect(await at()).toBe("{\"delay\":99}\n")
    expect(await at("--as-of", String(before._position))).toBe("{\"delay\":12}\n")
    expect(await at("--as-of", String(before._commit_time))).toBe("{\"delay\":12}\n")
    await place.varve(["ingest", "-", "--table", "flights"], { input: ndjson([flights[0]]) })
  })
})

describe("standard output", () => {
  it("has the records alone; standard error says what they are", async () => {
    const { code, err, out } = await place.varve(["export", "--table", "flights", "--output", "-", "--select", "id"])
    expect(code).toBe(0)
    expect(out.split("\n")).toHaveLength(4)
    expect(err).toMatch(/^3 records of demo\/flights at position \d+ exported to standard output: .*\n$/)
  })

  it("takes Parquet as well", async () => {
    const running = place.begin(["export", "--table", "flights", "--output", "-", "--type", "parquet", "--quiet"])
    running.stdin.end()
    const pieces: Array<Buffer> = []
    for await (const piece of running.stdout) pieces.push(piece as Buffer)
    const file = new Uint8Array(Buffer.concat(pieces)).buffer
    expect(await parquetReadObjects({ file, compressors })).toHaveLength(3)
    expect((await running.ended).code).toBe(0)
  })

  const shell = (script: string) => {
    const command = `"${process.execPath}" "${path.join(import.meta.dirname, "../../bin/varve.js")}"`
    return spawnSync("sh", ["-c", script.replaceAll("varve ", `${command} `)], {
      encoding: "utf8",
      cwd: place.directory,
      env: { ...process.env, ...place.environment }
    })
  }

  it("may be closed by whoever reads it", () => {
    const { stderr, stdout } = shell(
      "varve export --table many --output - --type csv --select n --no-system | head -n 1"
    )
    expect([stdout, stderr]).toEqual(["n\n", ""])
  })

  it.runIf(fs.existsSync("/dev/full"))(
    "and files may find the disk full: one line, exit code 1, and nothing is left",
    () => {
      for (const command of ["export --output -", "query"]) {
        const { status, stderr } = shell(`varve ${command} --table many > /dev/full`)
        expect([status, stderr]).toEqual([1, "varve: standard output: the disk is full\n"])
      }
      const before = files()
      // Files of at most 64 KiB: the next best thing to a disk that is full.
      const { status, stderr } = shell("ulimit -f 128; varve export --table many --output large.ndjson")
      expect([status, stderr]).toEqual([
        1,
        "varve: large.ndjson: the file would be larger than files may be there\n"
      ])
      expect(files()).toEqual(before)
    }
  )
})

describe("a call that cannot be served", () => {
  it.each([
    [
      ["--output", "all.txt"],
      2,
      "all.txt: the format is not known by the file's name; call it .parquet, .ndjson or .csv"
    ],
    [["--output", "nowhere/all.csv"], 2, "nowhere/all.csv: there is no folder nowhere; make it first"],
    [["--output", ".", "--type", "csv"], 2, ". is a folder; name a file in it"],
    [["--output", "/dev/null", "--type", "csv", "--overwrite"], 2, "/dev/null is no file that could be replaced"],
    [["--output", "x.csv", "--as-of", "yesterday"], 2, "--as-of \"yesterday\": write a position like 1200, or a time"],
    [["--output", "x.csv", "--type", "xml"], 2, "--type \"xml\": expected"],
    [[], 2, "--output is missing"],
    [["--output", "x.csv", "--table", "flightz"], 1, "there is \"flights\""],
    [["--output", "x.csv", "--select", "nope"], 1, "table flights has no column \"nope\""],
    [["--output", "x.csv", "--where", "delay >"], 1, "where: column 8: expected a number"],
    [["--output", "x.csv", "--query-url", "http://127.0.0.1:1"], 3, "cannot reach the query service"]
  ])("%j", async (args, code, message) => {
    const before = files()
    const table = args.includes("--table") ? [] : ["--table", "flights"]
    const ran = await place.varve(["export", ...table, ...args])
    expect([ran.code, ran.out]).toEqual([code, ""])
    expect(ran.err).toContain(message)
    expect(ran.err.trimEnd().split("\n")).toHaveLength(1)
    expect(files()).toEqual(before)
  })
})

describe("an export that is cut short", () => {
  /** Begins an export, and stops the server where it stands once the first bytes are written. */
  const begin = async (of: Workplace, output: string) => {
    const running = of.begin(["export", "--table", "many", "--output", output, "--overwrite", "--quiet"])
    const partial = () => fs.readdirSync(of.directory).find((name) => name.endsWith(".partial"))
    for (;;) {
      const name = partial()
      if (name !== undefined && fs.statSync(path.join(of.directory, name)).size > 0) break
      await sleep(2)
    }
    of.server.process.kill("SIGSTOP")
    return { ...running, partial }
  }

  it("leaves nothing, and a file that was there as it was", async () => {
    place.write("kept.ndjson", "mine\n")
    const running = await begin(place, "kept.ndjson")
    try {
      running.kill()
      expect(await running.ended).toEqual({
        code: 130,
        out: "",
        err: "varve: interrupted; kept.ndjson was not written\n"
      })
    } finally {
      place.server.process.kill("SIGCONT")
    }
    expect(running.partial()).toBeUndefined()
    expect(place.read("kept.ndjson")).toBe("mine\n")
  })

  it("by the server that goes away says so", async () => {
    const other = await openWorkplace()
    other.write("many.ndjson", place.read("many.ndjson"))
    await other.varve(["ingest", "many.ndjson", "--table", "many", "--register", "--quiet"])
    const running = await begin(other, "gone.ndjson")
    other.server.process.kill("SIGKILL")
    const { code, err, out } = await running.ended
    expect([code, out]).toEqual([3, ""])
    expect(err).toMatch(/^varve: cannot reach the query service at .*: the connection was lost; .*\n$/)
    expect(fs.readdirSync(other.directory)).toEqual(["many.ndjson"])
    await other.close()
  })
})

describe("import", () => {
  it("makes the table that was exported, with its key, and writes the same keys each time", async () => {
    await ok("--output", "again.parquet")
    const first = await place.varve(["import", "again.parquet", "--table", "again", "--register"])
    expect([first.code, first.err]).toEqual([0, "registered demo/again with 5 columns\n"])
    await place.varve(["import", "again.parquet", "--table", "again"])
    const rows = (table: string) =>
      place.json(["query", "--table", table, "--select", "_key,_timestamp,*", "--order-by", "_key"])
    expect(await rows("again")).toEqual(await rows("flights"))
    const shown = await place.varve(["schema", "show", "--table", "again"])
    expect(JSON.parse(shown.out)).toMatchObject({ key: "id" })
    const inferred = await place.varve(["schema", "infer", "again.parquet"])
    expect(inferred.out).toBe(shown.out)
  })

  it("reads standard input, and makes keys only where there are none", async () => {
    const exported = await text("--no-system", "--select", "origin")
    place.write("origins.ndjson", exported)
    await place.varve(["import", "origins.ndjson", "--table", "origins", "--register"])
    expect(await place.json(["query", "--table", "origins", "--limit", "1"])).toEqual([
      { _key: "origins.ndjson#00000001", ...(JSON.parse(exported.split("\n")[0]) as object) }
    ])
    const mixed = `{"_key":"k","origin":"LAX","_metadata":{"a":"b"}}\n${exported}`
    const ran = await place.varve(["import", "-", "--table", "origins", "--quiet"], { input: mixed })
    expect(ran.code).toBe(1)
    expect(ran.err).toContain("line 2: _key: missing, the table has no key column, and standard input has no name")
    expect(await place.json(["get", "k", "--table", "origins"])).toMatchObject([
      { _key: "k", _metadata: { a: "b" }, origin: "LAX" }
    ])
  })

  it("takes keys and event times from other columns where it is told to", async () => {
    place.write("other.csv", "_key,_timestamp,origin,at\nk,2026-01-01T00:00:00Z,SFO,2025-01-01T00:00:00Z\n")
    const args = ["--table", "other", "--register", "--key", "origin", "--timestamp", "at"]
    const ran = await place.varve(["import", "other.csv", ...args])
    expect(ran.code).toBe(0)
    expect(await place.json(["get", "SFO", "--table", "other"])).toMatchObject([
      { _key: "SFO", _timestamp: "2025-01-01T00:00:00Z" }
    ])
  })

  it("is what to call where ingest finds an export", async () => {
    await ok("--output", "plain.csv")
    await ok("--output", "plain.ndjson")
    for (const table of ["flights", "missing"]) {
      const ran = await place.varve(["ingest", "plain.csv", "--table", table, "--register"])
      expect([ran.code, ran.err]).toEqual([
        1,
        "varve: plain.csv has a column \"_key\", as `varve export` writes it; bring it back with `varve import`\n"
      ])
    }
    const ran = await place.varve(["ingest", "plain.ndjson", "--table", "flights", "--quiet"])
    expect(ran.err).toContain("line 1: _key: no such column; `varve import` reads what `varve export` wrote")
  })
})
