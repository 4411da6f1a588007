/** The files of a log: their names, their headers, and whether they belong together. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BlockFile, BlockStorageService, StorageError } from "../storage/BlockStorage.ts"
import { decodeFileHeader, type FileHeader, fileHeaderBytes, formatVersion } from "./format.ts"
import { WalError } from "./Wal.ts"

/** Name of the log file number `ordinal`: `wal/wal-000001.log`. */
export const logFileName = (folder: string, ordinal: number): string =>
  `${folder}/wal-${String(ordinal).padStart(6, "0")}.log`

/** Name of a log file that is being made. */
export const newFileName = (folder: string): string => `${folder}/wal-new.tmp`

const namePattern = /\/wal-(\d{6,})\.log$/

/** A log file that was found. */
export interface FoundFile {
  readonly name: string
  /** The file's path as the user knows it. */
  readonly path: string
  readonly header: FileHeader
  /** Bytes, with preallocated ones. */
  readonly size: number
}

/** An error that names damage and what to do about it. */
export const damaged = (file: string, offset: number, problem: string): WalError =>
  new WalError({
    reason: "Damaged",
    file,
    offset,
    message: `the log is damaged: ${file} at offset ${offset}: ${problem}. ` +
      "Run `varve wal verify` to see what is affected, then restore the data directory from a backup; " +
      "nothing was changed"
  })

/** A storage error as the log tells it. */
export const fromStorageError = (error: StorageError): WalError =>
  new WalError({
    reason: error.reason === "InUse" || error.reason === "StorageFull" ? error.reason : "Storage",
    file: error.path,
    message: error.message
  })

/** Reads the header of an open log file; fails with `Damaged` or `NewerFormat`. */
export const readFileHeader = Effect.fnUntraced(
  function*(file: BlockFile): Effect.fn.Return<FileHeader, WalError> {
    const bytes = yield* Effect.mapError(file.read(0, fileHeaderBytes), fromStorageError)
    const header = decodeFileHeader(bytes)
    if (typeof header === "string") return yield* damaged(file.path, 0, header)
    if (header.version > formatVersion) {
      return yield* new WalError({
        reason: "NewerFormat",
        file: file.path,
        offset: 8,
        message: `${file.path} has log format version ${header.version}, this Varve reads up to version ` +
          `${formatVersion}; start it with the version of Varve that wrote the log, or a newer one`
      })
    }
    return header
  }
)

/** A file whose name is that of a log file. */
export interface NamedFile {
  readonly name: string
  readonly ordinal: number
}

/** The files in `folder` that have names of log files, oldest first. */
export const listLogFiles = (
  storage: BlockStorageService,
  folder: string
): Effect.Effect<ReadonlyArray<NamedFile>, WalError> =>
  storage.list(`${folder}/`).pipe(
    Effect.mapError(fromStorageError),
    Effect.map((names) =>
      names
        .map((name) => ({ name, ordinal: Number(namePattern.exec(name)?.[1] ?? 0) }))
        .filter(({ name, ordinal }) => name === logFileName(folder, ordinal))
        .sort((left, right) => left.ordinal - right.ordinal)
    )
  )

/** Reads a log file's header and size; fails with `Damaged` where the header is. */
export const findFile = Effect.fnUntraced(function*(
  storage: BlockStorageService,
  { name, ordinal }: NamedFile
): Effect.fn.Return<FoundFile, WalError, Scope.Scope> {
  const file = yield* Effect.mapError(storage.open(name, { readOnly: true }), fromStorageError)
  const header = yield* readFileHeader(file)
  if (header.ordinal !== ordinal) {
    return yield* damaged(file.path, 12, `the file says that it is number ${header.ordinal}`)
  }
  const size = yield* Effect.mapError(file.size, fromStorageError)
  return { name, path: file.path, header, size }
}, Effect.scoped)

/** What is wrong with two log files that should follow one another; undefined if nothing. */
export const findMismatch = (before: FoundFile, after: FoundFile, folder: string): string | undefined => {
  if (after.header.ordinal !== before.header.ordinal + 1) {
    return `${logFileName(folder, before.header.ordinal + 1)} before it is missing`
  }
  if (Buffer.compare(before.header.logId, after.header.logId) !== 0) return "the file belongs to another log"
  if (after.header.firstPosition < before.header.firstPosition) {
    return `the file begins at position ${after.header.firstPosition}, before the file that precedes it`
  }
  return undefined
}

/** The log files in `folder`, oldest first; fails with `Damaged` where they do not belong together. */
export const findLogFiles = Effect.fnUntraced(function*(
  storage: BlockStorageService,
  folder: string
): Effect.fn.Return<ReadonlyArray<FoundFile>, WalError> {
  const found: Array<FoundFile> = []
  for (const named of yield* listLogFiles(storage, folder)) {
    const file = yield* findFile(storage, named)
    const problem = found.length === 0 ? undefined : findMismatch(found[found.length - 1], file, folder)
    if (problem !== undefined) return yield* damaged(file.path, 0, problem)
    found.push(file)
  }
  return found
})
