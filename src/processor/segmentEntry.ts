/** What the catalog keeps of a segment that was written. */
import type { BoundEntry, SegmentColumnEntry, SegmentEntry } from "../event/Event.ts"
import type { Bound } from "../segment/bounds.ts"
import { commitTimeColumn, firstSchemaColumn, timestampColumn } from "../segment/columns.ts"
import type { ColumnSummary, SegmentSummary } from "../segment/write/SegmentSummary.ts"

/** The entry of a file. */
export const segmentEntry = (
  name: string,
  level: number,
  schemaVersion: number,
  summary: SegmentSummary
): SegmentEntry => {
  const times = summary.columns[commitTimeColumn]
  const given = summary.columns[timestampColumn]
  // Where a record gave no event time its commit time stands for it.
  const withoutGiven = given.nulls > 0 || given.min === undefined
  return {
    name,
    level,
    schemaVersion,
    bytes: summary.bytes,
    plainBytes: summary.plainBytes,
    rows: summary.rows,
    keys: summary.keys,
    deletions: summary.deletions,
    firstKey: summary.minKey,
    lastKey: summary.maxKey,
    firstPosition: summary.minPosition,
    lastPosition: summary.maxPosition,
    firstTime: Number(times.min ?? 0),
    lastTime: Number(times.max ?? 0),
    firstEventTime: withoutGiven ? Math.min(Number(given.min ?? times.min), Number(times.min)) : Number(given.min),
    lastEventTime: withoutGiven ? Math.max(Number(given.max ?? times.max), Number(times.max)) : Number(given.max),
    columns: summary.columns.slice(firstSchemaColumn).map(columnEntry),
    indexes: []
  }
}

const columnEntry = ({ bytes, distinct, fieldId, max, min, nulls }: ColumnSummary): SegmentColumnEntry => ({
  columnId: fieldId,
  nulls,
  bytes,
  ...distinct === undefined ? {} : { distinct },
  ...min === undefined ? {} : { min: boundEntry(min) },
  ...max === undefined ? {} : { max: boundEntry(max) }
})

const boundEntry = (bound: Bound): BoundEntry => {
  if (typeof bound === "bigint") return { i: String(bound) }
  if (typeof bound !== "number") return { t: bound }
  return { n: bound === Infinity ? "Infinity" : bound === -Infinity ? "-Infinity" : bound }
}
