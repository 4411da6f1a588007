/** Looks at files of a storage, and changes them, behind the engine's back. */
import * as Effect from "effect/Effect"
import type { BlockStorageService } from "../../src/storage/BlockStorage.ts"

/** The whole content of a file. */
export const fileContent = (storage: BlockStorageService, name: string) =>
  Effect.scoped(Effect.gen(function*() {
    const file = yield* storage.open(name, { readOnly: true })
    return yield* file.read(0, yield* file.size)
  }))

/** Makes a file hold these bytes, to last. */
export const putFile = (storage: BlockStorageService, name: string, bytes: Uint8Array) =>
  Effect.scoped(Effect.gen(function*() {
    const file = yield* storage.open(name, { create: true })
    yield* file.truncate(0)
    yield* file.write(0, [bytes])
    yield* file.sync
    yield* storage.syncDirectory(name.slice(0, name.lastIndexOf("/")))
  }))

/** Changes a file, to last. */
export const changeFile = (
  storage: BlockStorageService,
  name: string,
  change: (content: Uint8Array<ArrayBuffer>) => Uint8Array
) => Effect.flatMap(fileContent(storage, name), (content) => putFile(storage, name, change(content)))
