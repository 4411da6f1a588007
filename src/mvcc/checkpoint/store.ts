/** The files of checkpoints: writing one so that it lasts or is not there, finding them, reading one. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Position from "../../base/position.ts"
import type { BlockStorageService, StorageError } from "../../storage/BlockStorage.ts"
import { CheckpointError, damaged, fromStorageError } from "./CheckpointError.ts"
import { type CheckpointContent, ContentReader, sectionsOf } from "./content.ts"
import {
  type CheckpointHeader,
  decodeHeader,
  decodeSection,
  decodeSectionHeader,
  encodeHeader,
  encodeSection,
  formatVersion,
  headerBytes,
  sectionBytes,
  sectionHeaderBytes,
  sectionSeed
} from "./format.ts"

/** The folder of checkpoints in the storage. */
export const checkpointFolder = "checkpoints"

/** Name of the checkpoint at a position: `checkpoints/checkpoint-0000000000123456.ckpt`. */
export const checkpointName = (position: Position.Position): string =>
  `${checkpointFolder}/checkpoint-${String(position).padStart(16, "0")}.ckpt`

/** A checkpoint that is being written. One that is left over means nothing. */
const newName = `${checkpointFolder}/checkpoint-new.tmp`

/** A file whose name is that of a checkpoint. */
export interface NamedCheckpoint {
  readonly name: string
  readonly position: Position.Position
}

/** What there is, newest first, whether it can be read or not. */
export const listCheckpoints = (
  storage: BlockStorageService
): Effect.Effect<ReadonlyArray<NamedCheckpoint>, StorageError> =>
  Effect.map(storage.list(`${checkpointFolder}/`), (names) =>
    names.flatMap((name) => {
      const digits = /\/checkpoint-(\d{16})\.ckpt$/.exec(name)?.[1]
      if (digits === undefined) return []
      const position = Position.make(Number(digits))
      return name === checkpointName(position) ? [{ name, position }] : []
    }).sort((left, right) => right.position - left.position))

/**
 * Writes a checkpoint, to last: when this is done, file and folder are synced. The log up to its position must be synced
 * already. What a failure or a crash leaves half written has no name that anyone looks at.
 */
export const storeCheckpoint = Effect.fnUntraced(
  function*(
    storage: BlockStorageService,
    content: CheckpointContent
  ): Effect.fn.Return<CheckpointHeader, StorageError> {
    const header = yield* Effect.scoped(Effect.gen(function*() {
      const file = yield* storage.open(newName, { create: true })
      yield* file.truncate(0)
      const seed = sectionSeed(content)
      let fileBytes = headerBytes
      let sections = 0
      for (const section of sectionsOf(content)) {
        const bytes = encodeSection(section, seed)
        yield* file.write(fileBytes, [bytes])
        fileBytes += bytes.length
        sections++
        // A few milliseconds of work are behind this, and as many before the next: others come first.
        yield* Effect.yieldNow
      }
      const { commitTime, logId, position, replayFrom } = content
      const header = { version: formatVersion, sections, position, replayFrom, logId, commitTime, fileBytes }
      yield* file.write(0, [encodeHeader(header)])
      // Before it gets its name: a file with a name is whole.
      yield* file.sync
      return header
    }))
    yield* Effect.uninterruptible(Effect.andThen(
      storage.rename(newName, checkpointName(content.position)),
      storage.syncDirectory(checkpointFolder)
    ))
    return header
  }
)

/** A checkpoint that was read. */
export interface StoredCheckpoint {
  readonly header: CheckpointHeader
  readonly content: CheckpointContent
}

/** Reads a checkpoint, every byte of which is checked. Fails with `Damaged`, `NewerFormat` or `Storage`. */
export const readCheckpoint = Effect.fnUntraced(
  function*(
    storage: BlockStorageService,
    { name, position }: NamedCheckpoint
  ): Effect.fn.Return<StoredCheckpoint, CheckpointError, Scope.Scope> {
    const file = yield* Effect.mapError(storage.open(name, { readOnly: true }), fromStorageError)
    const read = (offset: number, length: number) => Effect.mapError(file.read(offset, length), fromStorageError)
    /** What plain functions throw about bytes is damage: the bytes are all that they look at. */
    const decoded = <A>(offset: number, decode: () => A): Effect.Effect<A, CheckpointError> =>
      Effect.try({
        try: decode,
        catch: (thrown) => damaged(file.path, offset, thrown instanceof Error ? thrown.message : String(thrown))
      })

    const start = yield* read(0, headerBytes)
    const header = yield* decoded(0, () => decodeHeader(start))
    if (header.version > formatVersion) {
      return yield* new CheckpointError({
        reason: "NewerFormat",
        file: file.path,
        offset: 8,
        message: `${file.path} has checkpoint format version ${header.version}, this Varve reads up to version ` +
          `${formatVersion}; start it with the version of Varve that wrote the checkpoint, or a newer one`
      })
    }
    const size = yield* Effect.mapError(file.size, fromStorageError)
    if (size !== header.fileBytes) {
      return yield* damaged(file.path, Math.min(size, header.fileBytes), `${size} bytes instead of ${header.fileBytes}`)
    }
    if (header.position !== position) {
      return yield* damaged(file.path, 16, `the file says that it is of position ${header.position}`)
    }
    const seed = sectionSeed(header)
    const reader = new ContentReader()
    let offset = headerBytes
    for (let i = 0; i < header.sections; i++) {
      const at = offset
      const head = yield* read(at, sectionHeaderBytes)
      const section = yield* decoded(at, () => decodeSectionHeader(head))
      const length = sectionBytes(section)
      // What damage may say of its length is not to be believed before it is known to be there.
      if (at + length > size) return yield* damaged(file.path, at, "the file ends before its last section")
      const bytes = yield* read(at, length)
      yield* decoded(at, () => reader.add(decodeSection(bytes, section, seed)))
      offset += length
    }
    if (offset !== size) return yield* damaged(file.path, offset, "the file goes on behind its last section")
    return { header, content: reader.content(header) }
  },
  Effect.scoped
)
