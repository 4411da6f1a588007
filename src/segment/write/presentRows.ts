/** Which rows of a page have a value. */

let flags = new Uint8Array(4096)

/** The rows of a page that are not null. */
export interface Present {
  /** A byte a row, 1 = a value; `undefined` where every row has one. Valid until the next call. */
  readonly flags: Uint8Array | undefined
  /** Rows that have a value. */
  readonly count: number
}

/** Looks up rows order[from, to) of a vector. */
export const presentRows = (
  { hasNulls, nulls }: { readonly hasNulls: boolean; readonly nulls: Uint8Array },
  order: Int32Array,
  from: number,
  to: number
): Present => {
  const rows = to - from
  if (!hasNulls) return { flags: undefined, count: rows }
  if (flags.length < rows) flags = new Uint8Array(rows)
  let count = 0
  for (let i = 0; i < rows; i++) {
    const present = nulls[order[from + i]] ^ 1
    flags[i] = present
    count += present
  }
  return count === rows ? { flags: undefined, count } : { flags: flags.subarray(0, rows), count }
}
