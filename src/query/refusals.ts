/** The edge between plain functions that refuse by throwing and effects that fail. */
import * as Effect from "effect/Effect"
import { fromSegmentError, type MvccError } from "../mvcc/Mvcc.ts"
import type { SegmentError } from "../segment/SegmentError.ts"
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

const fromMvccError = ({ field, message, reason }: MvccError): QueryError => new QueryError({ reason, field, message })

/** What the MVCC service refuses, as the query service's own. */
export const mvccReads = <A, R>(effect: Effect.Effect<A, MvccError, R>): Effect.Effect<A, QueryError, R> =>
  Effect.mapError(effect, fromMvccError)

/** What cannot be read of a segment, as a failure of the read. */
export const segmentReads = <A, R>(effect: Effect.Effect<A, SegmentError, R>): Effect.Effect<A, QueryError, R> =>
  Effect.mapError(effect, (error) => fromMvccError(fromSegmentError(error)))
