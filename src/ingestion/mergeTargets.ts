/** Brings the rows of one table together that were written in several versions of its schema. */
import { RowBatch } from "../event/rowBatch.ts"
import { appendVector } from "../event/vector.ts"
import type { Target } from "./decodeRecords.ts"

/**
 * One batch for each table, its rows in the order of the request: the last write of a key must come last. Nearly always
 * a table has one target, whose batch it is; several are copied row by row. Tables are in the order of their first row,
 * whatever was refused before it: equal rows are equal batches.
 */
export const batchesOf = (targets: ReadonlyArray<Target>): ReadonlyArray<RowBatch> => {
  const ordered = targets.toSorted((left, right) => left.recordIndexes[0] - right.recordIndexes[0])
  return [...Map.groupBy(ordered, (target) => target.table.id).values()].map((parts) =>
    parts.length === 1 ? parts[0].decoder.batch : merge(parts)
  )
}

const merge = (targets: ReadonlyArray<Target>): RowBatch => {
  const rows = targets
    .flatMap((target) => target.recordIndexes.map((index, row) => ({ index, row, batch: target.decoder.batch })))
    .sort((left, right) => left.index - right.index)
  const merged = new RowBatch(targets[0].stored.shape, rows.length)
  rows.forEach(({ batch, row }, at) => {
    appendVector(merged.keys, at, batch.keys, row, 1)
    appendVector(merged.timestamps, at, batch.timestamps, row, 1)
    appendVector(merged.metadata, at, batch.metadata, row, 1)
    merged.columns.forEach((column, i) => appendVector(column, at, batch.columns[i], row, 1))
    merged.deleted[at] = batch.deleted[row]
    if (batch.deleted[row] === 1) merged.hasDeleted = true
  })
  merged.count = rows.length
  return merged
}
