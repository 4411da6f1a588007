/**
 * Prepares the next log file while the present one fills: it is written with zeros, because a sync of bytes that the
 * file system has already allocated is several times faster than one that has to allocate them.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { BlockFile, BlockStorageService, StorageError } from "../storage/BlockStorage.ts"
import { Signal } from "./logState.ts"

/** Bytes that are written and synced at once: small, so that a commit's sync never waits long behind it. */
const chunkBytes = 1024 * 1024

const zeros = new Uint8Array(chunkBytes)

/** Writes zeros over [start, end) of a file. */
export const writeZeros = Effect.fnUntraced(function*(file: BlockFile, start: number, end: number) {
  for (let offset = start; offset < end; offset += chunkBytes) {
    yield* file.write(offset, [zeros.subarray(0, Math.min(chunkBytes, end - offset))])
  }
})

/** A file of zeros that is to become a log file. */
export interface PreparedFile {
  readonly file: BlockFile
  /** Closes the file. */
  readonly scope: Scope.Closeable
  /** Its size in bytes. */
  readonly capacity: number
}

/** Removes a file that may not be there. */
export const removeIfPresent = (storage: BlockStorageService, name: string): Effect.Effect<void, StorageError> =>
  Effect.catch(storage.remove(name), (error) => error.reason === "NotFound" ? Effect.void : Effect.fail(error))

/**
 * Makes the file `name` of `bytes` zeros, synced. `pace(n)` is awaited before the bytes from n on are written. After a
 * failure the file is removed, so that a full disk is not made fuller.
 */
export const prepareFile = (
  storage: BlockStorageService,
  parent: Scope.Scope,
  name: string,
  bytes: number,
  pace: (prepared: number) => Effect.Effect<void>
): Effect.Effect<PreparedFile, StorageError> =>
  Effect.suspend(() => {
    const scope = Scope.forkUnsafe(parent)
    return Effect.gen(function*() {
      yield* removeIfPresent(storage, name)
      const file = yield* storage.open(name, { create: true })
      for (let offset = 0; offset < bytes; offset += chunkBytes) {
        yield* pace(offset)
        yield* writeZeros(file, offset, Math.min(offset + chunkBytes, bytes))
        yield* file.sync
      }
      return { file, scope, capacity: bytes }
    }).pipe(
      Scope.provide(scope),
      Effect.onError(() => Effect.andThen(Scope.close(scope, Exit.void), Effect.ignore(storage.remove(name))))
    )
  })

/** Prepares one file after another in the background. */
export interface Preparation {
  /** Begins to prepare a file in the background, unless one is being prepared or is ready. */
  readonly start: Effect.Effect<void>
  /** Lets the preparation go on up to so many bytes: it keeps step with how full the present file is. */
  readonly allow: (bytes: number) => void
  /** The prepared file; hurries up where it is not ready, and tries anew where it had failed. */
  readonly take: Effect.Effect<PreparedFile, StorageError>
}

/** Where and what to prepare. */
export interface PreparationOptions {
  readonly storage: BlockStorageService
  /** The preparation ends with it. */
  readonly scope: Scope.Scope
  readonly name: string
  /** Size of each file. */
  readonly bytes: number
  /** Told of a failure in the background that is not for want of space. */
  readonly onFailure: (error: StorageError) => Effect.Effect<void>
}

/** See {@link Preparation}. */
export const makePreparation = (options: PreparationOptions): Preparation => {
  let fiber: Fiber.Fiber<PreparedFile, StorageError> | undefined
  let hurry = false
  let allowed = 0
  const moved = new Signal()

  const pace = (prepared: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      const next = moved.next
      return hurry || prepared < allowed ? Effect.void : Effect.andThen(next, pace(prepared))
    })

  const failed = (error: StorageError): Effect.Effect<void> => {
    fiber = undefined
    return error.reason === "StorageFull"
      ? Effect.logWarning(
        `cannot prepare the next log file; writes go on until the present one is full: ${error.message}`
      )
      : options.onFailure(error)
  }

  const start = Effect.suspend(() => {
    if (fiber !== undefined) return Effect.void
    return prepareFile(options.storage, options.scope, options.name, options.bytes, pace).pipe(
      Effect.tapError(failed),
      Effect.forkIn(options.scope),
      Effect.map((forked) => {
        // It may have failed already, before it got here.
        if (forked.pollUnsafe() === undefined) fiber = forked
      })
    )
  })

  return {
    start,
    allow: (bytes) => {
      allowed = bytes
      moved.notify()
    },
    take: Effect.suspend(() => {
      hurry = true
      moved.notify()
      return Effect.flatMap(
        fiber === undefined
          ? prepareFile(options.storage, options.scope, options.name, options.bytes, pace)
          : Fiber.join(fiber),
        (prepared) => {
          fiber = undefined
          return Effect.succeed(prepared)
        }
      )
    }).pipe(Effect.ensuring(Effect.sync(() => {
      hurry = false
      allowed = 0
    })))
  }
}
