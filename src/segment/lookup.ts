/** Finding keys in a segment: bloom filter, bounds of row groups, bounds of pages, then the keys of one page. */
import * as Effect from "effect/Effect"
import type { TextVector } from "../event/vector.ts"
import { keyColumn } from "./columns.ts"
import { bloomMayContain } from "./encoding/bloom.ts"
import { type Hash64, xxhash64 } from "./encoding/xxhash64.ts"
import { firstRowAbove, firstRowAtOrAbove, firstRunAbove, firstRunAtOrAbove } from "./read/searchKeys.ts"
import type { Segment } from "./Segment.ts"
import type { SegmentError } from "./SegmentError.ts"

/** Rows [first, end) of a segment, counted from its start. */
export interface RowRange {
  readonly first: number
  readonly end: number
}

/** A row's row group, page, and place in the page. */
export interface RowPlace {
  readonly rowGroup: number
  readonly page: number
  /** From the start of the page. */
  readonly row: number
}

/** The hash of a key that bloom filters know it by; good for any number of segments. */
export const hashKey = (key: Uint8Array): Hash64 => {
  const hash = { high: 0, low: 0 }
  xxhash64(key, 0, key.length, hash)
  return hash
}

/**
 * The rows that hold a key's versions, newest first; `undefined` where there are none. A key that is not there costs
 * about a microsecond once the bloom filter is in the cache.
 */
export const findKey = Effect.fnUntraced(
  function*(
    segment: Segment,
    key: Uint8Array,
    hash = hashKey(key)
  ): Effect.fn.Return<RowRange | undefined, SegmentError> {
    const { rowGroups } = segment.metadata
    const groups = segment.metadata.keyBounds
    let first = -1
    let end = -1
    for (let rowGroup = firstRunAtOrAbove(groups, key); rowGroup < firstRunAbove(groups, key); rowGroup++) {
      if (!bloomMayContain(yield* segment.bloom(rowGroup), hash)) continue
      const index = yield* segment.index(rowGroup)
      const pages = index.boundsOf(keyColumn)!
      for (let page = firstRunAtOrAbove(pages, key); page < firstRunAbove(pages, key); page++) {
        const count = index.breaks[page + 1] - index.breaks[page]
        const { begin, behind } = yield* segment.glance(rowGroup, keyColumn, page, (keys) => ({
          begin: firstRowAtOrAbove(keys as TextVector, count, key),
          behind: firstRowAbove(keys as TextVector, count, key)
        }))
        if (begin === behind) continue
        const pageRow = rowGroups[rowGroup].firstRow + index.breaks[page]
        if (first < 0) first = pageRow + begin
        end = pageRow + behind
      }
    }
    return first < 0 ? undefined : { first, end }
  }
)

/** The row group that holds a row. */
export const rowGroupOf = (segment: Segment, row: number): number => {
  const { rowGroups } = segment.metadata
  let low = 0
  let high = rowGroups.length
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (rowGroups[middle].firstRow <= row) low = middle
    else high = middle
  }
  return low
}

/** Where a row is. */
export const placeOf = Effect.fnUntraced(
  function*(segment: Segment, row: number): Effect.fn.Return<RowPlace, SegmentError> {
    const rowGroup = rowGroupOf(segment, row)
    const index = yield* segment.index(rowGroup)
    const inGroup = row - segment.metadata.rowGroups[rowGroup].firstRow
    const page = index.pageOf(inGroup)
    return { rowGroup, page, row: inGroup - index.breaks[page] }
  }
)
