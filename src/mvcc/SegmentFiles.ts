/**
 * The files of segments and of their indexes, open for reading, and the one cache that they share. A file is opened when it is first read and
 * closed when it is no longer a table's and nobody reads it; those who read a file that was removed go on doing so.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { BlockCache } from "../segment/BlockCache.ts"
import { openSegment, type Segment } from "../segment/Segment.ts"
import type { SegmentError } from "../segment/SegmentError.ts"
import { openValueIndex, type ValueIndex } from "../segment/valueIndex/ValueIndex.ts"
import { BlockStorage } from "../storage/BlockStorage.ts"
import { makeOpenFiles } from "./openFiles.ts"
import { segmentFolder } from "./recovery/segmentFiles.ts"

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
  /**
   * Looks something up in the index in a file, which has to be pinned. Where the file cannot be read, that is logged once,
   * the file is given up and the answer is `undefined`: rows can be found without it.
   */
  readonly useIndex: <A>(
    name: string,
    use: (index: ValueIndex) => Effect.Effect<A, SegmentError>
  ) => Effect.Effect<A | undefined>
  /** Files of indexes that were given up, until they are dropped. */
  readonly faultyIndexes: ReadonlySet<string>
  /** Gives up those of the files of indexes that are missing. */
  readonly checkIndexes: (names: ReadonlyArray<string>) => Effect.Effect<void>
  /** How many segments are open. */
  readonly openCount: () => number
}

/** The segments' files. */
export class SegmentFiles extends Context.Service<SegmentFiles, SegmentFilesService>()("varve/mvcc/SegmentFiles") {}

/** Makes the service; its scope closes all files. */
export const makeSegmentFiles = Effect.fnUntraced(function*(
  options: SegmentFilesOptions
): Effect.fn.Return<SegmentFilesService, never, BlockStorage | Scope.Scope> {
  const storage = yield* BlockStorage
  const parent = yield* Scope.Scope
  const cache = new BlockCache(options.cacheBytesMax)
  const segments = makeOpenFiles(storage, parent, (file) => openSegment(file, cache))
  const indexes = makeOpenFiles(storage, parent, (file) => openValueIndex(file, cache))
  const pins = new Map<string, number>()
  const dropped = new Set<string>()
  const faulty = new Set<string>()

  /** A file that cannot be removed is an orphan, which the next start collects. */
  const remove = (name: string) =>
    Effect.suspend(() => {
      dropped.delete(name)
      faulty.delete(name)
      return Effect.andThen(
        Effect.andThen(segments.close(name), indexes.close(name)),
        Effect.ignore(storage.remove(name))
      )
    })

  const giveUp = (name: string, problem: string) =>
    Effect.suspend(() => {
      if (faulty.has(name)) return Effect.void
      faulty.add(name)
      return Effect.logWarning(`the index ${name} cannot be used and will be built anew: ${problem}`)
    })

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
    open: segments.open,
    useIndex: (name, use) =>
      Effect.suspend(() =>
        faulty.has(name)
          ? Effect.undefined
          : Effect.catch(
            Effect.flatMap(indexes.open(name), use),
            ({ message }) => Effect.as(giveUp(name, message), undefined)
          )
      ),
    faultyIndexes: faulty,
    checkIndexes: (names) =>
      names.length === 0 ? Effect.void : Effect.ignore(Effect.flatMap(storage.list(`${segmentFolder}/`), (there) => {
        const present = new Set(there)
        return Effect.forEach(names, (name) => present.has(name) ? Effect.void : giveUp(name, "the file is missing"), {
          discard: true
        })
      })),
    drop: (name) =>
      Effect.suspend(() => {
        dropped.add(name)
        return pins.has(name) ? Effect.void : remove(name)
      }),
    openCount: segments.count
  }
})
