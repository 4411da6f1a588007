/** When files of indexes are built: one after another, behind flushes and merges. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import type { CatalogState } from "../../catalog/state.ts"
import type { SegmentWorkersService } from "../../segment/worker/SegmentWorkers.ts"
import type { IndexReport } from "../Processor.ts"
import type { Publisher } from "../publish.ts"
import { type IndexError, type IndexStep, makeIndexer } from "./makeIndexer.ts"

/** How often it is looked for indexes that were declared or dropped, and for files that could not be read or built. */
const lookInterval = Duration.seconds(1)

/** What the processor tells it, and is told. */
export interface IndexKeeperOptions {
  /** Whether segments are being merged, or about to be. */
  readonly isBusy: () => boolean
  readonly onBuilt: (report: IndexReport) => void
  /** Says that a step of a table runs, and how it went. */
  readonly metered: <A>(table: number, step: Effect.Effect<A, IndexError>) => Effect.Effect<A, IndexError>
}

export interface IndexKeeper {
  /** Opened when there are other segments. */
  readonly due: Latch.Latch
  /** Keeps indexes up to date for ever. What fails is tried again. */
  readonly keep: Effect.Effect<never>
  /** Builds and removes everything that is to be, now; of one table, or of all. */
  readonly build: (table: number | undefined) => Effect.Effect<ReadonlyArray<IndexReport>, IndexError>
}

/** Makes it. */
export const makeIndexKeeper = (
  publisher: Publisher,
  workers: SegmentWorkersService,
  { isBusy, metered, onBuilt }: IndexKeeperOptions
): IndexKeeper => {
  const { files } = publisher
  const { state } = publisher.engine
  const indexer = makeIndexer(publisher, workers)
  const due = Latch.makeUnsafe(false)
  /** The catalog, and how many files could not be read, when nothing was left to be done. */
  let done: { readonly catalog: CatalogState; readonly faulty: number } | undefined
  const now = () => ({ catalog: state.catalog, faulty: files.faultyIndexes.size })

  /** One step, for the first table that has something to do; `undefined` where none has. */
  const step = Effect.fnUntraced(
    function*(tables: Iterable<number>): Effect.fn.Return<IndexStep | undefined, IndexError> {
      for (const table of tables) {
        if (!(yield* indexer.isDue(table))) continue
        const made = yield* metered(table, indexer.step(table))
        if (made?.kind === "built") onBuilt(made.report)
        if (made !== undefined) return made
      }
      return undefined
    }
  )

  /** Steps until nothing is left, or there are merges to be done. */
  const steps = Effect.gen(function*() {
    for (;;) {
      const seen = now()
      const isSame = seen.catalog === done?.catalog && seen.faulty === done.faulty
      if (isSame && !indexer.hasPutOff()) return
      const made = yield* Effect.catch(
        step(seen.catalog.tables.keys()),
        (error) =>
          Effect.as(
            Effect.logWarning(`an index could not be built, trying again in a minute: ${error.message}`),
            undefined
          )
      )
      if (made === undefined) done = seen
      if (made === undefined || isBusy()) return
    }
  })

  const turn = (isDue: boolean) =>
    Effect.suspend(() => {
      // Where merges follow one another without end, a file is built after each of them all the same.
      if (!isDue && isBusy()) return Effect.void
      due.closeUnsafe()
      return steps
    })

  const recorded = Effect.suspend(() =>
    files.checkIndexes(
      [...state.catalog.tables.values()].flatMap(({ segments }) =>
        segments.flatMap(({ indexes }) => indexes.map(({ name }) => name))
      )
    )
  )

  return {
    due,
    keep: Effect.andThen(
      recorded,
      Effect.forever(
        Effect.flatMap(Effect.timeoutOption(due.await, lookInterval), (opened) => turn(Option.isSome(opened)))
      )
    ),
    build: Effect.fnUntraced(function*(table) {
      const reports: Array<IndexReport> = []
      for (;;) {
        const made = yield* step(table === undefined ? state.catalog.tables.keys() : [table])
        if (made === undefined) return reports
        if (made.kind === "built") reports.push(made.report)
      }
    })
  }
}
