/**
 * A segment that is open for reading. Its footer is read once; page indexes, bloom filters and pages are read when they
 * are asked for, and kept in the cache that segments share.
 *
 * Rows are counted from the start of the segment, columns as in `metadata.columns`.
 */
import * as Effect from "effect/Effect"
import * as zlib from "node:zlib"
import type { BlockFile } from "../storage/BlockStorage.ts"
import type { BlockCache, LoadedPiece } from "./BlockCache.ts"
import { type Bounds, joinBounds } from "./bounds.ts"
import { keyColumn } from "./columns.ts"
import { release } from "./encoding/release.ts"
import { UNCOMPRESSED } from "./parquet.ts"
import { constantVector } from "./read/constantVector.ts"
import { type ColumnDictionary, type PageSource, readDictionary, readPages } from "./read/decodePages.ts"
import { fileBytesMin, footerLength, readMetadata, type SegmentMetadata, tailBytes } from "./read/metadata.ts"
import { RowGroupIndex } from "./read/RowGroupIndex.ts"
import { releasePage, takeRow } from "./read/takeRow.ts"
import { damage, fromStorageError, fromThrown, type SegmentError } from "./SegmentError.ts"
import { readBloomHeader } from "./thrift/bloomHeader.ts"
import type { FileRange } from "./thrift/footer.ts"
import { ThriftReader } from "./thrift/ThriftReader.ts"
import type { SegmentVector } from "./write/SegmentRows.ts"

// Pieces of a column of a row group in the cache: its pages from 0 on, then these.
const piecesOfColumn = 2 ** 18
const dictionaryPiece = piecesOfColumn - 1
const bloomPiece = piecesOfColumn - 2
const indexPiece = piecesOfColumn - 3

/** Runs a plain function; what it throws is a fault of the file. */
const attempt = <A>(file: BlockFile, offset: number, run: () => A): Effect.Effect<A, SegmentError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (error) {
      return Effect.fail(fromThrown(file.path, offset, error))
    }
  })

const readRange = Effect.fnUntraced(
  function*(file: BlockFile, { length, offset }: FileRange): Effect.fn.Return<Uint8Array<ArrayBuffer>, SegmentError> {
    const bytes = yield* Effect.mapError(file.read(offset, length), fromStorageError)
    if (bytes.length < length) {
      return yield* Effect.fail(fromThrown(file.path, offset, damage(offset, "the file ends too early")))
    }
    return bytes
  }
)

export class Segment {
  readonly file: BlockFile
  readonly metadata: SegmentMetadata
  private readonly cache: BlockCache

  /** See `openSegment`. */
  constructor(file: BlockFile, metadata: SegmentMetadata, cache: BlockCache) {
    this.file = file
    this.metadata = metadata
    this.cache = cache
  }

  /** The page indexes of a row group. */
  index(rowGroup: number): Effect.Effect<RowGroupIndex, SegmentError> {
    return this.cached(this.pieceOf(rowGroup, keyColumn, indexPiece), () => loadIndex(this, rowGroup))
  }

  /** A row group's bloom filter; see `bloomMayContain`. */
  bloom(rowGroup: number): Effect.Effect<Uint8Array, SegmentError> {
    return this.cached(this.pieceOf(rowGroup, keyColumn, bloomPiece), () => loadBloom(this, rowGroup))
  }

  /** One page of a column, through the cache. Row 0 of the vector is the page's first row. */
  page(rowGroup: number, column: number, page: number): Effect.Effect<SegmentVector, SegmentError> {
    const cached = this.cached(this.pieceOf(rowGroup, column, page), () => loadPage(this, rowGroup, column, page))
    if (!this.metadata.rowGroups[rowGroup].chunks[column].hasDictionary) return cached
    // A dictionary is always newer than the pages that hold it: it leaves the cache after them, and is counted once.
    return Effect.map(cached, (vector) => {
      this.cache.touch(this, this.pieceOf(rowGroup, column, dictionaryPiece))
      return vector
    })
  }

  /** One row of a column, as row 0 of a vector; see `glance`. */
  row(rowGroup: number, column: number, page: number, row: number): Effect.Effect<SegmentVector, SegmentError> {
    return this.glance(rowGroup, column, page, (vector) => takeRow(vector, row))
  }

  /**
   * What `look` makes of a page, which it must not keep. A page that is met for the first time leaves nothing behind but
   * that it was met; at the second time it is kept. So reads here and there in a large table neither push what is read
   * again and again out of the cache, nor leave large garbage.
   */
  glance<A>(
    rowGroup: number,
    column: number,
    page: number,
    look: (vector: SegmentVector) => A
  ): Effect.Effect<A, SegmentError> {
    return Effect.suspend(() => {
      const piece = this.pieceOf(rowGroup, column, page)
      const known = this.cache.get(this, piece)
      if (known !== undefined) return Effect.succeed(look(known as SegmentVector))
      const met = -1 - piece
      if (this.cache.get(this, met) !== undefined) return Effect.map(this.page(rowGroup, column, page), look)
      this.cache.put(this, met, true, 0)
      return Effect.map(loadPages(this, rowGroup, column, page, page + 1), (vector) => {
        const seen = look(vector)
        releasePage(vector)
        return seen
      })
    })
  }

  /**
   * Pages [firstPage, endPage) of a column, all of them by default, as one vector: one read, past the cache. Row 0 of
   * the vector is the first page's first row.
   */
  readColumn(
    rowGroup: number,
    column: number,
    firstPage?: number,
    endPage?: number
  ): Effect.Effect<SegmentVector, SegmentError> {
    return firstPage === undefined && endPage === undefined
      ? Effect.suspend(() => {
        const { chunks, rows } = this.metadata.rowGroups[rowGroup]
        const constant = constantVector(this.metadata.columns[column], chunks[column].bounds, rows)
        return constant === undefined ? this.readStored(rowGroup, column) : Effect.succeed(constant)
      })
      : loadPages(this, rowGroup, column, firstPage ?? 0, endPage)
  }

  /** A whole column of a row group from its pages, also where its bounds would do. */
  readStored(rowGroup: number, column: number): Effect.Effect<SegmentVector, SegmentError> {
    return loadChunk(this, rowGroup, column)
  }

  /** The dictionary of a column of a row group, through the cache; `undefined` where it has none. */
  dictionary(rowGroup: number, column: number): Effect.Effect<ColumnDictionary | undefined, SegmentError> {
    if (!this.metadata.rowGroups[rowGroup].chunks[column].hasDictionary) return Effect.undefined
    return this.cached(this.pieceOf(rowGroup, column, dictionaryPiece), () => loadDictionary(this, rowGroup, column))
  }

  /** Forgets what the cache holds of the segment. */
  readonly forget: Effect.Effect<void> = Effect.sync(() => this.cache.drop(this))

  private pieceOf(rowGroup: number, column: number, piece: number): number {
    return (rowGroup * this.metadata.columns.length + column) * piecesOfColumn + piece
  }

  private cached<A>(
    piece: number,
    load: () => Effect.Effect<LoadedPiece<A>, SegmentError>
  ): Effect.Effect<A, SegmentError> {
    return this.cache.load(this, piece, load)
  }
}

/** Opens a segment: reads and checks its footer. The file must stay open as long as the segment is used. */
export const openSegment = Effect.fnUntraced(
  function*(file: BlockFile, cache: BlockCache): Effect.fn.Return<Segment, SegmentError> {
    const size = yield* Effect.mapError(file.size, fromStorageError)
    const tailLength = Math.min(size, tailBytes)
    const tail = yield* readRange(file, { offset: size - tailLength, length: tailLength })
    const length = yield* attempt(file, size, () => {
      if (size < fileBytesMin) throw damage(size, `a file of ${size} bytes is no segment`)
      return footerLength(tail, size)
    })
    const bytes = length <= tailLength
      ? tail.subarray(tailLength - length)
      : yield* readRange(file, { offset: size - length, length })
    const metadata = yield* attempt(file, size - length, () => readMetadata(bytes, size))
    return new Segment(file, metadata, cache)
  }
)

const loadIndex = Effect.fnUntraced(function*(segment: Segment, rowGroup: number) {
  const group = segment.metadata.rowGroups[rowGroup]
  const [offset, length] = group.index
  const bytes = yield* readRange(segment.file, { offset, length })
  const value = yield* attempt(
    segment.file,
    offset,
    () => new RowGroupIndex(segment.metadata.columns, group, bytes)
  )
  return { value, bytes: value.byteLength }
})

const loadBloom = Effect.fnUntraced(function*(segment: Segment, rowGroup: number) {
  const [offset, length, crc] = segment.metadata.rowGroups[rowGroup].bloom
  const bytes = yield* readRange(segment.file, { offset, length })
  const value = yield* attempt(segment.file, offset, () => {
    if (zlib.crc32(bytes) !== crc) throw damage(offset, "the checksum of a bloom filter is wrong")
    const reader = new ThriftReader(bytes)
    const size = readBloomHeader(reader)
    if (reader.at + size !== bytes.length) throw damage(offset, "a bloom filter is not as long as its place")
    return bytes.subarray(reader.at)
  })
  return { value: value as Uint8Array, bytes: value.byteLength }
})

const sourceOf = (
  segment: Segment,
  rowGroup: number,
  column: number,
  bytes: Uint8Array<ArrayBuffer>,
  offset: number
): PageSource => ({
  column: segment.metadata.columns[column],
  chunk: segment.metadata.rowGroups[rowGroup].chunks[column],
  bytes,
  offset,
  strict: true
})

/** Frees what was read once it is decoded; of pages that are not compressed, vectors may use the memory. */
const releaseRead = (segment: Segment, rowGroup: number, column: number, bytes: Uint8Array<ArrayBuffer>): void => {
  if (segment.metadata.rowGroups[rowGroup].chunks[column].codec !== UNCOMPRESSED) release(bytes)
}

const loadDictionary = Effect.fnUntraced(function*(segment: Segment, rowGroup: number, column: number) {
  const { dataOffset, range } = segment.metadata.rowGroups[rowGroup].chunks[column]
  const { offset } = range
  const bytes = yield* readRange(segment.file, { offset, length: dataOffset - offset })
  const value = yield* attempt(segment.file, offset, () => {
    const { dictionary, end } = readDictionary(sourceOf(segment, rowGroup, column, bytes, offset))
    if (end !== bytes.length) throw damage(offset + end, "a dictionary is shorter than its place")
    releaseRead(segment, rowGroup, column, bytes)
    return dictionary
  })
  return { value: value as ColumnDictionary | undefined, bytes: value.byteLength }
})

const loadPages = Effect.fnUntraced(
  function*(segment: Segment, rowGroup: number, column: number, firstPage: number, endPage: number | undefined) {
    const index = yield* segment.index(rowGroup)
    const end = Math.min(endPage ?? index.pageCount, index.pageCount)
    const rows = index.breaks[end] - index.breaks[firstPage]
    const { constant, range } = yield* attempt(segment.file, segment.metadata.rowGroups[rowGroup].index[0], () => ({
      constant: constantPages(segment, rowGroup, column, index.boundsOf(column)?.slice(firstPage, end), rows),
      range: index.rangeOf(column, firstPage, end)
    }))
    if (constant !== undefined) return constant
    const dictionary = yield* segment.dictionary(rowGroup, column)
    const bytes = yield* readRange(segment.file, range)
    return yield* attempt(segment.file, range.offset, () => {
      const vector = readPages(sourceOf(segment, rowGroup, column, bytes, range.offset), rows, dictionary)
      releaseRead(segment, rowGroup, column, bytes)
      return vector
    })
  }
)

/** The vector of pages that need no reading. */
const constantPages = (
  segment: Segment,
  rowGroup: number,
  column: number,
  pages: ReadonlyArray<Bounds> | undefined,
  rows: number
): SegmentVector | undefined => {
  const { chunks, rows: groupRows } = segment.metadata.rowGroups[rowGroup]
  const { bounds } = chunks[column]
  return constantVector(
    segment.metadata.columns[column],
    pages?.reduce(joinBounds) ?? { ...bounds, nulls: bounds.nulls === groupRows ? rows : 0, min: undefined },
    rows
  )
}

const loadPage = Effect.fnUntraced(function*(segment: Segment, rowGroup: number, column: number, page: number) {
  const value = yield* loadPages(segment, rowGroup, column, page, page + 1)
  const bytes = value.kind === "dictionary" ? value.codes.byteLength + value.nulls.byteLength : value.byteLength
  return { value, bytes }
})

const loadChunk = Effect.fnUntraced(function*(segment: Segment, rowGroup: number, column: number) {
  const { chunks, rows } = segment.metadata.rowGroups[rowGroup]
  const { hasDictionary, range } = chunks[column]
  const bytes = yield* readRange(segment.file, range)
  return yield* attempt(segment.file, range.offset, () => {
    const source = sourceOf(segment, rowGroup, column, bytes, range.offset)
    const { dictionary, end } = hasDictionary ? readDictionary(source) : { dictionary: undefined, end: 0 }
    const vector = readPages({ ...source, bytes: bytes.subarray(end), offset: range.offset + end }, rows, dictionary)
    releaseRead(segment, rowGroup, column, bytes)
    return vector
  })
})
