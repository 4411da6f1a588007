/** How far back a table's history has to reach. */
import type * as Position from "../base/position.ts"
import type { Table } from "../catalog/state.ts"
import type { EngineState } from "../mvcc/engineState.ts"

/**
 * The position from which on compaction keeps what snapshots see, by the table's history policy. What someone reads, or
 * has a cursor to, is kept in any case: `oldestRead`. `now` is in microseconds.
 */
export const horizonOf = (
  table: Table,
  state: Pick<EngineState, "commitTimes" | "position">,
  oldestRead: Position.Position,
  now: number
): Position.Position => {
  const { history } = table.settings
  switch (history.keep) {
    case "all":
      return table.horizon
    case "latest":
      return atLeast(table.horizon, state.position, oldestRead)
    case "duration":
      return atLeast(table.horizon, state.commitTimes.positionAt(now - history.micros), oldestRead)
  }
}

/** A horizon never goes back: what is gone is gone. */
const atLeast = (
  before: Position.Position,
  wanted: Position.Position,
  oldestRead: Position.Position
): Position.Position => Math.max(before, Math.min(wanted, oldestRead)) as Position.Position
