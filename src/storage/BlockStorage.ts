/**
 * The one interface to where data lies: named files with positional reads and writes. The log and the segments are
 * written against it, so that the same engine runs on a directory, in memory, and on an object store for whole files.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

/** What kind of failure a {@link StorageError} is. Only `StorageFull` and `InUse` may pass by themselves. */
export const StorageReason = Schema.Literals([
  "NotFound",
  "PermissionDenied",
  "StorageFull",
  "InUse",
  "Failed"
])

/** See {@link StorageReason}. */
export type StorageReason = typeof StorageReason.Type

/** A storage operation that failed. `message` names the file, the problem and the way out. */
export class StorageError extends Schema.TaggedError<StorageError>()("StorageError", {
  reason: StorageReason,
  /** The file or directory, as the user knows it. */
  path: Schema.String,
  message: Schema.String
}) {}

/**
 * An open file. Reads and writes are positional and independent of one another; several fibers may read while one
 * writes. Operations on it run to their end once begun: interruption waits for them.
 */
export interface BlockFile {
  /** The file's path as the user knows it, for messages. */
  readonly path: string
  /** Present length in bytes. */
  readonly size: Effect.Effect<number, StorageError>
  /**
   * Reads `length` bytes at `offset`; fewer only where the file ends. The array is the caller's own and begins at an
   * address that is a multiple of 8.
   */
  readonly read: (offset: number, length: number) => Effect.Effect<Uint8Array<ArrayBuffer>, StorageError>
  /**
   * Writes the chunks one after another from `offset`, without joining them, all of them or it fails. Beyond the end
   * the file grows. A failure may leave any part written. The chunks must not change until it completes.
   */
  readonly write: (offset: number, chunks: ReadonlyArray<Uint8Array>) => Effect.Effect<void, StorageError>
  /** Makes all completed writes and truncations survive a loss of power. */
  readonly sync: Effect.Effect<void, StorageError>
  /** Sets the length; growing adds zeros, without promising that space for them is reserved. */
  readonly truncate: (size: number) => Effect.Effect<void, StorageError>
}

/** How to open a file. */
export interface OpenOptions {
  /** Create the file, and the folders above it, where it does not exist. Default: fail with `NotFound`. */
  readonly create?: boolean
  /** Refuse writes; works where the user has no right to write. */
  readonly readOnly?: boolean
}

/** Named files. A name is relative, with `/` between folders: `wal/wal-000001.log`. */
export interface BlockStorageService {
  /** What and where the storage is, for messages: `data directory /var/lib/varve`. */
  readonly description: string
  /** Names that begin with `prefix`, of files at any depth, sorted. */
  readonly list: (prefix: string) => Effect.Effect<ReadonlyArray<string>, StorageError>
  /** Opens a file until the scope closes. */
  readonly open: (name: string, options?: OpenOptions) => Effect.Effect<BlockFile, StorageError, Scope.Scope>
  /** Removes a file; those who have it open can go on reading it. */
  readonly remove: (name: string) => Effect.Effect<void, StorageError>
  /** Gives a file a new name at once, replacing a file of that name. Makes the folders above it. */
  readonly rename: (from: string, to: string) => Effect.Effect<void, StorageError>
  /** Makes creations, removals and renames directly in a folder (`""` = the root) survive a loss of power. */
  readonly syncDirectory: (folder: string) => Effect.Effect<void, StorageError>
  /**
   * Owns the storage until the scope closes; the end of the process ends it too. Fails with `InUse`, naming the owner,
   * where another process, or another owner in this process, has it.
   */
  readonly lock: Effect.Effect<void, StorageError, Scope.Scope>
}

/** The storage of log and data files. */
export class BlockStorage extends Context.Service<BlockStorage, BlockStorageService>()(
  "varve/storage/BlockStorage"
) {}
