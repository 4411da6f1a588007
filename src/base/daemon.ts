/**
 * Background fibers. A fiber that nobody joins fails unseen; so every one of the engine's is forked here, where its
 * failure is logged with its cause and reported to whoever runs the program.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"

/**
 * What happens when a daemon dies, after its cause was logged. The default does nothing more; the server ends itself.
 */
export const OnDaemonDeath = Context.Reference<(name: string, cause: Cause.Cause<unknown>) => Effect.Effect<void>>(
  "varve/base/OnDaemonDeath",
  { defaultValue: () => () => Effect.void }
)

/**
 * Runs an effect in the background until the scope closes. Ending by failure or defect is a death; completing, or
 * being interrupted by the scope, is not.
 */
export const forkDaemon = <A, E, R>(
  name: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<void, never, R | Scope.Scope> =>
  Effect.flatMap(OnDaemonDeath, (onDeath) =>
    Effect.asVoid(Effect.forkScoped(
      Effect.onExit(Effect.asVoid(effect), (exit) =>
        Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)
          ? Effect.andThen(Effect.logFatal(`${name} died`, exit.cause), onDeath(name, exit.cause))
          : Effect.void),
      { startImmediately: true }
    )))
