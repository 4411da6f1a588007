/**
 * What to merge next: a pure function of a table's segments.
 *
 * Whatever is picked, a key's versions stay in order: the inputs are all of the segments of their age that have keys in
 * common, so that what is merged into an older place was older than all that stays in a newer one.
 */
import type { TableSettings } from "../../event/Event.ts"
import { type Candidate, overlaps, rangeOf } from "./candidates.ts"
import { pickLeveled } from "./leveled.ts"
import { pickTiered } from "./tiered.ts"
import { pickWindow } from "./timeWindow.ts"

/** When segments are merged, and into what. */
export interface CompactionOptions {
  /** So many flushed segments are merged; so many of about one size, where the strategy is `tiered`. */
  readonly level0Files: number
  /** Bytes of level 1; each level below may have ten times as many. */
  readonly level1Bytes: number
  /** Bytes at which an output is ended and the next one begun. */
  readonly fileBytesMax: number
}

/** Four files, 256 MiB, 64 MiB. */
export const compactionDefaults: CompactionOptions = {
  level0Files: 4,
  level1Bytes: 256 * 1024 * 1024,
  fileBytesMax: 64 * 1024 * 1024
}

/** What is looked for: what is due, only what frees space, or everything into one. */
export type CompactionAim = "due" | "garbage" | "full"

/** What was picked. */
export interface Pick {
  /** `move`: the files stay as they are and change their level. */
  readonly kind: "merge" | "move"
  /** Oldest first. */
  readonly inputs: ReadonlyArray<Candidate>
  readonly outputLevel: number
  /** One sentence for people. */
  readonly reason: string
}

/** A pick, and what it may forget. */
export interface Picked extends Pick {
  /** No older version of any of its keys lies elsewhere: deletions need not be kept to hide them. */
  readonly dropsDeletions: boolean
}

/** Where time stands. */
export interface Moment {
  /** What lies at or below it and is superseded may go. */
  readonly horizon: number
  /** Microseconds since 1970. */
  readonly now: number
}

/** Picks from a table's segments, which are ordered oldest first. */
export const pickCompaction = (
  segments: ReadonlyArray<Candidate>,
  strategy: TableSettings["compaction"],
  options: CompactionOptions,
  aim: CompactionAim,
  moment: Moment
): Picked | undefined => {
  const pick = aim === "full"
    ? pickAll(segments, strategy, moment)
    : aim === "garbage"
    ? pickGarbage(segments, moment, 1 / 100)
    : pickByStrategy(segments, strategy, options, moment) ?? pickGarbage(segments, moment, 1 / 3)
  return pick === undefined ? undefined : { ...pick, dropsDeletions: isOldest(pick.inputs, segments) }
}

const pickByStrategy = (
  segments: ReadonlyArray<Candidate>,
  strategy: TableSettings["compaction"],
  options: CompactionOptions,
  { now }: Moment
): Pick | undefined => {
  switch (strategy.strategy) {
    case "leveled":
      return pickLeveled(segments, options)
    case "tiered":
      return pickTiered(segments, options)
    case "time-window":
      return pickWindow(segments, options, strategy.windowMicros, now)
  }
}

/** Whether nothing but the inputs is as old as they are and has a key in common with them. */
const isOldest = (inputs: ReadonlyArray<Candidate>, segments: ReadonlyArray<Candidate>): boolean => {
  const range = rangeOf(inputs)
  const names = new Set(inputs.map(({ name }) => name))
  const newest = segments.findLastIndex(({ name }) => names.has(name))
  return !segments.slice(0, newest).some((segment) => !names.has(segment.name) && overlaps(segment, range))
}

const pickAll = (
  segments: ReadonlyArray<Candidate>,
  { strategy }: TableSettings["compaction"],
  moment: Moment
): Pick | undefined => {
  if (segments.length === 0) return undefined
  // Files of one deep level that nothing is to be dropped from are as they should be.
  const { level } = segments[0]
  const isMerged = segments.length === 1 || (level > 0 && segments.every((segment) => segment.level === level))
  if (isMerged && !segments.some((segment) => garbageOf(segment, segments, moment) > 0)) return undefined
  return {
    kind: "merge",
    inputs: segments,
    outputLevel: strategy === "leveled" ? Math.max(1, level) : 0,
    reason: "everything was asked for"
  }
}

/** Rows that a merge of the segment alone would drop. */
const garbageOf = (
  segment: Candidate,
  segments: ReadonlyArray<Candidate>,
  { horizon }: Moment
): number => {
  const { deletions, garbage, isExpired, keys, lastPosition, rows } = segment
  const dropsDeletions = isOldest([segment], segments)
  // What has expired but may hide something older becomes deletions, once.
  if (isExpired) return dropsDeletions ? rows : rows - deletions
  if (lastPosition > horizon) return garbage
  return Math.min(rows, garbage + rows - keys + (dropsDeletions ? deletions : 0))
}

/** The segment of which the largest share would go. */
const pickGarbage = (
  segments: ReadonlyArray<Candidate>,
  moment: Moment,
  shareMin: number
): Pick | undefined => {
  let best: Candidate | undefined
  let bestShare = shareMin
  for (const segment of segments) {
    const share = garbageOf(segment, segments, moment) / segment.rows
    if (share >= bestShare) {
      best = segment
      bestShare = share
    }
  }
  return best === undefined ? undefined : {
    kind: "merge",
    inputs: [best],
    outputLevel: best.level,
    reason: `${Math.round(bestShare * 100)}% of its rows are superseded or deleted, and no history needs them`
  }
}
