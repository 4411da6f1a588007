/** What the tests of the log share. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Position from "../../src/base/position.ts"
import { BlockStorage, type BlockStorageService, type StorageError } from "../../src/storage/BlockStorage.ts"
import { makeMemoryStorage, type MemoryStorage } from "../../src/storage/memoryStorage.ts"
import { makeWal, type WalOptions } from "../../src/wal/makeWal.ts"
import type { Appended, Frame, FrameInput, WalError, WalService } from "../../src/wal/Wal.ts"

/** A payload that tells from its bytes alone whether it is whole: `length` bytes drawn from `seed`. */
export const payloadOf = (seed: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  let state = (seed + 1) * 2654435761
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** A frame with such a payload. */
export const frameOf = (seed: number, length: number, span = 1): FrameInput => ({
  kind: 1 + seed % 1000,
  span,
  payload: [payloadOf(seed, length)]
})

/** Opens the log in a storage until the scope closes. */
export const openWal = (
  storage: BlockStorageService,
  options?: WalOptions
): Effect.Effect<WalService, WalError, Scope.Scope> => Effect.provideService(makeWal(options), BlockStorage, storage)

/** Uses the log in a storage and closes it. */
export const withWal = <A, E>(
  storage: BlockStorageService,
  use: (wal: WalService) => Effect.Effect<A, E, Scope.Scope>,
  options?: WalOptions
): Effect.Effect<A, E | WalError> => Effect.scoped(Effect.flatMap(openWal(storage, options), use))

/** All frames from a position on. */
export const readFrom = (wal: WalService, from = 0): Effect.Effect<ReadonlyArray<Frame>, WalError> =>
  Effect.map(Stream.runCollect(wal.read(Position.make(from))), (groups) => groups.flat())

/** Appends frames as one group. */
export const append = (
  wal: WalService,
  frames: ReadonlyArray<FrameInput>,
  sync = true
): Effect.Effect<Appended, WalError> => wal.append(frames, { commitTime: 1_000_000, sync })

/** The whole content of a file. */
export const contentOf = (
  storage: BlockStorageService,
  name: string
): Effect.Effect<Uint8Array<ArrayBuffer>, StorageError> =>
  Effect.scoped(Effect.gen(function*() {
    const file = yield* storage.open(name, { readOnly: true })
    return yield* file.read(0, yield* file.size)
  }))

/** All files of a storage. */
export const filesOf = Effect.fnUntraced(function*(storage: BlockStorageService) {
  const files = new Map<string, Uint8Array>()
  for (const name of yield* storage.list("")) files.set(name, yield* contentOf(storage, name))
  return files
})

/** A storage in memory that holds these files, synced. */
export const storageOf = Effect.fnUntraced(
  function*(files: ReadonlyMap<string, Uint8Array>): Effect.fn.Return<MemoryStorage, StorageError> {
    const storage = yield* makeMemoryStorage
    for (const [name, content] of files) {
      yield* Effect.scoped(Effect.gen(function*() {
        const file = yield* storage.open(name, { create: true })
        yield* file.write(0, [content])
        yield* file.sync
        yield* storage.syncDirectory(name.slice(0, name.lastIndexOf("/")))
      }))
    }
    return storage
  }
)

/** The files with one of them changed. */
export const changed = (
  files: ReadonlyMap<string, Uint8Array>,
  name: string,
  change: (content: Uint8Array) => Uint8Array
): Map<string, Uint8Array> => new Map(files).set(name, change(files.get(name)!.slice()))

/** Name of a log's file in the default folder. */
export const logFile = (ordinal: number): string => `wal/wal-00000${ordinal}.log`
