/**
 * Values with the pages that hold them, given in any order of values and taken back in theirs. No more than one run of
 * them lies in memory as it was given; the others are sorted and compressed, and merged as they are taken.
 */
import { ByteReader, ByteWriter } from "../../base/byteCursor.ts"
import { compareBytes } from "../../base/bytes.ts"
import { TextVector } from "../../event/vector.ts"
import { compress, decompress } from "../encoding/zstd.ts"
import { sortRows } from "../sortRows.ts"

/** Entries of a run: sorting so many takes less than a tenth of a second. */
const runEntriesDefault = 262_144

/** Entries of a piece of a run that are decompressed together. */
const pieceEntries = 8192

/** u32 count, u32[count + 1] offsets of the values, u32[count] pages, the values: compressed. Never on disk. */
interface Piece {
  readonly stored: Uint8Array
  readonly plainBytes: number
}

export class SortedValues {
  private readonly runEntriesMax: number
  private readonly values = new TextVector(1024)
  /** Negated: the sort puts greater ones first, and pages are to ascend. */
  private pages = new Float64Array(1024)
  private count = 0
  private readonly runs: Array<ReadonlyArray<Piece>> = []
  private readonly writer = new ByteWriter(256 * 1024)

  constructor(runEntriesMax = runEntriesDefault) {
    this.runEntriesMax = runEntriesMax
  }

  /** Adds a value that a page holds. No page may be below that of an entry before. */
  add(value: Uint8Array, page: number): void {
    if (this.count === this.runEntriesMax) this.endRun()
    if (this.count === this.pages.length) {
      const pages = new Float64Array(this.count * 2)
      pages.set(this.pages)
      this.pages = pages
    }
    this.values.reserve(this.count + 1, this.count)
    this.values.set(this.count, value)
    this.pages[this.count++] = -page
  }

  /** All of them in order. Nothing can be added any more. */
  merge(): MergedValues {
    this.endRun()
    return new MergedValues(this.runs.map((pieces, number) => new RunCursor(pieces, number)))
  }

  private endRun(): void {
    const { count, pages, values, writer } = this
    if (count === 0) return
    const order = sortRows(values, pages, count)
    const pieces: Array<Piece> = []
    for (let from = 0; from < count; from += pieceEntries) {
      const entries = order.subarray(from, from + pieceEntries)
      writer.reset()
      writer.u32(entries.length)
      const offsets = new Uint32Array(entries.length + 1)
      entries.forEach((entry, i) => offsets[i + 1] = offsets[i] + values.offsets[entry + 1] - values.offsets[entry])
      writer.array(offsets)
      writer.array(Uint32Array.from(entries, (entry) => -pages[entry]))
      for (const entry of entries) writer.bytes(values.get(entry))
      pieces.push({ stored: compress(writer.written()), plainBytes: writer.length })
    }
    this.runs.push(pieces)
    this.count = 0
  }
}

/** A place in a run. */
class RunCursor {
  /** Runs are numbered as they were made: their pages ascend. */
  readonly number: number
  value: Uint8Array | undefined
  page = 0
  /** The next one last. */
  private readonly pieces: Array<Piece>
  private offsets = new Uint32Array(1)
  private pages = new Uint32Array(0)
  private bytes = new Uint8Array(0)
  private at = -1

  constructor(pieces: ReadonlyArray<Piece>, number: number) {
    this.pieces = pieces.toReversed()
    this.number = number
    this.advance()
  }

  advance(): void {
    if (++this.at >= this.pages.length) {
      const piece = this.pieces.pop()
      if (piece === undefined) {
        this.value = undefined
        return
      }
      const reader = new ByteReader(decompress(piece.stored, piece.plainBytes, 0))
      const count = reader.u32()
      this.offsets = reader.array(Uint32Array<ArrayBuffer>, 4, count + 1)
      this.pages = reader.array(Uint32Array<ArrayBuffer>, 4, count)
      this.bytes = reader.view8(this.offsets[count])
      this.at = 0
    }
    this.value = this.bytes.subarray(this.offsets[this.at], this.offsets[this.at + 1])
    this.page = this.pages[this.at]
  }
}

const isBefore = (left: RunCursor, right: RunCursor): boolean => {
  const difference = compareBytes(left.value!, right.value!)
  return difference < 0 || (difference === 0 && left.number < right.number)
}

/** Entries in the order of their values, those of one value in the order of their pages. */
export class MergedValues {
  /** A heap: the first one is the next. */
  private readonly cursors: Array<RunCursor> = []

  constructor(cursors: ReadonlyArray<RunCursor>) {
    for (const cursor of cursors) if (cursor.value !== undefined) this.cursors.push(cursor)
    for (let i = (this.cursors.length >> 1) - 1; i >= 0; i--) this.sink(i)
  }

  /** The value of the entry that is looked at; `undefined` behind the last one. */
  get value(): Uint8Array | undefined {
    return this.cursors[0]?.value
  }

  /** The page of that entry. */
  get page(): number {
    return this.cursors[0].page
  }

  /** Goes to the next entry. */
  advance(): void {
    const { cursors } = this
    cursors[0].advance()
    if (cursors[0].value === undefined) {
      const last = cursors.pop()!
      if (cursors.length === 0) return
      cursors[0] = last
    }
    this.sink(0)
  }

  private sink(from: number): void {
    const { cursors } = this
    const cursor = cursors[from]
    let at = from
    for (;;) {
      let child = 2 * at + 1
      if (child >= cursors.length) break
      if (child + 1 < cursors.length && isBefore(cursors[child + 1], cursors[child])) child++
      if (!isBefore(cursors[child], cursor)) break
      cursors[at] = cursors[child]
      at = child
    }
    cursors[at] = cursor
  }
}
