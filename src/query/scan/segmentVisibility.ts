/**
 * Which rows of a segment a snapshot at position P sees: those at or below P whose key has no newer version at or below
 * P, neither in the segment, where it would lie directly before, nor outside of it, which the marks say; and which are
 * no deletion and have not expired.
 */
import * as Effect from "effect/Effect"
import type { Int64Vector, NumberVector } from "../../event/vector.ts"
import type { Marks } from "../../mvcc/marks.ts"
import { compareBound } from "../../segment/bounds.ts"
import * as Stored from "../../segment/columns.ts"
import { placeOf } from "../../segment/lookup.ts"
import type { Segment } from "../../segment/Segment.ts"
import { timestampColumn } from "../columns.ts"
import type { QueryError } from "../Query.ts"
import { segmentReads } from "../refusals.ts"
import { type KeyBegins, keyBegins } from "./keyBegins.ts"
import { type Keep, keepNumber, keepPresent } from "./numberTests.ts"
import type { NumberRead } from "./readVector.ts"
import type { SegmentBlock } from "./SegmentBlock.ts"

/** What a snapshot asks of the rows of one segment. */
export interface SegmentSnapshot {
  readonly position: number
  /** Rows with an event time before this, in microseconds, are gone. */
  readonly expiredBefore: number
  readonly marks: Marks
}

/** Writes the rows of [from, to) that are seen to the front of `rows`, and returns how many they are. */
export type Visible = (from: number, to: number, rows: Int32Array) => number

/** Loads what says which rows of the block are seen. */
export const segmentVisibility = Effect.fnUntraced(
  function*(block: SegmentBlock, snapshot: SegmentSnapshot): Effect.fn.Return<Visible, QueryError> {
    const { position } = snapshot
    const { chunks } = block.segment.metadata.rowGroups[block.run.rowGroup]
    const bounds = chunks[Stored.positionColumn].bounds
    if (compareBound(bounds.min!, position) > 0) return () => 0
    const newest = yield* newestAt(block, yield* keyBegins(block), position, compareBound(bounds.max!, position) <= 0)
    const living = yield* keepLiving(block, snapshot)
    const { marks } = snapshot
    return (from, to, rows) => living(rows, marks.subtract(block.base, rows, newest(from, to, rows), position))
  }
)

/** Loads what says which of the newest versions of keys are neither deletions nor expired. */
export const keepLiving = Effect.fnUntraced(
  function*(block: SegmentBlock, { expiredBefore }: SegmentSnapshot): Effect.fn.Return<Keep, QueryError> {
    const { chunks, deletions } = block.segment.metadata.rowGroups[block.run.rowGroup]
    let keep: Keep = (_, count) => count
    if (deletions > 0) {
      yield* block.loadStored([Stored.deletedColumn])
      // What is null and what is deleted is told by a byte each.
      keep = keepPresent((block.storedVector(Stored.deletedColumn) as NumberVector).values as Uint8Array)
    }
    const given = chunks[Stored.timestampColumn].bounds
    const committed = chunks[Stored.commitTimeColumn].bounds
    const noneExpired = (given.min === undefined || compareBound(given.min, expiredBefore) >= 0) &&
      (given.nulls === 0 || compareBound(committed.min!, expiredBefore) >= 0)
    if (noneExpired) return keep
    yield* block.load([timestampColumn])
    const keepUnexpired = keepNumber(block.vector(timestampColumn) as NumberRead, "gte", expiredBefore)
    const there = keep
    return (rows, count) => keepUnexpired(rows, there(rows, count))
  }
)

/** `isPast`: all rows of the row group are at or below the position. */
const newestAt = Effect.fnUntraced(
  function*(
    block: SegmentBlock,
    begins: KeyBegins | undefined,
    position: number,
    isPast: boolean
  ): Effect.fn.Return<Visible, QueryError> {
    if (isPast && begins === undefined) return allRows
    // The row before may lie in another row group, and above the position where this one's rows are not.
    const before = begins === undefined || block.base === 0
      ? Number.POSITIVE_INFINITY
      : yield* positionOf(block.segment, block.base - 1)
    if (isPast) return (from, to, rows) => keepBegins(begins!, before > position, from, to, rows)
    yield* block.loadStored([Stored.positionColumn])
    const { values } = block.storedVector(Stored.positionColumn) as Int64Vector
    return begins === undefined
      ? (from, to, rows) => keepUpTo(values, position, from, to, rows)
      : (from, to, rows) => keepNewest(values, begins, before, position, from, to, rows)
  }
)

/** The position of a row of a segment, through the cache. */
export const positionOf = Effect.fnUntraced(
  function*(segment: Segment, row: number): Effect.fn.Return<number, QueryError> {
    const place = yield* segmentReads(placeOf(segment, row))
    const vector = yield* segmentReads(segment.page(place.rowGroup, Stored.positionColumn, place.page))
    return (vector as Int64Vector).values[place.row]
  }
)

const allRows: Visible = (from, to, rows) => {
  for (let row = from; row < to; row++) rows[row - from] = row
  return to - from
}

/** `isFirst`: the block's first row is the first one of its key that is seen at all, whether it begins the key or not. */
const keepBegins = (
  { bits, from: offset }: KeyBegins,
  isFirst: boolean,
  from: number,
  to: number,
  rows: Int32Array
): number => {
  let kept = 0
  for (let row = from; row < to; row++) {
    const bit = offset + row
    rows[kept] = row
    kept += ((bits[bit >>> 3] >>> (bit & 7)) & 1) | (Number(row === 0) & Number(isFirst))
  }
  return kept
}

const keepUpTo = (positions: Float64Array, position: number, from: number, to: number, rows: Int32Array): number => {
  let kept = 0
  for (let row = from; row < to; row++) {
    rows[kept] = row
    kept += Number(positions[row] <= position)
  }
  return kept
}

/** `before` is the position of the row before the block's first one. */
const keepNewest = (
  positions: Float64Array,
  { bits, from: offset }: KeyBegins,
  before: number,
  position: number,
  from: number,
  to: number,
  rows: Int32Array
): number => {
  let kept = 0
  let newer = from === 0 ? before : positions[from - 1]
  for (let row = from; row < to; row++) {
    const bit = offset + row
    const own = positions[row]
    rows[kept] = row
    kept += Number(own <= position) & (((bits[bit >>> 3] >>> (bit & 7)) & 1) | Number(newer > position))
    newer = own
  }
  return kept
}
