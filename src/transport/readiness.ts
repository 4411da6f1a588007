/** Whether the program takes requests: it starts, is ready, and drains. It never goes back. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** `starting`: the log is being read. `draining`: no new requests, those in flight finish. */
export type State = "starting" | "ready" | "draining"

export interface ReadinessService {
  readonly state: () => State
  /** From `starting` to `ready`. */
  readonly ready: Effect.Effect<void>
  /** To `draining`, from wherever it is. */
  readonly drain: Effect.Effect<void>
  /** Calls the listener after each change until the returned function is called. It must not throw. */
  readonly subscribe: (listener: (state: State) => void) => () => void
}

/** Whether the program takes requests. */
export class Readiness extends Context.Service<Readiness, ReadinessService>()("varve/transport/Readiness") {}

/** A program that starts. */
export const make: Effect.Effect<ReadinessService> = Effect.sync(() => {
  let state: State = "starting"
  const listeners = new Set<(state: State) => void>()
  const become = (next: State): void => {
    if (state === next) return
    state = next
    for (const listener of [...listeners]) listener(next)
  }
  return {
    state: () => state,
    ready: Effect.sync(() => {
      if (state === "starting") become("ready")
    }),
    drain: Effect.sync(() => become("draining")),
    subscribe: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    }
  }
})
