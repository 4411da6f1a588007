/** Pages: the first rows of an order behind a place in it. */
import * as Effect from "effect/Effect"
import type { Caller } from "../base/caller.ts"
import { openPath, visited } from "./accessPath.ts"
import { resultColumn } from "./columns.ts"
import { checkCursor, type Cursor, placeOf, placeVectors, readCursor, shapeHash, writeCursor } from "./cursor.ts"
import { drain, noTimings, statsOf, timed } from "./drain.ts"
import { offsetMax, pageRows } from "./limits.ts"
import { beginAt, isKeyOrder, keyShape } from "./order/keyOrder.ts"
import { orderValue, part, place, RowOrder } from "./order/RowOrder.ts"
import { TopRows } from "./order/TopRows.ts"
import { planRows, type RowPlan } from "./planRows.ts"
import type { PageAnswer, QueryRequest } from "./Query.ts"
import { fetchRecords } from "./recordReader.ts"
import { refusals } from "./refusals.ts"
import { refuse } from "./refuse.ts"
import { CandidateOrder } from "./scan/CandidateOrder.ts"
import { wholeRowGroups } from "./scan/PageRuns.ts"
import { PartFeed } from "./scan/PartFeed.ts"
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
export const runPage = Effect.fnUntraced(
  function*({ mvcc }: Foundation, plan: PagePlan, elapsedMillis: () => number) {
    const timings = noTimings()
    // One row more than the page has tells whether there is a next one.
    const wanted = plan.offset + plan.limit + 1
    const order = new RowOrder(plan.order)
    const top = new TopRows(order, wanted)
    const behind = yield* refusals(() =>
      plan.cursor === undefined ? undefined : placeVectors(plan.order, plan.cursor.last)
    )
    if (behind !== undefined) order.open(place, (column) => behind.get(column)!)
    const begin = behind === undefined ? undefined : orderValue(behind.get(plan.order[0].column)!, 0)
    const byKey = isKeyOrder(plan)
    const sources = yield* openPath(mvcc, plan, byKey ? keyShape(plan, wanted) : wholeRowGroups)
    if (byKey && begin !== undefined) beginAt(sources, plan, begin)
    const feed = new PartFeed({
      candidates: yield* visited(plan.path, sources),
      filter: plan.filter,
      columns: plan.order.map(({ column }) => column),
      narrow: top.narrow,
      order: new CandidateOrder(plan.order[0], begin, () => top.last()),
      cost: sources.cost
    })
    yield* drain(feed, timings, {
      take: ({ block, count, rows, source }) => {
        order.open(part, (column) => block.vector(column))
        top.offer(source, block, rows, behind === undefined ? count : order.keepBehind(part, rows, count, place, 0))
      },
      endPart: ({ block }) => top.endPart((column) => block.vector(column))
    })
    const found = top.sorted()
    const end = Math.min(found.rows.length, plan.offset + plan.limit)
    const answered = { sources: found.sources.subarray(plan.offset, end), rows: found.rows.subarray(plan.offset, end) }
    const records = yield* fetchRecords(sources.all, answered, plan.columns, timings)
    const { position } = plan.view.snapshot
    const hasMore = found.rows.length > end
    // Compaction keeps what the next page sees.
    if (hasMore) yield* mvcc.hold(plan.view.table.id, position)
    const answer: PageAnswer = {
      records,
      columns: plan.columns.map(resultColumn),
      nextCursor: hasMore
        ? writeCursor({ position, hash: plan.hash, last: placeOf(plan.order, top.vector, found.numbers[end - 1]) })
        : "",
      position,
      stats: statsOf(sources.cost, plan.path.kind === "lookup" ? "key" : "", records.length, elapsedMillis())
    }
    return { answer, timings, cost: sources.cost }
  },
  Effect.scoped
)

/** Answers a page. */
export const readPage = (foundation: Foundation, request: QueryRequest, caller: Caller) =>
  timed((elapsedMillis) =>
    Effect.map(
      Effect.flatMap(openPage(foundation, request, caller), (plan) => runPage(foundation, plan, elapsedMillis)),
      ({ answer }) => answer
    )
  )
