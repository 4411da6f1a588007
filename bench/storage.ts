/**
 * The life of data, step by step, in an embedded engine: ingestion while flushes run, flush, scan, merge, size on disk,
 * point reads and restart. `node bench/storage.ts [--rows 1000000] [--sets flights]`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { parseArgs } from "node:util"
import * as Embedded from "../layers/Embedded.ts"
import { Administration } from "../src/administration/Administration.ts"
import { unrestricted } from "../src/base/caller.ts"
import * as Position from "../src/base/position.ts"
import { Catalog } from "../src/catalog/Catalog.ts"
import { latest } from "../src/catalog/state.ts"
import { CommitPipeline } from "../src/mvcc/CommitPipeline.ts"
import { Processor } from "../src/processor/Processor.ts"
import { type AggregateRequest, Query } from "../src/query/Query.ts"
import { batchOf, type DataSet, makeDataSets } from "./dataSets.ts"
import { describeMachine, quantile } from "./harness.ts"
import { makeRandom } from "./workload.ts"

const names = { tenant: "bench", table: "rows" }
const batchRows = 10_000
const minPosition = Position.zero

/** One line of the report. */
export interface StorageFigure {
  readonly set: string
  readonly name: string
  readonly value: number
  readonly unit: string
}

type Services = Embedded.Services

/** An engine in a directory; `use` runs an effect in it. */
const openEngine = async (directory: string) => {
  const scope = await Effect.runPromise(Scope.make())
  const layer = Embedded.layer({
    directory,
    memtableBytesMax: 64e6,
    memoryBytesMax: 256e6,
    memoryBytesFlush: 128e6,
    cacheBytesMax: 64e6
  })
  const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  return {
    use: <A, E>(effect: Effect.Effect<A, E, Services>): Promise<A> =>
      Effect.runPromise(Effect.provideContext(effect, context)),
    close: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

type Open = Awaited<ReturnType<typeof openEngine>>

const timed = async <A>(run: () => Promise<A>): Promise<{ readonly value: A; readonly seconds: number }> => {
  const started = performance.now()
  const value = await run()
  return { value, seconds: (performance.now() - started) / 1000 }
}

const folderBytes = (folder: string): number =>
  fs.existsSync(folder)
    ? fs.readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((bytes, entry) => bytes + fs.statSync(path.join(entry.parentPath, entry.name)).size, 0)
    : 0

const aggregate = (change: Partial<AggregateRequest>) =>
  Effect.flatMap(Query, (query) =>
    query.aggregate({
      ...names,
      asOf: { kind: "latest" },
      minPosition,
      filter: undefined,
      where: "",
      aggregates: [{ function: "count", column: "", alias: "" }],
      groupBy: [],
      having: "",
      orderBy: [],
      limit: 0,
      ...change
    }, unrestricted))

const readKey = (key: string) =>
  Effect.flatMap(
    Query,
    (query) => query.getRecord({ ...names, asOf: { kind: "latest" }, minPosition, key, select: [] }, unrestricted)
  )

/** Writes rows in batches, several at a time; gives their bytes as NDJSON and the seconds that writing them took. */
const ingest = async (engine: Open, set: DataSet, rows: number) => {
  await engine.use(Effect.flatMap(Administration, (administration) =>
    Effect.andThen(
      administration.registerSchema({ ...names, definition: JSON.stringify(set.document) }, unrestricted),
      administration.configureTable({ ...names, history: { keep: "latest" } }, unrestricted)
    )))
  const { schema, shape } = await engine.use(Effect.map(Catalog, (catalog) => latest(catalog.table("bench", "rows")!)))
  let jsonBytes = 0
  let seconds = 0
  for (let first = 0; first < rows; first += 10 * batchRows) {
    // Made beforehand: what is measured is the engine.
    const batches = Array.from({ length: Math.ceil(Math.min(10 * batchRows, rows - first) / batchRows) }, (_, i) => {
      const from = first + i * batchRows
      const count = Math.min(batchRows, rows - from)
      const made = batchOf(
        shape,
        schema.columns,
        set.rows(from, count),
        Array.from({ length: count }, (_, j) => set.keyOf(from + j))
      )
      jsonBytes += made.jsonBytes
      return made.batch
    })
    const written = await timed(() =>
      engine.use(Effect.flatMap(CommitPipeline, (pipeline) =>
        Effect.forEach(batches, (batch) =>
          pipeline.admit(
            batch.byteLength,
            pipeline.commit({
              kind: "rows",
              tenant: names.tenant,
              transactional: false,
              batches: [batch],
              idempotency: undefined,
              expectedVersion: undefined,
              durability: "FSYNCED"
            })
          ), { concurrency: 4, discard: true })))
    )
    seconds += written.seconds
  }
  return { jsonBytes, seconds }
}

const pointReads = async (engine: Open, keys: ReadonlyArray<string>): Promise<ReadonlyArray<number>> => {
  const millis: Array<number> = []
  for (const key of keys) millis.push((await timed(() => engine.use(readKey(key)))).seconds * 1000)
  return millis
}

/** All steps with one data set. */
const benchSet = async (set: DataSet, rows: number, reads: number): Promise<ReadonlyArray<StorageFigure>> => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "varve-bench-"))
  const figures: Array<StorageFigure> = []
  const tell = (name: string, value: number, unit: string): void => {
    figures.push({ set: set.name, name, value, unit })
  }
  try {
    let engine = await openEngine(directory)
    const { jsonBytes, seconds } = await ingest(engine, set, rows)
    tell("ingested while flushing", rows / seconds, "rows/s")
    await engine.use(Effect.flatMap(Processor, (processor) => processor.flush(undefined)))
    const status = () => engine.use(Effect.map(Processor, (processor) => processor.status()))
    const flushed = await status()
    tell("flush: copy, sort, encode, sync", flushed.rowsFlushed / flushed.flushMillis * 1000, "rows/s")
    const scanned = await timed(() => engine.use(aggregate({})))
    tell("first scan: marks and count", scanned.seconds * 1000, "ms")
    const merged = await timed(() =>
      engine.use(Effect.flatMap(Processor, (processor) => processor.compact({ tables: undefined, full: true })))
    )
    const read = merged.value.flatMap(({ inputs, kind }) => kind === "merge" ? inputs : []).reduce(
      (sum, input) => sum + input.rows,
      0
    )
    if (read > 0) tell("merge into one level", read / merged.seconds, "rows/s")
    const numbers = (set.document as { columns: ReadonlyArray<{ name: string; type: string }> }).columns
    const [number] = numbers.filter(({ type }) => type === "int32")
    const [text] = numbers.filter(({ name }) => name === "origin")
    for (
      const [name, request] of [
        ["scan: sum of one column", { aggregates: [{ function: "sum", column: number.name, alias: "" }] }],
        ["scan: filter and sum", {
          where: `${number.name} > 100`,
          aggregates: [{ function: "sum", column: number.name, alias: "" }]
        }],
        ["scan: group by text", { groupBy: [text.name] }]
      ] satisfies ReadonlyArray<readonly [string, Partial<AggregateRequest>]>
    ) {
      const times: Array<number> = []
      for (let i = 0; i < 3; i++) times.push((await timed(() => engine.use(aggregate(request)))).seconds)
      tell(name, rows / quantile(times, 0.5), "rows/s")
    }
    tell("size of the rows as NDJSON", jsonBytes / 1e6, "MB")
    tell("size of the segments", folderBytes(path.join(directory, "segments")) / jsonBytes * 100, "% of NDJSON")
    await engine.close()
    const started = await timed(() => openEngine(directory))
    engine = started.value
    const random = makeRandom(7)
    const keys = Array.from({ length: reads }, () => set.keyOf(Math.floor(random() * rows)))
    const first = await timed(() => engine.use(readKey(keys[0])))
    tell("restart to the first read", (started.seconds + first.seconds) * 1000, "ms")
    await pointReads(engine, keys.slice(0, reads / 10))
    await engine.close()
    engine = await openEngine(directory)
    for (const [name, chosen] of [["cold", keys], ["hot", keys.map((_, i) => keys[i % 50])]] as const) {
      if (name === "hot") await pointReads(engine, chosen)
      const millis = await pointReads(engine, chosen)
      tell(`${name} point read, p50`, quantile(millis, 0.5), "ms")
      tell(`${name} point read, p99`, quantile(millis, 0.99), "ms")
    }
    await engine.close()
  } finally {
    fs.rmSync(directory, { recursive: true, force: true })
  }
  return figures
}

/** All data sets whose names contain `sets`; `report` is told of each figure's line. */
export const benchStorage = async (
  { reads, rows, sets }: { readonly rows: number; readonly reads: number; readonly sets: string },
  report: (line: string) => void
): Promise<ReadonlyArray<StorageFigure>> => {
  const figures: Array<StorageFigure> = []
  for (const set of await makeDataSets(rows)) {
    if (!set.name.includes(sets)) continue
    report(`${set.name}, ${rows.toLocaleString("en")} rows`)
    for (const figure of await benchSet(set, rows, reads)) {
      figures.push(figure)
      const digits = figure.value >= 1000 ? 0 : figure.value >= 10 ? 1 : 2
      report(
        `  ${figure.name.padEnd(34)} ${
          figure.value.toLocaleString("en", { maximumFractionDigits: digits }).padStart(12)
        } ${figure.unit}`
      )
    }
  }
  return figures
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { rows: { type: "string", default: "1000000" }, sets: { type: "string", default: "" } }
  })
  console.log(`${describeMachine()}\n`)
  await benchStorage({ rows: Number(values.rows), reads: 2000, sets: values.sets }, console.log)
}
