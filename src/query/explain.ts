/** Plans told to people: the steps of a read, what each is thought to give and, run once, what it gave. */
import * as Effect from "effect/Effect"
import type { Caller } from "../base/caller.ts"
import type { Column } from "../schema/types.ts"
import { namesOf } from "./accessPath.ts"
import type { AggregatePlan } from "./aggregate/planAggregate.ts"
import { openAggregate, runAggregate } from "./aggregate/runAggregate.ts"
import type { CheckedFilter } from "./checkFilter.ts"
import { distinctIn } from "./columnFacts.ts"
import { timed } from "./drain.ts"
import { estimateGroups, estimateRows } from "./estimate.ts"
import { printExpression } from "./expression/printExpression.ts"
import type { OrderColumn } from "./order/orderTerm.ts"
import type { RowPlan } from "./planRows.ts"
import type { ExplainAnswer, ExplainRequest, PlanStep, RowSelection } from "./Query.ts"
import { openPage, type PagePlan, runPage } from "./readPage.ts"
import type { QueryStats } from "./result.ts"
import { type Survey, survey } from "./survey.ts"
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
  timed((elapsedMillis) =>
    Effect.gen(function*() {
      const { analyze, subject } = request
      if (subject.kind === "query") {
        const plan = yield* openPage(foundation, subject.query, caller)
        const surveyed = yield* survey(foundation.mvcc, plan)
        const run = analyze ? yield* runPage(foundation, plan, elapsedMillis) : undefined
        return answer(plan.view, pageSteps(plan, surveyed, subject.query, run), run?.answer.stats)
      }
      const plan = yield* openAggregate(foundation, subject.aggregate, caller)
      const surveyed = yield* survey(foundation.mvcc, plan)
      const run = analyze ? yield* runAggregate(foundation, plan, elapsedMillis) : undefined
      return answer(plan.view, aggregateSteps(plan, surveyed, subject.aggregate, run), run?.answer.stats)
    })
  )

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
  surveyed: Survey,
  request: RowSelection,
  run: { readonly seen: number; readonly millis: number; readonly found: number } | undefined
): Array<PlanStep> => {
  const { snapshot, table } = view
  const { facts, versions } = surveyed
  const seen = path.kind === "lookup" ? Math.min(path.keys.length, versions) : surveyed.left
  const where = `${describeSources(surveyed)} of ${table.tenant}.${table.name} at position ${snapshot.position}`
  const actual = run && { rows: run.seen, millis: run.millis }
  const access = path.kind === "lookup"
    ? step("key lookup", `${counted(path.keys.length, "key")} in ${where}`, ["_key"], seen, actual)
    : step("scan", `${versions} versions in ${where}${describePruning(surveyed)}`, [], seen, actual)
  if (isEverything(filter)) return [access]
  const estimate = Math.min(seen, path.kind === "lookup" ? seen : estimateRows(filter, facts))
  const text = [
    ...request.filter === undefined ? [] : [printExpression(request.filter)],
    ...request.where.trim() === "" ? [] : [request.where.trim()]
  ]
  const detail = text.length === 1 ? text[0] : text.map((part) => `(${part})`).join(" and ")
  return [access, step("filter", detail, namesOf(filter), estimate, run && { rows: run.found, millis: undefined })]
}

const counted = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? "" : "s"}`

const describeSources = ({ memtables, segments }: Survey): string => {
  if (segments === 0) return counted(memtables, "memtable")
  return memtables === 0
    ? counted(segments, "segment")
    : `${counted(memtables, "memtable")} and ${counted(segments, "segment")}`
}

/** How much of the segments is left, each level within the one before. */
const describePruning = ({ counts, indexes, reasons, segments }: Survey): string => {
  if (segments === 0) return ""
  const { pages, pagesLeft, rowGroups, rowGroupsLeft, segmentsLeft } = counts
  const parts = [
    `reads ${segmentsLeft} of ${counted(segments, "segment")}`,
    ...segmentsLeft === 0 ? [] : [`${rowGroupsLeft} of their ${counted(rowGroups, "row group")}`],
    ...rowGroupsLeft === 0 ? [] : [`${pagesLeft} of these ${counted(pages, "page")}`]
  ]
  const why = reasons.length === 0 ? "" : `; min and max rule out ${reasons.join(", ")}`
  return `; ${[`${parts.join(", ")}${why}`, ...indexes].join("; ")}`
}

const isEverything = (filter: CheckedFilter): boolean => filter.kind === "and" && filter.filters.length === 0

const pageSteps = (
  plan: PagePlan,
  surveyed: Survey,
  request: RowSelection,
  run: PageRun
): ReadonlyArray<PlanStep> => {
  const steps = findSteps(
    plan,
    surveyed,
    request,
    run && {
      seen: run.cost.seen,
      millis: run.timings.findMillis,
      found: run.cost.found
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
  surveyed: Survey,
  request: RowSelection & { readonly having: string },
  run: AggregateRun
) => {
  const { figures, groupBy } = plan
  const steps = findSteps(
    plan,
    surveyed,
    request,
    run && {
      seen: run.cost.seen,
      millis: run.gathering.findMillis,
      found: run.cost.found
    }
  )
  const found = steps[steps.length - 1].estimatedRows
  const groups = estimateGroups(groupBy.map((column) => distinctIn(surveyed.facts, column)), found)
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
    const actual = run && { rows: run.answer.groups, millis: run.choosing.findMillis }
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
      `${stats.rowsScanned} versions looked at, ${stats.pages} pages read, ${stats.rowsReturned} rows in ` +
        `${stats.elapsedMillis.toFixed(2)} ms`
    )
  }
  return lines.join("\n")
}
