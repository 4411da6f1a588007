/** The page indexes of one row group: where the pages of each column are, and what is in them. */
import * as zlib from "node:zlib"
import type { Bounds } from "../bounds.ts"
import type { SegmentColumn } from "../columns.ts"
import { damage } from "../SegmentError.ts"
import { type FileRange } from "../thrift/footer.ts"
import { type OffsetIndex, readColumnIndex, readOffsetIndex } from "../thrift/pageIndex.ts"
import { ThriftReader } from "../thrift/ThriftReader.ts"
import type { SegmentRowGroup } from "./metadata.ts"

export class RowGroupIndex {
  /** First rows of the pages, from the start of the row group, and the row group's rows behind them. */
  readonly breaks: ReadonlyArray<number>
  private readonly columns: ReadonlyArray<SegmentColumn>
  private readonly rowGroup: SegmentRowGroup
  private readonly bytes: Uint8Array
  private readonly offset: number
  private readonly places: Array<OffsetIndex | undefined> = []
  private readonly bounds: Array<ReadonlyArray<Bounds> | undefined> = []

  /** Takes the index block of a row group. Throws `SegmentFault`. */
  constructor(columns: ReadonlyArray<SegmentColumn>, rowGroup: SegmentRowGroup, bytes: Uint8Array) {
    const [offset, length, crc] = rowGroup.index
    if (bytes.length !== length || zlib.crc32(bytes) !== crc)
      throw damage(offset, "the checksum of page indexes is wrong")
    this.columns = columns
    this.rowGroup = rowGroup
    this.bytes = bytes
    this.offset = offset
    this.breaks = [...this.placesOf(0).firstRows, rowGroup.rows]
  }

  /** Pages of each column. */
  get pageCount(): number {
    return this.breaks.length - 1
  }

  /** About what the index holds in memory. */
  get byteLength(): number {
    return 4 * this.bytes.length
  }

  /** The page that holds a row of the row group. */
  pageOf(row: number): number {
    let low = 0
    let high = this.breaks.length - 1
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (this.breaks[middle] <= row) low = middle
      else high = middle
    }
    return low
  }

  /** Where pages [first, end) of a column are in the file. */
  rangeOf(column: number, first: number, end: number): FileRange {
    const { bytes, offsets } = this.placesOf(column)
    return { offset: offsets[first], length: offsets[end - 1] + bytes[end - 1] - offsets[first] }
  }

  /** What each page of a column holds; `undefined` for columns without bounds. Text may be cut, outwards. */
  boundsOf(column: number): ReadonlyArray<Bounds> | undefined {
    const range = this.rowGroup.chunks[column].columnIndex
    if (range === undefined) return undefined
    const known = this.bounds[column]
    if (known !== undefined) return known
    const bounds = readColumnIndex(this.reader(range), this.columns[column].physical)
    if (bounds.length !== this.pageCount) throw damage(range.offset, "a column index has another number of pages")
    this.bounds[column] = bounds
    return bounds
  }

  private placesOf(column: number): OffsetIndex {
    const known = this.places[column]
    if (known !== undefined) return known
    const range = this.rowGroup.chunks[column].offsetIndex
    if (range === undefined) throw damage(this.offset, "a column has no offset index")
    const places = readOffsetIndex(this.reader(range))
    // Taken from the first column, whose own places these then are.
    const breaks = this.breaks ?? places.firstRows
    if (places.firstRows.length === 0 || places.firstRows.some((row, page) => row !== breaks[page])) {
      throw damage(range.offset, "the pages of a column do not begin where those of the others do")
    }
    this.places[column] = places
    return places
  }

  private reader({ offset, length }: FileRange): ThriftReader {
    const start = offset - this.offset
    if (start < 0 || start + length > this.bytes.length) throw damage(offset, "a page index is not with the others")
    return new ThriftReader(this.bytes.subarray(start, start + length))
  }
}
