/** Where files lie. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { BlockStorage, type StorageError } from "../src/storage/BlockStorage.ts"
import { type FileStorageOptions, makeFileStorage } from "../src/storage/fileStorage.ts"
import { makeMemoryStorage } from "../src/storage/memoryStorage.ts"

/** In a directory. Each call makes another layer: keep it in a const where it is used twice. */
export const layerFile = (options: FileStorageOptions): Layer.Layer<BlockStorage, StorageError> =>
  Layer.effect(BlockStorage, makeFileStorage(options))

/** In memory: gone when the process ends. */
export const layerMemory: Layer.Layer<BlockStorage> = Layer.effect(
  BlockStorage,
  Effect.map(makeMemoryStorage, (storage) => BlockStorage.of(storage))
)
