/** Makes the value index of a column of a segment: reads the column a row group at a time, sorts once, writes blocks. */
import * as Effect from "effect/Effect"
import * as zlib from "node:zlib"
import { ByteWriter } from "../../base/byteCursor.ts"
import { compareBytes } from "../../base/bytes.ts"
import { TextVector } from "../../event/vector.ts"
import { compress } from "../encoding/zstd.ts"
import type { Segment } from "../Segment.ts"
import type { SegmentError } from "../SegmentError.ts"
import { sortRows } from "../sortRows.ts"
import type { SegmentVector } from "../write/SegmentRows.ts"
import { blockValues, formatVersion, indexMark, pagesOfRowGroup } from "./format.ts"
import { indexedNumber, indexedText } from "./indexedValue.ts"

/** Values with the pages that hold them, in any order. */
class Entries {
  readonly values = new TextVector(1024)
  pages = new Float64Array(1024)
  count = 0

  add(value: Uint8Array, page: number): void {
    if (this.count === this.pages.length) {
      const pages = new Float64Array(this.count * 2)
      pages.set(this.pages)
      this.pages = pages
    }
    this.values.reserve(this.count + 1, this.count)
    this.values.set(this.count, value)
    this.pages[this.count++] = page
  }
}

/** The file of a segment's value index, in pieces. `column` is the column's place in the segment. */
export const buildValueIndex = Effect.fnUntraced(
  function*(segment: Segment, column: number): Effect.fn.Return<ReadonlyArray<Uint8Array>, SegmentError> {
    const entries = new Entries()
    for (let rowGroup = 0; rowGroup < segment.metadata.rowGroups.length; rowGroup++) {
      const { breaks, pageCount } = yield* segment.index(rowGroup)
      const vector = yield* segment.readColumn(rowGroup, column)
      for (let page = 0; page < pageCount; page++) {
        addPage(entries, vector, breaks[page], breaks[page + 1], rowGroup * pagesOfRowGroup + page)
      }
      yield* Effect.yieldNow
    }
    return encode(entries)
  }
)

/** Adds each value of rows [from, end) once. */
const addPage = (entries: Entries, vector: SegmentVector, from: number, end: number, page: number): void => {
  const isNull = (row: number): boolean => vector.hasNulls && vector.nulls[row] === 1
  if (vector.kind === "dictionary") {
    const seen = new Set<number>()
    for (let row = from; row < end; row++) if (!isNull(row)) seen.add(vector.codes[row])
    for (const code of seen) entries.add(indexedText(vector.dictionary.values.get(code)), page)
  } else if (vector.kind === "text") {
    const seen = new Set<string>()
    for (let row = from; row < end; row++) {
      if (isNull(row)) continue
      const value = indexedText(vector.get(row))
      const text = Buffer.from(value.buffer, value.byteOffset, value.length).toString("latin1")
      if (seen.has(text)) continue
      seen.add(text)
      entries.add(value, page)
    }
  } else {
    const seen = new Set<number>()
    for (let row = from; row < end; row++) {
      if (isNull(row) || seen.has(vector.values[row])) continue
      seen.add(vector.values[row])
      const value = indexedNumber(vector.values[row])
      if (value !== undefined) entries.add(value, page)
    }
  }
}

/** Distinct values in ascending order, with their pages: a block in the making. */
class Block {
  readonly values = new TextVector(blockValues)
  readonly pageOffsets = new Uint32Array(blockValues + 1)
  readonly pages: Array<number> = []
  count = 0

  add(value: Uint8Array, pages: ReadonlyArray<number>): void {
    this.values.set(this.count, value)
    this.pages.push(...pages)
    this.pageOffsets[++this.count] = this.pages.length
  }

  write(writer: ByteWriter): void {
    const { count, pageOffsets, pages, values } = this
    writer.u32(count)
    writer.array(values.offsets.subarray(0, count + 1))
    writer.array(pageOffsets.subarray(0, count + 1))
    writer.array(Uint32Array.from(pages))
    writer.bytes(values.heap.subarray(0, values.offsets[count]))
  }
}

const encode = ({ count, pages, values }: Entries): ReadonlyArray<Uint8Array> => {
  // The sort puts greater positions first: negated, the pages under one value ascend.
  const order = sortRows(values, pages.subarray(0, count).map((page) => -page), count)
  const chunks: Array<Uint8Array> = []
  const firsts = new TextVector(16)
  const sizes: Array<{ readonly stored: number; readonly plain: number; readonly crc: number }> = []
  const writer = new ByteWriter(256 * 1024)
  let block = new Block()
  const close = (): void => {
    if (block.count === 0) return
    writer.reset()
    block.write(writer)
    const stored = compress(writer.written())
    chunks.push(stored)
    firsts.reserve(sizes.length + 1, sizes.length)
    firsts.set(sizes.length, block.values.get(0))
    sizes.push({ stored: stored.length, plain: writer.length, crc: zlib.crc32(stored) })
    block = new Block()
  }
  for (let at = 0, end = 0; at < count; at = end) {
    const value = values.get(order[at])
    const found: Array<number> = []
    for (end = at; end < count && compareBytes(values.get(order[end]), value) === 0; end++) {
      // Two texts of a page may be cut to one value.
      if (found.at(-1) !== pages[order[end]]) found.push(pages[order[end]])
    }
    block.add(value, found)
    if (block.count === blockValues) close()
  }
  close()
  writer.reset()
  writer.u32(sizes.length)
  writer.array(firsts.offsets.subarray(0, sizes.length + 1))
  for (const part of ["stored", "plain", "crc"] as const) writer.array(Uint32Array.from(sizes, (size) => size[part]))
  writer.bytes(firsts.heap.subarray(0, firsts.offsets[sizes.length]))
  const directory = writer.written()
  const trailer = Uint32Array.of(zlib.crc32(directory), directory.length, formatVersion, indexMark)
  chunks.push(directory.slice(), new Uint8Array(trailer.buffer))
  return chunks
}
