/**
 * Size-tiered: segments that follow one another in age and are of about one size are merged into one. Writes little, and
 * leaves a few segments of each size, all of which a read has to look into.
 */
import type { Candidate } from "./candidates.ts"
import type { CompactionOptions, Pick } from "./pickCompaction.ts"

/** Sizes within this factor are about one size. */
const tierFactor = 4

/** The newest run of at least `level0Files` files of level 0 of about one size; segments are ordered oldest first. */
export const pickTiered = (segments: ReadonlyArray<Candidate>, options: CompactionOptions): Pick | undefined => {
  const flushed = segments.filter(({ level }) => level === 0)
  for (let end = flushed.length; end >= options.level0Files; end--) {
    let from = end - 1
    let least = flushed[from].bytes
    let most = least
    while (from > 0) {
      const { bytes } = flushed[from - 1]
      if (Math.max(most, bytes) > tierFactor * Math.min(least, bytes)) break
      least = Math.min(least, bytes)
      most = Math.max(most, bytes)
      from--
    }
    if (end - from >= options.level0Files) {
      return {
        kind: "merge",
        inputs: flushed.slice(from, end),
        outputLevel: 0,
        reason: `${end - from} files of about one size follow one another`
      }
    }
  }
  return undefined
}
