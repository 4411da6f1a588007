/** Reads in the order of keys, which is that of segments: they begin at a place and end early. */
import { latest } from "../../catalog/state.ts"
import { pageRows, rowGroupRows } from "../../segment/format.ts"
import { keyColumn } from "../columns.ts"
import type { Sources } from "../openSources.ts"
import type { RowPlan } from "../planRows.ts"
import type { OrderValue } from "../scan/CandidateOrder.ts"
import type { PartShape } from "../scan/PageRuns.ts"

/** Pages of a row group whose rows are all short. */
const pagesMax = rowGroupRows / pageRows

/** Whether the order's first column is the key, or the table's key column where its values are the keys' own bytes. */
export const isKeyOrder = ({ order, view }: Pick<RowPlan, "order" | "view">): boolean => {
  const { column } = order[0]
  return column === keyColumn || (column.type === "string" && column.name === latest(view.table).schema.key)
}

/** A few pages of each segment at first: most often they hold as many rows as are wanted. */
export const keyShape = ({ order }: Pick<RowPlan, "order">, rows: number): PartShape => ({
  pages: Math.min(pagesMax, Math.ceil(rows / pageRows)),
  pagesMax,
  backwards: order[0].descending
})

/** Leaves out what is wholly before a place in the order of keys. */
export const beginAt = ({ pruner }: Sources, { order }: Pick<RowPlan, "order">, place: OrderValue): void => {
  if (!(place instanceof Uint8Array)) return
  pruner.beginAt({ kind: "text", column: keyColumn, order: order[0].descending ? "lte" : "gte", value: place })
}
