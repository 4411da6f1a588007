/** Rows of segments: which versions a snapshot sees, what need not be read, and what is let go. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import { describe, expect, it } from "vitest"
import * as Position from "../../src/base/position.ts"
import { makeCatalog } from "../../src/catalog/makeCatalog.ts"
import { Groups } from "../../src/query/aggregate/Groups.ts"
import { always } from "../../src/query/checkFilter.ts"
import { keyColumn } from "../../src/query/columns.ts"
import { openSources, scanned } from "../../src/query/openSources.ts"
import { part, RowOrder } from "../../src/query/order/RowOrder.ts"
import { SortedRuns } from "../../src/query/order/SortedRuns.ts"
import { TopRows } from "../../src/query/order/TopRows.ts"
import type { QueryRequest } from "../../src/query/Query.ts"
import { PartFeed } from "../../src/query/scan/PartFeed.ts"
import { openTable } from "../../src/query/tableView.ts"
import { anyone, Dataset, type NewRow, read, refused, run } from "./support/dataset.ts"

const page: QueryRequest = {
  ...read,
  filter: undefined,
  where: "",
  select: [],
  orderBy: [],
  limit: 1000,
  offset: 0,
  cursor: ""
}

const at = (position: number) => ({ kind: "position", position: Position.make(position) }) as const

const numbered = { columns: [{ name: "n", type: "int32", nullable: true }] }

/** A table of one number. */
const tableOfNumbers = (): Dataset => {
  const dataset = new Dataset(1e9)
  dataset.register(numbered)
  return dataset
}

const put = (key: string, n: number, timestamp?: number): NewRow => ({
  key,
  values: { n },
  ...timestamp === undefined ? {} : { timestamp }
})

const flushed = (dataset: Dataset, rowGroupRows: number): void => {
  dataset.seal()
  while (dataset.flush(rowGroupRows));
}

/** Asserts that scans, figures, lookups and histories are the model's, at every position. */
const check = async (dataset: Dataset): Promise<void> => {
  const query = dataset.query()
  const keys = [...new Set(dataset.versions.map(({ key }) => key))].sort()
  for (let position = 0; position <= dataset.state.position; position++) {
    const asOf = at(dataset.state.commitTimes.wholeAt(Position.make(position)))
    const expected = dataset.rowsAt(asOf.position)
      .map(({ key, position }) => `${key}@${position}`)
      .sort()
    const shown = (rows: ReadonlyArray<{ readonly key: string; readonly position: number }>) =>
      rows.map(({ key, position }) => `${key}@${position}`).sort()
    const scan = await run(query.query({ ...page, asOf }, anyone))
    expect({ position, rows: shown(scan.records) }).toEqual({ position, rows: expected })
    const figures = { aggregates: [{ function: "count", column: "", alias: "" }], groupBy: [], having: "" } as const
    const count = await run(query.aggregate({ ...page, ...figures, asOf }, anyone))
    expect({ position, count: count.rows[0][0] }).toEqual({ position, count: expected.length })
    const found = await run(query.getRecords({ ...read, asOf, keys, select: [] }, anyone))
    expect({ position, rows: shown(found.records) }).toEqual({ position, rows: expected })
    const where = `_key in (${keys.map((key) => `'${key}'`).join()})`
    const pinned = await run(query.query({ ...page, asOf, where }, anyone))
    expect({ position, rows: shown(pinned.records) }).toEqual({ position, rows: expected })
    for (const key of keys) {
      const history = await run(query.getHistory({ ...read, asOf, key, select: [], limit: 0, cursor: "" }, anyone))
      expect(history.records.map(({ position }) => position)).toEqual(
        dataset.versions.filter((version) => version.key === key && version.position <= asOf.position)
          .map(({ position }) => position).reverse()
      )
    }
  }
}

describe("a snapshot sees of a segment", () => {
  it.each([1, 2, 3, 100])(
    "the newest version of a key whose versions go on over row groups of %i rows",
    async (rows) => {
      const dataset = tableOfNumbers()
      for (let n = 0; n < 7; n++) dataset.write([put("a", n), put("b", n)])
      dataset.write([put("c", 1)])
      flushed(dataset, rows)
      expect(dataset.table.segments.map(({ rows }) => rows)).toEqual([15])
      await check(dataset)
    }
  )

  it("no row that a newer segment or a memtable supersedes, from that position on", async () => {
    const dataset = tableOfNumbers()
    dataset.write([put("a", 1), put("b", 1), put("c", 1)])
    flushed(dataset, 2)
    dataset.write([put("b", 2)])
    flushed(dataset, 2)
    dataset.write([put("a", 2), put("c", 2)])
    dataset.write([put("a", 3)])
    await check(dataset)
    flushed(dataset, 1)
    dataset.merge(2, 2)
    dataset.write([put("b", 4), put("d", 1)])
    expect(dataset.table.segments.map(({ level }) => level)).toEqual([1, 1, 1])
    await check(dataset)
  })

  it("no key that was deleted, wherever the deletion lies", async () => {
    const dataset = tableOfNumbers()
    dataset.write([put("a", 1), put("b", 1), put("c", 1), put("d", 1)])
    dataset.write([{ key: "a", deleted: true }])
    flushed(dataset, 2)
    dataset.write([{ key: "b", deleted: true }, { key: "nothing", deleted: true }])
    flushed(dataset, 2)
    dataset.write([{ key: "c", deleted: true }, put("a", 2)])
    await check(dataset)
    const error = await refused(dataset.query().getRecord({ ...read, key: "b", select: [] }, anyone))
    expect([error.reason, error.message]).toEqual([
      "KEY_NOT_FOUND",
      `key: "b" was deleted by then, in table events at position ${dataset.state.position}`
    ])
  })

  it("no row whose time has run out, from the expiry on; its history stays", async () => {
    const dataset = tableOfNumbers()
    // Event times decide, and commit times where there are none: those are about 1.7e15.
    dataset.write([put("old", 1, 1e15), put("new", 1, 1.5e15), put("none", 1), put("was new", 1, 1.5e15)])
    dataset.write([put("was new", 2, 1e15), put("was old", 1, 1e15)])
    dataset.write([put("was old", 2, 1.5e15)])
    flushed(dataset, 2)
    dataset.write([put("old in memory", 1, 1e15), put("new in memory", 1)])
    dataset.expire(1.2e15)
    dataset.write([put("late", 1, 1e15)])
    expect(dataset.rowsAt(dataset.state.position).map(({ key }) => key)).toEqual([
      "new",
      "none",
      "was old",
      "new in memory"
    ])
    await check(dataset)
    dataset.expire(1.6e15)
    await check(dataset)
    const error = await refused(dataset.query().getRecord({ ...read, key: "old", select: [] }, anyone))
    expect(error.message).toContain("\"old\" had expired by then")
  })

  it("nothing below the horizon: BELOW_HORIZON", async () => {
    const dataset = tableOfNumbers()
    dataset.write([put("a", 1)])
    dataset.write([put("a", 2)])
    flushed(dataset, 2)
    dataset.raiseHorizon(3)
    const query = dataset.query()
    for (
      const effect of [
        query.query({ ...page, asOf: at(2) }, anyone),
        query.getRecord({ ...read, asOf: at(2), key: "a", select: [] }, anyone),
        query.explain({ subject: { kind: "query", query: { ...page, asOf: at(2) } }, analyze: false }, anyone),
        Stream.runDrain(query.queryStream({ ...page, asOf: at(2), batchRows: 0 }, anyone))
      ]
    ) expect((await refused(effect as Effect.Effect<unknown, { reason: string }>)).reason).toBe("BELOW_HORIZON")
    expect((await run(query.query({ ...page, asOf: at(3) }, anyone))).records.length).toBe(1)
  })
})

const keyOf = (n: number): string => `k${String(n).padStart(6, "0")}`

/** Eight segments of 10,000 rows with keys of their own, in order; `n` grows with the key, `group` is one for each. */
const ordered = (() => {
  const dataset = new Dataset(1e9)
  dataset.register({
    columns: [{ name: "n", type: "int32" }, { name: "group", type: "string" }, { name: "text", type: "string" }]
  })
  for (let segment = 0; segment < 8; segment++) {
    dataset.write(Array.from({ length: 10_000 }, (_, i) => {
      const n = segment * 10_000 + i
      return { key: keyOf(n), values: { n, group: `group ${segment}`, text: `text ${(n * 7919) % 80_000}` } }
    }))
    flushed(dataset, 100_000)
  }
  return dataset
})()

describe("of segments, is read", () => {
  const query = ordered.query()

  it("no more than the first pages, for the first rows by key, either way, and for the pages behind", async () => {
    for (const descending of [false, true]) {
      const keys: Array<string> = []
      let cursor = ""
      const orderBy = descending ? [{ column: "_key", descending }] : []
      for (let i = 0; i < 5; i++) {
        const answer = await run(query.query({ ...page, orderBy, select: ["n"], limit: 100, cursor }, anyone))
        keys.push(...answer.records.map(({ key }) => key))
        cursor = answer.nextCursor
        // The key's page to find the rows, the same and the columns' to answer them.
        expect(answer.stats.segments).toBe(1)
        expect(answer.stats.pages).toBeLessThanOrEqual(6)
        expect(answer.stats.rowsScanned).toBeLessThanOrEqual(4096)
      }
      expect(keys).toEqual(Array.from({ length: 500 }, (_, i) => keyOf(descending ? 79_999 - i : i)))
    }
  })

  it("the row groups that can be first, for the first rows by a column", async () => {
    for (const descending of [false, true]) {
      const orderBy = [{ column: "n", descending }]
      const first = await run(query.query({ ...page, orderBy, select: ["n"], limit: 50 }, anyone))
      expect(first.records.map(({ values }) => values[0])).toEqual(
        Array.from({ length: 50 }, (_, i) => descending ? 79_999 - i : i)
      )
      expect(first.stats.segments).toBe(1)
      const second = await run(
        query.query({ ...page, orderBy, select: ["n"], limit: 50, cursor: first.nextCursor }, anyone)
      )
      expect(second.records[0].values[0]).toBe(descending ? 79_949 : 50)
      expect(second.stats.segments).toBe(1)
    }
  })

  it("what min and max leave over, of segments, row groups and pages", async () => {
    const cases: ReadonlyArray<[string, number, number, number]> = [
      ["`group` = 'group 3'", 10_000, 1, 10_000],
      ["n = 45678", 1, 1, 4096],
      ["n >= 45678 and n < 45680", 2, 1, 4096],
      ["n in (5, 70000)", 2, 2, 8192],
      ["not n >= 10", 10, 1, 4096],
      ["n > 100000", 0, 0, 0],
      ["n < 10 or `group` starts with 'group 7'", 10_010, 2, 14_096],
      ["_key >= 'k012345' and _key < 'k012355'", 10, 1, 4096],
      ["_key starts with 'k01234'", 10, 1, 4096],
      ["n is null", 0, 0, 0],
      ["_position <= 3", 2, 1, 4096],
      ["_commit_time < '2000-01-01'", 0, 0, 0],
      ["text contains '79'", 3372, 8, 80_000]
    ]
    for (const [expression, rows, segments, scanned] of cases) {
      const where = expression.replaceAll("`", "\"")
      const answer = await run(query.query({ ...page, where, limit: 50_000, select: ["n"] }, anyone))
      expect({ where, segments: answer.stats.segments, scanned: answer.stats.rowsScanned })
        .toEqual({ where, segments, scanned })
      expect([where, answer.records.length]).toEqual([where, rows])
    }
  })

  it("one page of each column, for a key", async () => {
    const answer = await run(query.getRecord({ ...read, key: keyOf(23_456), select: ["n", "text"] }, anyone))
    expect(answer.record.values).toEqual([23_456, `text ${(23_456 * 7919) % 80_000}`])
    expect([answer.stats.segments, answer.stats.index]).toEqual([1, "key"])
    expect(answer.stats.pages).toBeLessThanOrEqual(6)
    const missing = await refused(query.getRecord({ ...read, key: "k023456x", select: [] }, anyone))
    expect(missing.reason).toBe("KEY_NOT_FOUND")
  })

  it("each segment once, for ten thousand keys", async () => {
    const keys = Array.from({ length: 10_000 }, (_, i) => i % 2 === 0 ? keyOf((i * 7919) % 80_000) : `absent ${i}`)
    const answer = await run(query.getRecords({ ...read, keys, select: ["n"] }, anyone))
    expect(answer.records.map(({ key }) => key)).toEqual(keys.filter((_, i) => i % 2 === 0))
    expect(answer.missingKeys).toEqual(keys.filter((_, i) => i % 2 === 1))
    expect(answer.stats.segments).toBe(8)
  })

  it("as little as is pulled, of a stream by key without a limit", async () => {
    const request = {
      ...page,
      limit: 0,
      batchRows: 1000,
      select: ["n"],
      orderBy: [{ column: "_key", descending: true }]
    }
    const answers = await run(Stream.runCollect(query.queryStream(request, anyone)))
    const keys = answers.flatMap((answer) => answer.kind === "batch" ? answer.records.map(({ key }) => key) : [])
    expect(keys).toEqual(Array.from({ length: 80_000 }, (_, i) => keyOf(79_999 - i)))
  })

  it("what a plan says", async () => {
    const explained = await run(query.explain({
      subject: { kind: "query", query: { ...page, where: "n >= 45678 and \"group\" >= 'group 4'" } },
      analyze: true
    }, anyone))
    expect(explained.steps[0].detail).toBe(
      `80000 versions in 8 segments of acme.events at position ${ordered.state.position}; reads 4 of 8 segments, ` +
        "4 of their 4 row groups, 11 of these 12 pages; min and max rule out 4 segments by n >= 45678"
    )
    // The values are spread evenly, which is what is supposed.
    const [scan, filter] = explained.steps
    expect(scan.estimatedRows).toBe(35_904)
    expect(Math.abs(filter.estimatedRows - 34_322)).toBeLessThan(100)
    // The first rows by key were found before all others had been looked at.
    expect(filter.actualRows).toBeGreaterThan(1000)
    expect(filter.actualRows).toBeLessThan(5000)
  })
})

describe("a cursor", () => {
  it("keeps its position for the next page, and the last page does not", async () => {
    const dataset = tableOfNumbers()
    dataset.write([put("a", 1), put("b", 1), put("c", 1)])
    const mvcc = dataset.mvcc()
    const query = dataset.query(mvcc)
    await run(query.query({ ...page, limit: 3 }, anyone))
    expect(mvcc.usage().heldPositions).toBe(0)
    const first = await run(query.query({ ...page, limit: 2 }, anyone))
    expect(mvcc.usage().heldPositions).toBe(1)
    expect(await run(mvcc.oldestRead())).toBe(first.position)
    dataset.write([put("a", 2)])
    const history = { ...read, key: "a", select: [], limit: 1, cursor: "" }
    await run(query.getHistory(history, anyone))
    expect(mvcc.usage().heldPositions).toBe(2)
    expect(mvcc.usage().readers).toBe(0)
  })
})

describe("parts that were read", () => {
  v8.setFlagsFromString("--expose-gc")
  const collect = vm.runInNewContext("gc") as () => void

  it("are held by no group, order or run of rows", async () => {
    const dataset = ordered
    const foundation = { catalog: makeCatalog(() => dataset.state.catalog), mvcc: dataset.mvcc() }
    const columns = [...dataset.columns, keyColumn]
    const order = new RowOrder([{ column: dataset.columns[2], descending: true }, {
      column: keyColumn,
      descending: false
    }])
    const top = new TopRows(order, 5000)
    const runs = new SortedRuns(new RowOrder(order.columns), 1_000_000)
    const runsOrder = runs["order"]
    const groups = new Groups([dataset.columns[1], dataset.columns[2]])
    const held: Array<WeakRef<object>> = []
    await run(Effect.scoped(Effect.gen(function*() {
      const view = yield* openTable(foundation, read, anyone)
      const sources = yield* openSources(foundation.mvcc, view, { purpose: "scan" })
      const feed = new PartFeed({ candidates: scanned(sources), filter: always, columns, cost: sources.cost })
      for (let found = yield* feed.next; found !== undefined; found = yield* feed.next) {
        const { block, count, rows, source } = found
        const vectorOf: typeof block.vector = (column) => block.vector(column)
        for (const column of columns) held.push(new WeakRef(block.vector(column)))
        groups.assign(block, rows, count)
        runsOrder.open(part, vectorOf)
        runs.offer(source, block, rows, count)
        runs.endPart()
        order.open(part, vectorOf)
        top.offer(source, block, rows, count)
        top.endPart(vectorOf)
      }
    })))
    await new Promise((resolve) => setTimeout(resolve, 20))
    collect()
    await new Promise((resolve) => setTimeout(resolve, 20))
    collect()
    expect(held.length).toBe(32)
    expect(held.filter((vector) => vector.deref() !== undefined).length).toBe(0)
    expect([top.sorted().rows.length, groups.count]).toEqual([5000, 80_000])
    runs.startMerge()
    expect(runs.take(3).rows.length).toBe(3)
  })

  it("are not sorted where they are too many: MEMORY_LIMIT, and the way out", async () => {
    const column = ordered.columns[0]
    const vector = { kind: "number", values: new Float64Array(10), wide: undefined, nulls: undefined } as const
    const order = new RowOrder([{ column, descending: false }])
    order.open(part, () => vector)
    const runs = new SortedRuns(order, 15)
    const block = { base: 0, vector: () => vector }
    runs.offer(0, block, Int32Array.from({ length: 10 }, (_, i) => i), 10)
    expect(() => runs.offer(0, block, Int32Array.from({ length: 10 }, (_, i) => i), 10)).toThrow(
      "order_by: more than 15 rows, or 512 MiB of their values, would have to be sorted in memory; set a limit, " +
        "filter the rows, or order by _key, which needs no memory"
    )
  })
})
