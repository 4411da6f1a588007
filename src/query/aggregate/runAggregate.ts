/** Runs aggregates: groups and figures slice by slice, then the groups themselves are filtered and ordered as rows. */
import * as Effect from "effect/Effect"
import type { Caller } from "../../base/caller.ts"
import type { Column } from "../../schema/types.ts"
import { openFeed } from "../accessPath.ts"
import { resultColumn } from "../columns.ts"
import { drain, makeRows, noTimings, statsOf, timed } from "../drain.ts"
import { RowOrder } from "../order/RowOrder.ts"
import { TopRows } from "../order/TopRows.ts"
import type { AggregateAnswer, AggregateRequest } from "../Query.ts"
import { refusals } from "../refusals.ts"
import type { Value } from "../result.ts"
import { type ReadVector, valueReader } from "../scan/readVector.ts"
import { ScanFeed } from "../scan/RowFeed.ts"
import type { RowSource } from "../scan/ScanSource.ts"
import { type Foundation, openTable } from "../tableView.ts"
import { Groups } from "./Groups.ts"
import { type AggregatePlan, planAggregate } from "./planAggregate.ts"

/** Takes the snapshot and plans. */
export const openAggregate = Effect.fnUntraced(
  function*(foundation: Foundation, request: AggregateRequest, caller: Caller) {
    const view = yield* openTable(foundation, request, caller)
    return yield* refusals(() => planAggregate(view, request))
  }
)

/** Runs an aggregate's plan. */
export const runAggregate = Effect.fnUntraced(function*(plan: AggregatePlan, elapsedMillis: () => number) {
  const { sources } = plan.view
  const groups = new Groups(plan.groupBy)
  const figures = plan.figures.map(({ column, make }) => ({ column, accumulator: make() }))
  const feed = openFeed(plan.path, sources, plan.filter)
  const gathering = noTimings()
  yield* drain(feed, gathering, ({ count, rows, source }) => {
    const { vector } = sources[source]
    const slice = {
      source,
      rows,
      count,
      groups: groups.assign(source, vector, rows, count),
      groupCount: groups.count,
      single: plan.groupBy.length === 0
    }
    for (const { accumulator, column } of figures) {
      accumulator.add(slice, column === undefined ? undefined : vector(column))
    }
  })
  const result = yield* Effect.sync(() =>
    resultSource(plan.columns, groups.count, [
      ...groups.vectors(),
      ...figures.map(({ accumulator }) => accumulator.result(groups.count))
    ])
  )
  const choosing = noTimings()
  const order = new RowOrder(plan.order)
  const top = new TopRows(order, plan.limit)
  order.open(0, result.vector)
  yield* drain(new ScanFeed([result], plan.having), choosing, ({ count, rows }) => top.offer(0, rows, count))
  const readers = plan.columns.map((column) => valueReader(column, result.vector(column)))
  const chosen = top.sorted().rows
  const rows = yield* makeRows(
    chosen.length,
    choosing,
    (i): ReadonlyArray<Value> => readers.map((read) => read(chosen[i]))
  )
  const answer: AggregateAnswer = {
    columns: plan.columns.map(resultColumn),
    rows,
    groups: choosing.found,
    position: plan.view.snapshot.position,
    stats: statsOf(sources, feed, plan.path.kind === "lookup" ? "key" : "", rows.length, elapsedMillis())
  }
  return { answer, gathering, choosing, seen: feed.seen, groupCount: groups.count }
})

/** The result's columns as a source of rows, one for each group. */
const resultSource = (
  columns: ReadonlyArray<Column>,
  count: number,
  vectors: ReadonlyArray<ReadVector>
): RowSource => {
  const byColumn = new Map(columns.map((column, i) => [column, vectors[i]]))
  return {
    count,
    vector: (column) => byColumn.get(column)!,
    visible: (from, to, rows) => {
      for (let row = from; row < to; row++) rows[row - from] = row
      return to - from
    }
  }
}

/** Answers an aggregate. */
export const aggregate = (foundation: Foundation, request: AggregateRequest, caller: Caller) =>
  timed((elapsedMillis) =>
    Effect.map(
      Effect.flatMap(openAggregate(foundation, request, caller), (plan) => runAggregate(plan, elapsedMillis)),
      ({ answer }) => answer
    )
  )
