/** Streams in the order of keys: piece after piece, each found as a page is, so that no more than one is in memory. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { pageRows } from "../segment/format.ts"
import { openPath, visited } from "./accessPath.ts"
import { drain, noTimings } from "./drain.ts"
import { sliceRows } from "./limits.ts"
import { beginAt, keyShape } from "./order/keyOrder.ts"
import { orderValue, part, place, RowOrder } from "./order/RowOrder.ts"
import { TopRows } from "./order/TopRows.ts"
import type { RowPlan } from "./planRows.ts"
import type { QueryError } from "./Query.ts"
import type { RecordFeed, TakeRecords } from "./readStream.ts"
import { fetchRecords } from "./recordReader.ts"
import { CandidateOrder, type OrderValue } from "./scan/CandidateOrder.ts"
import { PartFeed } from "./scan/PartFeed.ts"
import type { Foundation } from "./tableView.ts"

/** Rows of a piece. */
const pieceRows = sliceRows

/** All rows that match, in an order that begins with the key. */
export const inKeyOrder = Effect.fnUntraced(function*(
  { mvcc }: Foundation,
  plan: RowPlan
): Effect.fn.Return<RecordFeed, QueryError, Scope.Scope> {
  const sources = yield* openPath(mvcc, plan, { ...keyShape(plan, pageRows), pagesMax: pieceRows / pageRows })
  const { cost } = sources
  const timings = noTimings()
  const first = plan.order[0]
  let before: TopRows | undefined
  let last = -1

  /** The first rows behind the last one of the piece before. */
  const piece = Effect.gen(function*() {
    const order = new RowOrder(plan.order)
    const top = new TopRows(order, pieceRows)
    let begin: OrderValue | undefined
    if (before !== undefined) {
      order.open(place, before.vector)
      begin = orderValue(before.vector(first.column), last)
      beginAt(sources, plan, begin)
    }
    const feed = new PartFeed({
      candidates: yield* visited(plan.path, sources),
      filter: plan.filter,
      columns: plan.order.map(({ column }) => column),
      narrow: top.narrow,
      order: new CandidateOrder(first, begin, () => top.last()),
      cost
    })
    yield* drain(feed, timings, {
      take: ({ block, count, rows, source }) => {
        order.open(part, (column) => block.vector(column))
        top.offer(source, block, rows, begin === undefined ? count : order.keepBehind(part, rows, count, place, last))
      },
      endPart: ({ block }) => top.endPart((column) => block.vector(column))
    })
    const found = top.sorted()
    before = top
    last = found.numbers.at(-1) ?? -1
    return found
  })

  let at = 0
  let found = yield* piece
  const take: TakeRecords = Effect.fnUntraced(function*(count) {
    if (at === found.rows.length && found.rows.length === pieceRows) {
      found = yield* piece
      at = 0
    }
    const end = Math.min(at + count, found.rows.length)
    const rows = { sources: found.sources.subarray(at, end), rows: found.rows.subarray(at, end) }
    at = end
    return yield* fetchRecords(sources.all, rows, plan.columns, timings)
  })
  return { take, cost }
})
