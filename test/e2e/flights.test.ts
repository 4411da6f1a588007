/**
 * Real data: the three million flights of vega-datasets go in by `varve ingest`, over gRPC and durably, and come back by
 * `varve aggregate`, equal to what is computed from the file itself.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { asyncBufferFromFile, parquetRead } from "hyparquet"
import { compressors } from "hyparquet-compressors"
import * as path from "node:path"
import { makeDirectory, type Program, run, start } from "../transport/support/program.ts"

const file = path.resolve(import.meta.dirname, "../../node_modules/vega-datasets/data/flights-3m.parquet")

/** What is known of the flights of one origin, from the file. */
interface Tally {
  count: number
  delay: number
  distance: number
  delayMax: number
}

const tallyFile = async (): Promise<Map<string, Tally>> => {
  const tallies = new Map<string, Tally>()
  const buffer = await asyncBufferFromFile(file)
  const columns = new Map<string, ArrayLike<unknown>>()
  await parquetRead({
    file: buffer,
    compressors,
    columns: ["origin", "delay", "distance"],
    onChunk: ({ columnData, columnName, rowStart }) => {
      columns.set(`${columnName}/${rowStart}`, columnData as ArrayLike<unknown>)
    }
  })
  for (const [name, origins] of columns) {
    if (!name.startsWith("origin/")) continue
    const at = name.slice("origin".length)
    const delays = columns.get(`delay${at}`)!
    const distances = columns.get(`distance${at}`)!
    for (let i = 0; i < origins.length; i++) {
      const origin = origins[i] as string
      let tally = tallies.get(origin)
      if (tally === undefined) {
        tallies.set(origin, tally = { count: 0, delay: 0, distance: 0, delayMax: Number.NEGATIVE_INFINITY })
      }
      const delay = Number(delays[i])
      tally.count++
      tally.delay += delay
      tally.distance += Number(distances[i])
      tally.delayMax = Math.max(tally.delayMax, delay)
    }
  }
  return tallies
}

describe("three million flights", () => {
  const directory = makeDirectory()
  let program: Program
  let environment: Record<string, string>

  const serve = async (): Promise<void> => {
    program = start(["serve", "--data-dir", directory])
    const { ingestion, query } = await program.ports
    environment = {
      VARVE_INGESTION_URL: `http://127.0.0.1:${ingestion}`,
      VARVE_QUERY_URL: `http://127.0.0.1:${query}`
    }
  }
  const varve = async (...args: ReadonlyArray<string>): Promise<string> => {
    const ended = await run([...args, "--tenant", "demo", "--table", "flights"], { environment })
    assert.strictEqual(ended.code, 0, ended.err)
    return ended.out
  }
  const aggregate = async () =>
    JSON.parse(
      await varve(
        "aggregate",
        "--agg",
        "count,sum:delay,sum:distance,max:delay",
        "--group-by",
        "origin",
        "--format",
        "json"
      )
    ) as ReadonlyArray<Record<string, unknown>>

  beforeAll(serve)
  afterAll(async () => {
    program.process.kill("SIGTERM")
    await program.ended
  })

  it("go in over gRPC and come back by aggregate, before and after a restart", async () => {
    const expected = await tallyFile()
    assert.strictEqual([...expected.values()].reduce((rows, { count }) => rows + count, 0), 3_000_000)
    await varve("ingest", file, "--register", "--quiet")

    const verify = async (): Promise<void> => {
      const found = await aggregate()
      assert.strictEqual(found.length, expected.size)
      for (const { count, max_delay, origin, sum_delay, sum_distance } of found) {
        const tally = expected.get(origin as string)
        assert.deepStrictEqual(
          { count, delay: sum_delay, distance: sum_distance, delayMax: max_delay },
          { ...tally },
          `flights from ${String(origin)}`
        )
      }
    }
    await verify()

    program.process.kill("SIGKILL")
    await program.ended
    await serve()
    await verify()
  }, 180_000)
})
