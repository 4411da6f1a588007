/** Every other command end to end: what it prints in which format, and its exit code. */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { version } from "../../src/base/version.ts"
import { openWorkplace, type Workplace } from "./support/varve.ts"

let place: Workplace

const flights = [
  { id: "AA1", origin: "SFO", delay: 12, note: "Zürich ✈" },
  { id: "DL9", origin: "JFK", delay: 40, note: null },
  { id: "UA7", origin: "SFO", delay: -3, note: "a,\"b\"" }
]

const ndjson = (records: ReadonlyArray<object>) => records.map((record) => `${JSON.stringify(record)}\n`).join("")

beforeAll(async () => {
  // On disk, for the commands that look into the log.
  place = await openWorkplace(["--data-dir", "data"])
  place.write("flights.ndjson", ndjson(flights))
  await place.varve(["ingest", "flights.ndjson", "--table", "flights", "--key", "id", "--register"])
  await place.varve(["ingest", "-", "--table", "flights"], { input: ndjson([{ ...flights[0], delay: 99 }]) })
})
afterAll(() => place.close())

/** Runs a command that must succeed. */
const ok = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { code, err, out } = await place.varve(args)
  expect([code, err]).toEqual([0, ""])
  return out
}

describe("tenant", () => {
  it("create and list", async () => {
    expect(await ok("tenant", "create", "acme", "--name", "Acme & Co")).toBe("created tenant acme\n")
    const table = await ok("tenant", "list")
    expect(table).toMatch(/^tenant {2}name {7}tables {2}created_at\nacme {4}Acme & Co {7}0 {2}\d{4}-.*Z\ndemo .* 1 /)
    const again = await place.varve(["tenant", "create", "acme", "--format", "json"])
    expect(again.code).toBe(1)
    expect(JSON.parse(again.err)).toMatchObject({ reason: "TENANT_EXISTS", exit_code: 1 })
  })
})

describe("schema", () => {
  const document = { columns: [{ name: "id", type: "string" }, { name: "n", type: "int32", nullable: true }] }

  it("register, list and show, with versions", async () => {
    place.write("s1.json", JSON.stringify(document))
    place.write(
      "s2.json",
      JSON.stringify({ columns: [...document.columns, { name: "m", type: "bool", default: true }] })
    )
    const register = (file: string, ...more: ReadonlyArray<string>) =>
      ok("schema", "register", file, "--table", "versions", "--key", "id", ...more)
    expect(await register("s1.json")).toBe("registered demo/versions version 1\n")
    expect(await register("s1.json")).toBe("demo/versions has this schema already: it is version 1\n")
    expect(JSON.parse(await register("s2.json", "--format", "json"))).toEqual([
      { tenant: "demo", table: "versions", version: 2, created: true }
    ])
    expect(await ok("schema", "list", "--table", "versions")).toMatch(
      /^table .*\nversions {8}1 {2}id {3}id string, n int32\? .*\nversions {8}2 {2}id {3}id string, n int32\?, m bool /
    )
    expect(JSON.parse(await ok("schema", "show", "--table", "versions", "--version", "1"))).toEqual({
      ...document,
      key: "id"
    })
    const shown = await ok("schema", "show", "--table", "versions")
    expect(shown).toBe(`{
  "columns": [
    { "name": "id", "type": "string" },
    { "name": "n", "type": "int32", "nullable": true },
    { "name": "m", "type": "bool", "default": true }
  ],
  "key": "id"
}
`)
    // What is shown can be registered again.
    const again = await place.varve(["schema", "register", "-", "--table", "versions"], { input: shown })
    expect(again.out).toContain("has this schema already")
  })

  it("infer prints what register takes", async () => {
    const inferred = await ok("schema", "infer", "flights.ndjson", "--key", "id")
    const registered = await place.varve(["schema", "register", "-", "--table", "inferred"], { input: inferred })
    expect(registered.out).toBe("registered demo/inferred version 1\n")
    expect(await ok("schema", "infer", "flights.ndjson", "--format", "yaml")).toContain(
      "- name: delay\n    type: int64\n"
    )
  })

  it("refuses what is no schema, with its field", async () => {
    place.write("bad.json", "{\"columns\":[{\"name\":\"a\",\"type\":\"number\"}]}")
    const ran = await place.varve(["schema", "register", "bad.json", "--table", "bad"])
    expect(ran).toMatchObject({ code: 1, out: "" })
    expect(ran.err).toMatch(/^varve: bad\.json: columns\[0\]\.type: "number" is no type; .*\n$/)
  })
})

describe("get", () => {
  it("a record, as it is and as it was", async () => {
    expect(await ok("get", "UA7", "--table", "flights")).toMatch(
      /^_key {10}UA7\n_position {5}\d+\n_commit_time {2}.*Z\n_timestamp {4}.*Z\nid {12}UA7\norigin {8}SFO\ndelay {9}-3\nnote {10}a,"b"\n$/
    )
    const [now] = await place.json(["get", "AA1", "--table", "flights"])
    expect(now).toMatchObject({ _key: "AA1", delay: 99 })
    const history = await place.json(["get", "AA1", "--table", "flights", "--history"])
    expect(history.map(({ delay, _deleted }) => [delay, _deleted])).toEqual([[99, false], [12, false]])
    const at = (moment: unknown) => place.json(["get", "AA1", "--table", "flights", "--as-of", String(moment)])
    expect(await at(now._position)).toMatchObject([{ delay: 99 }])
    expect(await at((now._position as number) - 1)).toMatchObject([{ delay: 12 }])
    expect(await at(history[1]._commit_time)).toMatchObject([{ delay: 12 }])
    expect(await at(now._commit_time)).toMatchObject([{ delay: 99 }])
  })

  it("says what is not there", async () => {
    for (const more of [[], ["--history"]]) {
      const ran = await place.varve(["get", "ZZ0", "--table", "flights", "--format", "json", ...more])
      expect(ran.code).toBe(1)
      expect(JSON.parse(ran.err)).toMatchObject({ reason: "KEY_NOT_FOUND" })
    }
  })
})

describe("query", () => {
  const select = ["query", "--table", "flights", "--select", "id,delay,note", "--order-by", "delay:desc"]

  it("in every format", async () => {
    expect(await ok(...select)).toBe(
      "id   delay  note\nAA1     99  Zürich ✈\nDL9     40  null\nUA7     -3  a,\"b\"\n"
    )
    expect(await ok(...select, "--format", "json")).toBe(`[
  {"id":"AA1","delay":99,"note":"Zürich ✈"},
  {"id":"DL9","delay":40,"note":null},
  {"id":"UA7","delay":-3,"note":"a,\\"b\\""}
]
`)
    expect(await ok("--format", "ndjson", ...select, "--limit", "1")).toBe(
      "{\"id\":\"AA1\",\"delay\":99,\"note\":\"Zürich ✈\"}\n"
    )
    expect(await ok(...select, "--format=csv")).toBe(
      "id,delay,note\nAA1,99,Zürich ✈\nDL9,40,\nUA7,-3,\"a,\"\"b\"\"\"\n"
    )
    expect(await ok(...select, "--format", "yaml", "--limit", "2")).toBe(
      "- id: AA1\n  delay: 99\n  note: \"Zürich ✈\"\n- id: DL9\n  delay: 40\n  note: null\n"
    )
  })

  it("what matches, and nothing", async () => {
    const args = ["query", "--table", "flights", "--where"]
    expect(await place.json([...args, "origin = 'SFO' and delay < 0"])).toEqual([{ _key: "UA7", ...flights[2] }])
    expect(await place.json([...args, "delay > 1000"])).toEqual([])
    expect(await ok(...args, "delay > 1000")).toBe("_key  id  origin  delay  note\n")
    expect(await ok(...args, "delay > 1000", "--format", "csv")).toBe("_key,id,origin,delay,note\n")
    expect(await ok(...args, "delay > 1000", "--format", "yaml")).toBe("[]\n")
  })

  it("streams more than a page, and ends quietly when nobody reads on", async () => {
    const many = Array.from({ length: 12_000 }, (_, i) => ({ id: `k${i}`, n: i }))
    place.write("many.ndjson", ndjson(many))
    await place.varve(["ingest", "many.ndjson", "--table", "many", "--key", "id", "--register"])
    const found = await place.json(["query", "--table", "many", "--select", "id,n"])
    expect(found.toSorted((a, b) => (a.n as number) - (b.n as number))).toEqual(many)
    expect(await place.json(["query", "--table", "many", "--select", "n", "--order-by", "n:desc", "--limit", "5000"]))
      .toHaveLength(5000)
    const command = path.join(import.meta.dirname, "../../bin/varve.js")
    const piped = spawnSync("sh", [
      "-c",
      `"${process.execPath}" "${command}" query --table many --format csv | head -n 1`
    ], {
      encoding: "utf8",
      env: { ...process.env, ...place.environment }
    })
    expect([piped.stdout, piped.stderr]).toEqual(["_key,id,n\n", ""])
  })

  it.each([
    [["--where", "delya > 3"], "where: table flights has no column \"delya\"; there is \"delay\""],
    [["--where", "delay >"], "where: column 8: expected a number"],
    [["--select", "id,,"], "--select \"id,,\": write names with commas"],
    [["--as-of", "yesterday"], "--as-of \"yesterday\": write a position like 1200, or a time"],
    [["--order-by", "nope"], "has no column \"nope\""]
  ])("refuses %j", async (args, message) => {
    const ran = await place.varve(["query", "--table", "flights", ...args])
    expect(ran.err).toContain(message)
    expect(ran.err.trimEnd().split("\n")).toHaveLength(1)
    expect(ran.code).toBe(args[0] === "--select" || args[0] === "--as-of" ? 2 : 1)
  })
})

describe("aggregate", () => {
  it("names its columns by function and column", async () => {
    const args = [
      "aggregate",
      "--table",
      "flights",
      "--agg",
      "count,avg:delay,sum:delay,min:delay,max:delay,distinct_count:origin"
    ]
    expect(await place.json(args)).toEqual([
      { count: 3, avg_delay: 136 / 3, sum_delay: 136, min_delay: -3, max_delay: 99, distinct_count_origin: 2 }
    ])
    const grouped = [
      "aggregate",
      "--table",
      "flights",
      "--agg",
      "count",
      "--group-by",
      "origin",
      "--having",
      "count > 1"
    ]
    expect(await ok(...grouped)).toBe("origin  count\nSFO         2\n")
  })

  it("refuses functions that it has not", async () => {
    const ran = await place.varve(["aggregate", "--table", "flights", "--agg", "median:delay"])
    expect(ran.err).toBe("varve: --agg median:delay: median is none of count, sum, avg, min, max, distinct_count\n")
    expect(ran.code).toBe(2)
    expect((await place.varve(["aggregate", "--table", "flights", "--agg", "avg"])).err).toContain("avg needs a column")
  })
})

describe("explain", () => {
  it("queries and aggregates, as text and as rows", async () => {
    expect(await ok("explain", "--table", "flights", "--where", "delay > 3")).toMatch(/scan/)
    const steps = await place.json([
      "explain",
      "--table",
      "flights",
      "--agg",
      "count",
      "--group-by",
      "origin",
      "--analyze"
    ])
    expect(steps.map(({ step }) => step)).toContain("group")
    expect(steps.every(({ actual_rows: rows }) => typeof rows === "number")).toBe(true)
  })
})

describe("status", () => {
  it("tells of both services", async () => {
    expect(await ok("status")).toMatch(/^ingestion {2,}serving\nrecords total {2,}[\d,]+\n/)
    expect(await place.json(["status"])).toMatchObject([{ ingestion: "serving", query: "serving", rejected_total: 0 }])
  })

  it("shows the other one where one is not there, and exits 3", async () => {
    const ran = await place.varve(["status", "--ingestion-url", "http://127.0.0.1:1"])
    expect(ran.code).toBe(3)
    expect(ran.out).toMatch(/^ingestion .*not reachable\nquery .*serving\n/)
    expect(ran.err).toBe(
      "varve: cannot reach the ingestion service at http://127.0.0.1:1: nothing listens there; " +
        "start a server with `npm start` or `varve serve`, or say where it is with --ingestion-url\n"
    )
  })
})

describe("config", () => {
  it("shows each value with its source", async () => {
    place.write("varve.yaml", "wal:\n  segment_size: 64MB\n")
    const ran = await place.varve(["config", "show", "--format", "json"], {
      environment: { VARVE_SERVER_QUERY_PORT: "9" }
    })
    fs.rmSync(path.join(place.directory, "varve.yaml"))
    const settings = JSON.parse(ran.out) as ReadonlyArray<Record<string, string>>
    expect(settings).toContainEqual({ key: "wal.segment_size", value: "64MB", source: "varve.yaml" })
    expect(settings).toContainEqual({ key: "server.query.port", value: "9", source: "VARVE_SERVER_QUERY_PORT" })
    expect(settings).toContainEqual({ key: "storage.data_dir", value: "./data", source: "default" })
  })

  it("validates a file", async () => {
    place.write("good.yaml", "server:\n  query:\n    port: 9\n")
    expect(await ok("config", "validate", "good.yaml")).toMatch(/^good\.yaml: valid; 1 of \d+ keys/)
    place.write("bad.yaml", "server:\n  prt: 9\nwal:\n  sync: maybe\n")
    const bad = await place.varve(["config", "validate", "bad.yaml"])
    expect(bad.code).toBe(2)
    expect(bad.err.split("\n")).toEqual([
      expect.stringContaining("server.prt is not a configuration key"),
      expect.stringContaining("wal.sync takes one of commit, interval, none"),
      ""
    ])
  })
})

describe("wal", () => {
  it("inspects and verifies the log of a stopped server, and finds damage", async () => {
    const other = await openWorkplace(["--data-dir", "data"])
    other.write("flights.ndjson", ndjson(flights))
    await other.varve(["ingest", "flights.ndjson", "--table", "flights", "--key", "id", "--register"])
    other.server.process.kill("SIGTERM")
    await other.server.ended
    const frames = await other.json(["wal", "inspect"])
    expect(frames.at(-1)).toMatchObject({ positions: 3, kind: "RowsWritten", file: "data/wal/wal-000001.log" })
    expect(await other.json(["wal", "inspect", "--from", String(frames.at(-1)?.position), "--limit", "1"]))
      .toHaveLength(1)
    const sound = await other.varve(["wal", "verify", "--data-dir", "data"])
    expect(sound).toMatchObject({ code: 0, err: "" })
    expect(sound.out).toMatch(/the log is sound: \d frames, .*, last position \d+\n$/)

    const file = path.join(other.directory, "data/wal/wal-000001.log")
    const before = fs.readFileSync(file)
    const offset = frames[0].offset as number
    const damaged = Buffer.from(before)
    damaged[offset + 60] ^= 1
    fs.writeFileSync(file, damaged)
    const verified = await other.varve(["wal", "verify"])
    expect(verified.code).toBe(1)
    expect(verified.err).toContain(`wal-000001.log at offset ${offset}: the checksum of the frame is wrong`)
    const inspected = await other.varve(["wal", "inspect"])
    expect(inspected.code).toBe(1)
    expect(inspected.err).toContain(`wal-000001.log at offset ${offset}`)
    expect(fs.readFileSync(file).equals(damaged)).toBe(true)
    await other.close()
  })

  it("says where there is no log", async () => {
    expect(await place.varve(["wal", "verify", "--data-dir", "nowhere"])).toMatchObject({
      code: 2,
      err: "varve: nowhere holds no log; say where the data directory is with --data-dir\n"
    })
  })
})

describe("a call", () => {
  it.each<readonly [ReadonlyArray<string>, string]>([
    [["watch", "--table", "t"], "there is no command \"watch\"; see `varve --help`"],
    [["qurey"], "there is no command \"qurey\"; did you mean query?; see `varve --help`"],
    [["tenant", "drop", "x"], "there is no command \"tenant drop\"; see `varve tenant --help`"],
    [["query"], "--table is missing (or set VARVE_TABLE); see `varve query --help`"],
    [["get", "--table", "t"], "KEY is missing; see `varve get --help`"],
    [["query", "--tabel", "t"], "there is no flag --tabel; did you mean --table?; see `varve query --help`"],
    [["query", "--table", "t", "x"], "\"x\" is one argument too many; see `varve query --help`"],
    [["query", "--table", "t", "--limit", "x"], "--limit \"x\": expected a number; see `varve query --help`"],
    [
      ["query", "--table", "t", "--limit", "0"],
      "--limit \"0\": expected a whole number from 1 on, not 0; see `varve query --help`"
    ],
    [
      ["query", "--table", "t", "--format", "xml"],
      "--format \"xml\": expected one of table, json, yaml, ndjson, csv; see `varve query --help`"
    ],
    [["tenant", "list", "--query-url", "nope"], "--query-url \"nope\" is no URL; write it as http://127.0.0.1:8081"]
  ])("%j is told in one line, with exit code 2", async (args, message) => {
    expect(await place.varve(args)).toEqual({ code: 2, out: "", err: `varve: ${message}\n` })
  })

  it("may have its flags in any place, and from the environment", async () => {
    const expected = await place.json(["query", "--table", "flights"])
    const other = await place.varve(["--query-url", place.environment.VARVE_QUERY_URL, "query"], {
      environment: { VARVE_TABLE: "flights", VARVE_FORMAT: "json", VARVE_QUERY_URL: "http://127.0.0.1:1" }
    })
    expect(JSON.parse(other.out)).toEqual(expected)
    expect((await place.varve(["get", "--table=flights", "AA1", "--select", "delay"])).code).toBe(0)
  })

  it("says that no server answers, in one line or as JSON, with exit code 3", async () => {
    const environment = { VARVE_QUERY_URL: "http://127.0.0.1:1" }
    const plain = await place.varve(["tenant", "list"], { environment })
    expect(plain.code).toBe(3)
    expect(plain.err).toMatch(
      /^varve: cannot reach the query service at http:\/\/127\.0\.0\.1:1: nothing listens there; .*\n$/
    )
    const json = await place.varve(["tenant", "list", "--format", "json"], { environment })
    expect(JSON.parse(json.err)).toMatchObject({ reason: "UNREACHABLE", exit_code: 3 })
    // The services' ports mixed up.
    const swapped = await place.varve(["tenant", "list", "--query-url", place.environment.VARVE_INGESTION_URL])
    expect(swapped.err).toContain("answers, but does not serve query; say where it is with --query-url")
  })

  it("for help is answered, quickly", async () => {
    const started = performance.now()
    const help = await ok("--help")
    const millis = performance.now() - started
    expect(help).toMatch(/ ingest +Ingest the rows of a file into a table/)
    expect(help).not.toContain("watch")
    expect(await ok("ingest", "--help")).toContain("--register")
    expect(await ok("--version")).toBe(`varve ${version}\n`)
    expect((await place.varve(["tenant"])).code).toBe(2)
    expect((await place.varve([])).code).toBe(0)
    // 300 ms on an idle machine; tests share theirs.
    expect(millis).toBeLessThan(3000)
  })
})
