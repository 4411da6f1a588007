/**
 * Files in memory: for tests, and for engines that are to keep nothing. Its crashes are an API: `crashClone` gives the
 * storage as a loss of power would leave it, `refuse` makes chosen operations fail, `capacityBytes` fills the disk.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type BlockFile, type BlockStorageService, StorageError, type StorageReason } from "./BlockStorage.ts"
import { type CrashableBytes, CrashableBytes as File, CrashableNames, seededDice } from "./crashImage.ts"

/** An operation that is about to happen. */
export interface MemoryOperation {
  readonly kind: "open" | "read" | "write" | "sync" | "truncate" | "remove" | "rename" | "syncDirectory"
  readonly name: string
  /** How many operations, this one included, the storage has been asked for. */
  readonly count: number
}

/** A storage in memory. */
export interface MemoryStorage extends BlockStorageService {
  /** The storage as a loss of power at this moment may leave it: the same for the same history and seed. */
  readonly crashClone: (seed: number) => MemoryStorage
  /** Asked before each operation: a reason makes it fail. A test sets it; by default nothing fails. */
  refuse: (operation: MemoryOperation) => StorageReason | undefined
  /** Most bytes that all files may have together; a write beyond it is done in part and fails with `StorageFull`. */
  capacityBytes: number
}

const problems: Record<StorageReason, string> = {
  NotFound: "there is no such file",
  PermissionDenied: "permission denied",
  StorageFull: "no space is left",
  InUse: "it is in use",
  Failed: "input/output error"
}

const fromNames = (names: CrashableNames): MemoryStorage => {
  let locked = false
  let count = 0

  const fail = (kind: string, name: string, reason: StorageReason) =>
    new StorageError({ reason, path: name, message: `cannot ${kind} ${name} in memory: ${problems[reason]}` })

  /** An operation that may be refused. */
  const operation = <A>(
    kind: MemoryOperation["kind"],
    name: string,
    run: () => A | StorageError
  ): Effect.Effect<A, StorageError> =>
    Effect.suspend(() => {
      const refusal = storage.refuse({ kind, name, count: ++count })
      const result = refusal === undefined ? run() : fail(kind, name, refusal)
      return result instanceof StorageError ? Effect.fail(result) : Effect.succeed(result)
    })

  const usedBytes = (): number => {
    let bytes = 0
    for (const file of names.present.values()) bytes += file.size
    return bytes
  }

  const write = (name: string, file: CrashableBytes, start: number, chunks: ReadonlyArray<Uint8Array>) => {
    let offset = start
    let room = storage.capacityBytes === Infinity ? Infinity : storage.capacityBytes - usedBytes() + file.size
    for (const chunk of chunks) {
      room = Math.max(room, file.size)
      const fits = Math.min(chunk.length, room - offset)
      if (fits > 0) file.write(offset, chunk.subarray(0, fits))
      if (fits < chunk.length) return fail("write", name, "StorageFull")
      offset += chunk.length
    }
  }

  const open = (name: string, file: CrashableBytes): BlockFile => ({
    path: name,
    size: Effect.sync(() => file.size),
    read: (offset, length) =>
      operation("read", name, () => {
        const end = Math.min(offset + length, file.size)
        return offset >= end ? new Uint8Array(0) : file.bytes.slice(offset, end)
      }),
    write: (offset, chunks) => operation("write", name, () => write(name, file, offset, chunks)),
    // A sync takes its time: other fibers run meanwhile, as they do with a disk.
    sync: Effect.andThen(Effect.yieldNow, operation("sync", name, () => file.sync())),
    truncate: (size) => operation("truncate", name, () => file.truncate(size))
  })

  const storage: MemoryStorage = {
    description: "memory",
    list: (prefix) =>
      Effect.sync(() => Array.from(names.present.keys()).filter((name) => name.startsWith(prefix)).sort()),
    open: (name, options) =>
      operation("open", name, () => {
        const present = names.present.get(name)
        if (present !== undefined) return open(name, present)
        if (options?.create !== true) return fail("open", name, "NotFound")
        const file = new File()
        names.change({ kind: "link", name, file })
        return open(name, file)
      }),
    remove: (name) =>
      operation("remove", name, () => {
        if (!names.present.has(name)) return fail("remove", name, "NotFound")
        names.change({ kind: "unlink", name })
      }),
    rename: (from, to) =>
      operation("rename", from, () => {
        const file = names.present.get(from)
        if (file === undefined) return fail("rename", from, "NotFound")
        names.change({ kind: "rename", from, name: to, file })
      }),
    syncDirectory: (folder) => operation("syncDirectory", folder, () => names.sync(folder)),
    lock: Effect.asVoid(Effect.acquireRelease(
      Effect.suspend((): Effect.Effect<void, StorageError, Scope.Scope> => {
        if (locked) {
          return Effect.fail(
            new StorageError({
              reason: "InUse",
              path: "memory",
              message: "this storage in memory is in use by another owner; close that one first"
            })
          )
        }
        locked = true
        return Effect.void
      }),
      () =>
        Effect.sync(() => {
          locked = false
        })
    )),
    crashClone: (seed) => fromNames(names.crash(seededDice(seed))),
    refuse: () => undefined,
    capacityBytes: Infinity
  }
  return storage
}

/** An empty storage in memory. */
export const makeMemoryStorage: Effect.Effect<MemoryStorage> = Effect.sync(() => fromNames(new CrashableNames()))
