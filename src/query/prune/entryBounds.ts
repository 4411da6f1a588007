/** What the catalog says of a segment's columns: enough to leave the file unopened. */
import type { BoundEntry, SegmentEntry } from "../../event/Event.ts"
import type { Column } from "../../schema/types.ts"
import type { Bound, Bounds } from "../../segment/bounds.ts"
import * as Stored from "../../segment/columns.ts"

/** The bounds of a segment's columns. `columns` are those of the schema that it was written in. */
export const entryBounds =
  (entry: SegmentEntry, columns: ReadonlyArray<Column>) => (column: number): Bounds | undefined => {
    switch (column) {
      case Stored.keyColumn:
        return { min: entry.firstKey, max: entry.lastKey, nulls: 0 }
      case Stored.positionColumn:
        return { min: entry.firstPosition, max: entry.lastPosition, nulls: 0 }
      case Stored.commitTimeColumn:
        return { min: entry.firstTime, max: entry.lastTime, nulls: 0 }
    }
    const id = columns[column - Stored.firstSchemaColumn]?.id
    const known = entry.columns.find(({ columnId }) => columnId === id)
    if (known === undefined) return undefined
    const { max, min, nulls } = known
    // Values without bounds may be anything; nulls alone have none either, and are known.
    if (min === undefined || max === undefined) {
      return nulls === entry.rows ? { min: undefined, max: undefined, nulls } : undefined
    }
    return { min: boundOf(min), max: boundOf(max), nulls }
  }

const boundOf = (bound: BoundEntry): Bound => {
  if ("t" in bound) return bound.t
  return "i" in bound ? BigInt(bound.i) : Number(bound.n)
}
