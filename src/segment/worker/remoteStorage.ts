/**
 * A thread's end of a job's storage: every operation is a message to the main thread, which has the real one. Chunks
 * that are written are given away; what is read is the thread's own.
 */
import * as Effect from "effect/Effect"
import { type BlockFile, type BlockStorageService, StorageError } from "../../storage/BlockStorage.ts"
import { buffersOf } from "./plainRows.ts"
import type { FromThread, StorageAnswer, StorageOperation, ToThread } from "./protocol.ts"

type Answer = Extract<ToThread, { readonly kind: "answer" }>
type Resume = (effect: Effect.Effect<StorageAnswer, StorageError>) => void

export interface RemoteStorage {
  readonly storage: BlockStorageService
  /** The name of an output of the job. */
  readonly nameOf: (number: number) => Effect.Effect<string>
  /** Hands on what the main thread answered. */
  readonly answer: (answer: Answer) => void
  /**
   * The job is cancelled: nothing is asked any more, and no answers come. Operations under way, and those to come, end
   * as interrupted, those of finalizers too.
   */
  readonly cancel: () => void
}

/** Makes the storage of a job. */
export const remoteStorage = (
  job: number,
  post: (message: FromThread, transfer: ReadonlyArray<ArrayBuffer>) => void
): RemoteStorage => {
  const waiting = new Map<number, Resume>()
  let calls = 0
  let files = 0
  let isCancelled = false

  const ask = <A extends StorageAnswer>(operation: StorageOperation): Effect.Effect<A, StorageError> =>
    Effect.callback<StorageAnswer, StorageError>((resume) => {
      if (isCancelled) return resume(Effect.interrupt)
      const call = ++calls
      waiting.set(call, resume)
      post({ kind: "call", job, call, operation }, operation.kind === "write" ? buffersOf(operation.chunks) : [])
    }) as Effect.Effect<A, StorageError>

  const fileOf = (file: number, path: string): BlockFile => ({
    path,
    size: ask<number>({ kind: "size", file }),
    read: (offset, length) => ask<Uint8Array<ArrayBuffer>>({ kind: "read", file, offset, length }),
    write: (offset, chunks) => ask<undefined>({ kind: "write", file, offset, chunks }),
    sync: ask<undefined>({ kind: "sync", file }),
    truncate: (size) => ask<undefined>({ kind: "truncate", file, size })
  })

  return {
    nameOf: (number) => Effect.orDie(ask<string>({ kind: "name", number })),
    storage: {
      description: "the storage of the main thread",
      list: (prefix) => ask<ReadonlyArray<string>>({ kind: "list", prefix }),
      open: (name, options) =>
        Effect.map(
          Effect.acquireRelease(
            Effect.suspend(() => {
              const file = ++files
              return Effect.map(ask<string>({ kind: "open", name, options, file }), (path) => ({ file, path }))
            }),
            ({ file }) => Effect.ignore(ask({ kind: "close", file }))
          ),
          ({ file, path }) => fileOf(file, path)
        ),
      remove: (name) => ask<undefined>({ kind: "remove", name }),
      rename: (from, to) => ask<undefined>({ kind: "rename", from, to }),
      syncDirectory: (folder) => ask<undefined>({ kind: "syncDirectory", folder }),
      lock: Effect.die(new Error("the main thread owns the storage; a job cannot lock it"))
    },
    answer: ({ answer, call, error }) => {
      const resume = waiting.get(call)
      waiting.delete(call)
      resume?.(error === undefined ? Effect.succeed(answer) : Effect.fail(new StorageError(error)))
    },
    cancel: () => {
      isCancelled = true
      const resumes = Array.from(waiting.values())
      waiting.clear()
      for (const resume of resumes) resume(Effect.interrupt)
    }
  }
}
