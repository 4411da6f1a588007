/**
 * What of a table could be let go: every version's key and position is looked at, and nothing else of it. The rules are
 * those of compaction; this says what they come to, before it is done.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { compareBytes } from "../base/bytes.ts"
import * as Position from "../base/position.ts"
import type { Table } from "../catalog/state.ts"
import type { TableSettings } from "../event/Event.ts"
import type { Int64Vector, TextVector } from "../event/vector.ts"
import type { Memtable } from "../mvcc/memtable.ts"
import { fromSegmentError, type MvccError, type MvccService, type SegmentView } from "../mvcc/Mvcc.ts"
import { commitTimeColumn, deletedColumn, keyColumn, positionColumn, timestampColumn } from "../segment/columns.ts"
import type { Segment } from "../segment/Segment.ts"
import type { Garbage } from "./Inspection.ts"

/** What may go. */
interface Limits {
  /** Versions superseded at or below this position. */
  readonly horizon: number
  /** The same, were nobody reading. */
  readonly horizonUnread: number
  /** Records with an event time before this, in microseconds, are expired; -Infinity: none. */
  readonly expiredBefore: number
  /** And before this, history lets them go too. */
  readonly forgottenBefore: number
}

/** Counts rows, and the share of a file that could go. */
class Counts {
  versions = 0
  superseded = 0
  deletions = 0
  expired = 0
  heldByReaders = 0
  /** Rows that could go of whatever is looked at just now. */
  gone = 0

  /** Takes a version in; `superseded` is the position of the next version, Infinity where there is none. */
  take(limits: Limits, position: number, superseded: number, deleted: boolean, eventTime: number): void {
    const { expiredBefore, forgottenBefore, horizon, horizonUnread } = limits
    this.versions++
    if (superseded <= horizon) {
      this.superseded++
      this.gone++
    } else if (deleted && position <= horizon) {
      // What is below it was superseded by it, and goes as well: nothing is left to hide.
      this.deletions++
      this.gone++
    } else if (superseded <= horizonUnread || (deleted && position <= horizonUnread)) this.heldByReaders++
    else if (!deleted && superseded === Number.POSITIVE_INFINITY && eventTime < expiredBefore) {
      this.expired++
      if (eventTime < forgottenBefore) this.gone++
    }
  }
}

/** Looks at all versions of a table as these settings would. */
export const surveyGarbage = Effect.fnUntraced(function*(
  mvcc: MvccService,
  table: Table,
  { history, ttlMicros }: Pick<TableSettings, "history" | "ttlMicros">
): Effect.fn.Return<Garbage, MvccError, Scope.Scope> {
  const nowMicros = (yield* Clock.currentTimeMillis) * 1000
  // Asked before this one reads itself.
  const oldestRead = yield* mvcc.oldestRead(table.id)
  const position = mvcc.position()
  const reached = yield* historyPosition(mvcc, history, nowMicros, position)
  const expiredBefore = ttlMicros === null ? Number.NEGATIVE_INFINITY : nowMicros - ttlMicros
  const kept = history.keep === "all" ? Number.POSITIVE_INFINITY : history.keep === "latest" ? 0 : history.micros
  const limits: Limits = {
    horizon: Math.max(table.horizon, Math.min(reached, oldestRead)),
    horizonUnread: Math.max(table.horizon, reached),
    expiredBefore,
    forgottenBefore: expiredBefore - kept
  }
  const { memtables, segments } = yield* mvcc.openTable(table.id, position, "scan")
  const counts = new Counts()
  let bytes = 0
  for (const view of segments) {
    const segment = yield* view.open
    counts.gone = 0
    yield* Effect.mapError(surveySegment(segment, view, limits, counts), fromSegmentError)
    bytes += Math.round(view.entry.bytes * counts.gone / view.entry.rows)
  }
  for (const memtable of memtables) {
    yield* Effect.sync(() => surveyMemtable(mvcc, memtable, limits, counts))
  }
  const { deletions, expired, heldByReaders, superseded, versions } = counts
  return {
    tenant: table.tenant,
    table: table.name,
    versions,
    superseded,
    deletions,
    expired,
    bytes,
    tableBytes: segments.reduce((sum, { entry }) => sum + entry.bytes, 0),
    heldByReaders
  }
}, Effect.scoped)

/** The position from which on history is kept; 0 = all of it. */
const historyPosition = (
  mvcc: MvccService,
  history: TableSettings["history"],
  nowMicros: number,
  position: Position.Position
): Effect.Effect<number, MvccError> => {
  switch (history.keep) {
    case "all":
      return Effect.succeed(0)
    case "latest":
      return Effect.succeed(position)
    case "duration":
      return Effect.map(
        mvcc.snapshot({
          asOf: { kind: "time", time: nowMicros - history.micros },
          minPosition: Position.zero
        }),
        (snapshot) => snapshot.position
      )
  }
}

const surveySegment = Effect.fnUntraced(
  function*(segment: Segment, { marks }: SegmentView, limits: Limits, counts: Counts) {
    // Within a file older versions of a key follow the newer one directly, over the ends of row groups too.
    let lastKey: Uint8Array | undefined
    let lastPosition = 0
    const all = marks.all()
    let mark = 0
    for (let number = 0; number < segment.metadata.rowGroups.length; number++) {
      const { firstRow, keys: keyCount, rows } = segment.metadata.rowGroups[number]
      const keys = (yield* segment.readColumn(number, keyColumn)) as TextVector
      const { values: positions } = (yield* segment.readColumn(number, positionColumn)) as Int64Vector
      const { values: commitTimes } = (yield* segment.readColumn(number, commitTimeColumn)) as Int64Vector
      const timestamps = (yield* segment.readColumn(number, timestampColumn)) as Int64Vector
      const deleted = yield* segment.readColumn(number, deletedColumn)
      yield* Effect.sync(() => {
        for (let row = 0; row < rows; row++) {
          const key = keyCount === rows ? undefined : keys.get(row)
          let superseded = Number.POSITIVE_INFINITY
          while (mark < all.rows.length && all.rows[mark] < firstRow + row) mark++
          if (key !== undefined && lastKey !== undefined && compareBytes(lastKey, key) === 0) superseded = lastPosition
          else if (mark < all.rows.length && all.rows[mark] === firstRow + row) superseded = all.positions[mark]
          const time = timestamps.hasNulls && timestamps.nulls[row] === 1 ? commitTimes[row] : timestamps.values[row]
          const isDeleted = deleted.kind === "bool" && deleted.values[row] === 1
          counts.take(limits, positions[row], superseded, isDeleted, time)
          lastKey = key
          lastPosition = positions[row]
        }
        lastKey ??= keys.get(rows - 1)
      })
    }
  }
)

const surveyMemtable = (mvcc: MvccService, memtable: Memtable, limits: Limits, counts: Counts): void => {
  const { count, deleted, hasDeleted, positions, superseded, timestamps } = memtable
  for (let row = 0; row < count; row++) {
    const isNull = timestamps.hasNulls && timestamps.nulls[row] === 1
    // Commit times are looked up one by one: only where they matter.
    const time = !isNull
      ? timestamps.values[row]
      : limits.expiredBefore === Number.NEGATIVE_INFINITY
      ? 0
      : mvcc.commitTime(positions[row] as Position.Position)
    counts.take(limits, positions[row], superseded[row], hasDeleted && deleted[row] === 1, time)
  }
}
