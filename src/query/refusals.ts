/** The edge between plain functions that refuse by throwing and effects that fail. */
import * as Effect from "effect/Effect"
import { QueryError } from "./Query.ts"
import { Refusal } from "./refuse.ts"

/** Runs a plain function: a refusal within it becomes a failure, anything else that it throws a defect. */
export const refusals = <A>(run: () => A): Effect.Effect<A, QueryError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const { field, message, reason } = error
      return Effect.fail(new QueryError({ reason, field, message }))
    }
  })
