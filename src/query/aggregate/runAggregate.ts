/** Runs aggregates: groups and figures slice by slice, then the groups themselves are filtered and ordered as rows. */
import * as Effect from "effect/Effect"
import type { Caller } from "../../base/caller.ts"
import type { Column } from "../../schema/types.ts"
import { openPath, visited } from "../accessPath.ts"
import { resultColumn } from "../columns.ts"
import { drain, makeRows, noTimings, statsOf, timed } from "../drain.ts"
import { part, RowOrder } from "../order/RowOrder.ts"
import { TopRows } from "../order/TopRows.ts"
import type { AggregateAnswer, AggregateRequest } from "../Query.ts"
import { refusals } from "../refusals.ts"
import type { Value } from "../result.ts"
import { PartFeed } from "../scan/PartFeed.ts"
import { ReadCost } from "../scan/ReadCost.ts"
import { type ReadVector, valueReader } from "../scan/readVector.ts"
import type { Block, Candidate } from "../scan/Source.ts"
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
export const runAggregate = Effect.fnUntraced(
  function*({ mvcc }: Foundation, plan: AggregatePlan, elapsedMillis: () => number) {
    const groups = new Groups(plan.groupBy)
    const figures = plan.figures.map(({ column, make }) => ({ column, accumulator: make() }))
    const sources = yield* openPath(mvcc, plan)
    const { cost } = sources
    const feed = new PartFeed({
      candidates: yield* visited(plan.path, sources),
      filter: plan.filter,
      columns: [...plan.groupBy, ...figures.flatMap(({ column }) => column === undefined ? [] : [column])],
      cost
    })
    const gathering = noTimings()
    yield* drain(feed, gathering, {
      take: ({ block, count, rows }) => {
        const slice = {
          rows,
          count,
          groups: groups.assign(block, rows, count),
          groupCount: groups.count,
          single: plan.groupBy.length === 0
        }
        for (const { accumulator, column } of figures) {
          accumulator.add(slice, column === undefined ? undefined : block.vector(column))
        }
      }
    })
    const result = yield* Effect.sync(() =>
      resultBlock(plan.columns, [
        ...groups.vectors(),
        ...figures.map(({ accumulator }) => accumulator.result(groups.count))
      ])
    )
    const choosing = noTimings()
    const order = new RowOrder(plan.order)
    const top = new TopRows(order, plan.limit)
    order.open(part, result.vector)
    const chosenFrom = new ReadCost()
    const having = new PartFeed({
      candidates: [resultCandidate(result, groups.count)],
      filter: plan.having,
      columns: [],
      cost: chosenFrom
    })
    yield* drain(having, choosing, { take: ({ block, count, rows, source }) => top.offer(source, block, rows, count) })
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
      groups: chosenFrom.found,
      position: plan.view.snapshot.position,
      stats: statsOf(cost, plan.path.kind === "lookup" ? "key" : "", rows.length, elapsedMillis())
    }
    return { answer, gathering, choosing, cost, groupCount: groups.count }
  },
  Effect.scoped
)

/** The result's columns as rows, one for each group. */
const resultBlock = (columns: ReadonlyArray<Column>, vectors: ReadonlyArray<ReadVector>): Block => {
  const byColumn = new Map(columns.map((column, i) => [column, vectors[i]]))
  return { base: 0, vector: (column) => byColumn.get(column)! }
}

const resultCandidate = (block: Block, count: number): Candidate => ({
  source: 0,
  rows: count,
  bounds: () => undefined,
  content: {
    rows: count,
    open: () =>
      Effect.succeed({
        block,
        from: 0,
        to: count,
        visible: (from, to, rows) => {
          for (let row = from; row < to; row++) rows[row - from] = row
          return to - from
        },
        load: () => Effect.void
      })
  }
})

/** Answers an aggregate. */
export const aggregate = (foundation: Foundation, request: AggregateRequest, caller: Caller) =>
  timed((elapsedMillis) =>
    Effect.map(
      Effect.flatMap(
        openAggregate(foundation, request, caller),
        (plan) => runAggregate(foundation, plan, elapsedMillis)
      ),
      ({ answer }) => answer
    )
  )
