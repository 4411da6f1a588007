/**
 * Writing and merging segments through a worker thread and in the main thread: how long it takes, how long the main thread's event
 * loop is held meanwhile, and what memory is left over. `node bench/segmentWorker.ts [rows]`; default 1,000,000.
 *
 * The rows are those of the other benchmarks: nine columns, with the engine's six, of which twelve have values.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { parseDocument } from "../src/schema/document.ts"
import { sortRows } from "../src/segment/sortRows.ts"
import { makeInlineWorkers } from "../src/segment/worker/inlineWorkers.ts"
import { fromPlainRows, toPlainRows } from "../src/segment/worker/plainRows.ts"
import { makeSegmentThreads, segmentThreadsDefaults } from "../src/segment/worker/segmentThreads.ts"
import type { SegmentWorkersService } from "../src/segment/worker/SegmentWorkers.ts"
import type { SegmentRows } from "../src/segment/write/SegmentRows.ts"
import { encodeSegment } from "../src/segment/write/SegmentWriter.ts"
import { BlockStorage } from "../src/storage/BlockStorage.ts"
import { makeFileStorage } from "../src/storage/fileStorage.ts"
import { describeMachine, type Figure, formatFigure, measure } from "./harness.ts"
import { makeBenchRows } from "./segment.ts"
import { schema as document } from "./workload.ts"

const parsed = parseDocument(JSON.stringify(document))
if (parsed.problem !== undefined) throw new Error(parsed.problem.message)
const owner = { table: 1, schemaVersion: 1, schema: parsed.schema }

const milliseconds = async (run: () => Promise<unknown>): Promise<number> => {
  const begun = process.hrtime.bigint()
  await run()
  return Number(process.hrtime.bigint() - begun) / 1e6
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`

/** Rows to give away. */
const copyRows = (rows: SegmentRows): SegmentRows => fromPlainRows(structuredClone(toPlainRows(rows)))

/** What to measure, and whom to tell each figure once it is there. */
export interface SegmentWorkerBench {
  readonly rows: number
  readonly runs: number
  readonly report?: (figure: Figure) => void
}

/** Measures all of it. */
export const benchSegmentWorker = async (options: SegmentWorkerBench): Promise<ReadonlyArray<Figure>> => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "varve-bench-segment-worker-"))
  const figures: Array<Figure> = []
  const add = async (name: string, unit: string, run: () => Promise<{ value: number; note?: string }>) => {
    const figure = await measure(name, unit, options.runs, run)
    figures.push(figure)
    options.report?.(figure)
  }
  const bench = makeBenchRows(options.rows)
  const little = makeBenchRows(1)

  /** How long something takes, and what the main thread feels of it. */
  const watched = async (run: () => Promise<unknown>) => {
    const before = process.memoryUsage.rss()
    let rssMax = before
    const watch = setInterval(() => rssMax = Math.max(rssMax, process.memoryUsage.rss()), 5)
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    const value = await milliseconds(run)
    delay.disable()
    clearInterval(watch)
    // The histogram counts the interval itself in.
    const held = (nanoseconds: number) => `${Math.max(0, nanoseconds / 1e6 - 1).toFixed(1)} ms`
    return {
      value,
      note: `event loop held p50 ${held(delay.percentile(50))}, p99 ${held(delay.percentile(99))}, ` +
        `max ${held(delay.max)}; resident ${megabytes(before)}, at most ${megabytes(rssMax)}, ` +
        `then ${megabytes(process.memoryUsage.rss())}`
    }
  }

  const jobs = async (where: string, workers: SegmentWorkersService) => {
    const write = (rows: SegmentRows, count: number) =>
      Effect.runPromise(workers.write({ name: "segments/1/1.parquet", owner, rows, count }))
    await add(`write ${where}`, "ms", () => {
      const rows = copyRows(bench.rows)
      return watched(() => write(rows, bench.count))
    })
    await add(`write ${where}: one row`, "ms", async () => {
      const rows = copyRows(little.rows)
      return { value: await milliseconds(() => write(rows, 1)) }
    })
    await add(`merge 4 segments ${where}`, "ms", () =>
      watched(() =>
        Effect.runPromise(workers.merge({
          inputs: inputs.map((name) => ({ name })),
          policy: { horizon: 0, expiredBefore: Number.NEGATIVE_INFINITY, dropsDeletions: false },
          target: { owner, fileBytesMax: 2 ** 30, rowsMax: 2 ** 30 },
          nameOf: (number) => `segments/1/merged ${number}.parquet`
        }))
      ))
  }

  /** The rows as four segments whose keys lie between each other's. */
  const inputs = [0, 1, 2, 3].map((part) => `segments/1/input ${part}.parquet`)
  const storeInputs = () => {
    const order = sortRows(bench.rows.keys, bench.rows.positions, bench.count)
    fs.mkdirSync(path.join(folder, "segments/1"), { recursive: true })
    inputs.forEach((name, part) => {
      const own = order.filter((row) => Math.floor(row * 4 / bench.count) === part)
      fs.writeFileSync(path.join(folder, name), Buffer.concat(encodeSegment(owner, bench.rows, own).chunks))
    })
  }

  try {
    const storage = await Effect.runPromise(makeFileStorage({ root: folder }))
    const onStorage = Effect.provideService(BlockStorage, storage)
    storeInputs()
    await add("start a thread, for one row", "ms", async () => {
      const rows = copyRows(little.rows)
      return {
        value: await milliseconds(() =>
          Effect.runPromise(Effect.scoped(onStorage(Effect.flatMap(
            makeSegmentThreads(segmentThreadsDefaults),
            (workers) => workers.write({ name: "segments/1/0.parquet", owner, rows, count: 1 })
          ))))
        )
      }
    })
    await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
      const threads = yield* onStorage(makeSegmentThreads(segmentThreadsDefaults))
      yield* Effect.promise(() => jobs("through a thread", threads))
      const inline = yield* onStorage(makeInlineWorkers)
      yield* Effect.promise(() => jobs("in the main thread", inline))
    })))
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
  return figures
}

if (import.meta.main) {
  const rows = Number(process.argv[2] ?? 1_000_000)
  console.log(`${rows} rows; ${describeMachine()}\n`)
  await benchSegmentWorker({ rows, runs: 5, report: (figure) => console.log(formatFigure(figure)) })
}
