/**
 * Time windows: rows that were committed in one window become one segment once the window is over; within the present one
 * segments are merged by size. For rows that are written in the order of their time and forgotten in it.
 */
import type { Candidate } from "./candidates.ts"
import type { CompactionOptions, Pick } from "./pickCompaction.ts"
import { pickTiered } from "./tiered.ts"

/** The oldest window that is over and in more than one file; segments are ordered oldest first. */
export const pickWindow = (
  segments: ReadonlyArray<Candidate>,
  options: CompactionOptions,
  windowMicros: number,
  now: number
): Pick | undefined => {
  const windowOf = (micros: number): number => Math.floor(micros / windowMicros)
  const flushed = segments.filter(({ level }) => level === 0)
  for (let from = 0, end = 0; from < flushed.length; from = end) {
    const window = windowOf(flushed[from].lastTime)
    for (end = from; end < flushed.length && windowOf(flushed[end].lastTime) === window;) end++
    const inputs = flushed.slice(from, end)
    // Clocks may have gone back since: a window of the future is not over either.
    if (window >= windowOf(now)) return pickTiered(flushed.slice(from), options)
    if (inputs.length > 1) {
      return {
        kind: "merge",
        inputs: inputs.slice(0, options.inputsMax),
        outputLevel: 0,
        reason: `the window that ended at ${new Date((window + 1) * windowMicros / 1000).toISOString()} is over`
      }
    }
  }
  return undefined
}
