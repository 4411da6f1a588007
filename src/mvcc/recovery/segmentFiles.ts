/** Whether the files of segments and their indexes are those that the catalog names: neither fewer nor, after this, more. */
import * as Effect from "effect/Effect"
import { type CatalogState, filesOf } from "../../catalog/state.ts"
import type { BlockStorageService } from "../../storage/BlockStorage.ts"
import { checkpointFolder } from "../checkpoint/store.ts"
import type { EngineState } from "../engineState.ts"
import { fromStorageError } from "./chooseCheckpoint.ts"
import { RecoveryError } from "./RecoveryError.ts"

/** The folder of all segments in the storage. */
export const segmentFolder = "segments"

/** Files that are looked at at once. */
const concurrency = 16

/** The segments that a catalog names, with their length and whose they are, for people. */
const namedSegments = function*({ tables }: CatalogState) {
  for (const { name: table, segments, tenant } of tables.values()) {
    for (const { bytes, name } of segments) yield { name, bytes, owner: `${tenant}.${table}` }
  }
}

/** All files that a catalog names. */
const namedFiles = ({ tables }: CatalogState): ReadonlySet<string> => {
  const names = new Set<string>()
  for (const { segments } of tables.values()) {
    for (const segment of segments) for (const name of filesOf(segment)) names.add(name)
  }
  return names
}

/**
 * Fails where a segment that the catalog names is missing, or is longer or shorter than it was written. Indexes are not
 * looked at: whatever is wrong with one, it can be built again.
 */
export const checkSegmentFiles = Effect.fnUntraced(
  function*(storage: BlockStorageService, state: EngineState): Effect.fn.Return<void, RecoveryError> {
    const present = new Set(yield* Effect.mapError(storage.list(`${segmentFolder}/`), fromStorageError))
    // A new log in a folder of segments that an older one tells of: they are all that is left of it.
    if (state.position === 0 && present.size > 0) {
      return yield* new RecoveryError({
        position: 0,
        file: segmentFolder,
        message:
          `the log is empty, but there are ${present.size} segments in ${segmentFolder}/, of a log that is gone; ` +
          "restore the log and the checkpoints that belong to them, or move them away to begin anew; nothing was changed"
      })
    }
    const named = [...namedSegments(state.catalog)]
    const missing = named.filter(({ name }) => !present.has(name))
    if (missing.length > 0) {
      const [{ name, owner }] = missing
      const more = missing.length > 1 ? `, and ${missing.length - 1} more are` : ", is"
      return yield* new RecoveryError({
        position: 0,
        file: name,
        message: `${name}, which holds rows of ${owner}${more} missing; restore from a backup; nothing was changed`
      })
    }
    yield* Effect.forEach(named, ({ bytes, name, owner }) =>
      Effect.scoped(Effect.gen(function*() {
        const file = yield* storage.open(name, { readOnly: true })
        return { file: file.path, size: yield* file.size }
      })).pipe(
        Effect.mapError(fromStorageError),
        Effect.flatMap(({ file, size }) =>
          size === bytes
            ? Effect.void
            : Effect.fail(
              new RecoveryError({
                position: 0,
                file,
                message: `${file}, which holds rows of ${owner}, has ${size} bytes instead of ${bytes}; ` +
                  "restore it from a backup; nothing was changed"
              })
            )
        )
      ), { concurrency, discard: true })
  }
)

/**
 * Removes what nothing names: segments that were written and never published, or no longer named and not removed yet when
 * a crash came; and files that were being written.
 */
export const removeOrphans = Effect.fnUntraced(
  function*(storage: BlockStorageService, state: EngineState): Effect.fn.Return<void, RecoveryError> {
    const named = namedFiles(state.catalog)
    const segments = yield* Effect.mapError(storage.list(`${segmentFolder}/`), fromStorageError)
    const checkpoints = yield* Effect.mapError(storage.list(`${checkpointFolder}/`), fromStorageError)
    const orphans = [
      ...segments.filter((name) => !named.has(name)),
      ...checkpoints.filter((name) => name.endsWith(".tmp"))
    ]
    if (orphans.length === 0) return
    yield* Effect.forEach(orphans, (name) => Effect.mapError(storage.remove(name), fromStorageError), {
      concurrency,
      discard: true
    })
    yield* Effect.logInfo(
      `removed ${orphans.length === 1 ? "1 file" : `${orphans.length} files`} that a former end has left unused`
    )
  }
)
