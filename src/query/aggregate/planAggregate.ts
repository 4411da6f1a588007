/** Plans of aggregates: what groups, which figures, under which names. */
import { queryLimitMax } from "../../base/limits.ts"
import { latest } from "../../catalog/state.ts"
import { type Column, type ColumnType, formatType } from "../../schema/types.ts"
import { type AccessPath, choosePath } from "../accessPath.ts"
import { always, type CheckedFilter, checkFilter, checkFilters, filterOfText } from "../checkFilter.ts"
import { resolveColumn, resultScope } from "../columns.ts"
import { aggregatesMax, checkLength, orderColumnsMax, pageRows } from "../limits.ts"
import { comparableOf } from "../literals.ts"
import type { OrderColumn } from "../order/orderTerm.ts"
import { orderColumns } from "../planRows.ts"
import type { AggregateRequest, Aggregation } from "../Query.ts"
import { refuse } from "../refuse.ts"
import type { TableView } from "../tableView.ts"
import { type Accumulator, Average, Count, Sum } from "./Accumulator.ts"
import { DistinctCount } from "./DistinctCount.ts"
import { NumberExtreme, TextExtreme } from "./extremes.ts"

/** One figure: how it is gathered, from which column, into which column of the result. */
export interface Figure {
  /** `undefined` for a count of rows. */
  readonly column: Column | undefined
  readonly make: () => Accumulator
  readonly result: Column
}

/** An aggregate with its names resolved and filters checked. */
export interface AggregatePlan {
  readonly view: TableView
  readonly filter: CheckedFilter
  readonly path: AccessPath
  readonly groupBy: ReadonlyArray<Column>
  readonly figures: ReadonlyArray<Figure>
  /** The result's columns: those of the groups, then the figures. Their ids count from 1. */
  readonly columns: ReadonlyArray<Column>
  readonly having: CheckedFilter
  readonly order: ReadonlyArray<OrderColumn>
  readonly limit: number
}

/** Plans. Refuses what the request cannot mean. */
export const planAggregate = (view: TableView, request: AggregateRequest): AggregatePlan => {
  const { aggregates, groupBy: names, having } = request
  if (aggregates.length === 0 && names.length === 0) {
    refuse("MISSING_ARGUMENT", "aggregates", "name at least one figure, as in count, or a column to group by")
  }
  checkLength(aggregates, aggregatesMax, "aggregates")
  checkLength(names, orderColumnsMax, "group_by")
  const filter = checkFilters(view.scope, request.filter, request.where)
  const groupBy = names.map((name, i) => groupColumn(view, name, `group_by[${i}]`))
  const results = groupBy.map((column, i): Column => ({ ...column, nullable: true, default: undefined, id: i + 1 }))
  const figures = aggregates.map((aggregation, i) =>
    planFigure(view, aggregation, `aggregates[${i}]`, groupBy.length + i + 1)
  )
  const columns = [...results, ...figures.map(({ result }) => result)]
  columns.forEach(({ name }, i) => {
    if (columns.findIndex((column) => column.name === name) !== i) {
      refuse(
        "INVALID_NAME",
        "aggregates",
        `two columns of the result are named ${JSON.stringify(name)}; give one an alias`
      )
    }
  })
  const scope = resultScope(columns)
  return {
    view,
    filter,
    path: choosePath(filter, latest(view.table).schema.key),
    groupBy,
    figures,
    columns,
    having: having.trim() === "" ? always : checkFilter(scope, filterOfText(having, "having"), "having"),
    order: orderColumns(scope, request.orderBy, results),
    limit: pageRows(request.limit, queryLimitMax)
  }
}

const groupColumn = (view: TableView, name: string, field: string): Column => {
  const column = resolveColumn(view.scope, name, field)
  return comparableOf(column) === undefined
    ? refuse("WRONG_TYPE", field, `column ${name} is ${formatType(column.type)}, which cannot be grouped by`)
    : column
}

/** The name of a figure that was given none. */
export const figureName = ({ alias, column, function: name }: Aggregation): string =>
  alias !== "" ? alias : column === "" ? name : `${name}_${column}`

const planFigure = (view: TableView, aggregation: Aggregation, field: string, id: number): Figure => {
  const { column: columnName, function: name } = aggregation
  const result = (type: ColumnType): Column => ({
    name: figureName(aggregation),
    type,
    nullable: true,
    default: undefined,
    id
  })
  if (columnName === "" || (name === "count" && columnName === "*")) {
    if (name !== "count") refuse("MISSING_ARGUMENT", `${field}.column`, `${name} needs a column`)
    return { column: undefined, make: () => new Count(), result: result("int64") }
  }
  const column = resolveColumn(view.scope, columnName, `${field}.column`)
  const { type } = column
  const wrong = (which: string): never =>
    refuse(
      "WRONG_TYPE",
      `${field}.column`,
      `column ${columnName} is ${formatType(type)}; ${name} is for ${which} columns`
    )
  const isText = comparableOf(column) === "text"
  switch (name) {
    case "count":
      return { column, make: () => new Count(), result: result("int64") }
    case "sum":
    case "avg": {
      const isInteger = type === "int32" || type === "int64"
      if (!isInteger && type !== "float32" && type !== "float64") return wrong("numeric")
      return name === "sum"
        ? { column, make: () => new Sum(isInteger), result: result(isInteger ? "int64" : "float64") }
        : { column, make: () => new Average(isInteger), result: result("float64") }
    }
    case "min":
    case "max": {
      if (comparableOf(column) === undefined) return wrong("ordered")
      const greatest = name === "max"
      const make = () => isText ? new TextExtreme(greatest) : new NumberExtreme(greatest)
      return { column, make, result: result(type) }
    }
    case "distinct_count":
      if (comparableOf(column) === undefined) return wrong("ordered")
      return { column, make: () => new DistinctCount(isText), result: result("int64") }
  }
}
