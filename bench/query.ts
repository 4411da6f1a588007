/**
 * How fast the engine reads rows in memory, without a wire: `node bench/query.ts [rows]`.
 *
 * Rows are like flights: two airports and a carrier of few values, a delay that may be null, a distance, a time.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { encodeUtf8 } from "../src/base/bytes.ts"
import { unrestricted } from "../src/base/caller.ts"
import * as Position from "../src/base/position.ts"
import { Catalog } from "../src/catalog/Catalog.ts"
import { makeCatalog } from "../src/catalog/makeCatalog.ts"
import { RowBatch } from "../src/event/rowBatch.ts"
import { type Int64Vector, type NumberVector, setNull, type TextVector } from "../src/event/vector.ts"
import { Engine, EngineService, memtableBytesDefault } from "../src/mvcc/Engine.ts"
import { EngineState } from "../src/mvcc/engineState.ts"
import { makeMvcc } from "../src/mvcc/makeMvcc.ts"
import { Mvcc } from "../src/mvcc/Mvcc.ts"
import { makeSegmentFiles, SegmentFiles } from "../src/mvcc/SegmentFiles.ts"
import { segmentEntry } from "../src/processor/segmentEntry.ts"
import { makeQuery } from "../src/query/makeQuery.ts"
import type { AggregateFunction, AggregateRequest, QueryRequest, QueryService } from "../src/query/Query.ts"
import { canonicalDocument, parseDocument } from "../src/schema/document.ts"
import { sortRows } from "../src/segment/sortRows.ts"
import { type SegmentPiece, storeSegment } from "../src/segment/storeSegment.ts"
import { BlockStorage, type BlockStorageService } from "../src/storage/BlockStorage.ts"
import { makeFileStorage } from "../src/storage/fileStorage.ts"
import { describeMachine, type Figure, formatFigure, measure, quantile } from "./harness.ts"
import { keyOf, makeRandom } from "./workload.ts"

const document = {
  columns: [
    { name: "origin", type: "string" },
    { name: "destination", type: "string" },
    { name: "carrier", type: "string" },
    { name: "delay", type: "int32", nullable: true },
    { name: "distance", type: "float64" },
    { name: "date", type: "timestamp" },
    { name: "cancelled", type: "bool" }
  ]
}

const carriers = Array.from({ length: 13 }, (_, i) => encodeUtf8(`C${i}`))
const airports = Array.from({ length: 300 }, (_, i) => encodeUtf8(`A${i.toString().padStart(3, "0")}`))
const batchRows = 10_000

/** So many rows in memory. */
const fill = (rows: number): EngineState => {
  const state = new EngineState(memtableBytesDefault)
  const parsed = parseDocument(JSON.stringify(document))
  if (parsed.problem !== undefined) throw new Error(parsed.problem.message)
  const definition = canonicalDocument(parsed.schema)
  state.fold(
    { kind: "SchemaRegistered", tenant: "bench", table: "flights", tableId: 1, version: 1, definition },
    Position.first,
    1
  )
  const random = makeRandom(11)
  const { shape } = state.catalog.tables.get(1)!.versions[0]
  for (let first = 0; first < rows; first += batchRows) {
    const batch = new RowBatch(shape, batchRows)
    const [origin, destination, carrier] = batch.columns as Array<TextVector>
    const [, , , delay, distance, , cancelled] = batch.columns as Array<NumberVector>
    const date = batch.columns[5] as Int64Vector
    for (let i = 0; i < batchRows; i++) {
      batch.keys.set(i, encodeUtf8(keyOf(first + i)))
      setNull(batch.timestamps, i)
      setNull(batch.metadata, i)
      origin.set(i, airports[Math.floor(random() ** 2 * airports.length)])
      destination.set(i, airports[Math.floor(random() ** 2 * airports.length)])
      carrier.set(i, carriers[Math.floor(random() * carriers.length)])
      if (random() < 0.02) setNull(delay, i)
      else delay.values[i] = Math.floor(random() ** 3 * 400) - 20
      distance.values[i] = Math.floor(random() * 30_000) / 10
      date.setNumber(i, 1_000_000_000_000_000 + (first + i) * 12_345_000)
      cancelled.values[i] = random() < 0.02 ? 1 : 0
    }
    batch.count = batchRows
    const at = Position.advance(state.position, 1)
    state.fold(
      { kind: "RowsWritten", transactional: false, batches: [batch], idempotency: undefined },
      at,
      1_700_000_000_000_000 + first
    )
  }
  return state
}

/** A query service over a state, whose segments are read through a cache of so many bytes. */
const open = (state: EngineState, storage: BlockStorageService, cacheBytesMax: number): QueryService =>
  Effect.runSync(
    Effect.flatMap(makeMvcc, (mvcc) => Effect.provideService(makeQuery, Mvcc, Mvcc.of(mvcc))).pipe(
      Effect.provideService(Engine, new EngineService(state, { checkpoint: undefined, replayedBytes: 0 })),
      Effect.provideServiceEffect(
        SegmentFiles,
        makeSegmentFiles({ cacheBytesMax }).pipe(
          Effect.provideService(BlockStorage, BlockStorage.of(storage)),
          Effect.provideServiceEffect(Scope.Scope, Scope.make())
        )
      ),
      Effect.provideService(Catalog, makeCatalog(() => state.catalog))
    )
  )

/** Writes every memtable into a segment. */
const flush = async (state: EngineState, storage: BlockStorageService): Promise<void> => {
  const table = state.tableVersions(1)
  const { schema } = state.catalog.tables.get(1)!.versions[0]
  table.seal()
  for (const memtable of [...table.sealed]) {
    const { columns, count, keys, metadata, timestamps } = memtable
    const positions = memtable.positions.slice(0, count)
    const commitTimes = positions.map((position) => state.commitTimes.timeOf(Position.make(position)))
    const rows = { keys, positions, commitTimes, timestamps, deleted: undefined, metadata, columns }
    const pieces: Array<SegmentPiece> = [{ rows, order: sortRows(keys, positions, count) }]
    const name = `segments/1/${state.position}.parquet`
    const owner = { table: 1, schemaVersion: 1, schema }
    const summary = await Effect.runPromise(storeSegment(storage, name, owner, Effect.sync(() => pieces.pop())))
    const added = [segmentEntry(name, 0, 1, summary)]
    const event = { tableId: 1, through: memtable.lastPosition, horizon: 0, removed: [], added }
    state.fold({ kind: "SegmentsPublished", ...event }, Position.advance(state.position, 1), 2e15)
  }
}

const read = {
  tenant: "bench",
  table: "flights",
  asOf: { kind: "latest" },
  minPosition: Position.zero,
  filter: undefined,
  where: ""
} as const

const page: QueryRequest = { ...read, select: [], orderBy: [], limit: 100, offset: 0, cursor: "" }

const aggregate: AggregateRequest = { ...read, aggregates: [], groupBy: [], having: "", orderBy: [], limit: 0 }

const figures = (...named: ReadonlyArray<readonly [AggregateFunction, string]>) =>
  named.map(([name, column]) => ({ function: name, column, alias: "" }))

const aggregates: ReadonlyArray<readonly [string, Partial<AggregateRequest>]> = [
  ["count", { aggregates: figures(["count", ""]) }],
  ["sum of one column", { aggregates: figures(["sum", "distance"]) }],
  ["filter a number, sum", { where: "distance > 1500", aggregates: figures(["sum", "distance"]) }],
  ["filter a nullable number, sum", { where: "delay > 30", aggregates: figures(["sum", "delay"]) }],
  ["filter text, average", { where: "origin = 'A007'", aggregates: figures(["avg", "delay"]) }],
  [
    "filter by and, or, not",
    {
      where: "delay > 30 and (origin = 'A001' or destination in ('A002', 'A003')) and not cancelled",
      aggregates: figures(["count", ""])
    }
  ],
  ["group by 1 of 13", { groupBy: ["carrier"], aggregates: figures(["count", ""], ["sum", "distance"]) }],
  ["group by 1 of 300, average", { groupBy: ["origin"], aggregates: figures(["count", ""], ["avg", "delay"]) }],
  ["group by 2, 3,900 groups", {
    groupBy: ["carrier", "origin"],
    aggregates: figures(["count", ""], ["sum", "distance"])
  }],
  ["distinct dates, all different", { aggregates: figures(["distinct_count", "date"]) }]
]

const pages: ReadonlyArray<readonly [string, Partial<QueryRequest>]> = [
  ["first 100 by key", {}],
  ["first 100 by a number", { orderBy: [{ column: "distance", descending: true }] }],
  ["first 100 by a nullable number, filtered", {
    where: "carrier = 'C3'",
    orderBy: [{ column: "delay", descending: true }]
  }],
  ["first 100 by text and a number", {
    orderBy: [{ column: "origin", descending: false }, { column: "distance", descending: true }]
  }]
]

/** Measures reads over so many rows, in memtables and then, the same rows, in segments. */
export const benchQuery = async (
  sizes: { readonly rows: number; readonly runs: number; readonly gets: number }
): Promise<ReadonlyArray<Figure>> => {
  const { gets, rows, runs } = sizes
  const state = fill(rows)
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "varve-bench-query-"))
  const scope = Effect.runSync(Scope.make())
  try {
    const storage = await Effect.runPromise(Scope.provide(makeFileStorage({ root }), scope))
    const inMemory = await scans("", open(state, storage, 0), rows, runs)
    const getsInMemory = await pointReads("get by key", open(state, storage, 0), rows, gets, runs, gets)
    await flush(state, storage)
    const inSegments = await scans("segments: ", open(state, storage, 64 * 2 ** 20), rows, runs)
    return [
      ...inMemory,
      getsInMemory,
      ...inSegments.map((figure, i) => ({
        ...figure,
        note: `${figure.note}, ${(figure.median / inMemory[i].median).toFixed(2)} of memtables`
      })),
      await pages100("segments: pages of 100 by key", open(state, storage, 64 * 2 ** 20), rows, runs),
      await pointReads(
        "segments: get by key, all different",
        open(state, storage, 64 * 2 ** 20),
        rows,
        Math.min(gets, 2000),
        runs,
        rows
      ),
      await pointReads("segments: get by key, of 500", open(state, storage, 256 * 2 ** 20), rows, gets, runs, 500)
    ]
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    fs.rmSync(root, { recursive: true, force: true })
  }
}

/** Reads that look at every row, or at as many as they must. */
const scans = async (
  prefix: string,
  query: QueryService,
  rows: number,
  runs: number
): Promise<ReadonlyArray<Figure>> => {
  const results: Array<Figure> = []
  const scan = async (name: string, run: () => Promise<unknown>): Promise<void> => {
    results.push(
      await measure(`${prefix}${name}`, "M rows/s", runs, async () => {
        const begun = performance.now()
        await run()
        const millis = performance.now() - begun
        return { value: rows / millis / 1000, note: `${millis.toFixed(1)} ms` }
      })
    )
  }
  for (const [name, change] of aggregates) {
    await scan(name, () => Effect.runPromise(query.aggregate({ ...aggregate, ...change }, unrestricted)))
  }
  for (const [name, change] of pages) {
    await scan(name, () => Effect.runPromise(query.query({ ...page, ...change }, unrestricted)))
  }
  return results
}

/** Reads of single keys, one after another, of so many different ones. */
const pointReads = (
  name: string,
  query: QueryService,
  rows: number,
  gets: number,
  runs: number,
  different: number
): Promise<Figure> =>
  measure(name, "K/s", runs, async () => {
    const random = makeRandom(3)
    const millis: Array<number> = []
    const begun = performance.now()
    for (let i = 0; i < gets; i++) {
      const key = keyOf(Math.floor(random() * different) * Math.floor(rows / different))
      const started = performance.now()
      const answer = await Effect.runPromise(query.getRecord({ ...read, key, select: [] }, unrestricted))
      millis.push(performance.now() - started)
      if (answer.record.key !== key) throw new Error(`${key} was not found`)
    }
    const note = `p50 ${quantile(millis, 0.5).toFixed(3)} ms, p99 ${quantile(millis, 0.99).toFixed(3)} ms`
    return { value: gets / (performance.now() - begun), note }
  })

/** A chain of pages from a place in the midst of the keys on. */
const pages100 = (name: string, query: QueryService, rows: number, runs: number): Promise<Figure> =>
  measure(name, "pages/s", runs, async () => {
    const millis: Array<number> = []
    let cursor = ""
    let read = 0
    const where = `_key >= '${keyOf(Math.floor(rows / 3))}'`
    for (let i = 0; i < 50; i++) {
      const started = performance.now()
      const answer = await Effect.runPromise(query.query({ ...page, where, cursor }, unrestricted))
      millis.push(performance.now() - started)
      cursor = answer.nextCursor
      read += answer.stats.pages
      if (cursor === "") break
    }
    const total = millis.reduce((sum, time) => sum + time, 0)
    const note = `p50 ${quantile(millis, 0.5).toFixed(2)} ms, ${
      (read / millis.length).toFixed(1)
    } pages of segments each`
    return { value: millis.length / total * 1000, note }
  })

if (import.meta.main) {
  const rows = Number(process.argv[2] ?? 3_000_000)
  console.log(`${describeMachine()}; ${rows.toLocaleString("en-US")} rows\n`)
  for (const figure of await benchQuery({ rows, runs: 5, gets: 50_000 })) console.log(formatFigure(figure))
}
