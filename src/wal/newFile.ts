/** How a log file comes into being, so that one with a name always has its header. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { BlockFile, BlockStorageService, StorageError } from "../storage/BlockStorage.ts"
import { encodeFileHeader, type FileHeader } from "./format.ts"
import { logFileName, newFileName } from "./logFiles.ts"

/** Where the log's files are. */
export interface LogPlace {
  readonly storage: BlockStorageService
  /** The folder in the storage. */
  readonly folder: string
  /** Files are open until it closes. */
  readonly scope: Scope.Scope
  /** The folder that files are moved to when the log no longer needs them; `undefined`: they are removed. */
  readonly archive?: string | undefined
}

/** A file that is open until its own scope, or that of the log, closes. */
export interface OpenFile {
  readonly file: BlockFile
  readonly scope: Scope.Closeable
}

/** Closes a file. */
export const closeFile = (open: OpenFile): Effect.Effect<void> => Scope.close(open.scope, Exit.void)

/** Opens a file in a scope of its own below `parent`. */
export const openFile = (
  storage: BlockStorageService,
  parent: Scope.Scope,
  name: string,
  options?: { readonly create?: boolean; readonly readOnly?: boolean }
): Effect.Effect<OpenFile, StorageError> =>
  Effect.suspend(() => {
    const scope = Scope.forkUnsafe(parent)
    return storage.open(name, options).pipe(
      Scope.provide(scope),
      Effect.map((file) => ({ file, scope })),
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
  })

/** Removes what a former attempt to make a file may have left. */
export const removeNewFile = (place: LogPlace): Effect.Effect<void, StorageError> =>
  Effect.catch(
    place.storage.remove(newFileName(place.folder)),
    (error) => error.reason === "NotFound" ? Effect.void : Effect.fail(error)
  )

/** Makes a file with a synced header, under a name that recovery does not look at. Fails without leaving anything. */
export const createFile = Effect.fnUntraced(function*(
  place: LogPlace,
  header: FileHeader
): Effect.fn.Return<OpenFile, StorageError> {
  const name = newFileName(place.folder)
  yield* removeNewFile(place)
  const open = yield* openFile(place.storage, place.scope, name, { create: true })
  yield* open.file.write(0, [encodeFileHeader(header)]).pipe(
    Effect.andThen(open.file.sync),
    Effect.onError(() => Effect.andThen(closeFile(open), Effect.ignore(place.storage.remove(name))))
  )
  return open
})

/** Makes the file that was created log file number `ordinal`, for good. */
export const publishFile = (place: LogPlace, ordinal: number): Effect.Effect<void, StorageError> =>
  Effect.andThen(
    place.storage.rename(newFileName(place.folder), logFileName(place.folder, ordinal)),
    place.storage.syncDirectory(place.folder)
  )

const zeros = new Uint8Array(1024 * 1024)

/** Writes zeros over [start, end) of a file. */
export const writeZeros = Effect.fnUntraced(function*(file: BlockFile, start: number, end: number) {
  for (let offset = start; offset < end; offset += zeros.length) {
    yield* file.write(offset, [zeros.subarray(0, Math.min(zeros.length, end - offset))])
  }
})
