/** What a read may ask for. Those that other parts of the engine share are in base/limits.ts. */
import { invariant } from "../base/invariant.ts"
import { queryLimitDefault, queryLimitMax } from "../base/limits.ts"
import { refuse } from "./refuse.ts"

/** Most rows that a page may skip; beyond them a cursor is the way on. */
export const offsetMax = 1_000_000

/** Most keys of one request. */
export const keysMax = 10_000

/** Rows of a stream's batch where the request names none. */
export const batchRowsDefault = 1000

/** Most rows of a stream's batch. */
export const batchRowsMax = 10_000

/** Most columns to order by, and most to group by. */
export const orderColumnsMax = 16

/** Most figures of an aggregate. */
export const aggregatesMax = 64

/** Most groups of an aggregate, and most different values that it counts: they are held in memory while it runs. */
export const groupsMax = 5_000_000

/** Rows that loops go through between two turns of the event loop. */
export const sliceRows = 65_536

/** Streams with a limit up to this many rows keep no others while they order. */
export const topRowsMax = 1_000_000

/** Most rows that a stream without such a limit sorts: their values are held in memory meanwhile. */
export const sortedRowsMax = 4_000_000

invariant(offsetMax + queryLimitMax < 2 ** 31, "rows of a page are counted by 32 bits")

/** A page's number of rows. Refuses what is over the most. */
export const pageRows = (
  limit: number,
  otherwise: number = queryLimitDefault,
  most: number = queryLimitMax,
  field = "limit"
): number => {
  if (!Number.isSafeInteger(limit) || limit < 0 || limit > most) {
    refuse(
      "VALUE_OUT_OF_RANGE",
      field,
      `${limit} rows; up to ${most} are allowed at once, the answer leads on from there`
    )
  }
  return limit === 0 ? otherwise : limit
}

/** Refuses lists that are too long. */
export const checkLength = (list: ReadonlyArray<unknown>, most: number, field: string): void => {
  if (list.length > most) refuse("VALUE_OUT_OF_RANGE", field, `${list.length} of them; ${most} are allowed`)
}

/** Refuses an aggregate that would hold too much in memory. */
export const checkGroups = (count: number): void => {
  if (count <= groupsMax) return
  refuse(
    "MEMORY_LIMIT",
    "group_by",
    `more than ${groupsMax} groups or different values; filter the rows, or group by fewer columns`
  )
}
