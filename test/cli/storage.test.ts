/** The operator's commands end to end: against a server on disk, and against what it left behind. */
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { VerifyProgress } from "../../src/administration/VerifyProgress.ts"
import { describeVerification } from "../../src/cli/admin/verify.ts"
import { barOf, heightOf, percentOf } from "../../src/cli/output/bar.ts"
import { openWorkplace, type Workplace } from "./support/varve.ts"

let place: Workplace

const target = ["--table", "flights"]

const ndjson = (records: ReadonlyArray<object>) => records.map((record) => `${JSON.stringify(record)}\n`).join("")

const flights = (count: number, delay: number) =>
  ndjson(Array.from({ length: count }, (_, i) => ({ id: `F${String(i).padStart(4, "0")}`, delay, origin: "SFO" })))

/** Runs a command that must succeed. */
const ok = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { code, err, out } = await place.varve(args)
  expect([code, err]).toEqual([0, ""])
  return out
}

const ingest = (count: number, delay: number, ...more: ReadonlyArray<string>) =>
  place.varve(["ingest", "-", ...target, "--input-format", "ndjson", "--quiet", ...more], {
    input: flights(count, delay)
  })

beforeAll(async () => {
  place = await openWorkplace(["--data-dir", "data"])
  await ingest(500, 1, "--key", "id", "--register")
})
afterAll(() => place.close())

describe("flush, compact and checkpoint", () => {
  it("do what they say, and say what they did", async () => {
    const [flushed] = await place.json(["flush"])
    expect(flushed).toMatchObject({ tenant: "demo", table: "flights", rows: 500 })
    expect(await ok("flush")).toBe("nothing was in memory\n")
    await ingest(500, 2)
    expect(await ok("flush", ...target)).toMatch(
      /^tenant {2}table .*\ndemo {4}flights {2}segments\/000001\/\d+-flush\.parquet {3}500 /
    )
    const before = await place.json(["catalog", "stats"])
    expect(before).toMatchObject([{ tenant: "demo", table: "flights", rows: 1000, segments: 2, levels: 1 }])

    expect(await ok("compact")).toBe("nothing is due; --full merges everything all the same\n")
    expect(await place.json(["compact", "--full", "--dry-run"])).toMatchObject([{
      step: "merge",
      files: 2,
      rows: 1000
    }])
    expect(await place.json(["catalog", "stats"])).toEqual(before)
    const ran = await place.varve(["compact", "--full", ...target])
    expect(ran.code).toBe(0)
    expect(ran.err).toMatch(
      /^demo\/flights {2}merged 2 files of level 0 into 1 of level \d: .* 1,000 rows in .* s \(.*\/s\)\n$/
    )
    expect(ran.out).toMatch(/\n1 step in .* s; segments were .* kB, are .* kB \(\d+%\)\n$/)
    expect(await place.json(["catalog", "stats"])).toMatchObject([{ rows: 1000, segments: 1 }])

    expect(await ok("checkpoint")).toMatch(/^checkpoint at position [\d,]+, in .* s\n$/)
    const [checkpoint] = await place.json(["checkpoint"])
    expect(checkpoint.position).toBeGreaterThan(1000)
  })

  it("refuse what is not there", async () => {
    const ran = await place.varve(["compact", "--table", "nope", "--format", "json"])
    expect([ran.code, JSON.parse(ran.err)]).toMatchObject([1, { reason: "TABLE_NOT_FOUND", field: "table" }])
    expect((await place.varve(["flush", "--tenant", "nobody"])).err).toMatch(
      /^varve: tenant_id: there is no tenant "nobody"/
    )
  })
})

describe("catalog, mvcc and du", () => {
  it("tell of tables, columns, versions and bytes", async () => {
    const columns = await place.json(["catalog", "stats", ...target, "--columns"])
    expect(columns.map(({ column, distinct, max, min, nulls }) => [column, nulls, distinct, min, max])).toEqual([
      ["id", 0, expect.any(Number), "F0000", "F0499"],
      ["delay", 0, 2, "1", "2"],
      ["origin", 0, 1, "SFO", "SFO"]
    ])
    expect(await ok("catalog", "stats", ...target)).toMatch(/█.*\n\nlevel \d {2}█+ .* 1 file, 1,000 rows\n$/)
    expect(await ok("catalog", "validate")).toMatch(/^the catalog is consistent: 1 table, 1 segment, .* kB\n$/)
    expect(await place.json(["catalog", "validate"])).toEqual([])

    await ingest(1, 3)
    const versions = await place.json(["mvcc", "inspect", "F0000", ...target])
    expect(versions.map(({ level, memtable, place, superseded_by }) => [place, memtable, level, superseded_by]))
      .toEqual([
        ["memory", 0, null, null],
        [expect.stringContaining(".parquet"), null, expect.any(Number), versions[0].position],
        [versions[1].place, null, versions[1].level, versions[1].position]
      ])
    const few = await place.varve(["mvcc", "inspect", "F0000", ...target, "--limit", "1"])
    expect([few.code, few.err]).toEqual([0, "there are older versions; --limit shows more\n"])
    const absent = await place.varve(["mvcc", "inspect", "nope", ...target, "--format", "json"])
    expect([absent.code, JSON.parse(absent.err)]).toMatchObject([1, { reason: "KEY_NOT_FOUND" }])
    expect(await place.json(["mvcc", "stats"])).toMatchObject([{ rows_in_memory: 1, segments: 1, readers: 0 }])

    const usage = await place.json(["du"])
    const bytesOf = (kind: string) => usage.find((one) => one.kind === kind)?.bytes as number
    const onDisk = fs.statSync(path.join(place.directory, "data", versions[1].place as string)).size
    expect(bytesOf("segments")).toBe(onDisk)
    expect(bytesOf("log")).toBeGreaterThan(1000)
    expect(await place.json(["du", "--by", "kind"])).toHaveLength(new Set(usage.map(({ kind }) => kind)).size)
    expect(await ok("du", "--by", "tenant")).toMatch(
      /^tenant {2}where .*\n(.*\n)*.* on disk in \d files, .* in memory\n$/
    )
    const wrong = await place.varve(["du", "--by", "tenant,colour"])
    expect([wrong.code, wrong.err]).toEqual([2, "varve: --by \"colour\": expected some of tenant, table, kind\n"])
  })
})

describe("retention and index", () => {
  it("are shown, tried and set", async () => {
    const policy = (...args: ReadonlyArray<string>) => place.json(["retention", ...args, ...target])
    expect(await policy("show")).toMatchObject([{ history: "all", ttl: "never", compaction: "leveled" }])
    expect(await policy("dry-run", "--history", "latest")).toMatchObject([{ versions: 1001, superseded: 501 }])
    expect(await policy("set", "--history", "12h", "--ttl", "90d")).toMatchObject([{ history: "12h", ttl: "90d" }])
    expect(await policy("set", "--compaction", "1d")).toMatchObject([{ history: "12h", compaction: "windows of 1d" }])
    expect(await policy("set", "--compaction", "leveled", "--ttl", "never", "--history", "latest")).toMatchObject([
      { history: "latest", ttl: "never", compaction: "leveled" }
    ])
    const collected = await place.varve(["mvcc", "gc"])
    expect([collected.code, collected.out]).toEqual([
      0,
      expect.stringMatching(/\n501 versions could go, and went in \d steps?\n$/)
    ])
    expect(await place.json(["catalog", "stats"])).toMatchObject([{ rows: 500, superseded: 0 }])
    const past = await place.varve(["get", "F0001", ...target, "--as-of", "10"])
    expect(past.err).toMatch(/history horizon/)
  })

  it.each([
    [["set"], 2, "say what to change: --history, --ttl or --compaction"],
    [["set", "--history", "forever"], 2, "--history \"forever\": expected all, latest, or a duration like 30d or 12h"],
    [["set", "--ttl", "1"], 2, "--ttl \"1\": expected never, or a duration like 30d or 12h"],
    [["set", "--ttl", "5s"], 1, "ttl: is 5 s; records live a minute at least, or for ever: never"]
  ])("%j is refused", async (args, code, message) => {
    const ran = await place.varve(["retention", ...args, ...target])
    expect([ran.code, ran.err]).toEqual([code, `varve: ${message}\n`])
  })

  it("indexes are declared, rebuilt and dropped", async () => {
    const index = (...args: ReadonlyArray<string>) => place.json(["index", ...args, ...target])
    expect(await index("create", "by_origin", "--column", "origin")).toMatchObject([
      { index: "by_origin", column: "origin", version: 1, segments: 1 }
    ])
    const again = await place.varve([
      "index",
      "create",
      "by_origin",
      "--column",
      "delay",
      ...target,
      "--format",
      "json"
    ])
    expect([again.code, JSON.parse(again.err)]).toMatchObject([1, { reason: "INDEX_EXISTS", field: "name" }])
    expect(await index("rebuild", "by_origin")).toMatchObject([{ version: 2 }])
    expect(await index("status")).toMatchObject([{ version: 2 }])
    expect(await ok("index", "drop", "by_origin", ...target)).toBe("dropped index by_origin of demo/flights\n")
    expect(await ok("index", "status")).toMatch(/^there are no indexes/)
  })
})

describe("verify", () => {
  it("needs the directory to itself, and finds damage in every kind of file", async () => {
    const busy = await place.varve(["verify"])
    expect([busy.code, busy.err]).toEqual([
      1,
      expect.stringMatching(/^varve: data directory .* is in use by process \d+/)
    ])
    place.server.process.kill("SIGTERM")
    await place.server.ended
    expect(await ok("verify")).toMatch(
      /^what .*\nlog .*\n(.*\n)*all is sound: 1 table, last position [\d,]+, .* in .* s\n$/
    )
    const parts = await place.json(["verify", "--data-dir", "data"])
    expect(parts.map(({ what }) => what)).toEqual(["log", "checkpoints", "segments"])

    const data = path.join(place.directory, "data")
    const files = ["wal", "checkpoints", "segments/000001"].map((folder) =>
      path.join(data, folder, fs.readdirSync(path.join(data, folder)).at(-1)!)
    )
    for (const file of files) {
      const before = fs.readFileSync(file)
      const damaged = Buffer.from(before)
      damaged[100] ^= 4
      fs.writeFileSync(file, damaged)
      const ran = await place.varve(["verify"])
      expect([ran.code, ran.err]).toEqual([1, expect.stringContaining(path.basename(file))])
      expect(ran.err).toMatch(/at offset \d+/)
      const json = await place.varve(["verify", "--format", "json"])
      expect(JSON.parse(json.out)).toContainEqual({
        file: expect.stringContaining(path.basename(file)),
        offset: expect.any(Number),
        problem: expect.any(String)
      })
      expect(JSON.parse(json.err)).toMatchObject({ reason: "DAMAGED", exit_code: 1 })
      expect(fs.readFileSync(file).equals(damaged)).toBe(true)
      fs.writeFileSync(file, before)
    }
    fs.rmSync(files[2])
    expect((await place.varve(["verify"])).err).toContain(`${path.basename(files[2])}: is missing`)
  })

  it("says where there is nothing to verify", async () => {
    expect(await place.varve(["verify", "--data-dir", "nowhere"])).toMatchObject({
      code: 2,
      err: "varve: nowhere holds no log; say where the data directory is with --data-dir\n"
    })
  })

  it("tells how far it is", () => {
    const progress = new VerifyProgress()
    expect(describeVerification(progress, 10)).toMatch(/ 100% {2}0 B of 0 B/)
    progress.total = 4e6
    progress.begin("log", 1e6)
    progress.begin("segments/a", 3e6)
    expect(describeVerification(progress, 500)).toBe(
      `▕${"█".repeat(6)}${" ".repeat(18)}▏ 25%  1.0 MB of 4.0 MB  2 MB/s  1.50 s left  segments/a`
    )
  })
})

describe("pictures", () => {
  it.each([[0, ""], [0.0001, "▏"], [0.5, "██"], [0.4, "█▋"], [1, "████"], [7, "████"]])(
    "a bar of %d",
    (share, bar) => expect(barOf(share, 4)).toBe(bar)
  )
  it.each([[0, "▁"], [0.5, "▅"], [1, "█"]])("a height of %d", (share, block) => expect(heightOf(share)).toBe(block))
  it.each([[0, 0, "0%"], [1, 3, "33%"], [1, 1000, "0.1%"], [3, 3, "100%"], [0, 9, "0%"]])(
    "%d of %d in percent",
    (part, whole, percent) => expect(percentOf(part, whole)).toBe(percent)
  )
})
