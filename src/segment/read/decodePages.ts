/**
 * From the bytes of pages to vectors. Nothing that a page says is believed: its checksum, its size and the number of
 * its rows must be right, and its values must take exactly its bytes.
 */
import * as zlib from "node:zlib"
import { FormatError } from "../../base/byteCursor.ts"
import { Dictionary, DictionaryVector } from "../../event/dictionary.ts"
import { Int64Vector, NumberVector, TextVector } from "../../event/vector.ts"
import { decodeDelta } from "../encoding/delta.ts"
import { decodeHybrid } from "../encoding/hybrid.ts"
import { areAllPresent, decodeLevels } from "../encoding/levels.ts"
import { decompress, releasePage } from "../encoding/zstd.ts"
import {
  BOOLEAN,
  BYTE_ARRAY,
  DATA_PAGE,
  DATA_PAGE_V2,
  DELTA_BINARY_PACKED,
  DELTA_BYTE_ARRAY,
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
import {
  adoptNumbers,
  decodeBoolRuns,
  decodeInt64,
  decodeNumberDictionary,
  decodeNumbers,
  noNulls,
  type NumberDictionary,
  spread
} from "./decodeNumbers.ts"
import { decodeDeltaText, decodeDictionary, decodeText } from "./decodeText.ts"
import type { ChunkLayout, LayoutColumn } from "./layout.ts"

/** Pages to decode, and what is known of them. */
export interface PageSource {
  readonly column: Pick<LayoutColumn, "name" | "optional" | "physical">
  readonly chunk: Pick<ChunkLayout, "codec" | "encoding" | "hasDictionary" | "plainBytes">
  /** Whole pages, one after another. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Where in the file they begin. */
  readonly offset: number
  /**
   * Whether Varve wrote them: then every page has a checksum and the one encoding that its column has. Pages of others
   * are taken as they say that they are.
   */
  readonly strict: boolean
}

/** The dictionary of a column of a row group: of texts, or of numbers, which vectors do not hold codes of. */
export type ColumnDictionary = Dictionary | NumberDictionary

/** Reads the dictionary page that `source` begins with, and says where it ends. */
export const readDictionary = (source: PageSource): { readonly dictionary: ColumnDictionary; readonly end: number } => {
  const reader = new ThriftReader(source.bytes)
  const header = readHeader(source, reader)
  if (header.kind !== DICTIONARY_PAGE || (header.encoding !== PLAIN && header.encoding !== PLAIN_DICTIONARY)) {
    throw damage(source.offset, "there is no dictionary where one should be")
  }
  const { physical } = source.column
  if (physical !== BYTE_ARRAY && !source.strict) {
    throw unsupported(source, "has a dictionary of numbers; of other writers, dictionaries of text are read")
  }
  const stored = takePage(source, reader, header)
  const page = unpack(source, stored, header.plainBytes)
  const dictionary = located(source, source.offset, () =>
    physical === BYTE_ARRAY
      ? decodeDictionary(page, header.values)
      : decodeNumberDictionary(physical, page, header.values))
  if (physical === BYTE_ARRAY && source.chunk.codec !== UNCOMPRESSED) releasePage(page)
  return { dictionary, end: reader.at }
}

/**
 * Reads `rows` rows from the data pages of `source`, which must hold exactly as many. `dictionary` is the column's,
 * where it has one. Vectors may share memory: they are not to be changed.
 */
export const readPages = (
  source: PageSource,
  rows: number,
  dictionary: ColumnDictionary | undefined
): SegmentVector => {
  let vector: SegmentVector | undefined
  const reader = new ThriftReader(source.bytes)
  let row = 0
  while (row < rows) {
    const start = source.offset + reader.at
    const header = readHeader(source, reader)
    checkDataPage(source, header, start)
    if (header.values <= 0 || header.values > rows - row) {
      throw damage(start, `a page has ${header.values} rows where at most ${rows - row} are expected`)
    }
    const stored = takePage(source, reader, header)
    located(source, start, () => {
      const page = openPage(source, header, stored)
      if (page.rows === rows && page.allPresent && header.encoding === PLAIN) {
        vector = adoptNumbers(source.column.physical, page.bytes, page.at, rows)
        if (vector !== undefined) return
      }
      vector ??= makeVector(source, rows, dictionary, page.rows === rows && page.allPresent)
      decodePage(page, vector, row, rows, dictionary)
      if (source.chunk.codec !== UNCOMPRESSED) releasePage(page.bytes)
    })
    row += header.values
  }
  if (reader.at !== source.bytes.length) {
    throw damage(source.offset + reader.at, "the pages of a column hold more than its rows")
  }
  return vector ?? makeVector(source, 0, dictionary, false)
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
  if (source.strict) {
    if (kind !== DATA_PAGE || encoding !== source.chunk.encoding || levelEncoding !== RLE) {
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
const takePage = (source: PageSource, reader: ThriftReader, header: PageHeader): Uint8Array<ArrayBuffer> => {
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
  if (crc === undefined ? strict : zlib.crc32(stored) !== crc)
    throw damage(offset + start, "a page's checksum is wrong")
  reader.at += compressedBytes
  return stored
}

const unpack = (
  { chunk, offset }: PageSource,
  stored: Uint8Array<ArrayBuffer>,
  plainBytes: number
): Uint8Array<ArrayBuffer> => {
  if (chunk.codec !== UNCOMPRESSED) return decompress(stored, plainBytes, offset)
  if (stored.length !== plainBytes) throw damage(offset, "a page that is not compressed has two sizes")
  return stored
}

/** `shareNulls`: no row is null, and none will be. */
const makeVector = (
  { column }: PageSource,
  rows: number,
  dictionary: ColumnDictionary | undefined,
  shareNulls: boolean
): SegmentVector => {
  const nulls = shareNulls ? noNulls(rows) : new Uint8Array(rows)
  // The vector is made with an empty dictionary of its own; pages of a column share one.
  if (dictionary instanceof Dictionary) {
    return Object.assign(new DictionaryVector(0), { dictionary, codes: new Uint32Array(rows), nulls })
  }
  switch (column.physical) {
    case BYTE_ARRAY:
      return Object.assign(new TextVector(0, 0), { offsets: new Uint32Array(rows + 1), nulls })
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

/** A data page, decompressed. */
interface OpenPage {
  readonly rows: number
  readonly encoding: number
  /** The values are bytes[at, bytes.length). */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly at: number
  /** Whether no row is null. If not, the levels are levels[levelsStart, levelsEnd). */
  readonly allPresent: boolean
  readonly levels: Uint8Array
  readonly levelsStart: number
  readonly levelsEnd: number
}

const openPage = (source: PageSource, header: PageHeader, stored: Uint8Array<ArrayBuffer>): OpenPage => {
  const { optional } = source.column
  const { encoding, levels, plainBytes, values: rows } = header
  let bytes: Uint8Array<ArrayBuffer>
  let at = 0
  let levelsOf: Uint8Array
  let levelsStart = 0
  let levelsEnd = 0
  if (levels === undefined) {
    levelsOf = bytes = unpack(source, stored, plainBytes)
    if (optional) {
      levelsStart = 4
      at = levelsEnd = 4 + ((bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24)) >>> 0)
      if (at > bytes.length) throw new FormatError("a page is too short for its levels")
    }
  } else {
    const { definitionBytes, repetitionBytes } = levels
    if (repetitionBytes !== 0 || definitionBytes < 0 || definitionBytes > stored.length) {
      throw new FormatError("levels of a page are longer than the page")
    }
    levelsOf = stored
    levelsEnd = definitionBytes
    const rest = stored.subarray(definitionBytes)
    bytes = header.isCompressed ? unpack(source, rest, plainBytes - definitionBytes) : rest
  }
  const allPresent = !optional || areAllPresent(levelsOf, levelsStart, levelsEnd, rows)
  return { rows, encoding, bytes, at, allPresent, levels: levelsOf, levelsStart, levelsEnd }
}

/** Reads a page into rows [row, row + page.rows) of a vector of `rowsOfAll` rows. */
const decodePage = (
  page: OpenPage,
  vector: SegmentVector,
  row: number,
  rowsOfAll: number,
  dictionary: ColumnDictionary | undefined
): void => {
  const { at, bytes, encoding, rows } = page
  let present = rows
  if (!page.allPresent) {
    present -= decodeLevels(page.levels, page.levelsStart, page.levelsEnd, vector.nulls, row, rows)
    if (present < rows) vector.hasNulls = true
  }
  switch (vector.kind) {
    case "dictionary":
      return decodeCodes(vector, row, rows, present, bytes, at)
    case "text": {
      const scale = rows === rowsOfAll ? 1 : 1.1 * rowsOfAll / rows
      return encoding === DELTA_BYTE_ARRAY
        ? decodeDeltaText(vector, row, rows, present, bytes, at, bytes.length, scale)
        : decodeText(vector, row, rows, present, bytes, at, bytes.length, scale)
    }
    case "int64":
    case "int32":
    case "float32":
    case "float64":
      if (dictionary !== undefined && !(dictionary instanceof Dictionary)) {
        return decodeNumberCodes(vector, dictionary, row, rows, present, bytes, at)
      }
      if (encoding === DELTA_BINARY_PACKED) return decodeDeltas(vector, row, rows, present, bytes, at)
      return vector.kind === "int64"
        ? decodeInt64(vector, row, rows, present, bytes, at, bytes.length)
        : decodeNumbers(vector, row, rows, present, bytes, at, bytes.length)
    default:
      if (encoding === RLE) decodeBoolRuns(vector, row, rows, present, bytes, at, bytes.length)
      else decodeNumbers(vector, row, rows, present, bytes, at, bytes.length)
  }
}

const decodeCodes = (
  { codes, dictionary, nulls }: DictionaryVector,
  row: number,
  rows: number,
  present: number,
  bytes: Uint8Array,
  at: number
): void => {
  if (present === 0) return
  if (at >= bytes.length) throw new FormatError("a page of codes is empty")
  const largest = decodeHybrid(bytes, at + 1, bytes.length, bytes[at], codes, row, present)
  if (largest >= dictionary.count) throw new FormatError(`code ${largest} of a dictionary of ${dictionary.count}`)
  if (present === rows) return
  spread(codes, nulls, row, rows, present)
  for (let i = row; i < row + rows; i++) {
    if (nulls[i] === 1) codes[i] = 0
  }
}

/** Codes of one page; grown for pages of other writers. */
let scratchCodes = new Uint32Array(4096)

const decodeNumberCodes = (
  { nulls, values }: NumberVector | Int64Vector,
  dictionary: NumberDictionary,
  row: number,
  rows: number,
  present: number,
  bytes: Uint8Array,
  at: number
): void => {
  if (present === 0) return
  if (at >= bytes.length) throw new FormatError("a page of codes is empty")
  if (scratchCodes.length < present) scratchCodes = new Uint32Array(present)
  const largest = decodeHybrid(bytes, at + 1, bytes.length, bytes[at], scratchCodes, 0, present)
  if (largest >= dictionary.length) throw new FormatError(`code ${largest} of a dictionary of ${dictionary.length}`)
  for (let i = 0; i < present; i++) values[row + i] = dictionary[scratchCodes[i]]
  if (present < rows) spread(values, nulls, row, rows, present)
}

const decodeDeltas = (
  { nulls, values }: NumberVector | Int64Vector,
  row: number,
  rows: number,
  present: number,
  bytes: Uint8Array,
  at: number
): void => {
  const end = decodeDelta(bytes, at, bytes.length, values as Float64Array | Int32Array, row, present)
  if (end !== bytes.length) throw new FormatError(`${bytes.length - end} bytes are left of a page of numbers`)
  if (present < rows) spread(values, nulls, row, rows, present)
}
