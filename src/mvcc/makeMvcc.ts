/** Snapshots over the engine's state. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Position from "../base/position.ts"
import { Engine } from "./Engine.ts"
import { MvccError, type MvccService, type Snapshot } from "./Mvcc.ts"

/** How long a read waits for a position that it wants to see. */
const positionWaitMax = Duration.seconds(10)

/** Makes the MVCC service. */
export const makeMvcc: Effect.Effect<MvccService, never, Engine> = Effect.gen(function*() {
  const engine = yield* Engine
  const { state } = engine

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
    const whole = state.commitTimes.floor(position)
    return { position: whole, time: state.commitTimes.timeOf(whole) }
  }

  return {
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
    usage: () => {
      let memtables = 0
      let rows = 0
      for (const table of state.tables.values()) {
        memtables += table.memtables.length
        rows += table.rowCount
      }
      return { bytes: state.bytes, memtables, rows }
    }
  }
})
