/** Page headers: Parquet's `PageHeader` in Thrift. */
import { DATA_PAGE, DATA_PAGE_V2, DICTIONARY_PAGE, PLAIN, RLE } from "../parquet.ts"
import type { ThriftReader } from "./ThriftReader.ts"
import type { ThriftWriter } from "./ThriftWriter.ts"

/** What stands before a page. */
export interface PageHeader {
  /** DATA_PAGE, DICTIONARY_PAGE or DATA_PAGE_V2. */
  readonly kind: number
  /** Bytes of the page behind the header, as stored and decompressed. */
  readonly compressedBytes: number
  readonly plainBytes: number
  /** CRC-32 of the stored bytes, unsigned; `undefined` where the writer gave none. */
  readonly crc: number | undefined
  /** Values, nulls included. */
  readonly values: number
  readonly encoding: number
  /** Encoding of the definition levels; RLE in pages of version 2. */
  readonly levelEncoding: number
  /** Of pages of version 2, whose levels stand before what is compressed. */
  readonly levels: { readonly definitionBytes: number; readonly repetitionBytes: number } | undefined
  readonly isCompressed: boolean
}

/** Writes the header of a data page (version 1) or dictionary page. */
export const writePageHeader = (
  writer: ThriftWriter,
  header: Pick<PageHeader, "kind" | "compressedBytes" | "plainBytes" | "values" | "encoding"> & { readonly crc: number }
): void =>
  writer.root(() => {
    writer.i32(1, header.kind)
    writer.i32(2, header.plainBytes)
    writer.i32(3, header.compressedBytes)
    writer.i32(4, header.crc | 0)
    if (header.kind === DICTIONARY_PAGE) {
      writer.struct(7, () => {
        writer.i32(1, header.values)
        writer.i32(2, PLAIN)
        writer.bool(3, true)
      })
    } else {
      writer.struct(5, () => {
        writer.i32(1, header.values)
        writer.i32(2, header.encoding)
        writer.i32(3, RLE)
        writer.i32(4, RLE)
      })
    }
  })

/** Reads a header at the reader's place. Throws `FormatError`; whether the numbers make sense is for the caller. */
export const readPageHeader = (reader: ThriftReader): PageHeader => {
  let kind = -1
  let compressedBytes = -1
  let plainBytes = -1
  let crc: number | undefined
  let values = -1
  let encoding = -1
  let levelEncoding = -1
  let definitionBytes = 0
  let repetitionBytes = 0
  let isCompressed = true

  const dataPage = (id: number): void => {
    if (id === 1) values = reader.number()
    else if (id === 2) encoding = reader.number()
    else if (id === 3) levelEncoding = reader.number()
    else reader.skip()
  }
  const dictionaryPage = (id: number): void => {
    if (id === 1) values = reader.number()
    else if (id === 2) encoding = reader.number()
    else reader.skip()
  }
  const dataPageV2 = (id: number): void => {
    if (id === 1) values = reader.number()
    else if (id === 4) encoding = reader.number()
    else if (id === 5) definitionBytes = reader.number()
    else if (id === 6) repetitionBytes = reader.number()
    else if (id === 7) isCompressed = reader.bool()
    else reader.skip()
  }
  reader.struct((id) => {
    if (id === 1) kind = reader.number()
    else if (id === 2) plainBytes = reader.number()
    else if (id === 3) compressedBytes = reader.number()
    else if (id === 4) crc = reader.number() >>> 0
    else if (id === 5 && kind === DATA_PAGE) reader.fields(dataPage)
    else if (id === 7 && kind === DICTIONARY_PAGE) reader.fields(dictionaryPage)
    else if (id === 8 && kind === DATA_PAGE_V2) reader.fields(dataPageV2)
    else reader.skip()
  })
  const levels = kind === DATA_PAGE_V2 ? { definitionBytes, repetitionBytes } : undefined
  if (levels !== undefined) levelEncoding = RLE
  return { kind, compressedBytes, plainBytes, crc, values, encoding, levelEncoding, levels, isCompressed }
}
