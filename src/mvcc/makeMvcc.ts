/** Snapshots over the engine's state. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Position from "../base/position.ts"
import { filesOf } from "../catalog/state.ts"
import { Engine } from "./Engine.ts"
import {
  fromSegmentError,
  MvccError,
  type MvccService,
  type SegmentView,
  type Snapshot,
  type TableRows
} from "./Mvcc.ts"
import { SegmentFiles } from "./SegmentFiles.ts"
import { isSettled, settleMarks } from "./settleMarks.ts"
import { Snapshots } from "./snapshots.ts"
import type { TableSegment } from "./tableSegment.ts"

/** How long a read waits for a position that it wants to see. */
const positionWaitMax = Duration.seconds(10)

/** How long a cursor's snapshot is kept after its page was answered. */
const holdMillis = Duration.toMillis(Duration.minutes(5))

/** Makes the MVCC service. */
export const makeMvcc: Effect.Effect<MvccService, never, Engine | SegmentFiles> = Effect.gen(function*() {
  const engine = yield* Engine
  const files = yield* SegmentFiles
  const { state } = engine
  const snapshots = new Snapshots()

  const reach = (position: Position.Position, field: string) =>
    position <= state.position
      ? Effect.void
      : Effect.flatMap(
        Effect.timeoutOption(engine.awaitPosition(position), positionWaitMax),
        Option.match({
          onSome: () => Effect.void,
          onNone: () =>
            Effect.fail(
              new MvccError({
                reason: "POSITION_NOT_REACHED",
                field,
                message: `${position} is not there yet: the newest position is ${state.position}`
              })
            )
        })
      )

  const at = (position: Position.Position): Snapshot => {
    const whole = state.commitTimes.wholeAt(position)
    return { position: whole, time: state.commitTimes.timeOf(whole) }
  }

  /** Fails where versions that a position sees may be gone. Checked when nothing can go any more. */
  const checkHorizon = (table: number, position: Position.Position) =>
    Effect.suspend(() => {
      const horizon = state.catalog.tables.get(table)?.horizon ?? 0
      return position >= horizon
        ? Effect.void
        : Effect.fail(
          new MvccError({
            reason: "BELOW_HORIZON",
            field: "as_of",
            message:
              `position ${position} is below ${horizon}, the history horizon of this table: older versions are ` +
              "gone; read at a later position, or keep more history"
          })
        )
    })

  const viewOf = ({ entry, marks }: TableSegment): SegmentView => ({
    entry,
    marks,
    open: Effect.mapError(files.open(entry.name), fromSegmentError),
    useIndex: files.useIndex
  })

  const openTable: MvccService["openTable"] = Effect.fnUntraced(function*(table, position, purpose) {
    yield* Effect.acquireRelease(
      Effect.sync(() => snapshots.acquire(table, position)),
      () => Effect.sync(() => snapshots.release(table, position))
    )
    yield* checkHorizon(table, position)
    const versions = state.tables.get(table)
    if (versions === undefined) return { segments: [], memtables: [] }
    for (;;) {
      const rows = yield* files.pin((): { names: ReadonlyArray<string>; value: TableRows | undefined } => {
        if (purpose === "scan" && !isSettled(versions, position)) return { names: [], value: undefined }
        const { memtables, segments } = versions
        return {
          names: segments.flatMap(({ entry }) => filesOf(entry)),
          value: {
            segments: segments.map(viewOf),
            memtables: memtables.filter((memtable) => memtable.count > 0 && memtable.firstPosition <= position)
          }
        }
      })
      if (rows !== undefined) return rows
      // Segments do not change while their marks are looked for. What is written meanwhile is behind the position.
      yield* versions.segmentsLock.withPermit(Effect.mapError(settleMarks(files, versions), fromSegmentError))
    }
  })

  return {
    openTable,
    hold: (table, position) =>
      Effect.map(Clock.currentTimeMillis, (now) => snapshots.hold(table, position, now + holdMillis)),
    oldestRead: (table) => Effect.map(Clock.currentTimeMillis, (now) => snapshots.oldest(now, table)),
    position: () => state.position,
    snapshot: Effect.fnUntraced(function*({ asOf, minPosition }) {
      yield* reach(minPosition, "min_position")
      switch (asOf.kind) {
        case "latest":
          return at(state.position)
        case "time":
          return at(state.commitTimes.positionAt(asOf.time))
        case "position":
          yield* reach(asOf.position, "as_of.position")
          return at(asOf.position)
      }
    }),
    versions: (table) => state.tables.get(table),
    commitTime: (position) => state.commitTimes.timeOf(position),
    fillCommitTimes: (positions, count, out) => state.commitTimes.fillTimes(positions, count, out),
    usage: () => {
      let memtables = 0
      let rows = 0
      for (const table of state.tables.values()) {
        memtables += table.memtables.length
        rows += table.rowCount
      }
      return {
        bytes: state.bytes,
        memtables,
        rows,
        readers: snapshots.readerCount,
        heldPositions: snapshots.heldCount
      }
    }
  }
})
