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
  /** The most files of level 0 that are merged at a time: a merge holds a row group of each in memory. */
  readonly inputsMax: number
}

/** Four files, 256 MiB, 64 MiB, sixteen files. */
export const compactionDefaults: CompactionOptions = {
  level0Files: 4,
  level1Bytes: 256 * 1024 * 1024,
  fileBytesMax: 64 * 1024 * 1024,
  inputsMax: 16
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
    ? pickAll(segments, strategy, options, moment)
    : aim === "garbage"
    ? pickGarbage(segments, moment, 1 / 100)
    : pickByStrategy(segments, strategy, options, moment) ??
      pickGarbage(segments, moment, 1 / 3) ??
      (strategy.strategy === "leveled" ? pickDeletions(segments, moment) : undefined)
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

/** Whether no older version of any key of the inputs lies outside of them. */
const isOldest = (inputs: ReadonlyArray<Candidate>, segments: ReadonlyArray<Candidate>): boolean => {
  const names = new Set(inputs.map(({ name }) => name))
  return segments.every((input, i) =>
    !names.has(input.name) ||
    !segments.slice(0, i).some((older) => !names.has(older.name) && overlaps(older, input))
  )
}

const pickAll = (
  segments: ReadonlyArray<Candidate>,
  { strategy }: TableSettings["compaction"],
  { inputsMax }: CompactionOptions,
  moment: Moment
): Pick | undefined => {
  if (segments.length === 0) return undefined
  // Files of one deep level that nothing is to be dropped from are as they should be.
  const { level } = segments[0]
  const isMerged = segments.length === 1 || (level > 0 && segments.every((segment) => segment.level === level))
  if (isMerged) return pickGarbage(segments, moment, Number.MIN_VALUE)
  const reason = "everything was asked for"
  const oldest = segments.filter((segment) => segment.level === 0).slice(0, inputsMax)
  if (oldest.length < inputsMax) {
    return { kind: "merge", inputs: segments, outputLevel: strategy === "leveled" ? Math.max(1, level) : level, reason }
  }
  // There are too many files for one merge.
  if (strategy !== "leveled") return { kind: "merge", inputs: oldest, outputLevel: 0, reason }
  const beneath = segments.filter((segment) => segment.level === 1 && overlaps(segment, rangeOf(oldest)))
  return { kind: "merge", inputs: [...beneath, ...oldest], outputLevel: 1, reason }
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

/** How large a part of the rows has to be deletions for a merge that brings them to what they delete. */
const deletionsShareMin = 1 / 3

/**
 * The segment whose deletions are the most for what they meet on the level below, where they may be dropped together. A
 * leveled table only: elsewhere what is below is one large file.
 */
const pickDeletions = (segments: ReadonlyArray<Candidate>, { horizon }: Moment): Pick | undefined => {
  let best: Pick | undefined
  let bestShare = deletionsShareMin
  for (const segment of segments) {
    if (segment.deletions === 0 || segment.lastPosition > horizon || isOldest([segment], segments)) continue
    const going = segment.level === 0 ? withOlder(segment, segments) : [segment]
    const range = rangeOf(going)
    const beneath = segments.filter((other) => other.level === segment.level + 1 && overlaps(other, range))
    const inputs = [...beneath, ...going]
    // Each takes a row with it.
    const share = 2 * segment.deletions / inputs.reduce((rows, input) => rows + input.rows, 0)
    if (share < bestShare) continue
    bestShare = share
    best = {
      kind: inputs.length === 1 ? "move" : "merge",
      inputs,
      outputLevel: segment.level + 1,
      reason: `${segment.deletions} of the ${segment.rows} rows of a file are deletions, and no history needs them`
    }
  }
  return best
}

/** A segment of level 0 with all older ones there that it meets, and those that these meet. */
const withOlder = (segment: Candidate, segments: ReadonlyArray<Candidate>): ReadonlyArray<Candidate> => {
  const taken = new Set([segment])
  for (let i = segments.indexOf(segment) - 1; i >= 0 && segments[i].level === 0; i--) {
    if ([...taken].some((other) => overlaps(other, segments[i]))) taken.add(segments[i])
  }
  return segments.filter((other) => taken.has(other))
}
