/** What the catalog keeps of a segment. */
import { type Bound, type Bounds, joinBounds, noBounds } from "../bounds.ts"
import { keyColumn, positionColumn, type SegmentColumn, systemColumns } from "../columns.ts"
import type { DistinctSketch } from "../encoding/DistinctSketch.ts"
import { cutBounds } from "./encodeText.ts"
import type { WrittenRowGroup } from "./writeRowGroup.ts"

/** One column of a segment. */
export interface ColumnSummary {
  readonly name: string
  readonly fieldId: number
  /**
   * No value is below it. Text is cut to 64 bytes, downwards. `undefined` where no row has a value, and for json, which
   * has no order.
   */
  readonly min: Bound | undefined
  /** No value is above it. Text is cut to 64 bytes, upwards. */
  readonly max: Bound | undefined
  readonly nulls: number
  /** Distinct values, about: off by 2% at most times. `undefined` for json. */
  readonly distinct: number | undefined
  /** Bytes in the file; where the pages are those of `_key`, they are counted there. */
  readonly bytes: number
}

/** A segment as a whole. */
export interface SegmentSummary {
  readonly rows: number
  readonly rowGroups: number
  /** Bytes of the file. */
  readonly bytes: number
  /** Bytes of its pages, decompressed; where they hold codes or differences, all columns take more in memory. */
  readonly plainBytes: number
  /** Distinct keys, exactly. */
  readonly keys: number
  /** Rows that delete their key. */
  readonly deletions: number
  /** Smallest and largest key, whole. */
  readonly minKey: Uint8Array
  readonly maxKey: Uint8Array
  readonly minPosition: number
  readonly maxPosition: number
  /** The engine's columns, then the schema's. */
  readonly columns: ReadonlyArray<ColumnSummary>
}

/** Sums up row groups. */
export const summarise = (
  rowGroups: ReadonlyArray<WrittenRowGroup>,
  columns: ReadonlyArray<SegmentColumn>,
  sketches: ReadonlyArray<DistinctSketch>,
  minKey: Uint8Array,
  maxKey: Uint8Array,
  bytes: number
): SegmentSummary => {
  const sum = (of: (rowGroup: WrittenRowGroup) => number): number => rowGroups.reduce((total, rg) => total + of(rg), 0)
  const boundsOf = (i: number): Bounds => {
    const chunks = rowGroups.map(({ footer }) => footer.chunks[i])
    const joined = chunks.reduce((bounds, chunk) => joinBounds(bounds, chunk.bounds), noBounds)
    // Values without bounds, which NaNs are, leave the whole without.
    return chunks.every(({ bounds, rows }) => bounds.min !== undefined || bounds.nulls === rows)
      ? joined
      : { min: undefined, max: undefined, nulls: joined.nulls }
  }
  const keys = sum(({ entry }) => entry.keys)
  const positions = boundsOf(positionColumn)
  return {
    rows: sum(({ footer }) => footer.rows),
    rowGroups: rowGroups.length,
    bytes,
    plainBytes: sum(({ footer }) => footer.chunks.reduce((total, chunk) => total + chunk.plainBytes, 0)),
    keys,
    deletions: sum(({ entry }) => entry.deletions),
    minKey,
    maxKey,
    minPosition: Number(positions.min),
    maxPosition: Number(positions.max),
    columns: columns.map((column, i): ColumnSummary => {
      const bounds = boundsOf(i)
      const { max, min, nulls } = i === keyColumn ? cutBounds(systemColumns[keyColumn], minKey, maxKey, 0) : bounds
      return {
        name: column.name,
        fieldId: column.fieldId,
        min,
        max,
        nulls,
        distinct: i === keyColumn ? keys : column.bounded ? sketches[i].estimate() : undefined,
        bytes: sum(({ footer }) => footer.chunks[i].isShared === true ? 0 : footer.chunks[i].bytes)
      }
    })
  }
}
