/** The main thread's end of a job's storage: does what the thread asks for. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { invariant } from "../../base/invariant.ts"
import type { BlockFile, BlockStorageService, StorageError } from "../../storage/BlockStorage.ts"
import { buffersOf, freeBuffers } from "./plainRows.ts"
import type { StorageAnswer, StorageOperation } from "./protocol.ts"

interface ServedFile {
  readonly file: BlockFile
  readonly scope: Scope.Closeable
}

/**
 * Makes what does the operations of one job; `nameOf` names its outputs, where it is a merge. Files that the job leaves open are closed with the scope.
 *
 * Chunks are freed as soon as they are written: nobody else has them, and a collection would come late.
 */
export const serveStorage = (
  storage: BlockStorageService,
  scope: Scope.Scope,
  nameOf: (number: number) => string
): (operation: StorageOperation) => Effect.Effect<StorageAnswer, StorageError> => {
  const files = new Map<number, ServedFile>()

  const served = (number: number): ServedFile => {
    const found = files.get(number)
    invariant(found !== undefined, "a job uses the files that it has open")
    return found
  }

  const open = (number: number, name: string, options: Extract<StorageOperation, { kind: "open" }>["options"]) =>
    Effect.uninterruptible(Effect.gen(function*() {
      const own = yield* Scope.fork(scope)
      const file = yield* Effect.onError(
        Scope.provide(storage.open(name, options), own),
        (cause) => Scope.close(own, Exit.failCause(cause))
      )
      files.set(number, { file, scope: own })
      return file.path
    }))

  return (operation) =>
    Effect.suspend((): Effect.Effect<StorageAnswer, StorageError> => {
      switch (operation.kind) {
        case "name":
          return Effect.succeed(nameOf(operation.number))
        case "list":
          return storage.list(operation.prefix)
        case "open":
          return open(operation.file, operation.name, operation.options)
        case "remove":
          return Effect.as(storage.remove(operation.name), undefined)
        case "rename":
          return Effect.as(storage.rename(operation.from, operation.to), undefined)
        case "syncDirectory":
          return Effect.as(storage.syncDirectory(operation.folder), undefined)
        case "size":
          return served(operation.file).file.size
        case "read":
          return served(operation.file).file.read(operation.offset, operation.length)
        case "write": {
          const { chunks, file, offset } = operation
          return Effect.as(
            Effect.ensuring(
              served(file).file.write(offset, chunks),
              Effect.sync(() => freeBuffers(buffersOf(chunks)))
            ),
            undefined
          )
        }
        case "sync":
          return Effect.as(served(operation.file).file.sync, undefined)
        case "truncate":
          return Effect.as(served(operation.file).file.truncate(operation.size), undefined)
        case "close": {
          const { scope } = served(operation.file)
          files.delete(operation.file)
          return Effect.as(Scope.close(scope, Exit.void), undefined)
        }
      }
    })
}
