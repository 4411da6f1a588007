/**
 * From the bytes of pages to vectors. Nothing that a page says is believed: its checksum, its size and the number of
 * its rows must be right, and its values must take exactly its bytes.
 */
import * as zlib from "node:zlib"
import { FormatError } from "../../base/byteCursor.ts"
import { type Dictionary, DictionaryVector } from "../../event/dictionary.ts"
import { Int64Vector, NumberVector, TextVector } from "../../event/vector.ts"
import { decodeHybrid } from "../encoding/hybrid.ts"
import { decodeLevels } from "../encoding/levels.ts"
import { decompress } from "../encoding/zstd.ts"
import {
  BOOLEAN,
  BYTE_ARRAY,
  DATA_PAGE,
  DATA_PAGE_V2,
  DICTIONARY_PAGE,
  FLOAT,
  INT32,
  INT64,
  PLAIN,
  PLAIN_DICTIONARY,
  RLE,
  RLE_DICTIONARY,
  UNCOMPRESSED
} from "../parquet.ts"
import { damage, SegmentFault } from "../SegmentError.ts"
import { type PageHeader, readPageHeader } from "../thrift/pageHeader.ts"
import { ThriftReader } from "../thrift/ThriftReader.ts"
import type { SegmentVector } from "../write/SegmentRows.ts"
import { decodeBoolRuns, decodeInt64, decodeNumbers, spread } from "./decodeNumbers.ts"
import { decodeDictionary, decodeText } from "./decodeText.ts"
import type { ChunkLayout, LayoutColumn } from "./layout.ts"

/** Pages to decode, and what is known of them. */
export interface PageSource {
  readonly column: Pick<LayoutColumn, "name" | "optional" | "physical">
  readonly chunk: Pick<ChunkLayout, "codec" | "hasDictionary" | "plainBytes">
  /** Whole pages, one after another. */
  readonly bytes: Uint8Array
  /** Where in the file they begin. */
  readonly offset: number
  /**
   * Whether Varve wrote them: then every page has a checksum and the one encoding that its column has. Pages of others
   * are taken as they say that they are.
   */
  readonly strict: boolean
}

/** Reads the dictionary page that `source` begins with, and says where it ends. */
export const readDictionary = (source: PageSource): { readonly dictionary: Dictionary; readonly end: number } => {
  const reader = new ThriftReader(source.bytes)
  const header = readHeader(source, reader)
  if (header.kind !== DICTIONARY_PAGE || (header.encoding !== PLAIN && header.encoding !== PLAIN_DICTIONARY)) {
    throw damage(source.offset, "there is no dictionary where one should be")
  }
  if (source.column.physical !== BYTE_ARRAY) {
    throw unsupported(source, "has a dictionary of numbers; dictionaries of text are read")
  }
  const stored = takePage(source, reader, header)
  const page = unpack(source, stored, header.plainBytes)
  return { dictionary: located(source, source.offset, () => decodeDictionary(page, header.values)), end: reader.at }
}

/**
 * Reads `rows` rows from the data pages of `source`, which must hold exactly as many. `dictionary` is the column's,
 * where it has one.
 */
export const readPages = (source: PageSource, rows: number, dictionary: Dictionary | undefined): SegmentVector => {
  const vector = makeVector(source, rows, dictionary)
  const reader = new ThriftReader(source.bytes)
  let row = 0
  while (row < rows) {
    const start = source.offset + reader.at
    const header = readHeader(source, reader)
    checkDataPage(source, header, start)
    if (header.values < 0 || header.values > rows - row) {
      throw damage(start, `a page has ${header.values} rows where at most ${rows - row} are expected`)
    }
    const stored = takePage(source, reader, header)
    located(source, start, () => decodePage(source, header, stored, vector, row, rows))
    row += header.values
  }
  if (reader.at !== source.bytes.length) {
    throw damage(source.offset + reader.at, "the pages of a column hold more than its rows")
  }
  return vector
}

const unsupported = (source: PageSource, problem: string): SegmentFault =>
  new SegmentFault("Unsupported", source.offset, `column ${source.column.name} ${problem}`)

/** Runs a step; what it finds wrong is at `offset`. */
const located = <A>(source: PageSource, offset: number, run: () => A): A => {
  try {
    return run()
  } catch (error) {
    if (error instanceof SegmentFault || !(error instanceof FormatError)) throw error
    throw damage(offset, `column ${source.column.name}: ${error.message}`)
  }
}

const readHeader = (source: PageSource, reader: ThriftReader): PageHeader => {
  const at = reader.at
  return located(source, source.offset + at, () => readPageHeader(reader))
}

const checkDataPage = (source: PageSource, header: PageHeader, offset: number): void => {
  const { encoding, kind, levelEncoding } = header
  const expected = source.chunk.hasDictionary ? RLE_DICTIONARY : PLAIN
  if (source.strict) {
    if (kind !== DATA_PAGE || encoding !== expected || levelEncoding !== RLE) {
      throw damage(offset, `a page of kind ${kind} and encoding ${encoding} where none should be`)
    }
    return
  }
  if (kind !== DATA_PAGE && kind !== DATA_PAGE_V2) throw unsupported(source, `has a page of kind ${kind}`)
  const isKnown = encoding === PLAIN || (encoding === RLE && source.column.physical === BOOLEAN) ||
    (source.chunk.hasDictionary && (encoding === RLE_DICTIONARY || encoding === PLAIN_DICTIONARY))
  if (!isKnown || (source.column.optional && levelEncoding !== RLE)) {
    throw unsupported(source, `has pages of encoding ${encoding}; plain values and dictionaries are read`)
  }
  if (source.chunk.hasDictionary !== (encoding !== PLAIN && encoding !== RLE)) {
    throw unsupported(source, "has plain pages beside a dictionary")
  }
}

/** The stored bytes of the page whose header was just read, once their checksum is seen to be right. */
const takePage = (source: PageSource, reader: ThriftReader, header: PageHeader): Uint8Array => {
  const { bytes, chunk, offset, strict } = source
  const { compressedBytes, crc, plainBytes } = header
  const start = reader.at
  if (compressedBytes < 0 || compressedBytes > bytes.length - start) {
    throw damage(offset + start, `a page of ${compressedBytes} bytes where ${bytes.length - start} are left`)
  }
  if (plainBytes < 0 || plainBytes > chunk.plainBytes) {
    throw damage(offset + start, `a page of ${plainBytes} bytes in a column of ${chunk.plainBytes}`)
  }
  const stored = bytes.subarray(start, start + compressedBytes)
  if (crc === undefined ? strict : zlib.crc32(stored) !== crc) throw damage(offset + start, "a page's checksum is wrong")
  reader.at += compressedBytes
  return stored
}

const unpack = ({ chunk, offset }: PageSource, stored: Uint8Array, plainBytes: number): Uint8Array => {
  if (chunk.codec !== UNCOMPRESSED) return decompress(stored, plainBytes, offset)
  if (stored.length !== plainBytes) throw damage(offset, "a page that is not compressed has two sizes")
  return stored
}

const makeVector = ({ column }: PageSource, rows: number, dictionary: Dictionary | undefined): SegmentVector => {
  if (dictionary !== undefined) {
    const vector = new DictionaryVector(rows)
    // The vector is made with an empty dictionary of its own; pages of a column share one.
    return Object.assign(vector, { dictionary })
  }
  switch (column.physical) {
    case BYTE_ARRAY:
      return new TextVector(rows, 0)
    case INT64:
      return new Int64Vector(rows)
    case BOOLEAN:
      return new NumberVector("bool", rows)
    case INT32:
      return new NumberVector("int32", rows)
    case FLOAT:
      return new NumberVector("float32", rows)
    default:
      return new NumberVector("float64", rows)
  }
}

const decodePage = (
  source: PageSource,
  header: PageHeader,
  stored: Uint8Array,
  vector: SegmentVector,
  row: number,
  rowsOfAll: number
): void => {
  const { levels, values: rows } = header
  let page: Uint8Array
  let at = 0
  let nullCount = 0
  if (levels === undefined) {
    page = unpack(source, stored, header.plainBytes)
    if (source.column.optional) {
      if (page.length < 4) throw new FormatError("a page is too short for its levels")
      const length = (page[0] | (page[1] << 8) | (page[2] << 16) | (page[3] << 24)) >>> 0
      at = 4 + length
      if (at > page.length) throw new FormatError("a page is too short for its levels")
      nullCount = decodeLevels(page, 4, at, vector.nulls, row, rows)
    }
  } else {
    const { definitionBytes, repetitionBytes } = levels
    if (repetitionBytes !== 0 || definitionBytes < 0 || definitionBytes > stored.length) {
      throw new FormatError("levels of a page are longer than the page")
    }
    if (source.column.optional) nullCount = decodeLevels(stored, 0, definitionBytes, vector.nulls, row, rows)
    const rest = stored.subarray(definitionBytes)
    page = header.isCompressed ? unpack(source, rest, header.plainBytes - definitionBytes) : rest
  }
  if (nullCount > 0) vector.hasNulls = true
  decodeValues(vector, row, rows, rows - nullCount, page, at, header.encoding, rowsOfAll)
}

const decodeValues = (
  vector: SegmentVector,
  row: number,
  rows: number,
  present: number,
  page: Uint8Array,
  at: number,
  encoding: number,
  rowsOfAll: number
): void => {
  switch (vector.kind) {
    case "dictionary": {
      const { codes, dictionary, nulls } = vector
      if (present === 0) {
        codes.fill(0, row, row + rows)
        return
      }
      if (at >= page.length) throw new FormatError("a page of codes is empty")
      const largest = decodeHybrid(page, at + 1, page.length, page[at], codes, row, present)
      if (largest >= dictionary.count) throw new FormatError(`code ${largest} of a dictionary of ${dictionary.count}`)
      if (present === rows) return
      spread(codes, nulls, row, rows, present)
      for (let i = row; i < row + rows; i++) {
        if (nulls[i] === 1) codes[i] = 0
      }
      return
    }
    case "text":
      return decodeText(vector, row, rows, present, page, at, page.length, rows === rowsOfAll ? 1 : 1.1 * rowsOfAll / rows)
    case "int64":
      return decodeInt64(vector, row, rows, present, page, at, page.length)
    default:
      if (encoding === RLE) decodeBoolRuns(vector, row, rows, present, page, at, page.length)
      else decodeNumbers(vector, row, rows, present, page, at, page.length)
  }
}
