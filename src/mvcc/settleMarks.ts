/**
 * Marks the rows of a table's segments that newer versions supersede: those in memory, and those in newer segments.
 *
 * Writing looks no key up in a segment. A scan needs to know, though, which rows of segments are not the newest of their
 * keys; so what has been written since the last scan is looked up before the next one, all of it at once and in the order
 * of the keys. Each key is looked for in the newest segment first and no further than where it is found: what lies
 * behind that is for that segment's own row to mark.
 *
 * Nothing is lost by giving up half way. A mark that is made again changes nothing, and rows count as settled only when
 * all their marks are made.
 */
import * as Effect from "effect/Effect"
import { compareBytes } from "../base/bytes.ts"
import type { Position } from "../base/position.ts"
import { type Int64Vector, TextVector } from "../event/vector.ts"
import { keyColumn, positionColumn } from "../segment/columns.ts"
import { compareKeys } from "../segment/compareKeys.ts"
import { HashedKeys } from "../segment/HashedKeys.ts"
import { probeKeys } from "../segment/probeKeys.ts"
import type { SegmentError } from "../segment/SegmentError.ts"
import { sortKeys } from "../segment/sortKeys.ts"
import type { Memtable } from "./memtable.ts"
import type { SegmentFilesService } from "./SegmentFiles.ts"
import type { TableSegment } from "./tableSegment.ts"
import type { TableVersions } from "./tableVersions.ts"

/** Pages of a newer segment that are gone through at once. */
const pagesAtOnce = 8

/** Rows of a memtable that are looked at before other fibers are let run. */
const sliceRows = 65_536

/** Whether every row of a segment that a version at or below a position supersedes is marked. */
export const isSettled = (versions: TableVersions, position: number): boolean =>
  versions.segments.length === 0 ||
  (versions.segments.every((segment, i) => i === 0 || segment.isSettled || segment.settledThrough >= position) &&
    versions.memtables.every((memtable) =>
      memtable.settled === memtable.count || memtable.positions[memtable.settled] > position
    ))

/** Marks what is not marked yet. The table's segments must stay the same meanwhile; rows may be added. */
export const settleMarks = Effect.fnUntraced(
  function*(files: SegmentFilesService, versions: TableVersions): Effect.fn.Return<void, SegmentError> {
    const { segments } = versions
    // What is added from here on is not looked at.
    const memtables = versions.memtables.map((memtable) => ({ memtable, end: memtable.count }))
    for (const [i, segment] of segments.entries()) {
      if (!segment.isSettled) yield* settleSegment(files, segment, olderThan(segments, i))
      segment.isSettled = true
    }
    for (const { end, memtable } of memtables) {
      if (memtable.settled < end) yield* settleMemtable(files, memtable, end, segments)
    }
  }
)

/** Those that may hold older versions of a segment's keys; of one level below 0, no two hold the same key. */
const olderThan = (segments: ReadonlyArray<TableSegment>, i: number): ReadonlyArray<TableSegment> => {
  const { level } = segments[i].entry
  return segments.slice(0, i).filter(({ entry }) => level === 0 || entry.level !== level)
}

/** Those that may hold keys between two. */
const overlapping = (segments: ReadonlyArray<TableSegment>, first: Uint8Array, last: Uint8Array) =>
  segments.filter(({ entry }) => compareBytes(entry.firstKey, last) <= 0 && compareBytes(entry.lastKey, first) >= 0)

const settleMemtable = Effect.fnUntraced(
  function*(files: SegmentFilesService, memtable: Memtable, end: number, older: ReadonlyArray<TableSegment>) {
    const candidates = yield* oldestOfMemtable(memtable, end, older)
    if (candidates.length > 0) {
      const { keys, rows } = yield* sortKeys(memtable.keys, candidates)
      const order = new Int32Array(rows.length)
      for (let i = 0; i < order.length; i++) order[i] = i
      yield* markOlder(files, older, new HashedKeys(keys, rows.length), order, (i) => memtable.positions[rows[i]])
    }
    memtable.settled = end
  }
)

/** Rows of a memtable that are to be settled, without those whose keys are beyond all that segments hold. */
const oldestOfMemtable = Effect.fnUntraced(
  function*(memtable: Memtable, end: number, older: ReadonlyArray<TableSegment>) {
    const { settled } = memtable
    if (older.length === 0) return new Int32Array(0)
    const bounds = outerBounds(older)
    const rows = new Int32Array(end - settled)
    let count = 0
    for (let from = settled; from < end; from += sliceRows) {
      if (from > settled) yield* Effect.yieldNow
      count += oldestOfSlice(memtable, from, Math.min(end, from + sliceRows), bounds, rows.subarray(count))
    }
    return rows.slice(0, count)
  }
)

/** The same of its rows [from, end); writes them to `rows` and returns how many they are. */
const oldestOfSlice = (
  { keys, previous }: Memtable,
  from: number,
  end: number,
  bounds: TextVector,
  rows: Int32Array
): number => {
  let count = 0
  for (let row = from; row < end; row++) {
    // A row with an older one in the memtable leaves the segments' rows to that one.
    if (previous[row] >= 0) continue
    // Keys that grow as time goes on are above all that was flushed: this comparison is all that they cost.
    if (compareKeys(keys, row, bounds, 1) > 0 || compareKeys(keys, row, bounds, 0) < 0) continue
    rows[count++] = row
  }
  return count
}

/** The smallest and the largest key of segments. */
const outerBounds = (segments: ReadonlyArray<TableSegment>): TextVector => {
  const bounds = new TextVector(2)
  const keys = segments.flatMap(({ entry }) => [entry.firstKey, entry.lastKey]).sort(compareBytes)
  bounds.set(0, keys[0])
  bounds.set(1, keys[keys.length - 1])
  return bounds
}

const settleSegment = Effect.fnUntraced(
  function*(files: SegmentFilesService, newer: TableSegment, older: ReadonlyArray<TableSegment>) {
    const { entry, settledThrough } = newer
    if (overlapping(older, entry.firstKey, entry.lastKey).length === 0) return
    const segment = yield* files.open(entry.name)
    const { keyBounds, rowGroups } = segment.metadata
    for (let rowGroup = 0; rowGroup < rowGroups.length; rowGroup++) {
      const { max, min } = keyBounds[rowGroup]
      if (overlapping(older, min as Uint8Array, max as Uint8Array).length === 0) continue
      if (Number(rowGroups[rowGroup].chunks[positionColumn].bounds.max) <= settledThrough) continue
      const index = yield* segment.index(rowGroup)
      const pages = index.boundsOf(keyColumn)!
      for (let page = 0; page < pages.length; page += pagesAtOnce) {
        const end = Math.min(page + pagesAtOnce, pages.length)
        const near = overlapping(older, pages[page].min as Uint8Array, pages[end - 1].max as Uint8Array)
        if (near.length === 0) continue
        const rows = index.breaks[end] - index.breaks[page]
        const keys = (yield* segment.readColumn(rowGroup, keyColumn, page, end)) as TextVector
        const positions = (yield* segment.readColumn(rowGroup, positionColumn, page, end)) as Int64Vector
        const order = oldestOfSegment(keys, positions.values, rows, settledThrough)
        yield* markOlder(files, near, new HashedKeys(keys, rows), order, (row) => positions.values[row])
      }
    }
  }
)

/**
 * Of some rows of a segment, the oldest of each key, where it is not settled. Where the last key goes on behind them, its
 * mark will be made again, from the earlier position.
 */
const oldestOfSegment = (
  keys: TextVector,
  positions: Float64Array,
  count: number,
  settledThrough: Position
): Int32Array => {
  const oldest = new Int32Array(count)
  let found = 0
  for (let row = 0; row < count; row++) {
    if (positions[row] <= settledThrough) continue
    if (row + 1 === count || compareKeys(keys, row, keys, row + 1) !== 0) oldest[found++] = row
  }
  return oldest.subarray(0, found)
}

/**
 * Marks, for each key, its newest row in the newest segment that has it. `order` names rows of `keys` in the order of
 * their keys, and is used up; `positionOf` tells from which position on a row supersedes older ones.
 */
const markOlder = Effect.fnUntraced(
  function*(
    files: SegmentFilesService,
    older: ReadonlyArray<TableSegment>,
    keys: HashedKeys,
    order: Int32Array,
    positionOf: (row: number) => number
  ) {
    let left = order.length
    for (let i = older.length - 1; i >= 0 && left > 0; i--) {
      const { entry, marks } = older[i]
      const from = keys.firstAtOrAbove(order, 0, left, entry.firstKey)
      const end = keys.firstAbove(order, from, left, entry.lastKey)
      if (from === end) continue
      const found = yield* probeKeys(yield* files.open(entry.name), keys, order, from, end)
      let absent = from
      for (let at = from; at < end; at++) {
        const row = order[at]
        if (found[at - from] >= 0) marks.add(found[at - from], positionOf(row))
        else order[absent++] = row
      }
      order.copyWithin(absent, end, left)
      left -= end - absent
    }
  }
)
