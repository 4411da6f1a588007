/**
 * Makes segments: plain functions, for worker threads. About 0.8 us a row of twelve columns, most of it compression.
 *
 * A writer takes sorted rows in one go or, when segments are merged, piece by piece; after each piece the finished bytes
 * can be taken and written, so that a file of any size needs the memory of one piece.
 */
import * as zlib from "node:zlib"
import { invariant } from "../../base/invariant.ts"
import { canonicalDocument } from "../../schema/document.ts"
import type { TableSchema } from "../../schema/types.ts"
import { type SegmentColumn, segmentColumns } from "../columns.ts"
import { DistinctSketch } from "../encoding/DistinctSketch.ts"
import {
  footerCheckBytes,
  footerMark,
  formatEntry,
  formatVersion,
  magic,
  positionsEntry,
  rowGroupsEntry,
  schemaEntry,
  schemaVersionEntry,
  tableEntry,
  trailerBytes
} from "../format.ts"
import { writeFooter } from "../thrift/footer.ts"
import { ThriftWriter } from "../thrift/ThriftWriter.ts"
import { gatherText } from "./gatherText.ts"
import { KeyScan } from "./KeyScan.ts"
import { Output } from "./Output.ts"
import { longTexts, pageBreaks } from "./pageBreaks.ts"
import { type SegmentRows, vectorsOf } from "./SegmentRows.ts"
import { type SegmentSummary, summarise } from "./SegmentSummary.ts"
import { writeRowGroup, type WrittenRowGroup } from "./writeRowGroup.ts"

/** Whose rows a segment holds. */
export interface SegmentOwner {
  /** The table's number in the catalog. */
  readonly table: number
  readonly schemaVersion: number
  readonly schema: TableSchema
}

export class SegmentWriter {
  private readonly owner: SegmentOwner
  private readonly columns: ReadonlyArray<SegmentColumn>
  private readonly sketches: ReadonlyArray<DistinctSketch>
  private readonly output = new Output()
  private readonly keys = new KeyScan()
  private readonly rowGroups: Array<WrittenRowGroup> = []

  constructor(owner: SegmentOwner) {
    this.owner = owner
    this.columns = segmentColumns(owner.schema)
    this.sketches = this.columns.map(() => new DistinctSketch())
    this.output.append(wordBytes(magic))
  }

  /** Bytes of the file so far. */
  get bytes(): number {
    return this.output.offset
  }

  /**
   * Adds the rows order[0], order[1], ..., at least one. They must follow those added before: by key bytes, then by
   * position, descending; a fault in that is a bug, and throws. Every call ends a row group, so that pieces should have
   * a multiple of `rowGroupRows` rows.
   */
  add(rows: SegmentRows, order: Int32Array): void {
    const vectors = vectorsOf(rows)
    invariant(vectors.length === this.columns.length, "rows of a segment have the columns of its schema")
    const long = longTexts(vectors, rows.positions.length)
    for (let from = 0; from < order.length;) {
      const breaks = pageBreaks(long, order, from)
      const end = breaks[breaks.length - 1]
      const sortedKeys = gatherText(rows.keys, order, from, end)
      const scanned = this.keys.scan(sortedKeys, end - from, rows.positions, order, from)
      this.rowGroups.push(
        writeRowGroup(this.output, this.columns, vectors, order, breaks, sortedKeys, scanned, this.sketches)
      )
      from = end
    }
  }

  /** The bytes that were finished since the last call, to be written behind those of earlier calls. */
  take(): ReadonlyArray<Uint8Array<ArrayBuffer>> {
    return this.output.take()
  }

  /** Ends the file; `take` gives its last bytes. A segment has at least one row. */
  finish(): SegmentSummary {
    const { columns, keys, output, owner, rowGroups, sketches } = this
    invariant(rowGroups.length > 0, "a segment has rows")
    const summary = summarise(rowGroups, columns, sketches, keys.minKey, keys.maxKey, 0)
    const footer = new ThriftWriter(64 * 1024)
    writeFooter(footer, {
      columns,
      rows: summary.rows,
      rowGroups: rowGroups.map((rowGroup) => rowGroup.footer),
      entries: [
        [formatEntry, String(formatVersion)],
        [tableEntry, String(owner.table)],
        [schemaVersionEntry, String(owner.schemaVersion)],
        [schemaEntry, canonicalDocument(owner.schema)],
        [positionsEntry, JSON.stringify([summary.minPosition, summary.maxPosition])],
        [rowGroupsEntry, JSON.stringify(rowGroups.map((rowGroup) => rowGroup.entry))]
      ],
      // The form that other readers expect, and look for faults of known writers in.
      createdBy: `varve version ${formatVersion}.0.0 (build 0)`
    })
    output.append(wordBytes(zlib.crc32(footer.written())))
    output.append(wordBytes(footerMark))
    output.append(footer.written())
    output.append(wordBytes(footer.length))
    output.append(wordBytes(magic))
    return { ...summary, bytes: output.offset }
  }
}

invariant(footerCheckBytes === 8 && trailerBytes === 8, "two words stand before the footer and two behind it")

const wordBytes = (word: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, word, true)
  return bytes
}

/** A whole segment of sorted rows: its bytes and its summary. */
export const encodeSegment = (
  owner: SegmentOwner,
  rows: SegmentRows,
  order: Int32Array
): { readonly chunks: ReadonlyArray<Uint8Array<ArrayBuffer>>; readonly summary: SegmentSummary } => {
  const writer = new SegmentWriter(owner)
  writer.add(rows, order)
  const summary = writer.finish()
  return { chunks: writer.take(), summary }
}
