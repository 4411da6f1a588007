/** The log. */
import * as Layer from "effect/Layer"
import type { BlockStorage, StorageError } from "../src/storage/BlockStorage.ts"
import { makeWal, type WalOptions } from "../src/wal/makeWal.ts"
import { Wal, type WalError } from "../src/wal/Wal.ts"
import * as StorageLayer from "./StorageLayer.ts"

/** On the BlockStorage that is provided. Each call makes another layer: keep it in a const where it is used twice. */
export const layer = (options?: WalOptions): Layer.Layer<Wal, WalError, BlockStorage> =>
  Layer.effect(Wal, makeWal(options))

/** In the directory `root`, which it makes and locks. */
export const layerFile = (
  options: WalOptions & { readonly root: string }
): Layer.Layer<Wal, WalError | StorageError> =>
  Layer.provide(layer(options), StorageLayer.layerFile({ root: options.root }))

/** In memory of its own: gone when the layer is closed. Files are small, and nothing is gained by allocating ahead. */
export const layerMemory: Layer.Layer<Wal, WalError> = Layer.provide(
  layer({ segmentBytes: 4 * 1024 * 1024, aheadBytes: 0 }),
  StorageLayer.layerMemory
)
