/** Which pages of a segment may hold rows that a filter lets through, by their bounds alone. */
import * as Effect from "effect/Effect"
import type { Bounds } from "./bounds.ts"
import type { Segment } from "./Segment.ts"
import type { SegmentError } from "./SegmentError.ts"

/**
 * Whether a run of `rows` rows may hold one that is wanted. `boundsOf` tells what the run holds in a column of the
 * segment; `undefined` where nobody knows. True is always right; false must be certain.
 */
export type MayMatch = (boundsOf: (column: number) => Bounds | undefined, rows: number) => boolean

/** Pages [first, end) of a row group. */
export interface PageRange {
  readonly rowGroup: number
  readonly first: number
  readonly end: number
  /** Its rows, from the start of the segment. */
  readonly firstRow: number
  readonly endRow: number
}

/** What is left of a segment. */
export interface Pruned {
  /** In the order of the rows; neighbouring pages are together. */
  readonly ranges: ReadonlyArray<PageRange>
  readonly rows: number
  /** Row groups that have pages left, and pages left; of how many in those row groups. */
  readonly rowGroups: number
  readonly pages: number
  readonly pagesOf: number
}

/**
 * The pages that may hold wanted rows. Row groups are judged by the footer, which is in memory; the page indexes of those
 * that are left are read, through the cache.
 */
export const pruneSegment = Effect.fnUntraced(
  function*(segment: Segment, mayMatch: MayMatch): Effect.fn.Return<Pruned, SegmentError> {
    const ranges: Array<PageRange> = []
    let rows = 0
    let rowGroups = 0
    let pages = 0
    let pagesOf = 0
    for (let rowGroup = 0; rowGroup < segment.metadata.rowGroups.length; rowGroup++) {
      const { chunks, firstRow, rows: groupRows } = segment.metadata.rowGroups[rowGroup]
      if (!mayMatch((column) => known(chunks[column].bounds, groupRows), groupRows)) continue
      const index = yield* segment.index(rowGroup)
      const { breaks, pageCount } = index
      const before = pages
      let first = -1
      for (let page = 0; page <= pageCount; page++) {
        const isWanted = page < pageCount &&
          mayMatch((column) => {
            const bounds = index.boundsOf(column)?.[page]
            return bounds === undefined ? undefined : known(bounds, breaks[page + 1] - breaks[page])
          }, breaks[page + 1] - breaks[page])
        if (isWanted) {
          pages++
          if (first < 0) first = page
        } else if (first >= 0) {
          ranges.push({
            rowGroup,
            first,
            end: page,
            firstRow: firstRow + breaks[first],
            endRow: firstRow + breaks[page]
          })
          rows += breaks[page] - breaks[first]
          first = -1
        }
      }
      pagesOf += pageCount
      if (pages > before) rowGroups++
    }
    return { ranges, rows, rowGroups, pages, pagesOf }
  }
)

/** Values without bounds may be anything; nulls alone have none either, and are known. */
const known = (bounds: Bounds, rows: number): Bounds | undefined =>
  bounds.min === undefined && bounds.nulls < rows ? undefined : bounds
