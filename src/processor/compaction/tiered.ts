/**
 * Size-tiered: segments that follow one another in age and are of about one size are merged into one. Writes little, and
 * leaves a few segments of each size, all of which a read has to look into.
 *
 * A merge makes a file that is at least twice as large as each of its inputs: a row is written again no more often than
 * its file can double. And where no files can be merged so, each is larger than all newer ones together, but for the
 * newest few: their number grows with the logarithm of the table.
 */
import { bytesOf, type Candidate } from "./candidates.ts"
import type { CompactionOptions, Pick } from "./pickCompaction.ts"

/** More files than this are merged though their sizes differ: so many of them come about only as rows are dropped. */
const filesMax = 24

/** Files below this share of a full one of a level are of one size. */
const smallShare = 1 / 256

/**
 * The files of level 0 whose merge writes the fewest bytes for each file less; segments are ordered oldest first. There
 * are at least `level0Files`, none of which is larger than the others together.
 */
export const pickTiered = (segments: ReadonlyArray<Candidate>, options: CompactionOptions): Pick | undefined => {
  const flushed = segments.filter(({ level }) => level === 0)
  const isForced = flushed.length > filesMax
  let best: { readonly inputs: ReadonlyArray<Candidate>; readonly cost: number } | undefined
  for (let from = 0; from + options.level0Files <= flushed.length; from++) {
    const endMax = Math.min(flushed.length, from + options.inputsMax)
    for (let end = from + options.level0Files; end <= endMax; end++) {
      const inputs = flushed.slice(from, end)
      if (!isForced && !areAlike(inputs, options.fileBytesMax * smallShare)) continue
      const cost = bytesOf(inputs) / (inputs.length - 1)
      if (best === undefined || cost < best.cost) best = { inputs, cost }
    }
  }
  return best === undefined ? undefined : {
    kind: "merge",
    inputs: best.inputs,
    outputLevel: 0,
    reason: `${best.inputs.length} files ${isForced ? "of many" : "of about one size"} follow one another`
  }
}

const areAlike = (segments: ReadonlyArray<Candidate>, sizeMin: number): boolean => {
  let sum = 0
  let largest = 0
  for (const { bytes } of segments) {
    const size = Math.max(sizeMin, bytes)
    sum += size
    if (size > largest) largest = size
  }
  return 2 * largest <= sum
}
