/** The storage as one job sees it: remembers what the job creates, so that it can be removed where the job does not end well. */
import * as Effect from "effect/Effect"
import type { BlockStorageService } from "../../storage/BlockStorage.ts"

export interface JobStorage {
  readonly storage: BlockStorageService
  /** Removes the files that the job created. What cannot be removed is an orphan, which the next start collects. */
  readonly removeCreated: Effect.Effect<void>
}

/** Makes it, for one job. */
export const jobStorage = (whole: BlockStorageService): JobStorage => {
  const created = new Set<string>()
  return {
    storage: {
      description: whole.description,
      list: (prefix) => whole.list(prefix),
      open: (name, options) =>
        Effect.suspend(() => {
          if (options?.create === true) created.add(name)
          return whole.open(name, options)
        }),
      remove: (name) => Effect.tap(whole.remove(name), () => Effect.sync(() => created.delete(name))),
      rename: (from, to) =>
        Effect.tap(whole.rename(from, to), () =>
          Effect.sync(() => {
            if (created.delete(from)) created.add(to)
          })),
      syncDirectory: (folder) => whole.syncDirectory(folder),
      lock: whole.lock
    },
    removeCreated: Effect.suspend(() =>
      Effect.forEach(Array.from(created), (name) => Effect.ignore(whole.remove(name)), { discard: true })
    )
  }
}

/** Does a job in that storage: what it created goes where it fails or is interrupted. */
export const removingCreated = <A, E, R>(
  whole: BlockStorageService,
  job: (storage: BlockStorageService) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const { removeCreated, storage } = jobStorage(whole)
    return Effect.onError(job(storage), () => removeCreated)
  })
