/** Rows that a lookup found, as a part gives those of a scan. */

/**
 * The `visible` of a part whose rows are listed already. The part's rows are counted by their places in the list; `keep`
 * takes out of rows[0, count) those that are not seen.
 */
export const givenRows =
  (listed: Int32Array, keep: (rows: Int32Array, count: number) => number) =>
  (from: number, to: number, rows: Int32Array): number => {
    rows.set(listed.subarray(from, to))
    return keep(rows, to - from)
  }
