/** Lets rows expire: an event in the log says from which position on they are gone. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Table } from "../catalog/state.ts"
import type { RowsExpired } from "../event/Event.ts"
import type { CommitError, CommitPipelineService } from "../mvcc/CommitPipeline.ts"

/** An event each time that this part of a row's life has passed, and not more often than each minute. */
const parts = 100
const stepMicrosMin = 60_000_000

/** The event that lets a table's rows expire by now (microseconds); `undefined` where none is due. */
export const expiryDue = (table: Table, now: number): RowsExpired | undefined => {
  const { ttlMicros } = table.settings
  if (ttlMicros === null) return undefined
  const before = now - ttlMicros
  const last = table.expirations.at(-1)?.before ?? Number.NEGATIVE_INFINITY
  return before - last >= Math.max(stepMicrosMin, ttlMicros / parts)
    ? { kind: "RowsExpired", tableId: table.id, before }
    : undefined
}

/** Commits what is due for a table. */
export const expireRows = Effect.fnUntraced(
  function*(pipeline: CommitPipelineService, table: number): Effect.fn.Return<void, CommitError> {
    const now = (yield* Clock.currentTimeMillis) * 1000
    yield* pipeline.commit({
      kind: "catalog",
      propose: (catalog) => {
        const found = catalog.tables.get(table)
        return found === undefined ? undefined : expiryDue(found, now)
      }
    })
  }
)
