/** Plans of reads that answer with rows: names resolved, filter checked, path chosen. Nothing is read yet. */
import { latest } from "../catalog/state.ts"
import { type Column, formatType } from "../schema/types.ts"
import { type AccessPath, choosePath } from "./accessPath.ts"
import { type CheckedFilter, checkFilters } from "./checkFilter.ts"
import { type ColumnScope, keyColumn, resolveColumn, resolveSelect } from "./columns.ts"
import { checkLength, orderColumnsMax } from "./limits.ts"
import { comparableOf } from "./literals.ts"
import type { OrderColumn } from "./order/orderTerm.ts"
import type { OrderBy, RowSelection } from "./Query.ts"
import { refuse } from "./refuse.ts"
import type { TableView } from "./tableView.ts"

/** A read of rows with its names resolved and its filter checked. */
export interface RowPlan {
  readonly view: TableView
  readonly filter: CheckedFilter
  readonly path: AccessPath
  /** Ends with the key, so that no two rows are equal. */
  readonly order: ReadonlyArray<OrderColumn>
  readonly columns: ReadonlyArray<Column>
}

/** Plans. Refuses what the request cannot mean. */
export const planRows = (
  view: TableView,
  request: RowSelection & { readonly select: ReadonlyArray<string>; readonly orderBy: ReadonlyArray<OrderBy> }
): RowPlan => {
  const filter = checkFilters(view.scope, request.filter, request.where)
  return {
    view,
    filter,
    path: choosePath(filter, latest(view.table).schema.key),
    order: orderColumns(view.scope, request.orderBy, [keyColumn]),
    columns: resolveSelect(view.scope, request.select)
  }
}

/** The columns of an order, with those behind it that tell rows apart. */
export const orderColumns = (
  scope: ColumnScope,
  orderBy: ReadonlyArray<OrderBy>,
  last: ReadonlyArray<Column>
): ReadonlyArray<OrderColumn> => {
  checkLength(orderBy, orderColumnsMax, "order_by")
  const order: Array<OrderColumn> = []
  orderBy.forEach(({ column: name, descending }, i) => {
    const column = resolveColumn(scope, name, `order_by[${i}].column`)
    if (comparableOf(column) === undefined) {
      refuse("WRONG_TYPE", `order_by[${i}].column`, `column ${name} is ${formatType(column.type)}, which has no order`)
    }
    if (!order.some((term) => term.column === column)) order.push({ column, descending })
  })
  for (const column of last) {
    if (!order.some((term) => term.column === column)) order.push({ column, descending: false })
  }
  return order
}
