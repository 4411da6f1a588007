/** The event times that the `_timestamp` column shows. */
import type { NumberRead, NumberValues } from "./readVector.ts"

/** Event times, with the commit time where a record gave none. */
export const withCommitTimes = ({ nulls, values, wide }: NumberRead, commitTimes: NumberValues): NumberRead => {
  const rows = commitTimes.length
  const times = new Float64Array(rows)
  const exact = wide === undefined ? undefined : new BigInt64Array(rows)
  for (let row = 0; row < rows; row++) {
    const isGiven = nulls === undefined || nulls[row] === 0
    times[row] = isGiven ? values[row] : commitTimes[row]
    if (exact !== undefined) exact[row] = isGiven ? BigInt(wide![row]) : BigInt(times[row])
  }
  return { kind: "number", values: times, wide: exact, nulls: undefined }
}
