/** Plans told to people: the steps of a read, what each is thought to give and, run once, what it gave. */
import * as Effect from "effect/Effect"
import type { Caller } from "../base/caller.ts"
import type { Column } from "../schema/types.ts"
import { namesOf } from "./accessPath.ts"
import type { AggregatePlan } from "./aggregate/planAggregate.ts"
import { openAggregate, runAggregate } from "./aggregate/runAggregate.ts"
import type { CheckedFilter } from "./checkFilter.ts"
import { timed } from "./drain.ts"
import { estimateGroups, estimateRows } from "./estimate.ts"
import { printExpression } from "./expression/printExpression.ts"
import type { OrderColumn } from "./order/orderTerm.ts"
import type { RowPlan } from "./planRows.ts"
import type { ExplainAnswer, ExplainRequest, PlanStep, RowSelection } from "./Query.ts"
import { openPage, type PagePlan, runPage } from "./readPage.ts"
import type { QueryStats } from "./result.ts"
import type { Foundation, TableView } from "./tableView.ts"

/** What a step gave; absent where it was not run. */
interface Actual {
  readonly rows: number
  /** `undefined` where the time is told with another step. */
  readonly millis: number | undefined
}

const step = (
  name: string,
  detail: string,
  columns: ReadonlyArray<string>,
  estimatedRows: number,
  actual: Actual | undefined
): PlanStep => ({
  name,
  detail,
  columns,
  estimatedRows,
  actualRows: actual?.rows,
  elapsedMillis: actual?.millis
})

/** Explains a query or an aggregate. */
export const explain = (foundation: Foundation, request: ExplainRequest, caller: Caller) =>
  timed((elapsedMillis) => {
    const { analyze, subject } = request
    return subject.kind === "query"
      ? Effect.flatMap(openPage(foundation, subject.query, caller), (plan) =>
        Effect.map(analyze ? runPage(plan, elapsedMillis) : Effect.undefined, (run) =>
          answer(plan.view, pageSteps(plan, subject.query, run), run?.answer.stats)))
      : Effect.flatMap(openAggregate(foundation, subject.aggregate, caller), (plan) =>
        Effect.map(analyze ? runAggregate(plan, elapsedMillis) : Effect.undefined, (run) =>
          answer(plan.view, aggregateSteps(plan, subject.aggregate, run), run?.answer.stats)))
  })

const answer = (
  view: TableView,
  steps: ReadonlyArray<PlanStep>,
  stats: QueryStats | undefined
): ExplainAnswer => ({ steps, text: describe(steps, stats), position: view.snapshot.position, stats })

type PageRun = Effect.Success<ReturnType<typeof runPage>> | undefined
type AggregateRun = Effect.Success<ReturnType<typeof runAggregate>> | undefined

/** How rows are found: by path, visibility and filter. Time is not told apart between them: they are one loop. */
const findSteps = (
  { filter, path, view }: Pick<RowPlan, "filter" | "path" | "view">,
  request: RowSelection,
  run: { readonly seen: number; readonly millis: number; readonly found: number } | undefined
): Array<PlanStep> => {
  const { sources, snapshot, table } = view
  const versions = sources.reduce((rows, { count }) => rows + count, 0)
  const seen = path.kind === "lookup" ? Math.min(path.keys.length, versions) : versions
  const memtables = `${sources.length} ${sources.length === 1 ? "memtable" : "memtables"}`
  const where = `${table.tenant}.${table.name} at position ${snapshot.position}`
  const access = path.kind === "lookup"
    ? step(
      "key lookup",
      `${path.keys.length} ${path.keys.length === 1 ? "key" : "keys"} in ${memtables} of ${where}`,
      ["_key"],
      seen,
      run && { rows: run.seen, millis: run.millis }
    )
    : step(
      "scan",
      `${versions} versions in ${memtables} of ${where}`,
      [],
      seen,
      run && { rows: run.seen, millis: run.millis }
    )
  if (isEverything(filter)) return [access]
  const estimate = path.kind === "lookup" ? seen : estimateRows(filter, sources)
  const text = [
    ...request.filter === undefined ? [] : [printExpression(request.filter)],
    ...request.where.trim() === "" ? [] : [request.where.trim()]
  ]
  const detail = text.length === 1 ? text[0] : text.map((part) => `(${part})`).join(" and ")
  return [access, step("filter", detail, namesOf(filter), estimate, run && { rows: run.found, millis: undefined })]
}

const isEverything = (filter: CheckedFilter): boolean => filter.kind === "and" && filter.filters.length === 0

const pageSteps = (plan: PagePlan, request: RowSelection, run: PageRun): ReadonlyArray<PlanStep> => {
  const steps = findSteps(
    plan,
    request,
    run && {
      seen: run.seen,
      millis: run.timings.findMillis,
      found: run.timings.found
    }
  )
  const found = steps[steps.length - 1].estimatedRows
  const kept = Math.min(found, plan.limit)
  const returned = run?.answer.records.length
  const behind = plan.cursor === undefined ? "" : " behind the cursor"
  const skipped = plan.offset === 0 ? "" : ` after ${plan.offset}`
  steps.push(step(
    "order",
    `first ${plan.limit}${skipped}${behind} by ${describeOrder(plan.order)}`,
    plan.order.map(({ column }) => column.name),
    kept,
    run && { rows: returned!, millis: run.timings.takeMillis }
  ))
  steps.push(project(plan.columns, kept, run && { rows: returned!, millis: run.timings.makeMillis }))
  return steps
}

const project = (columns: ReadonlyArray<Column>, rows: number, actual: Actual | undefined): PlanStep => {
  const names = columns.map(({ name }) => name)
  return step("project", names.join(", "), names, rows, actual)
}

const aggregateSteps = (
  plan: AggregatePlan,
  request: RowSelection & { readonly having: string },
  run: AggregateRun
) => {
  const { figures, groupBy, view } = plan
  const steps = findSteps(
    plan,
    request,
    run && {
      seen: run.seen,
      millis: run.gathering.findMillis,
      found: run.gathering.found
    }
  )
  const found = steps[steps.length - 1].estimatedRows
  const groups = estimateGroups(groupBy.map((column) => distinctOf(column, view)), found)
  const results = figures.map(({ result }) => result.name).join(", ")
  const names = groupBy.map(({ name }) => name)
  steps.push(step(
    "group",
    names.length === 0 ? `${results} of all rows` : `${results === "" ? "groups" : results} by ${names.join(", ")}`,
    [...new Set([...names, ...figures.flatMap(({ column }) => column === undefined ? [] : [column.name])])],
    groups,
    run && { rows: run.groupCount, millis: run.gathering.takeMillis }
  ))
  if (!isEverything(plan.having)) {
    const actual = run && { rows: run.choosing.found, millis: run.choosing.findMillis }
    steps.push(step("having", request.having.trim(), namesOf(plan.having), groups, actual))
  }
  if (plan.order.length > 0) {
    steps.push(step(
      "order",
      `first ${plan.limit} by ${describeOrder(plan.order)}`,
      plan.order.map(({ column }) => column.name),
      Math.min(groups, plan.limit),
      run && { rows: run.answer.rows.length, millis: run.choosing.takeMillis }
    ))
  }
  return steps
}

const distinctOf = (column: Column, { sources }: TableView): number | undefined => {
  if (column.type === "bool") return 2
  if (column.id < 0) return undefined
  let most: number | undefined
  for (const source of sources) {
    const vector = source.vector(column)
    if (vector.kind === "dictionary") most = Math.max(most ?? 0, vector.distinct)
  }
  return most
}

const describeOrder = (order: ReadonlyArray<OrderColumn>): string =>
  order.map(({ column, descending }) => `${column.name}${descending ? " descending" : ""}`).join(", ")

const describe = (steps: ReadonlyArray<PlanStep>, stats: QueryStats | undefined): string => {
  const lines = steps.map(({ actualRows, columns, detail, elapsedMillis, estimatedRows, name }, i) => {
    const read = columns.length === 0 ? "" : `\n     reads ${columns.join(", ")}`
    const took = elapsedMillis === undefined ? "" : ` in ${elapsedMillis.toFixed(2)} ms`
    const actual = actualRows === undefined ? "" : `, in fact ${actualRows}${took}`
    return `${i + 1}. ${name}: ${detail}${read}\n     about ${estimatedRows} rows${actual}`
  })
  if (stats !== undefined) {
    lines.push(
      `${stats.rowsScanned} versions looked at, ${stats.rowsReturned} rows in ${stats.elapsedMillis.toFixed(2)} ms`
    )
  }
  return lines.join("\n")
}
