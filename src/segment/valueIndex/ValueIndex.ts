/** A value index that is open for reading: its directory is in memory, its blocks are read through the segments' cache. */
import * as Effect from "effect/Effect"
import * as zlib from "node:zlib"
import { ByteReader } from "../../base/byteCursor.ts"
import { compareBytes } from "../../base/bytes.ts"
import type { BlockFile } from "../../storage/BlockStorage.ts"
import type { BlockCache } from "../BlockCache.ts"
import { decompress } from "../encoding/zstd.ts"
import { damage, fromStorageError, fromThrown, SegmentError, SegmentFault } from "../SegmentError.ts"
import { formatVersion, indexMark, trailerBytes } from "./format.ts"
import { isWithin, type ValueRange } from "./indexedValue.ts"

/** Byte strings one after another. */
interface Values {
  readonly offsets: Uint32Array
  readonly bytes: Uint8Array
}

const valueAt = ({ bytes, offsets }: Values, i: number): Uint8Array => bytes.subarray(offsets[i], offsets[i + 1])

interface Directory {
  readonly pageCount: number
  readonly count: number
  readonly firsts: Values
  /** Of each block, and the end of the last one. */
  readonly offsets: ReadonlyArray<number>
  readonly plain: Uint32Array
  readonly crcs: Uint32Array
}

interface Block {
  readonly count: number
  readonly values: Values
  readonly pageOffsets: Uint32Array
  readonly pages: Uint32Array
}

export class ValueIndex {
  private readonly file: BlockFile
  private readonly directory: Directory
  private readonly cache: BlockCache

  /** See `openValueIndex`. */
  constructor(file: BlockFile, directory: Directory, cache: BlockCache) {
    this.file = file
    this.directory = directory
    this.cache = cache
  }

  /** Pages of the segment, with a value or without. */
  get pageCount(): number {
    return this.directory.pageCount
  }

  /**
   * The pages that may hold a value of one of the ranges, ascending: row group * `pagesOfRowGroup` + page. `undefined`
   * where they would be found in more than `blocksMax` blocks: then reading everything is cheaper.
   */
  pagesOf(
    ranges: ReadonlyArray<ValueRange>,
    blocksMax: number
  ): Effect.Effect<ReadonlyArray<number> | undefined, SegmentError> {
    const { count, firsts } = this.directory
    const wanted = new Map<number, Array<ValueRange>>()
    for (const range of ranges) {
      for (let i = this.firstBlock(range); i < count; i++) {
        if (range.to !== undefined && compareBytes(valueAt(firsts, i), range.to) > 0) break
        const inBlock = wanted.get(i)
        if (inBlock === undefined) wanted.set(i, [range])
        else inBlock.push(range)
        if (wanted.size > blocksMax) return Effect.undefined
      }
    }
    return Effect.map(
      Effect.forEach([...wanted], ([i, inBlock]) => Effect.map(this.block(i), (block) => pagesWithin(block, inBlock))),
      (found) => [...new Set(found.flat())].sort((left, right) => left - right)
    )
  }

  /** Forgets what the cache holds of the index. */
  readonly forget: Effect.Effect<void> = Effect.sync(() => this.cache.drop(this))

  /** Reads every block, past the cache, and so checks it. Gives the CRC-32 of all of them before they were compressed. */
  readonly verify: Effect.Effect<number, SegmentError> = Effect.suspend(() =>
    Effect.reduce(
      Array.from({ length: this.directory.count }, (_, i) => i),
      () => 0,
      (crc, i) =>
        this.load(i, (bytes) => {
          readBlock(bytes)
          return zlib.crc32(bytes, crc)
        })
    )
  )

  /** The last block that begins at or before the range, since the range may begin within it. */
  private firstBlock({ from }: ValueRange): number {
    if (from === undefined) return 0
    let low = 0
    let high = this.directory.count
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (compareBytes(valueAt(this.directory.firsts, middle), from) <= 0) low = middle
      else high = middle
    }
    return low
  }

  private block(i: number): Effect.Effect<Block, SegmentError> {
    return Effect.suspend(() => {
      const known = this.cache.get(this, i)
      if (known !== undefined) return Effect.succeed(known as Block)
      return Effect.tap(
        this.load(i, readBlock),
        (block) => Effect.sync(() => this.cache.put(this, i, block, this.directory.plain[i]))
      )
    })
  }

  private load<A>(i: number, read: (bytes: Uint8Array<ArrayBuffer>) => A): Effect.Effect<A, SegmentError> {
    const { crcs, offsets, plain } = this.directory
    const offset = offsets[i]
    return reading(this.file, offset, offsets[i + 1] - offset, (bytes) => {
      if (zlib.crc32(bytes) !== crcs[i]) throw damage(offset, "the checksum of a block is wrong")
      return read(decompress(bytes, plain[i], offset))
    })
  }
}

/** Reads bytes of a file and makes something of them; what that throws is a fault of the file. */
const reading = <A>(
  file: BlockFile,
  offset: number,
  length: number,
  make: (bytes: Uint8Array<ArrayBuffer>) => A
): Effect.Effect<A, SegmentError> =>
  Effect.flatMap(Effect.mapError(file.read(offset, length), fromStorageError), (bytes) => {
    try {
      if (bytes.length < length) throw damage(offset, "the file ends too early")
      return Effect.succeed(make(bytes))
    } catch (error) {
      return Effect.fail(faultOf(file.path, offset, error))
    }
  })

/** What reading an index threw. Where it is damaged, no harm is done. */
const faultOf = (file: string, offset: number, thrown: unknown): SegmentError => {
  const error = fromThrown(file, offset, thrown)
  if (error.reason !== "Damaged") return error
  const at = error.offset ?? offset
  return new SegmentError({
    reason: "Damaged",
    file,
    offset: at,
    message:
      `the index is damaged: ${file} at offset ${at}: ${thrown instanceof Error ? thrown.message : String(thrown)}. ` +
      "Rows are found without it until it is built anew, which it is as soon as it is missed"
  })
}

/** Opens the value index in a file, which must stay open as long as the index is used. */
export const openValueIndex = Effect.fnUntraced(
  function*(file: BlockFile, cache: BlockCache): Effect.fn.Return<ValueIndex, SegmentError> {
    const size = yield* Effect.mapError(file.size, fromStorageError)
    const trailer = yield* reading(file, Math.max(0, size - trailerBytes), trailerBytes, readTrailer)
    const start = size - trailerBytes - trailer.length
    const directory = yield* reading(file, Math.max(0, start), trailer.length, (bytes) => {
      if (start < 0 || zlib.crc32(bytes) !== trailer.crc) {
        throw damage(start, "the checksum of the directory is wrong")
      }
      return readDirectory(bytes)
    })
    return new ValueIndex(file, directory, cache)
  }
)

const readTrailer = (bytes: Uint8Array<ArrayBuffer>): { readonly crc: number; readonly length: number } => {
  const reader = new ByteReader(bytes)
  const crc = reader.u32()
  const length = reader.u32()
  const version = reader.u32()
  if (reader.u32() !== indexMark) throw damage(0, "the file does not end as a value index does")
  if (version > formatVersion) {
    throw new SegmentFault(
      "NewerFormat",
      0,
      `the index has format version ${version}, this Varve reads up to version ${formatVersion}; ` +
        "start it with the version of Varve that wrote the file, or a newer one"
    )
  }
  return { crc, length }
}

const readDirectory = (bytes: Uint8Array<ArrayBuffer>): Directory => {
  const reader = new ByteReader(bytes)
  const pageCount = reader.u32()
  const count = reader.u32()
  const firstOffsets = reader.array(Uint32Array, 4, count + 1)
  const stored = reader.array(Uint32Array, 4, count)
  const plain = reader.array(Uint32Array, 4, count)
  const crcs = reader.array(Uint32Array, 4, count)
  const offsets = [0]
  for (const length of stored) offsets.push(offsets[offsets.length - 1] + length)
  const firsts = { offsets: firstOffsets, bytes: reader.view8(firstOffsets[count]) }
  return { pageCount, count, firsts, offsets, plain, crcs }
}

const readBlock = (bytes: Uint8Array<ArrayBuffer>): Block => {
  const reader = new ByteReader(bytes)
  const count = reader.u32()
  const offsets = reader.array(Uint32Array, 4, count + 1)
  const pageOffsets = reader.array(Uint32Array, 4, count + 1)
  const pages = reader.array(Uint32Array, 4, pageOffsets[count])
  return { count, values: { offsets, bytes: reader.view8(offsets[count]) }, pageOffsets, pages }
}

const pagesWithin = (
  { count, pageOffsets, pages, values }: Block,
  ranges: ReadonlyArray<ValueRange>
): Array<number> => {
  const found: Array<number> = []
  for (const range of ranges) {
    for (let i = firstWithin(values, count, range); i < count && isWithin(valueAt(values, i), range); i++) {
      for (let at = pageOffsets[i]; at < pageOffsets[i + 1]; at++) found.push(pages[at])
    }
  }
  return found
}

/** The first of a block's values that is not before the range. */
const firstWithin = (values: Values, count: number, { from }: ValueRange): number => {
  if (from === undefined) return 0
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareBytes(valueAt(values, middle), from) < 0) low = middle + 1
    else high = middle
  }
  return low
}
