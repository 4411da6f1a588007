/**
 * What a secondary index is worth: rows found by columns that their keys say nothing of, with an index and without.
 * `node bench/indexes.ts [--rows 2000000]`. Keys are random, so that no page holds neighbours of any other column.
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
import { Query } from "../src/query/Query.ts"
import { batchOf, makeDataSets } from "./dataSets.ts"
import { describeMachine, quantile } from "./harness.ts"
import { makeRandom, makeRows } from "./workload.ts"

const names = { tenant: "bench", table: "rows" }
const batchRows = 10_000

/** A kind of query, with an index of its column and without. */
export interface IndexFigure {
  readonly name: string
  readonly rowsFound: number
  readonly pages: number
  readonly pagesWithout: number
  /** Medians. */
  readonly millis: number
  readonly millisWithout: number
}

/** What an index costs. */
export interface IndexCost {
  readonly index: string
  readonly bytes: number
  readonly segmentBytes: number
  readonly buildSeconds: number
}

/** Some values of the column, and the filters that look for them. */
type Wanted = (random: () => number) => string

const kinds: ReadonlyArray<readonly [name: string, column: string, wanted: Wanted]> = [
  ["one of all values", "flight", (random) => `flight = '${flightOf(random)}'`],
  [
    "ten of all values",
    "flight",
    (random) => `flight in (${Array.from({ length: 10 }, () => `'${flightOf(random)}'`).join()})`
  ],
  ["a range of ten values", "serial", (random) => {
    const from = 1_000_000_000_000 + Math.floor(random() * rowsNow)
    return `serial >= ${from} and serial < ${from + 10}`
  }],
  ["one of 40,000 numbers", "distance", (random) => `distance = ${Math.round(random() * 40_000) / 10}`],
  ["one of 300 texts", "origin", (random) => `origin = '${makeRows(Math.floor(random() * rowsNow), 1)[0].origin}'`]
]

let rowsNow = 0
const flightOf = (random: () => number): string => makeRows(Math.floor(random() * rowsNow), 1)[0].flight

/** Fills a table, merges it into one level, and asks with indexes and without. */
export const benchIndexes = async ({ queries, rows }: { readonly rows: number; readonly queries: number }) => {
  rowsNow = rows
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "varve-bench-"))
  const scope = await Effect.runPromise(Scope.make())
  const layer = Embedded.layer({ directory, memtableBytesMax: 64e6, cacheBytesMax: 64e6 })
  const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  const use = <A, E>(effect: Effect.Effect<A, E, Embedded.Services>): Promise<A> =>
    Effect.runPromise(Effect.provideContext(effect, context))
  try {
    const set = (await makeDataSets(1)).find(({ name }) => name === "bench workload, random 16 hex")!
    await use(
      Effect.flatMap(
        Administration,
        (administration) =>
          administration.registerSchema({ ...names, definition: JSON.stringify(set.document) }, unrestricted)
      )
    )
    const { schema, shape } = await use(Effect.map(Catalog, (catalog) => latest(catalog.table("bench", "rows")!)))
    for (let first = 0; first < rows; first += batchRows) {
      const count = Math.min(batchRows, rows - first)
      const keys = Array.from({ length: count }, (_, i) => set.keyOf(first + i))
      const { batch } = batchOf(shape, schema.columns, set.rows(first, count), keys)
      await use(Effect.flatMap(CommitPipeline, (pipeline) =>
        pipeline.admit(
          batch.byteLength,
          pipeline.commit({
            kind: "rows",
            tenant: names.tenant,
            transactional: false,
            batches: [batch],
            idempotency: undefined,
            expectedVersion: undefined,
            durability: "MEMORY"
          })
        )))
    }
    await use(
      Effect.flatMap(
        Processor,
        (processor) => Effect.andThen(processor.flush(undefined), processor.compact({ tables: undefined, full: true }))
      )
    )

    const ask = (column: string, wanted: Wanted) =>
      use(Effect.gen(function*() {
        const query = yield* Query
        const random = makeRandom(5)
        const millis: Array<number> = []
        let found = 0
        let pages = 0
        let index = ""
        for (let i = 0; i < queries; i++) {
          const where = wanted(random)
          const { records, stats } = yield* query.query({
            ...names,
            asOf: { kind: "latest" },
            minPosition: Position.zero,
            filter: undefined,
            where,
            select: [column],
            orderBy: [],
            limit: 10_000,
            offset: 0,
            cursor: ""
          }, unrestricted)
          found += records.length
          pages += stats.pages
          millis.push(stats.elapsedMillis)
          index = stats.index
        }
        return { found: found / queries, pages: pages / queries, millis: quantile(millis, 0.5), index }
      }))

    const figures: Array<IndexFigure> = []
    const costs: Array<IndexCost> = []
    for (const [name, column, wanted] of kinds) {
      const index = { ...names, name: `by_${column}`, column }
      const without = await ask(column, wanted)
      const started = performance.now()
      await use(Effect.flatMap(Administration, (administration) => administration.createIndex(index, unrestricted)))
      await use(Effect.flatMap(Processor, (processor) => processor.buildIndexes(undefined)))
      const buildSeconds = (performance.now() - started) / 1000
      const withIndex = await ask(column, wanted)
      const segments = await use(Effect.map(Catalog, (catalog) => catalog.table("bench", "rows")!.segments))
      costs.push({
        index: index.name,
        bytes: segments.reduce((sum, { indexes }) => sum + indexes.reduce((all, { bytes }) => all + bytes, 0), 0),
        segmentBytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
        buildSeconds
      })
      figures.push({
        name: `${name}: ${column}${withIndex.index === "" ? " (index not used)" : ""}`,
        rowsFound: withIndex.found,
        pages: withIndex.pages,
        pagesWithout: without.pages,
        millis: withIndex.millis,
        millisWithout: without.millis
      })
      await use(Effect.flatMap(Administration, (administration) => administration.dropIndex(index, unrestricted)))
      await use(Effect.flatMap(Processor, (processor) => processor.buildIndexes(undefined)))
    }
    return { figures, costs }
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    fs.rmSync(directory, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { rows: { type: "string", default: "2000000" } } })
  const rows = Number(values.rows)
  console.log(`${describeMachine()}\n${rows.toLocaleString("en")} rows\n`)
  const { costs, figures } = await benchIndexes({ rows, queries: 20 })
  const shown = (number: number): string => number.toLocaleString("en", { maximumFractionDigits: number < 10 ? 2 : 0 })
  for (const { millis, millisWithout, name, pages, pagesWithout, rowsFound } of figures) {
    console.log(
      `${name.padEnd(34)} ${shown(rowsFound).padStart(7)} rows  ${shown(pages).padStart(7)} pages in ${
        shown(millis).padStart(6)
      } ms, without ${shown(pagesWithout).padStart(6)} in ${shown(millisWithout).padStart(6)} ms: ${
        shown(pagesWithout / pages)
      } times fewer pages`
    )
  }
  for (const { buildSeconds, bytes, index, segmentBytes } of costs) {
    console.log(
      `${index.padEnd(34)} ${(bytes / 1e6).toFixed(1)} MB, ${
        (100 * bytes / segmentBytes).toFixed(1)
      }% of the segments, ` +
        `built in ${buildSeconds.toFixed(1)} s`
    )
  }
}
