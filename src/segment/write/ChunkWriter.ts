/** Writes the pages of one column of one row group, and keeps what the indexes and the footer will say of them. */
import * as zlib from "node:zlib"
import { invariant } from "../../base/invariant.ts"
import { type Bounds, joinBounds, noBounds } from "../bounds.ts"
import type { SegmentColumn } from "../columns.ts"
import { encodeLevels, levelBytesMax } from "../encoding/levels.ts"
import { compress, compressDictionary } from "../encoding/zstd.ts"
import { DATA_PAGE, DICTIONARY_PAGE, PLAIN, UNCOMPRESSED, ZSTD } from "../parquet.ts"
import { writePageHeader } from "../thrift/pageHeader.ts"
import { ThriftWriter } from "../thrift/ThriftWriter.ts"
import type { Output } from "./Output.ts"

/** A data page that was written. */
export interface WrittenPage {
  /** Where its header begins. */
  readonly offset: number
  /** Bytes, header included. */
  readonly bytes: number
  /** Its first row, counted from the start of the row group. */
  readonly firstRow: number
  readonly rows: number
  readonly bounds: Bounds
}

/** A column of a row group that was written. */
export interface WrittenChunk {
  readonly column: SegmentColumn
  readonly encoding: number
  readonly codec: number
  readonly dictionaryOffset: number | undefined
  readonly offset: number
  /** Bytes as stored and decompressed, page headers included. */
  readonly bytes: number
  readonly plainBytes: number
  readonly rows: number
  readonly pages: ReadonlyArray<WrittenPage>
  readonly bounds: Bounds
  /** Whether the pages are another column's, and take no more room. */
  readonly isShared: boolean
}

const header = new ThriftWriter()

/** Where pages are put together; kept from page to page and from chunk to chunk. */
let scratch = new Uint8Array(256 * 1024)

/** Pages that compress to more than this share of themselves are stored as they are: nobody has to decompress them. */
const compressedShareMax = 0.98

export class ChunkWriter {
  readonly column: SegmentColumn
  private readonly mayStore: boolean
  private codec = ZSTD
  private readonly output: Output
  private readonly start: number
  private readonly pages: Array<WrittenPage> = []
  private dictionaryOffset: number | undefined
  private encoding = PLAIN
  private plainBytes = 0
  private rows = 0

  /** `mayStore`: whether pages may be left uncompressed where compression does not pay. */
  constructor(output: Output, column: SegmentColumn, mayStore: boolean) {
    this.output = output
    this.column = column
    this.mayStore = mayStore
    this.start = output.offset
  }

  /**
   * Begins a page of `rows` rows whose values take at most `valueBytes`: gives where to put it together, and where the
   * values begin. `present` has a byte a row, 1 = a value; without it every row has one.
   */
  begin(rows: number, present: Uint8Array | undefined, valueBytes: number): { bytes: Uint8Array; at: number } {
    invariant(this.column.optional || present === undefined, "only columns of the schema have nulls")
    const needed = levelBytesMax(rows) + valueBytes
    if (scratch.length < needed) scratch = new Uint8Array(Math.max(needed, scratch.length * 2))
    return { bytes: scratch, at: this.column.optional ? encodeLevels(scratch, present, rows) : 0 }
  }

  /** Makes room for `more` bytes behind `at` in the page that was begun, and gives its bytes anew. */
  grow(at: number, more: number): Uint8Array {
    const next = new Uint8Array(Math.max(at + more, scratch.length * 2))
    next.set(scratch.subarray(0, at))
    scratch = next
    return next
  }

  /** Bytes that the page that was begun would take in the file, if it were to end here. Nothing is written. */
  storedBytes(length: number): number {
    return compress(scratch.subarray(0, length)).length
  }

  /** Says, before anything is written, about what all pages come to, compressed and not. */
  expect(compressedBytes: number, bytes: number): void {
    this.codec = this.mayStore && compressedBytes > compressedShareMax * bytes ? UNCOMPRESSED : ZSTD
  }

  /** Ends the page that was begun: it is the first `length` bytes. */
  end(length: number, rows: number, encoding: number, bounds: Bounds): void {
    const offset = this.output.offset
    const page = scratch.subarray(0, length)
    this.write(DATA_PAGE, page, this.codec === UNCOMPRESSED ? page : compress(page), rows, encoding)
    this.pages.push({ offset, bytes: this.output.offset - offset, firstRow: this.rows, rows, bounds })
    this.rows += rows
    this.encoding = encoding
  }

  /**
   * Writes the dictionary page, which stands before all others: plain values, sorted. `compressed` are its compressed
   * bytes, where they are known.
   */
  dictionary(bytes: Uint8Array, values: number, compressed = compressDictionary(bytes)): void {
    this.dictionaryOffset = this.output.offset
    this.write(DICTIONARY_PAGE, bytes, this.codec === UNCOMPRESSED ? bytes : compressed, values, PLAIN)
  }

  finish(): WrittenChunk {
    return {
      column: this.column,
      encoding: this.encoding,
      codec: this.codec,
      dictionaryOffset: this.dictionaryOffset,
      offset: this.start,
      bytes: this.output.offset - this.start,
      plainBytes: this.plainBytes,
      rows: this.rows,
      pages: this.pages,
      bounds: this.pages.reduce((bounds, page) => joinBounds(bounds, page.bounds), noBounds),
      isShared: false
    }
  }

  private write(kind: number, page: Uint8Array, stored: Uint8Array, values: number, encoding: number): void {
    header.reset()
    writePageHeader(header, {
      kind,
      plainBytes: page.length,
      compressedBytes: stored.length,
      crc: zlib.crc32(stored),
      values,
      encoding
    })
    this.plainBytes += header.length + page.length
    this.output.append(header.written())
    this.output.append(stored)
  }
}
