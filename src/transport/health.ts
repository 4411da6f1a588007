/** How a service and everything it depends on are. */
import * as Effect from "effect/Effect"
import type { ReadinessService, State } from "./readiness.ts"

/** `degraded`: reads are served, writes are not, or the other way round. */
export type Condition = "serving" | "not_serving" | "degraded"

/** How one dependency is. */
export interface DependencyHealth {
  readonly name: string
  readonly status: Condition
  /** Empty where all is well. */
  readonly message: string
}

/** Something that a service depends on. */
export interface Dependency {
  readonly name: string
  readonly check: Effect.Effect<Omit<DependencyHealth, "name">>
}

/** How a service is. */
export interface Health {
  readonly status: Condition
  readonly state: State
  readonly dependencies: ReadonlyArray<DependencyHealth>
}

/** A dependency that answers nothing for so long is not serving; a probe must not hang with it. */
const checkMillisMax = 1000

const checkOne = ({ check, name }: Dependency): Effect.Effect<DependencyHealth> =>
  check.pipe(
    Effect.timeoutOrElse({
      duration: checkMillisMax,
      orElse: () => Effect.succeed({ status: "not_serving" as const, message: `no answer within ${checkMillisMax} ms` })
    }),
    Effect.catchCause(() => Effect.succeed({ status: "not_serving" as const, message: "its check failed" })),
    Effect.map((health) => ({ name, ...health }))
  )

/** Asks every dependency. The service is as its worst dependency is, and not serving unless it is ready. */
export const checkHealth = (
  readiness: ReadinessService,
  dependencies: ReadonlyArray<Dependency>
): Effect.Effect<Health> =>
  Effect.map(Effect.forEach(dependencies, checkOne, { concurrency: "unbounded" }), (checked) => {
    const state = readiness.state()
    const is = (condition: Condition): boolean => checked.some(({ status }) => status === condition)
    const status = state !== "ready" || is("not_serving") ? "not_serving" : is("degraded") ? "degraded" : "serving"
    return { status, state, dependencies: checked }
  })
