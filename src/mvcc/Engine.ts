/**
 * The engine's state as a service: recovered from the log when it is made, then changed by the commit pipeline alone.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { FormatError } from "../base/byteCursor.ts"
import * as Position from "../base/position.ts"
import { decodeEvent } from "../event/Event.ts"
import { type Frame, Wal, type WalError } from "../wal/Wal.ts"
import { EngineState } from "./engineState.ts"

/** How the state is kept in memory. */
export interface EngineOptions {
  /** Bytes that one memtable may hold before it is sealed and a new one begun. */
  readonly memtableBytesMax: number
}

/** 64 MiB: about half a million rows of nine columns. */
export const memtableBytesDefault = 64 * 1024 * 1024

/** The log holds what this version cannot read. */
export class RecoveryError extends Schema.TaggedError<RecoveryError>()("RecoveryError", {
  position: Schema.Number,
  message: Schema.String
}) {}

/** The state, and those who wait for it to move on. */
export class EngineService {
  readonly state: EngineState
  /** Opened when memtables wait to become segments, or rows hold more than `bytesNoticed`. */
  readonly flushDue = Latch.makeUnsafe(false)
  bytesNoticed = Number.POSITIVE_INFINITY
  private readonly waiting = new Set<{ readonly position: Position.Position; readonly resume: () => void }>()

  constructor(state: EngineState) {
    this.state = state
  }

  /** Wakes those whose position has been reached. Called when a group has been folded, whole. */
  publish(): void {
    const { bytes, sealedTables } = this.state
    if (sealedTables.size > 0 || bytes > this.bytesNoticed) this.flushDue.openUnsafe()
    for (const waiter of this.waiting) {
      if (waiter.position > this.state.position) continue
      this.waiting.delete(waiter)
      waiter.resume()
    }
  }

  /** Waits until a position is visible. */
  awaitPosition(position: Position.Position): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.state.position >= position) return resume(Effect.void)
      const waiter = { position, resume: () => resume(Effect.void) }
      this.waiting.add(waiter)
      return Effect.sync(() => this.waiting.delete(waiter))
    })
  }
}

/** The fold of the log. */
export class Engine extends Context.Service<Engine, EngineService>()("varve/mvcc/Engine") {}

/** Folds the whole log. */
export const makeEngine = Effect.fnUntraced(function*(
  options: EngineOptions
): Effect.fn.Return<EngineService, WalError | RecoveryError, Wal> {
  const wal = yield* Wal
  const state = new EngineState(options.memtableBytesMax)
  yield* wal.read(Position.first).pipe(Stream.runForEach((frames) => foldFrames(state, frames)))
  return new EngineService(state)
})

/** Folds frames that were read from the log. */
const foldFrames = (state: EngineState, frames: ReadonlyArray<Frame>): Effect.Effect<void, RecoveryError> =>
  Effect.suspend(() => {
    for (const frame of frames) {
      try {
        state.fold(decodeEvent(frame.kind, frame.payload), frame.position, frame.commitTime)
      } catch (error) {
        if (!(error instanceof FormatError)) throw error
        return Effect.fail(
          new RecoveryError({
            position: frame.position,
            message: `the log at position ${frame.position}: ${error.message}`
          })
        )
      }
    }
    return Effect.void
  })
