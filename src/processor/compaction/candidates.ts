/** Segments as the picker sees them: plain data, and how they lie to one another. */
import { compareBytes } from "../../base/bytes.ts"
import type { SegmentEntry } from "../../event/Event.ts"

/** A segment that may be merged. */
export interface Candidate extends
  Pick<
    SegmentEntry,
    | "name"
    | "level"
    | "bytes"
    | "rows"
    | "keys"
    | "deletions"
    | "firstKey"
    | "lastKey"
    | "firstPosition"
    | "lastPosition"
    | "lastTime"
  >
{
  /** Rows that a newer version outside the segment hides from every snapshot at or above the horizon. */
  readonly garbage: number
  /** Whether all of its rows have expired by the horizon. */
  readonly isExpired: boolean
}

/** Keys from the first to the last, both included. */
export interface KeyRange {
  readonly firstKey: Uint8Array
  readonly lastKey: Uint8Array
}

/** Whether two stretches of keys have one in common. */
export const overlaps = (left: KeyRange, right: KeyRange): boolean =>
  compareBytes(left.firstKey, right.lastKey) <= 0 && compareBytes(right.firstKey, left.lastKey) <= 0

/** The stretch from the smallest key to the largest of some segments, at least one. */
export const rangeOf = (segments: ReadonlyArray<KeyRange>): KeyRange =>
  segments.reduce((range, { firstKey, lastKey }) => ({
    firstKey: compareBytes(firstKey, range.firstKey) < 0 ? firstKey : range.firstKey,
    lastKey: compareBytes(lastKey, range.lastKey) > 0 ? lastKey : range.lastKey
  }))

/** Bytes of files together. */
export const bytesOf = (segments: ReadonlyArray<Candidate>): number =>
  segments.reduce((bytes, segment) => bytes + segment.bytes, 0)

/** Megabytes, for people. */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
