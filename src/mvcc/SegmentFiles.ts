/**
 * The segments' files, open for reading, and the one cache that they share. A file is opened when it is first read and
 * closed when it is no longer a table's and nobody reads it; those who read a file that was removed go on doing so.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { BlockCache } from "../segment/BlockCache.ts"
import { openSegment, type Segment } from "../segment/Segment.ts"
import { fromStorageError, type SegmentError } from "../segment/SegmentError.ts"
import { BlockStorage } from "../storage/BlockStorage.ts"

/** Bytes of decoded pages that are kept, where nothing else is said. */
export const cacheBytesDefault = 64 * 1024 * 1024

/** How segments are read. */
export interface SegmentFilesOptions {
  /** Bytes of decoded pages, indexes and filters that are kept. */
  readonly cacheBytesMax: number
}

export interface SegmentFilesService {
  readonly cache: BlockCache
  /**
   * Keeps the files that `take` names from being closed until the scope closes, whether they are open yet or not. `take`
   * runs in the same step: what it read is pinned before anything else can happen.
   */
  readonly pin: <A>(
    take: () => { readonly names: ReadonlyArray<string>; readonly value: A }
  ) => Effect.Effect<A, never, Scope.Scope>
  /** The segment in a file; the same one until it is dropped. Whoever holds on to it has to have pinned it. */
  readonly open: (name: string) => Effect.Effect<Segment, SegmentError>
  /** A file is no longer a table's: it is closed and removed from the storage as soon as nobody pins it. */
  readonly drop: (name: string) => Effect.Effect<void>
  /** How many are open. */
  readonly openCount: () => number
}

/** The segments' files. */
export class SegmentFiles extends Context.Service<SegmentFiles, SegmentFilesService>()("varve/mvcc/SegmentFiles") {}

interface OpenFile {
  readonly scope: Scope.Closeable
  readonly segment: Deferred.Deferred<Segment, SegmentError>
}

/** Makes the service; its scope closes all files. */
export const makeSegmentFiles = Effect.fnUntraced(function*(
  options: SegmentFilesOptions
): Effect.fn.Return<SegmentFilesService, never, BlockStorage | Scope.Scope> {
  const storage = yield* BlockStorage
  const parent = yield* Scope.Scope
  const cache = new BlockCache(options.cacheBytesMax)
  const files = new Map<string, OpenFile>()
  const pins = new Map<string, number>()
  const dropped = new Set<string>()

  const close = (name: string) =>
    Effect.suspend(() => {
      const file = files.get(name)
      files.delete(name)
      if (file === undefined) return Effect.void
      return Effect.andThen(
        Effect.ignore(Effect.flatMap(Deferred.await(file.segment), (segment) => segment.forget)),
        Scope.close(file.scope, Exit.void)
      )
    })

  /** A file that cannot be removed is an orphan, which the next start collects. */
  const remove = (name: string) =>
    Effect.suspend(() => {
      dropped.delete(name)
      return Effect.andThen(close(name), Effect.ignore(storage.remove(name)))
    })

  const load = (name: string) =>
    Effect.uninterruptible(Effect.gen(function*() {
      const scope = yield* Scope.fork(parent)
      const file: OpenFile = { scope, segment: Deferred.makeUnsafe() }
      files.set(name, file)
      const opened = yield* Effect.exit(
        Effect.flatMap(
          Effect.mapError(Scope.provide(storage.open(name, { readOnly: true }), scope), fromStorageError),
          (opened) => openSegment(opened, cache)
        )
      )
      // A failure is not kept: the next one who asks tries again.
      if (Exit.isFailure(opened)) {
        files.delete(name)
        yield* Scope.close(scope, Exit.void)
      }
      yield* Deferred.done(file.segment, opened)
      return yield* opened
    }))

  return {
    cache,
    pin: (take) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => {
            const taken = take()
            for (const name of taken.names) pins.set(name, (pins.get(name) ?? 0) + 1)
            return taken
          }),
          ({ names }) =>
            Effect.suspend(() => {
              const free: Array<string> = []
              for (const name of names) {
                const left = pins.get(name)! - 1
                if (left > 0) pins.set(name, left)
                else {
                  pins.delete(name)
                  if (dropped.has(name)) free.push(name)
                }
              }
              return Effect.forEach(free, remove, { discard: true })
            })
        ),
        ({ value }) => value
      ),
    open: (name) =>
      Effect.suspend(() => {
        const known = files.get(name)
        return known === undefined ? load(name) : Deferred.await(known.segment)
      }),
    drop: (name) =>
      Effect.suspend(() => {
        dropped.add(name)
        return pins.has(name) ? Effect.void : remove(name)
      }),
    openCount: () => files.size
  }
})
