/** Files of one kind that are open: each is opened by whoever is first, and stays open until it is closed by its name. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { fromStorageError, type SegmentError } from "../segment/SegmentError.ts"
import type { BlockFile, BlockStorageService } from "../storage/BlockStorage.ts"

/** What a file is read through. */
interface Content {
  /** Forgets what the cache holds of it. */
  readonly forget: Effect.Effect<void>
}

export interface OpenFiles<A> {
  /** What is in a file; the same one until it is closed. */
  readonly open: (name: string) => Effect.Effect<A, SegmentError>
  /** Closes a file, if it is open. */
  readonly close: (name: string) => Effect.Effect<void>
  /** How many are open. */
  readonly count: () => number
}

/** Makes it. `parent` closes all files; `read` opens what is in one. */
export const makeOpenFiles = <A extends Content>(
  storage: BlockStorageService,
  parent: Scope.Scope,
  read: (file: BlockFile) => Effect.Effect<A, SegmentError>
): OpenFiles<A> => {
  const files = new Map<
    string,
    { readonly scope: Scope.Closeable; readonly content: Deferred.Deferred<A, SegmentError> }
  >()

  const load = (name: string) =>
    Effect.uninterruptible(Effect.gen(function*() {
      const scope = yield* Scope.fork(parent)
      const content = Deferred.makeUnsafe<A, SegmentError>()
      files.set(name, { scope, content })
      const opened = yield* Effect.exit(
        Effect.flatMap(
          Effect.mapError(Scope.provide(storage.open(name, { readOnly: true }), scope), fromStorageError),
          read
        )
      )
      // A failure is not kept: the next one who asks tries again.
      if (Exit.isFailure(opened)) {
        files.delete(name)
        yield* Scope.close(scope, Exit.void)
      }
      yield* Deferred.done(content, opened)
      return yield* opened
    }))

  return {
    open: (name) =>
      Effect.suspend(() => {
        const known = files.get(name)
        return known === undefined ? load(name) : Deferred.await(known.content)
      }),
    close: (name) =>
      Effect.suspend(() => {
        const file = files.get(name)
        files.delete(name)
        if (file === undefined) return Effect.void
        return Effect.andThen(
          Effect.ignore(Effect.flatMap(Deferred.await(file.content), ({ forget }) => forget)),
          Scope.close(file.scope, Exit.void)
        )
      }),
    count: () => files.size
  }
}
