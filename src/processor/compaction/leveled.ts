/**
 * Leveled: what was flushed is level 0, whose segments may have keys in common. Those of each level below do not, and
 * together hold ten times as much as the level above. A read looks into each segment of level 0 and one of every other
 * level.
 */
import { bytesOf, type Candidate, megabytes, overlapEachOther, overlaps, rangeOf } from "./candidates.ts"
import type { CompactionOptions, Pick } from "./pickCompaction.ts"
import { pickTiered } from "./tiered.ts"

const levelFactor = 10

/** Level 0 is merged with itself first where level 1 would have to be rewritten for so many times fewer bytes. */
const rewrittenMax = 4

/** Files that are smaller than this share of a full one are merged with their neighbours rather than moved. */
const smallShare = 1 / 16

/** The next merge or move; segments are ordered oldest first. */
export const pickLeveled = (segments: ReadonlyArray<Candidate>, options: CompactionOptions): Pick | undefined => {
  const levels = levelsOf(segments)
  const [flushed] = levels
  if (flushed.length >= options.level0Files) return pickFlushed(flushed, levels[1] ?? [], options)
  for (let level = 1; level < levels.length; level++) {
    const bytesMax = options.level1Bytes * levelFactor ** (level - 1)
    const bytes = bytesOf(levels[level])
    if (bytes <= bytesMax) continue
    const reason = `level ${level} holds ${megabytes(bytes)}, more than ${megabytes(bytesMax)}`
    return pickDown(levels[level], levels[level + 1] ?? [], level + 1, reason)
  }
  return undefined
}

const levelsOf = (segments: ReadonlyArray<Candidate>): ReadonlyArray<ReadonlyArray<Candidate>> => {
  const levels: Array<Array<Candidate>> = [[]]
  for (const segment of segments) {
    while (levels.length <= segment.level) levels.push([])
    levels[segment.level].push(segment)
  }
  return levels
}

const pickFlushed = (
  flushed: ReadonlyArray<Candidate>,
  below: ReadonlyArray<Candidate>,
  options: CompactionOptions
): Pick | undefined => {
  const reason = `level 0 has ${flushed.length} files`
  const beneath = below.filter((segment) => overlaps(segment, rangeOf(flushed)))
  const isSmall = flushed.some(({ bytes }) => bytes < options.fileBytesMax * smallShare)
  if (beneath.length === 0 && !isSmall && !overlapEachOther(flushed)) {
    return { kind: "move", inputs: flushed, outputLevel: 1, reason: `${reason}, and their keys are in no other` }
  }
  if (bytesOf(beneath) > rewrittenMax * bytesOf(flushed)) {
    // Until there is enough to make it worth it.
    const within = pickTiered(flushed, options)
    if (within !== undefined || flushed.length < 4 * options.level0Files) return within
  }
  return { kind: "merge", inputs: [...beneath, ...flushed], outputLevel: 1, reason }
}

/** The file of a level that meets the fewest bytes below, for its own size. */
const pickDown = (
  level: ReadonlyArray<Candidate>,
  below: ReadonlyArray<Candidate>,
  outputLevel: number,
  reason: string
): Pick => {
  let best:
    | { readonly segment: Candidate; readonly beneath: ReadonlyArray<Candidate>; readonly cost: number }
    | undefined
  for (const segment of level) {
    const beneath = below.filter((other) => overlaps(other, segment))
    const cost = bytesOf(beneath) / segment.bytes
    if (best === undefined || cost < best.cost) best = { segment, beneath, cost }
  }
  const { beneath, segment } = best!
  return beneath.length === 0
    ? { kind: "move", inputs: [segment], outputLevel, reason }
    : { kind: "merge", inputs: [...beneath, segment], outputLevel, reason }
}
