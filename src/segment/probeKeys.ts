/**
 * Finding many keys in a segment at once, where `findKey` takes one.
 *
 * The keys ascend, as the segment's do, so each row group has to do with one stretch of them: those within its bounds.
 * Where that is empty nothing is read. Otherwise its bloom filter says which of them may be there at all, and the pages
 * that these fall into are searched: one by one and through the cache while they are few, else many in one read and past
 * the cache, which they would only fill.
 */
import * as Effect from "effect/Effect"
import type { TextVector } from "../event/vector.ts"
import { keyColumn } from "./columns.ts"
import { compareKeys } from "./compareKeys.ts"
import { bloomMatches } from "./encoding/bloom.ts"
import type { HashedKeys } from "./HashedKeys.ts"
import { firstRunAtOrAbove } from "./read/searchKeys.ts"
import type { Segment } from "./Segment.ts"
import type { SegmentError } from "./SegmentError.ts"

/** Keys that are gone through before other fibers are let run: one or two milliseconds. */
const sliceKeys = 8192

/** Pages that are read at once where a row group may hold many of the keys. */
const pagesAtOnce = 8

/** Many keys are one for so many rows of the row group. */
const rowsPerKey = 16

/**
 * For each of the keys order[from, end), the segment's newest row that has it, counted from the segment's start, or -1.
 * `order` names rows of `keys`, whose keys are distinct and ascend.
 */
export const probeKeys = Effect.fnUntraced(
  function*(
    segment: Segment,
    keys: HashedKeys,
    order: Int32Array,
    from: number,
    end: number
  ): Effect.fn.Return<Int32Array<ArrayBuffer>, SegmentError> {
    const found = new Int32Array(end - from).fill(-1)
    const { keyBounds } = segment.metadata
    let untilYield = sliceKeys
    for (let first = from; first < end;) {
      const rowGroup = firstRunAtOrAbove(keyBounds, keys.keys.get(order[first]))
      if (rowGroup === keyBounds.length) break
      const { max, min } = keyBounds[rowGroup]
      // The next row group may begin with the key that this one ends with, whose newest row is here.
      const behind = keys.firstAbove(order, first, end, max as Uint8Array)
      first = keys.firstAtOrAbove(order, first, behind, min as Uint8Array)
      if (first === behind) continue
      const bloom = yield* segment.bloom(rowGroup)
      const matches = new Int32Array(behind - first)
      let count = 0
      while (first < behind) {
        const slice = Math.min(behind - first, sliceKeys)
        keys.hash(order, first, first + slice)
        count += bloomMatches(bloom, keys.hashes, order, first, first + slice, matches.subarray(count))
        first += slice
        untilYield -= slice
        if (untilYield > 0) continue
        untilYield = sliceKeys
        yield* Effect.yieldNow
      }
      yield* searchPages(segment, rowGroup, { keys, order, from, found, matches: matches.subarray(0, count) })
    }
    return found
  }
)

/** Keys that may be in a row group. */
interface Search {
  readonly keys: HashedKeys
  readonly order: Int32Array
  /** Places in `order`, ascending. */
  readonly matches: Int32Array
  /** The row of the key at place i goes to found[i - from]. */
  readonly found: Int32Array
  readonly from: number
}

/** Looks keys up in the pages of a row group. */
const searchPages = Effect.fnUntraced(
  function*(segment: Segment, rowGroup: number, search: Search): Effect.fn.Return<void, SegmentError> {
    const { keys, matches, order } = search
    if (matches.length === 0) return
    const { firstRow, rows } = segment.metadata.rowGroups[rowGroup]
    const index = yield* segment.index(rowGroup)
    const pages = index.boundsOf(keyColumn)!
    const pageOf = (match: number) => firstRunAtOrAbove(pages, keys.keys.get(order[matches[match]]))
    const pagesEnd = pageOf(matches.length - 1) + 1
    const areMany = matches.length * rowsPerKey >= rows
    for (let match = 0; match < matches.length;) {
      const page = pageOf(match)
      const end = areMany ? Math.min(page + pagesAtOnce, pagesEnd) : page + 1
      const vector = areMany
        ? yield* segment.readColumn(rowGroup, keyColumn, page, end)
        : yield* segment.page(rowGroup, keyColumn, page)
      const first = index.breaks[page]
      match = matchRows(search, match, vector as TextVector, index.breaks[end] - first, firstRow + first)
      if (areMany) yield* Effect.yieldNow
    }
  }
)

/**
 * Looks for matches[match], matches[match + 1], ... in `rows` rows, the first of which is row `base` of the segment.
 * Returns the first match that is above all of them; the one at `match` is not.
 */
const matchRows = (
  { found, from, keys: { keys }, matches, order }: Search,
  match: number,
  rowKeys: TextVector,
  rows: number,
  base: number
): number => {
  let next = match
  for (let row = 0; next < matches.length; next++) {
    const place = matches[next]
    row = firstRowFrom(rowKeys, row, rows, keys, order[place])
    if (row === rows) break
    if (compareKeys(rowKeys, row, keys, order[place]) === 0) found[place - from] = base + row
  }
  return Math.max(next, match + 1)
}

/**
 * The first of rows [row, rows) whose key is at or above a key: in steps that double, then between the last two, so that
 * near rows cost few comparisons, and far ones not many.
 */
const firstRowFrom = (rowKeys: TextVector, row: number, rows: number, keys: TextVector, key: number): number => {
  let low = row
  let high = row
  for (let step = 1; high < rows && compareKeys(rowKeys, high, keys, key) < 0; step *= 2) {
    low = high + 1
    high += step
  }
  if (high > rows) high = rows
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareKeys(rowKeys, middle, keys, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}
