/** Streams: all rows that match, in batches that are made when they are asked for. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Caller } from "../base/caller.ts"
import { openFeed } from "./accessPath.ts"
import { resultColumn } from "./columns.ts"
import { drain, makeRows, noTimings, statsOf, timed, type Timings } from "./drain.ts"
import { batchRowsDefault, batchRowsMax, pageRows, topRowsMax } from "./limits.ts"
import { RowOrder } from "./order/RowOrder.ts"
import { SortedRuns } from "./order/SortedRuns.ts"
import { type OrderedRows, TopRows } from "./order/TopRows.ts"
import { planRows, type RowPlan } from "./planRows.ts"
import type { QueryError, QueryStreamAnswer, QueryStreamRequest } from "./Query.ts"
import { RecordReader } from "./recordReader.ts"
import { refusals } from "./refusals.ts"
import type { RowFeed } from "./scan/RowFeed.ts"
import { type Foundation, openTable } from "./tableView.ts"

/** Gives the next rows, at most so many; none at the end. */
type Take = (count: number) => Effect.Effect<OrderedRows, QueryError>

/** Answers a stream. Nothing is read ahead of what is pulled, but for an order, which has to see every row first. */
export const readStream = (
  foundation: Foundation,
  request: QueryStreamRequest,
  caller: Caller
): Stream.Stream<QueryStreamAnswer, QueryError> =>
  Stream.unwrap(timed((elapsedMillis) =>
    Effect.gen(function*() {
      const view = yield* openTable(foundation, request, caller)
      const plan = yield* refusals(() => planRows(view, request))
      const { batchRows, limit } = yield* refusals(() => ({
        batchRows: pageRows(request.batchRows, batchRowsDefault, batchRowsMax, "batch_rows"),
        limit: pageRows(request.limit, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER)
      }))
      const feed = openFeed(plan.path, view.sources, plan.filter)
      const timings = noTimings()
      const take = request.orderBy.length === 0
        ? unordered(feed)
        : yield* ordered(plan, feed, limit, timings)
      const reader = new RecordReader(view, plan.columns)
      const header: QueryStreamAnswer = {
        kind: "header",
        columns: plan.columns.map(resultColumn),
        position: view.snapshot.position
      }
      const rest = Stream.paginate(0, (sent: number) =>
        Effect.gen(function*() {
          const found = yield* take(Math.min(batchRows, limit - sent))
          const records = yield* makeRows(
            found.rows.length,
            timings,
            (i) => reader.read(found.sources[i], found.rows[i])
          )
          if (records.length > 0) return batch(records, sent + records.length)
          const index = plan.path.kind === "lookup" ? "key" : ""
          const stats = statsOf(view.sources, feed, index, sent, elapsedMillis())
          return [[{ kind: "summary", stats }], Option.none()] as const
        }))
      return Stream.concat(Stream.succeed(header), rest)
    })
  ))

const batch = (
  records: Extract<QueryStreamAnswer, { kind: "batch" }>["records"],
  sent: number
): readonly [ReadonlyArray<QueryStreamAnswer>, Option.Option<number>] => [
  [{ kind: "batch", records }],
  Option.some(sent)
]

/** Rows as they lie. A batch ends where a slice ends, so that few rows among many do not keep the client waiting. */
const unordered = (feed: RowFeed): Take => {
  let at = 0
  let ended = false
  const advance = (): void => {
    at = 0
    ended = !feed.next()
  }
  return Effect.fnUntraced(function*(count) {
    while (!ended && at >= feed.count) {
      yield* refusals(advance)
      yield* Effect.yieldNow
    }
    if (ended || count === 0) return none
    const rows = feed.rows.slice(at, Math.min(at + count, feed.count))
    at += rows.length
    return { sources: new Int32Array(rows.length).fill(feed.source), rows }
  })
}

const none: OrderedRows = { sources: new Int32Array(0), rows: new Int32Array(0) }

/** Sees every row, then gives them in order. */
const ordered = Effect.fnUntraced(function*(plan: RowPlan, feed: RowFeed, limit: number, timings: Timings) {
  const order = new RowOrder(plan.order)
  const { sources } = plan.view
  const collected = limit <= topRowsMax ? new TopRows(order, limit) : new SortedRuns(order)
  yield* drain(feed, timings, ({ count, rows, source }) => {
    order.open(source, sources[source].vector)
    collected.offer(source, rows, count)
  })
  if (collected instanceof SortedRuns) {
    collected.startMerge()
    const take: Take = (count) => Effect.sync(() => collected.take(count))
    return take
  }
  const top = collected.sorted()
  let at = 0
  const take: Take = (count) =>
    Effect.sync(() => {
      const end = Math.min(at + count, top.rows.length)
      const rows = { sources: top.sources.subarray(at, end), rows: top.rows.subarray(at, end) }
      at = end
      return rows
    })
  return take
})
