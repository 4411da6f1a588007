/** Runs loops over slices of rows as effects: one for each slice, and the event loop has its turn in between. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { QueryError } from "./Query.ts"
import { refusals } from "./refusals.ts"
import type { QueryStats } from "./result.ts"
import { type RowFeed, sliceRows } from "./scan/RowFeed.ts"
import type { ScanSource } from "./scan/ScanSource.ts"

/** What the steps of a read took, in milliseconds. */
export interface Timings {
  /** Finding rows: visibility and filter. */
  findMillis: number
  /** Whatever was done with them: ordering, grouping. */
  takeMillis: number
  /** Making the answer's values. */
  makeMillis: number
  /** Rows that passed the filter. */
  found: number
}

/** Nothing yet. */
export const noTimings = (): Timings => ({ findMillis: 0, takeMillis: 0, makeMillis: 0, found: 0 })

/** Milliseconds on a clock that never goes back. */
export const millisOf = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** Takes every slice of a feed. */
export const drain = Effect.fnUntraced(function*(
  feed: RowFeed,
  timings: Timings,
  take: (feed: RowFeed) => void
) {
  const clock = yield* Clock.clockWith(Effect.succeed)
  let yieldedAt = 0
  for (;;) {
    const more = yield* refusals(() => {
      const started = millisOf(clock)
      const more = feed.next()
      const found = millisOf(clock)
      if (more && feed.count > 0) {
        timings.found += feed.count
        take(feed)
      }
      timings.findMillis += found - started
      timings.takeMillis += millisOf(clock) - found
      return more
    })
    if (!more) return
    if (feed.scanned - yieldedAt >= sliceRows) {
      yieldedAt = feed.scanned
      yield* Effect.yieldNow
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

/** What a read over some sources cost, from its feed's own counts. */
export const statsOf = (
  sources: ReadonlyArray<ScanSource>,
  feed: Pick<RowFeed, "scanned">,
  index: QueryStats["index"],
  rowsReturned: number,
  elapsedMillis: number
): QueryStats => {
  const segments = sources.filter(({ kind }) => kind === "segment").length
  return {
    rowsScanned: feed.scanned,
    rowsReturned,
    segments,
    memtables: sources.length - segments,
    pages: 0,
    index,
    elapsedMillis
  }
}

/** Runs a read, with the clock and the time when it began. */
export const timed = <A, R>(
  run: (elapsedMillis: () => number) => Effect.Effect<A, QueryError, R>
): Effect.Effect<A, QueryError, R> =>
  Clock.clockWith((clock) => {
    const started = millisOf(clock)
    return run(() => millisOf(clock) - started)
  })
