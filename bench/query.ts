/**
 * How fast the engine reads rows in memory, without a wire: `node bench/query.ts [rows]`.
 *
 * Rows are like flights: two airports and a carrier of few values, a delay that may be null, a distance, a time.
 */
import * as Effect from "effect/Effect"
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
import { SegmentFiles } from "../src/mvcc/SegmentFiles.ts"
import { makeQuery } from "../src/query/makeQuery.ts"
import type { AggregateFunction, AggregateRequest, QueryRequest, QueryService } from "../src/query/Query.ts"
import { canonicalDocument, parseDocument } from "../src/schema/document.ts"
import { noSegments } from "../test/support/segmentFiles.ts"
import { describeMachine, type Figure, formatFigure, measure } from "./harness.ts"
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

/** A query service over so many rows in memory. */
const fill = (rows: number): QueryService => {
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
  return Effect.runSync(
    Effect.flatMap(makeMvcc, (mvcc) => Effect.provideService(makeQuery, Mvcc, Mvcc.of(mvcc))).pipe(
      Effect.provideService(Engine, new EngineService(state, { checkpoint: undefined, replayedBytes: 0 })),
      Effect.provideService(SegmentFiles, noSegments),
      Effect.provideService(Catalog, makeCatalog(() => state.catalog))
    )
  )
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

/** Measures reads over so many rows. */
export const benchQuery = async (
  sizes: { readonly rows: number; readonly runs: number; readonly gets: number }
): Promise<ReadonlyArray<Figure>> => {
  const { gets, rows, runs } = sizes
  const query = fill(rows)
  const results: Array<Figure> = []
  const scan = async (name: string, run: () => Promise<unknown>): Promise<void> => {
    results.push(
      await measure(name, "M rows/s", runs, async () => {
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
  results.push(
    await measure("get by key", "K/s", runs, async () => {
      const random = makeRandom(3)
      const begun = performance.now()
      for (let i = 0; i < gets; i++) {
        const key = keyOf(Math.floor(random() * rows))
        const answer = Effect.runSync(query.getRecord({ ...read, key, select: [] }, unrestricted))
        if (answer.record.key !== key) throw new Error(`${key} was not found`)
      }
      return { value: gets / (performance.now() - begun) }
    })
  )
  return results
}

if (import.meta.main) {
  const rows = Number(process.argv[2] ?? 3_000_000)
  console.log(`${describeMachine()}; ${rows.toLocaleString("en-US")} rows\n`)
  for (const figure of await benchQuery({ rows, runs: 5, gets: 50_000 })) console.log(formatFigure(figure))
}
