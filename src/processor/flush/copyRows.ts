/** Copies of a memtable's rows, for a worker to take: readers and writers go on with the memtable meanwhile. */
import * as Effect from "effect/Effect"
import type { Memtable, MemtableColumn } from "../../mvcc/memtable.ts"
import type { SegmentRows } from "../../segment/write/SegmentRows.ts"

/**
 * Copies a memtable that takes no more rows, a column between two turns of the event loop. `commitTimes` writes the
 * commit time of each position, which ascend.
 */
export const copyRows = Effect.fnUntraced(function*(
  memtable: Memtable,
  commitTimes: (positions: Float64Array, count: number, times: Float64Array) => void
): Effect.fn.Return<SegmentRows> {
  const { count } = memtable
  const turn = <A>(copy: () => A) => Effect.tap(Effect.sync(copy), () => Effect.yieldNow)
  const columns: Array<MemtableColumn> = []
  for (const column of memtable.columns) columns.push(yield* turn(() => column.copy(count)))
  return {
    columns,
    keys: yield* turn(() => memtable.keys.copy(count)),
    positions: yield* turn(() => memtable.positions.slice(0, count)),
    commitTimes: yield* turn(() => {
      const times = new Float64Array(count)
      commitTimes(memtable.positions, count, times)
      return times
    }),
    timestamps: yield* turn(() => memtable.timestamps.copy(count)),
    deleted: memtable.hasDeleted ? memtable.deleted.slice(0, count) : undefined,
    metadata: yield* turn(() => memtable.metadata.copy(count))
  }
})
