/** Pages: the first rows of an order behind a place in it. */
import * as Effect from "effect/Effect"
import type { Caller } from "../base/caller.ts"
import type { Position } from "../base/position.ts"
import { openFeed } from "./accessPath.ts"
import { resultColumn } from "./columns.ts"
import { checkCursor, type Cursor, placeOf, placeVectors, readCursor, shapeHash, writeCursor } from "./cursor.ts"
import { drain, makeRows, noTimings, statsOf, timed } from "./drain.ts"
import { offsetMax, pageRows } from "./limits.ts"
import { RowOrder } from "./order/RowOrder.ts"
import { TopRows } from "./order/TopRows.ts"
import { planRows, type RowPlan } from "./planRows.ts"
import type { PageAnswer, QueryRequest } from "./Query.ts"
import { RecordReader } from "./recordReader.ts"
import { refusals } from "./refusals.ts"
import { refuse } from "./refuse.ts"
import { type Foundation, openTable } from "./tableView.ts"

/** A page's plan: which rows, how many, and behind which. */
export interface PagePlan extends RowPlan {
  readonly limit: number
  readonly offset: number
  readonly cursor: Cursor | undefined
  /** Of what was asked; goes into the next cursor. */
  readonly hash: string
}

/** Takes the snapshot, the cursor's where there is one, and plans. */
export const openPage = Effect.fnUntraced(function*(foundation: Foundation, request: QueryRequest, caller: Caller) {
  const cursor = yield* refusals(() =>
    request.cursor === "" ? undefined : readCursor(request.cursor, foundation.mvcc.position())
  )
  const asOf = cursor === undefined ? request.asOf : { kind: "position", position: cursor.position } as const
  const view = yield* openTable(foundation, request, caller, asOf)
  return yield* refusals((): PagePlan => {
    const limit = pageRows(request.limit)
    const offset = cursor === undefined ? request.offset : 0
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > offsetMax) {
      refuse("VALUE_OUT_OF_RANGE", "offset", `${offset} rows; up to ${offsetMax} are allowed, cursors lead further`)
    }
    const plan = planRows(view, request)
    const { filter = null, orderBy, where } = request
    const hash = shapeHash([view.table.tenant, view.table.id, filter, where, orderBy, request.asOf])
    if (cursor !== undefined) checkCursor(cursor, hash, plan.order.length)
    return { ...plan, limit, offset, cursor, hash }
  })
})

/** Runs a page's plan. */
export const runPage = Effect.fnUntraced(function*(plan: PagePlan, elapsedMillis: () => number) {
  const { sources } = plan.view
  const timings = noTimings()
  const order = new RowOrder(plan.order)
  // One row more than the page has tells whether there is a next one.
  const top = new TopRows(order, plan.offset + plan.limit + 1)
  const place = yield* refusals(() => openPlace(plan, order))
  const feed = openFeed(plan.path, sources, plan.filter)
  yield* drain(feed, timings, ({ count, rows, source }) => {
    order.open(source, sources[source].vector)
    top.offer(source, rows, place === undefined ? count : order.keepBehind(source, rows, count, place, 0))
  })
  const found = top.sorted()
  const reader = new RecordReader(plan.view, plan.columns)
  const end = Math.min(found.rows.length, plan.offset + plan.limit)
  const records = yield* makeRows(
    Math.max(0, end - plan.offset),
    timings,
    (i) => reader.read(found.sources[plan.offset + i], found.rows[plan.offset + i])
  )
  const { position } = plan.view.snapshot
  const answer: PageAnswer = {
    records,
    columns: plan.columns.map(resultColumn),
    nextCursor: found.rows.length > end ? nextCursor(plan, position, found.sources[end - 1], found.rows[end - 1]) : "",
    position,
    stats: statsOf(sources, feed, plan.path.kind === "lookup" ? "key" : "", records.length, elapsedMillis())
  }
  return { answer, timings, seen: feed.seen }
})

/** Makes the cursor's place comparable with rows, as a source of one row; `undefined` where there is none. */
const openPlace = (plan: PagePlan, order: RowOrder): number | undefined => {
  if (plan.cursor === undefined) return undefined
  const source = plan.view.sources.length
  const vectors = placeVectors(plan.order, plan.cursor.last)
  order.open(source, (column) => vectors.get(column)!)
  return source
}

const nextCursor = (plan: PagePlan, position: Position, source: number, row: number): string =>
  writeCursor({ position, hash: plan.hash, last: placeOf(plan.order, plan.view.sources[source].vector, row) })

/** Answers a page. */
export const readPage = (foundation: Foundation, request: QueryRequest, caller: Caller) =>
  timed((elapsedMillis) =>
    Effect.map(
      Effect.flatMap(openPage(foundation, request, caller), (plan) => runPage(plan, elapsedMillis)),
      ({ answer }) => answer
    )
  )
