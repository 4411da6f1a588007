/**
 * Far more data than memory: flights go in under a small limit of memory, become segments, are merged, and every figure
 * about them equals what DuckDB makes of the exported file, before and after a restart.
 *
 * `npm run test:large` is the long form: `VARVE_LARGE_ROWS` rows, twenty million where it is not set.
 */
import { DuckDBInstance } from "@duckdb/node-api"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { QueryService } from "../../src/transport/grpc/generated/varve/v1/query_pb.ts"
import { makeDirectory, type Program, run, start } from "../transport/support/program.ts"
import { Client } from "./support/client.ts"
import { flightLines } from "./support/flights.ts"

const rows = Number(process.env["VARVE_LARGE_ROWS"] ?? 200_000)

/** So many megabytes of rows in memory, however many there are on disk. */
const limitMegabytes = rows > 1_000_000 ? 256 : 16

const residentBytesMax = 1024 * 1024 * 1024

/** The same question to both. */
interface Question {
  readonly args: ReadonlyArray<string>
  /** Its columns are named as in the answer of `varve`. */
  readonly sql: string
}

const figures = "count,sum:delay,avg:delay,min:distance,max:distance,distinct_count:destination"
const sqlFigures = "count(*) count, sum(delay) sum_delay, avg(delay) avg_delay, min(distance) min_distance, " +
  "max(distance) max_distance, count(distinct destination) distinct_count_destination"

const questions: ReadonlyArray<Question> = [
  { args: ["--agg", figures], sql: `select ${sqlFigures} from flights` },
  {
    args: ["--agg", figures, "--group-by", "origin"],
    sql: `select origin, ${sqlFigures} from flights group by origin order by origin`
  },
  {
    args: ["--agg", "count,sum:distance", "--group-by", "origin,destination", "--limit", "100000"],
    sql: "select origin, destination, count(*) count, sum(distance) sum_distance from flights " +
      "group by origin, destination order by origin, destination"
  },
  {
    args: ["--agg", figures, "--where", "delay > 60 and origin in ('SFO', 'LAX', 'JFK') and not distance < 500"],
    sql: `select ${sqlFigures} from flights where delay > 60 and origin in ('SFO', 'LAX', 'JFK') and distance >= 500`
  },
  {
    args: [
      "--agg",
      "count,max:id,min:id",
      "--where",
      "date >= '2001-03-01T00:00:00Z' and date < '2001-03-08T00:00:00Z'"
    ],
    sql: "select count(*) count, max(id) max_id, min(id) min_id from flights " +
      "where date >= timestamptz '2001-03-01 00:00:00Z' and date < timestamptz '2001-03-08 00:00:00Z'"
  }
]

/** Numbers as numbers: sums and averages of doubles may differ in their last bits. */
const plain = (value: unknown): unknown =>
  typeof value === "bigint" || typeof value === "number" ? Number(Number(value).toPrecision(12)) : value

const percentile = (times: ReadonlyArray<number>, share: number): string =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length * share)].toFixed(2)

describe(`${rows.toLocaleString("en")} flights with ${limitMegabytes} MB of memory`, () => {
  const directory = makeDirectory()
  const exported = path.join(directory, "flights.parquet")
  let program: Program
  let environment: Record<string, string>
  let client: Client

  const serve = async (): Promise<void> => {
    program = start(["serve", "--data-dir", path.join(directory, "data")], {
      environment: {
        VARVE_MEMTABLE_LIMIT: `${limitMegabytes}MB`,
        VARVE_MEMTABLE_SIZE: `${limitMegabytes / 4}MB`,
        VARVE_SEGMENT_CACHE_SIZE: `${limitMegabytes / 4}MB`
      }
    })
    const { ingestion, query } = await program.ports
    environment = {
      VARVE_INGESTION_URL: `http://127.0.0.1:${ingestion}`,
      VARVE_QUERY_URL: `http://127.0.0.1:${query}`
    }
    client = new Client(query)
  }

  const stop = async (): Promise<void> => {
    client.close()
    program.process.kill("SIGTERM")
    await program.ended
  }

  const varve = async (args: ReadonlyArray<string>, input?: AsyncIterable<string>): Promise<string> => {
    const ended = await run(args, { environment, ...input === undefined ? {} : { input } })
    assert.strictEqual(ended.code, 0, ended.err)
    return ended.out
  }

  /** The most memory that the server has ever had resident. */
  const residentBytes = (): number => {
    const status = fs.readFileSync(`/proc/${program.process.pid}/status`, "utf8")
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) * 1024
  }

  const table = ["--tenant", "demo", "--table", "flights"]

  const ask = async ({ args }: Question): Promise<ReadonlyArray<Record<string, unknown>>> =>
    JSON.parse(await varve(["aggregate", ...table, ...args, "--format", "json"])) as Array<Record<string, unknown>>

  const askAll = async (): Promise<ReadonlyArray<ReadonlyArray<Record<string, unknown>>>> => {
    const answers: Array<ReadonlyArray<Record<string, unknown>>> = []
    for (const question of questions) {
      const started = performance.now()
      answers.push(
        (await ask(question)).map((row) =>
          Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]))
        )
      )
      tell(`${question.args.join(" ")}: ${(performance.now() - started).toFixed(0)} ms`)
    }
    return answers
  }

  const tell = (text: string): void => console.log(text)

  beforeAll(serve)
  afterAll(stop)

  it("go in, are merged, and are what DuckDB says they are, before and after a restart", async () => {
    let started = performance.now()
    await varve(["ingest", "-", ...table, "--key", "id", "--register", "--quiet"], flightLines(rows))
    tell(
      `ingested in ${((performance.now() - started) / 1000).toFixed(1)} s, ${
        (residentBytes() / 2 ** 20).toFixed(0)
      } MiB`
    )
    const answers = await askAll()

    started = performance.now()
    await varve(["flush", ...table])
    await varve(["compact", "--tenant", "demo", "--full"])
    tell(
      `merged in ${((performance.now() - started) / 1000).toFixed(1)} s, ${(residentBytes() / 2 ** 20).toFixed(0)} MiB`
    )
    assert.deepStrictEqual(await askAll(), answers, "a merge changes no answer")

    started = performance.now()
    await varve(["export", ...table, "--output", exported, "--overwrite"])
    tell(`exported in ${((performance.now() - started) / 1000).toFixed(1)} s`)
    const duckdb = await (await DuckDBInstance.create()).connect()
    await duckdb.run(`create view flights as select * from read_parquet('${exported}')`)
    for (const [i, question] of questions.entries()) {
      const expected = (await duckdb.runAndReadAll(question.sql)).getRowObjects().map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]))
      )
      assert.deepStrictEqual(answers[i], expected, question.sql)
    }
    // The segments themselves are open to others, too: every row is in one of them, once.
    const segments = path.join(directory, "data/segments/**/*.parquet")
    const [direct] = (await duckdb.runAndReadAll(
      `select count(*) count, count(distinct _key) keys, sum(delay) sum_delay from read_parquet('${segments}')`
    )).getRowObjects()
    assert.deepStrictEqual(
      [plain(direct["count"]), plain(direct["keys"]), plain(direct["sum_delay"])],
      [rows, rows, answers[0][0]["sum_delay"]]
    )

    const resident = residentBytes()
    await stop()
    started = performance.now()
    await serve()
    const keys: Array<string> = []
    for await (const lines of flightLines(2000)) {
      for (const line of lines.trim().split("\n")) keys.push(line.slice(7, 15))
    }
    const read = async (key: string): Promise<number> => {
      const began = performance.now()
      await client.call(QueryService.method.getRecord, { tenantId: "demo", table: "flights", key })
      return performance.now() - began
    }
    await read(keys[0])
    tell(`read ${((performance.now() - started) / 1000).toFixed(2)} s after the start`)
    for (const name of ["cold", "hot"]) {
      const times: Array<number> = []
      for (const key of keys) times.push(await read(key))
      tell(`${name} point reads: p50 ${percentile(times, 0.5)} ms, p99 ${percentile(times, 0.99)} ms`)
    }
    assert.deepStrictEqual(await askAll(), answers, "a restart changes no answer")
    assert.isBelow(Math.max(resident, residentBytes()), residentBytesMax)
  }, 3_600_000)
})
