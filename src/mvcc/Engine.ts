/**
 * The engine's state as a service: recovered when it is made, then changed by the commit pipeline alone.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Position from "../base/position.ts"
import type { BlockStorage } from "../storage/BlockStorage.ts"
import type { Wal, WalError } from "../wal/Wal.ts"
import type { EngineState } from "./engineState.ts"
import { recover, type RecoveredFrom } from "./recovery/recover.ts"
import type { RecoveryError } from "./recovery/RecoveryError.ts"

/** How the state is kept in memory. */
export interface EngineOptions {
  /** Bytes that one memtable may hold before it is sealed and a new one begun. */
  readonly memtableBytesMax: number
}

/** 64 MiB: about half a million rows of nine columns. */
export const memtableBytesDefault = 64 * 1024 * 1024

/** The state, and those who wait for it to move on. */
export class EngineService {
  readonly state: EngineState
  /** What it was recovered from. */
  readonly recovered: RecoveredFrom
  /** Opened when memtables wait to become segments, or rows hold more than `bytesNoticed`. */
  readonly flushDue = Latch.makeUnsafe(false)
  bytesNoticed = Number.POSITIVE_INFINITY
  /** Why memtables cannot become segments now; empty where they can. */
  flushFailure = ""
  private readonly waiting = new Set<{ readonly position: Position.Position; readonly resume: () => void }>()

  constructor(state: EngineState, recovered: RecoveredFrom = { checkpoint: undefined, replayedBytes: 0 }) {
    this.state = state
    this.recovered = recovered
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

/** Recovers the state from the newest checkpoint and the log, or from the log alone where there is none. */
export const makeEngine = Effect.fnUntraced(function*(
  options: EngineOptions
): Effect.fn.Return<EngineService, WalError | RecoveryError, BlockStorage | Wal> {
  const recovered = yield* recover(options.memtableBytesMax)
  return new EngineService(recovered.state, recovered)
})
