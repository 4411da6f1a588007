/** Encodes a value index: values come in ascending order, blocks go out as they fill, the directory comes last. */
import * as zlib from "node:zlib"
import { ByteWriter } from "../../base/byteCursor.ts"
import { TextVector } from "../../event/vector.ts"
import { compress } from "../encoding/zstd.ts"
import { Output } from "../write/Output.ts"
import { blockPages, blockValues, formatVersion, indexMark } from "./format.ts"

/** A block that was written. */
interface WrittenBlock {
  readonly stored: number
  readonly plain: number
  readonly crc: number
}

export class ValueIndexWriter {
  /** Pages of the segment. */
  private readonly pageCount: number
  private readonly output = new Output()
  private readonly writer = new ByteWriter(256 * 1024)
  private readonly values = new TextVector(blockValues)
  private readonly pageOffsets = new Uint32Array(blockValues + 1)
  private pages: Array<number> = []
  private count = 0
  /** Of the blocks' bytes before they are compressed: the same for the same values, whatever compresses them. */
  contentCrc = 0
  private readonly firsts = new TextVector(16)
  private readonly blocks: Array<WrittenBlock> = []

  constructor(pageCount: number) {
    this.pageCount = pageCount
  }

  /** Bytes of the file so far. */
  get bytes(): number {
    return this.output.offset
  }

  /** Adds a value, above all before, with its pages, which ascend. */
  add(value: Uint8Array, pages: ReadonlyArray<number>): void {
    this.values.set(this.count, value)
    for (const page of pages) this.pages.push(page)
    this.pageOffsets[++this.count] = this.pages.length
    if (this.count === blockValues || this.pages.length >= blockPages) this.endBlock()
  }

  /** What was encoded since the last call. The chunks are the caller's own. */
  take(): ReadonlyArray<Uint8Array<ArrayBuffer>> {
    return this.output.take()
  }

  /** Writes the last block, the directory and the trailer. */
  finish(): void {
    this.endBlock()
    const { blocks, firsts, output, writer } = this
    writer.reset()
    writer.u32(this.pageCount)
    writer.u32(blocks.length)
    writer.array(firsts.offsets.subarray(0, blocks.length + 1))
    for (const part of ["stored", "plain", "crc"] as const) {
      writer.array(Uint32Array.from(blocks, (block) => block[part]))
    }
    writer.bytes(firsts.heap.subarray(0, firsts.offsets[blocks.length]))
    const directory = writer.written()
    output.append(directory)
    const trailer = Uint32Array.of(zlib.crc32(directory), directory.length, formatVersion, indexMark)
    output.append(new Uint8Array(trailer.buffer))
  }

  private endBlock(): void {
    const { blocks, count, firsts, output, pageOffsets, pages, values, writer } = this
    if (count === 0) return
    writer.reset()
    writer.u32(count)
    writer.array(values.offsets.subarray(0, count + 1))
    writer.array(pageOffsets.subarray(0, count + 1))
    writer.array(Uint32Array.from(pages))
    writer.bytes(values.heap.subarray(0, values.offsets[count]))
    this.contentCrc = zlib.crc32(writer.written(), this.contentCrc)
    const stored = compress(writer.written())
    output.append(stored)
    firsts.reserve(blocks.length + 1, blocks.length)
    firsts.set(blocks.length, values.get(0))
    blocks.push({ stored: stored.length, plain: writer.length, crc: zlib.crc32(stored) })
    this.count = 0
    this.pages = []
  }
}
