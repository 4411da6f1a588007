/** Streams: all rows that match, in batches that are made when they are asked for. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Caller } from "../base/caller.ts"
import { openPath, visited } from "./accessPath.ts"
import { resultColumn } from "./columns.ts"
import { drain, noTimings, statsOf, timed, type Timings } from "./drain.ts"
import { batchRowsDefault, batchRowsMax, pageRows, sortedRowsMax, topRowsMax } from "./limits.ts"
import { isKeyOrder } from "./order/keyOrder.ts"
import { part, RowOrder } from "./order/RowOrder.ts"
import { SortedRuns } from "./order/SortedRuns.ts"
import { type OrderedRows, TopRows } from "./order/TopRows.ts"
import { planRows, type RowPlan } from "./planRows.ts"
import type { QueryError, QueryStreamAnswer, QueryStreamRequest } from "./Query.ts"
import { fetchRecords, makeRecords } from "./recordReader.ts"
import { refusals } from "./refusals.ts"
import type { RecordRow } from "./result.ts"
import { CandidateOrder } from "./scan/CandidateOrder.ts"
import type { PartShape } from "./scan/PageRuns.ts"
import { type FoundPart, PartFeed } from "./scan/PartFeed.ts"
import type { ReadCost } from "./scan/ReadCost.ts"
import type { RecordBlock } from "./scan/Source.ts"
import { inKeyOrder } from "./streamByKey.ts"
import { type Foundation, openTable } from "./tableView.ts"

/** Gives the next records, at most so many; none at the end. */
export type TakeRecords = (count: number) => Effect.Effect<ReadonlyArray<RecordRow>, QueryError>

/** Where a stream's records come from. */
export interface RecordFeed {
  readonly take: TakeRecords
  readonly cost: ReadCost
}

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
      const { cost, take } = yield* openRecords(foundation, plan, request.orderBy.length > 0, limit)
      const header: QueryStreamAnswer = {
        kind: "header",
        columns: plan.columns.map(resultColumn),
        position: view.snapshot.position
      }
      const rest = Stream.paginate(0, (sent: number) =>
        Effect.gen(function*() {
          const wanted = Math.min(batchRows, limit - sent)
          const records = wanted === 0 ? [] : yield* take(wanted)
          if (records.length > 0) return batch(records, sent + records.length)
          const stats = statsOf(cost, plan.path.kind === "lookup" ? "key" : "", sent, elapsedMillis())
          return [[{ kind: "summary", stats }], Option.none()] as const
        }))
      return Stream.concat(Stream.succeed(header), rest)
    })
  ))

const batch = (
  records: ReadonlyArray<RecordRow>,
  sent: number
): readonly [ReadonlyArray<QueryStreamAnswer>, Option.Option<number>] => [
  [{ kind: "batch", records }],
  Option.some(sent)
]

const openRecords = (
  foundation: Foundation,
  plan: RowPlan,
  isOrdered: boolean,
  limit: number
): Effect.Effect<RecordFeed, QueryError, Scope.Scope> => {
  if (!isOrdered) return unordered(foundation, plan)
  return plan.path.kind === "scan" && isKeyOrder(plan) && limit > topRowsMax
    ? inKeyOrder(foundation, plan)
    : ordered(foundation, plan, limit)
}

/** Rows go out as they are found: the first parts are small, so that the first ones go soon. */
const streamShape: PartShape = { pages: 4, pagesMax: 16, backwards: false }

/**
 * Where more than one in so many rows of a part becomes a record, its columns are read whole; otherwise only the pages
 * in which the records are.
 */
const sparse = 64

/** Rows as they lie. A batch ends where a part ends, so that few rows among many do not keep the client waiting. */
const unordered = Effect.fnUntraced(function*(
  { mvcc }: Foundation,
  plan: RowPlan
): Effect.fn.Return<RecordFeed, QueryError, Scope.Scope> {
  const sources = yield* openPath(mvcc, plan, streamShape)
  const { cost } = sources
  const candidates = yield* visited(plan.path, sources)
  const feed = new PartFeed({ candidates, filter: plan.filter, columns: [], cost })
  const timings = noTimings()
  let found: FoundPart | undefined
  let block: RecordBlock | undefined
  let at = 0
  const take = Effect.fnUntraced(function*(count: number): Effect.fn.Return<ReadonlyArray<RecordRow>, QueryError> {
    if (found === undefined || at >= found.count) {
      found = undefined
      block = undefined
      at = 0
      found = yield* feed.next
      if (found === undefined) return []
      const isSparse = found.count * sparse < found.part.to - found.part.from
      if (!isSparse) block = yield* found.part.loadRecords?.(plan.columns) ?? Effect.undefined
      yield* Effect.yieldNow
    }
    const rows = found.rows.slice(at, Math.min(at + count, found.count))
    at += rows.length
    if (block === undefined) {
      const { base } = found.block
      const numbers = new Int32Array(rows.length).fill(found.source)
      return yield* fetchRecords(
        sources.all,
        { sources: numbers, rows: rows.map((row) => row + base) },
        plan.columns,
        timings
      )
    }
    const records = new Array<RecordRow>(rows.length)
    yield* makeRecords(block, plan.columns, rows, timings, (i, record) => records[i] = record)
    return records
  })
  return { take, cost }
})

/** Sees every row, then gives them in order. */
const ordered = Effect.fnUntraced(function*(
  { mvcc }: Foundation,
  plan: RowPlan,
  limit: number
): Effect.fn.Return<RecordFeed, QueryError, Scope.Scope> {
  const order = new RowOrder(plan.order)
  const sources = yield* openPath(mvcc, plan)
  const { cost } = sources
  const isLimited = limit <= topRowsMax
  const top = new TopRows(order, isLimited ? limit : 0)
  const runs = new SortedRuns(order, sortedRowsMax)
  const feed = new PartFeed({
    candidates: yield* visited(plan.path, sources),
    filter: plan.filter,
    columns: plan.order.map(({ column }) => column),
    narrow: isLimited ? top.narrow : undefined,
    order: isLimited ? new CandidateOrder(plan.order[0], undefined, () => top.last()) : undefined,
    cost
  })
  const timings: Timings = noTimings()
  yield* drain(feed, timings, {
    take: ({ block, count, rows, source }) => {
      order.open(part, (column) => block.vector(column))
      if (isLimited) top.offer(source, block, rows, count)
      else runs.offer(source, block, rows, count)
    },
    endPart: ({ block }) => isLimited ? top.endPart((column) => block.vector(column)) : runs.endPart()
  })
  let at = 0
  const first = top.sorted()
  if (!isLimited) runs.startMerge()
  const takeRows = (count: number): OrderedRows => {
    if (!isLimited) return runs.take(count)
    const rows = { sources: first.sources.subarray(at, at + count), rows: first.rows.subarray(at, at + count) }
    at += rows.rows.length
    return rows
  }
  const take: TakeRecords = (count) =>
    Effect.suspend(() => fetchRecords(sources.all, takeRows(count), plan.columns, timings))
  return { take, cost }
})
