/** Runs loops over slices of rows as effects: one for each slice, and the event loop has its turn in between. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { sliceRows } from "./limits.ts"
import type { QueryError } from "./Query.ts"
import { refusals } from "./refusals.ts"
import type { QueryStats } from "./result.ts"
import type { FoundPart, PartFeed } from "./scan/PartFeed.ts"
import type { ReadCost } from "./scan/ReadCost.ts"

/** What the steps of a read took, in milliseconds. */
export interface Timings {
  /** Finding rows: visibility and filter. */
  findMillis: number
  /** Whatever was done with them: ordering, grouping. */
  takeMillis: number
  /** Making the answer's values. */
  makeMillis: number
}

/** Nothing yet. */
export const noTimings = (): Timings => ({ findMillis: 0, takeMillis: 0, makeMillis: 0 })

/** Milliseconds on a clock that never goes back. */
export const millisOf = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** What takes the rows of a feed. */
export interface Drain {
  /** Takes rows of one part, at most `sliceRows` of them; `found.rows` may be used as scratch. */
  readonly take: (found: FoundPart) => void
  /** The part that was taken from is let go. */
  readonly endPart?: (found: FoundPart) => void
}

/** Takes every row of a feed. */
export const drain = Effect.fnUntraced(function*(
  feed: PartFeed,
  timings: Timings,
  { endPart, take }: Drain
): Effect.fn.Return<void, QueryError> {
  const clock = yield* Clock.clockWith(Effect.succeed)
  for (;;) {
    const started = millisOf(clock)
    const found = yield* feed.next
    timings.findMillis += millisOf(clock) - started
    if (found === undefined) return
    for (let from = 0; from < found.count; from += sliceRows) {
      if (from > 0) yield* Effect.yieldNow
      yield* refusals(() => {
        const started = millisOf(clock)
        const end = Math.min(from + sliceRows, found.count)
        take({ ...found, rows: found.rows.subarray(from, end), count: end - from })
        if (end === found.count) endPart?.(found)
        timings.takeMillis += millisOf(clock) - started
      })
    }
  }
})

/** Rows of an answer that are made between two turns of the event loop. */
const stepRows = 4096

/** Makes `count` rows, in steps. */
export const makeRows = Effect.fnUntraced(function*<A>(
  count: number,
  timings: Timings,
  make: (index: number) => A
) {
  const clock = yield* Clock.clockWith(Effect.succeed)
  const made: Array<A> = []
  while (made.length < count) {
    yield* Effect.sync(() => {
      const started = millisOf(clock)
      const end = Math.min(made.length + stepRows, count)
      for (let i = made.length; i < end; i++) made.push(make(i))
      timings.makeMillis += millisOf(clock) - started
    })
    if (made.length < count) yield* Effect.yieldNow
  }
  return made
})

/** What a read cost, by its own counts. */
export const statsOf = (
  { indexes, memtables, pages, scanned, segments }: ReadCost,
  index: "" | "key",
  rowsReturned: number,
  elapsedMillis: number
): QueryStats => ({
  rowsScanned: scanned,
  rowsReturned,
  segments: segments.size,
  memtables: memtables.size,
  pages,
  index: index === "" ? [...indexes].join(", ") : index,
  elapsedMillis
})

/** Runs a read, with the clock and the time when it began. */
export const timed = <A, R>(
  run: (elapsedMillis: () => number) => Effect.Effect<A, QueryError, R>
): Effect.Effect<A, QueryError, R> =>
  Clock.clockWith((clock) => {
    const started = millisOf(clock)
    return run(() => millisOf(clock) - started)
  })
