/**
 * Columns that need no reading: where every row is null, or every row is the same whole number, the bounds say all.
 * Tables without event times, metadata or deletions have three such columns.
 */
import { Int64Vector, makeVector } from "../../event/vector.ts"
import type { Bounds } from "../bounds.ts"
import type { SegmentColumn } from "../columns.ts"
import type { SegmentVector } from "../write/SegmentRows.ts"

/** The vector of rows with these bounds, if the bounds are enough. */
export const constantVector = (column: SegmentColumn, bounds: Bounds, rows: number): SegmentVector | undefined => {
  const { max, min, nulls } = bounds
  if (nulls === rows) {
    const vector = makeVector(column.kind, rows)
    vector.nulls.fill(1)
    vector.hasNulls = true
    return vector
  }
  // Of text, bounds may be cut; of floats, they say neither which zero it is nor whether there are NaNs.
  if (nulls > 0 || min === undefined || min !== max) return undefined
  if (column.kind !== "bool" && column.kind !== "int32" && column.kind !== "int64") return undefined
  const vector = makeVector(column.kind, rows)
  if (vector.kind === "text") return undefined
  vector.values.fill(Number(min))
  if (typeof min === "bigint" && vector instanceof Int64Vector) vector.wide = new BigInt64Array(rows).fill(min)
  return vector
}
