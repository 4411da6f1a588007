/**
 * Leveled: what was flushed is level 0, whose segments may have keys in common. Those of each level below do not, and
 * together hold ten times as much as the level above. A read looks into each segment of level 0 and one of every other
 * level.
 *
 * What goes down takes along all that its keys meet below, and, from level 0, all older segments that they meet there.
 * Thus each level stays older than the one above, key by key.
 */
import { compareBytes } from "../../base/bytes.ts"
import { bytesOf, type Candidate, type KeyRange, megabytes, overlaps, rangeOf } from "./candidates.ts"
import type { CompactionOptions, Pick } from "./pickCompaction.ts"
import { pickTiered } from "./tiered.ts"

const levelFactor = 10

/** Level 0 is merged with itself first where level 1 would have to be rewritten for so many times fewer bytes. */
const rewrittenMax = 4

/** Files that are smaller than this share of a full one are merged with their neighbours rather than moved. */
const smallShare = 1 / 16

/** The next merge or move, of the level that is beyond its size the most; segments are ordered oldest first. */
export const pickLeveled = (segments: ReadonlyArray<Candidate>, options: CompactionOptions): Pick | undefined => {
  const levels = levelsOf(segments)
  const excess = (level: number): number =>
    level === 0
      ? levels[0].length / options.level0Files
      : bytesOf(levels[level]) / bytesMaxOf(level, options)
  const due = levels.map((_, level) => level)
    .filter((level) => level === 0 ? excess(0) >= 1 : excess(level) > 1)
    .sort((left, right) => excess(right) - excess(left))
  for (const level of due) {
    const below = levels[level + 1] ?? []
    const pick = level === 0
      ? pickFlushed(levels[0], below, options)
      : pickDown(level, levels[level], below, options)
    if (pick !== undefined) return pick
  }
  return undefined
}

const bytesMaxOf = (level: number, { level1Bytes }: CompactionOptions): number =>
  level1Bytes * levelFactor ** (level - 1)

const levelsOf = (segments: ReadonlyArray<Candidate>): ReadonlyArray<ReadonlyArray<Candidate>> => {
  const levels: Array<Array<Candidate>> = [[]]
  for (const segment of segments) {
    while (levels.length <= segment.level) levels.push([])
    levels[segment.level].push(segment)
  }
  return levels
}

const isSmall = ({ bytes }: Candidate, { fileBytesMax }: CompactionOptions): boolean =>
  bytes < fileBytesMax * smallShare

const meeting = (segments: ReadonlyArray<Candidate>, range: KeyRange): ReadonlyArray<Candidate> =>
  segments.filter((segment) => overlaps(segment, range))

const pickFlushed = (
  flushed: ReadonlyArray<Candidate>,
  below: ReadonlyArray<Candidate>,
  options: CompactionOptions
): Pick | undefined => {
  const reason = `level 0 has ${flushed.length} files`
  const parts = connected(flushed)
  const alone = parts.filter(({ length }) => length === 1).flat()
  const free = flushed.filter((segment) =>
    alone.includes(segment) && !isSmall(segment, options) && meeting(below, segment).length === 0
  )
  if (free.length > 0) return move(free, 1, reason)
  const largest = neighbours(parts, below, options).reduce((best, group) => group.length > best.length ? group : best)
  // The oldest of them: none that stays is older than one that goes.
  const going = flushed.filter((segment) => largest.includes(segment)).slice(0, options.inputsMax)
  const beneath = withSmallNeighbours(below, rangeOf(going), options)
  if (going.length + beneath.length === 1) return move(going, 1, reason)
  if (bytesOf(beneath) > rewrittenMax * bytesOf(going) && flushed.length < rewrittenMax * options.level0Files) {
    // Until there is enough to make it worth it.
    return pickTiered(flushed, options)
  }
  return { kind: "merge", inputs: [...beneath, ...going], outputLevel: 1, reason }
}

const move = (inputs: ReadonlyArray<Candidate>, outputLevel: number, reason: string): Pick => ({
  kind: "move",
  inputs,
  outputLevel,
  reason: `${reason}, and no other file has keys between those of ${inputs.length === 1 ? "this one" : "these"}`
})

/** Segments in groups, by keys: those of different groups have none in common. */
const connected = (segments: ReadonlyArray<Candidate>): ReadonlyArray<ReadonlyArray<Candidate>> => {
  const sorted = [...segments].sort((left, right) => compareBytes(left.firstKey, right.firstKey))
  const groups: Array<Array<Candidate>> = []
  for (const segment of sorted) {
    const last = groups.at(-1)
    if (last !== undefined && overlaps(rangeOf(last), segment)) last.push(segment)
    else groups.push([segment])
  }
  return groups
}

/** Joins groups that follow one another with nothing below between them, or only small files. */
const neighbours = (
  groups: ReadonlyArray<ReadonlyArray<Candidate>>,
  below: ReadonlyArray<Candidate>,
  options: CompactionOptions
): ReadonlyArray<ReadonlyArray<Candidate>> => {
  const joined: Array<ReadonlyArray<Candidate>> = []
  for (const group of groups) {
    const last = joined.at(-1)
    const isNear = last !== undefined &&
      meeting(below, rangeOf([...last, ...group])).every((segment) =>
        isSmall(segment, options) || overlaps(segment, rangeOf(last)) || overlaps(segment, rangeOf(group))
      )
    if (isNear) joined[joined.length - 1] = [...last, ...group]
    else joined.push(group)
  }
  return joined
}

/** The files of a level that some keys meet, and small ones next to those keys; the level is ordered by its keys. */
const withSmallNeighbours = (
  level: ReadonlyArray<Candidate>,
  range: KeyRange,
  options: CompactionOptions
): ReadonlyArray<Candidate> => {
  let from = level.findIndex((segment) => compareBytes(segment.lastKey, range.firstKey) >= 0)
  if (from < 0) from = level.length
  let end = level.findLastIndex((segment) => compareBytes(segment.firstKey, range.lastKey) <= 0) + 1
  if (from > 0 && isSmall(level[from - 1], options)) from--
  if (end < level.length && isSmall(level[end], options)) end++
  return level.slice(from, Math.max(from, end))
}

/** Those that meet nothing below, as far as that is needed; else the file that meets the fewest bytes for its own size. */
const pickDown = (
  level: number,
  segments: ReadonlyArray<Candidate>,
  below: ReadonlyArray<Candidate>,
  options: CompactionOptions
): Pick => {
  const bytes = bytesOf(segments)
  const bytesMax = bytesMaxOf(level, options)
  const reason = `level ${level} holds ${megabytes(bytes)}, more than ${megabytes(bytesMax)}`
  const free: Array<Candidate> = []
  for (const segment of segments) {
    if (bytes - bytesOf(free) <= bytesMax) break
    if (!isSmall(segment, options) && meeting(below, segment).length === 0) free.push(segment)
  }
  if (free.length > 0) return move(free, level + 1, reason)
  const costOf = (segment: Candidate): number => bytesOf(meeting(below, segment)) / segment.bytes
  const first = segments.reduce((best, segment) => costOf(segment) < costOf(best) ? segment : best)
  const beneath = withSmallNeighbours(below, first, options)
  // Files of the level that have no keys beyond those that are rewritten anyway, and small ones next to it.
  const range = rangeOf([first, ...beneath])
  const going = withSmallNeighbours(segments, first, options).concat(
    segments.filter((segment) =>
      compareBytes(segment.firstKey, range.firstKey) >= 0 && compareBytes(segment.lastKey, range.lastKey) <= 0
    )
  )
  const chosen = segments.filter((segment) => going.includes(segment))
  const met = withSmallNeighbours(below, rangeOf(chosen), options)
  return chosen.length + met.length === 1
    ? move(chosen, level + 1, reason)
    : { kind: "merge", inputs: [...met, ...chosen], outputLevel: level + 1, reason }
}
