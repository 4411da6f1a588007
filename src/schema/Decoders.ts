/**
 * The decoders' service: compiles each schema once, and lends out decoders whose batches are reused. Fresh memory is
 * the dear part of filling columns: the first touch of each page is a fault.
 */
import * as Context from "effect/Context"
import { type BatchShape, RowBatch } from "../event/rowBatch.ts"
import { type CompiledDecoder, compileDecoder, type RowDecoder } from "./decoder/compile.ts"
import type { TableSchema } from "./types.ts"

/** A schema version, as the decoders need it. */
export interface DecodedVersion {
  readonly version: number
  readonly schema: TableSchema
  readonly shape: BatchShape
}

export interface DecodersService {
  /**
   * Lends a decoder with an empty batch, for rows that are written in one version of a table's schema and stored in
   * another, or the same. It is the borrower's until it is given back.
   */
  readonly borrow: (stored: DecodedVersion, written: DecodedVersion) => RowDecoder
  /** Takes a decoder back, with its batch, which nobody may look at any more. */
  readonly giveBack: (decoder: RowDecoder) => void
  /** The generated source, for people to read. */
  readonly source: (stored: DecodedVersion, written: DecodedVersion) => string
}

/** Compiles and lends decoders. */
export class Decoders extends Context.Service<Decoders, DecodersService>()("varve/schema/Decoders") {}

/** Schemas whose decoders are kept compiled; the one not used for longest goes first. */
const compiledMax = 1024

/** Bytes of batches that are kept for reuse. */
const pooledBytesMax = 256 * 1024 * 1024

/** A batch larger than this is not kept: one giant request must not hold memory for ever. */
const pooledBatchBytesMax = 64 * 1024 * 1024

/** Rows that a new batch has room for. */
const capacityInitial = 1024

interface Entry {
  readonly key: string
  readonly compiled: CompiledDecoder
  readonly free: Array<RowDecoder>
}

/** Makes the service. */
export const makeDecoders = (): DecodersService => {
  /** Least recently used first. */
  const entries = new Map<string, Entry>()
  const homes = new WeakMap<RowDecoder, Entry>()
  let pooledBytes = 0

  const entryOf = (stored: DecodedVersion, written: DecodedVersion): Entry => {
    const key = `${stored.shape.table}/${stored.version}/${written.version}`
    const found = entries.get(key)
    if (found !== undefined) {
      entries.delete(key)
      entries.set(key, found)
      return found
    }
    const entry = { key, compiled: compileDecoder(stored.schema, written.schema), free: [] }
    entries.set(key, entry)
    if (entries.size > compiledMax) {
      const [oldest, dropped] = entries.entries().next().value!
      for (const decoder of dropped.free) pooledBytes -= decoder.batch.byteLength
      entries.delete(oldest)
    }
    return entry
  }

  return {
    borrow: (stored, written) => {
      const entry = entryOf(stored, written)
      const pooled = entry.free.pop()
      if (pooled !== undefined) {
        pooledBytes -= pooled.batch.byteLength
        return pooled
      }
      const decoder = entry.compiled.bind(new RowBatch(stored.shape, capacityInitial))
      homes.set(decoder, entry)
      return decoder
    },
    giveBack: (decoder) => {
      const home = homes.get(decoder)!
      const bytes = decoder.batch.byteLength
      if (bytes > pooledBatchBytesMax || pooledBytes + bytes > pooledBytesMax) return
      // Its schema was dropped meanwhile: nobody would ever borrow it.
      if (entries.get(home.key) !== home) return
      decoder.batch.reset()
      decoder.setCareful(false)
      pooledBytes += bytes
      home.free.push(decoder)
    },
    source: (stored, written) => entryOf(stored, written).compiled.source
  }
}
