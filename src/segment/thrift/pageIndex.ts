/** Column indexes and offset indexes: what the pages of a column hold, and where they are. */
import { FormatError } from "../../base/byteCursor.ts"
import { type Bound, type Bounds, compareBound, decodeBound, encodeBound } from "../bounds.ts"
import type { PhysicalType } from "../parquet.ts"
import type { ThriftReader } from "./ThriftReader.ts"
import { BINARY, I64, STRUCT, type ThriftWriter, TRUE } from "./ThriftWriter.ts"

const UNORDERED = 0
const ASCENDING = 1
const DESCENDING = 2

/** The places of a column's pages in a row group. */
export interface OffsetIndex {
  /** Where each page's header begins. */
  readonly offsets: Float64Array
  /** Bytes of each page, header included. */
  readonly bytes: Float64Array
  /** The first row of each page, from the start of the row group. */
  readonly firstRows: Float64Array
}

const empty = new Uint8Array(0)

/**
 * Writes a column index. Every page of which a row has a value must have bounds; `hasBounds` tells beforehand.
 */
export const writeColumnIndex = (
  writer: ThriftWriter,
  physical: PhysicalType,
  pages: ReadonlyArray<PageBounds>
): void =>
  writer.root(() => {
    const count = pages.length
    writer.list(1, TRUE, count, (i) => writer.flag(pages[i].bounds.min === undefined))
    writer.list(2, BINARY, count, (i) => writer.bytes(encoded(physical, pages[i].bounds.min, true)))
    writer.list(3, BINARY, count, (i) => writer.bytes(encoded(physical, pages[i].bounds.max, false)))
    writer.i32(4, boundaryOrder(pages))
    writer.list(5, I64, count, (i) => writer.int(pages[i].bounds.nulls))
  })

/** A page, as far as a column index tells of it. */
export interface PageBounds {
  readonly rows: number
  readonly bounds: Bounds
}

/** Whether a column index can be written: each page has bounds, or is all null. */
export const hasBounds = (pages: ReadonlyArray<PageBounds>): boolean =>
  pages.every(({ bounds, rows }) => bounds.min !== undefined || bounds.nulls === rows)

const encoded = (physical: PhysicalType, bound: Bound | undefined, isMin: boolean): Uint8Array =>
  bound === undefined ? empty : encodeBound(physical, bound, isMin)

const boundaryOrder = (pages: ReadonlyArray<PageBounds>): number => {
  let ascends = true
  let descends = true
  let before: Bounds | undefined
  for (const { bounds } of pages) {
    if (bounds.min === undefined) continue
    if (before !== undefined) {
      const mins = compareBound(before.min!, bounds.min)
      const maxes = compareBound(before.max!, bounds.max!)
      if (mins > 0 || maxes > 0) ascends = false
      if (mins < 0 || maxes < 0) descends = false
    }
    before = bounds
  }
  return ascends ? ASCENDING : descends ? DESCENDING : UNORDERED
}

/** Writes an offset index. */
export const writeOffsetIndex = (
  writer: ThriftWriter,
  pages: ReadonlyArray<{ readonly offset: number; readonly bytes: number; readonly firstRow: number }>
): void =>
  writer.root(() =>
    writer.list(1, STRUCT, pages.length, (i) =>
      writer.root(() => {
        writer.i64(1, pages[i].offset)
        writer.i32(2, pages[i].bytes)
        writer.i64(3, pages[i].firstRow)
      }))
  )

/** Reads a column index: the bounds of each page. Throws `FormatError`. */
export const readColumnIndex = (reader: ThriftReader, physical: PhysicalType): ReadonlyArray<Bounds> => {
  const allNull: Array<boolean> = []
  const mins: Array<Uint8Array> = []
  const maxes: Array<Uint8Array> = []
  const nulls: Array<number> = []
  reader.struct((id) => {
    if (id === 1) reader.list(() => allNull.push(reader.flag()))
    else if (id === 2) reader.list(() => mins.push(reader.binary()))
    else if (id === 3) reader.list(() => maxes.push(reader.binary()))
    else if (id === 5) reader.list(() => nulls.push(reader.number()))
    else reader.skip()
  })
  if (mins.length !== allNull.length || maxes.length !== allNull.length || nulls.length !== allNull.length) {
    throw new FormatError("the lists of a column index differ in length")
  }
  return allNull.map((isNull, i) => ({
    min: isNull ? undefined : decodeBound(physical, mins[i]),
    max: isNull ? undefined : decodeBound(physical, maxes[i]),
    nulls: nulls[i]
  }))
}

/** Reads an offset index. Throws `FormatError`. */
export const readOffsetIndex = (reader: ThriftReader): OffsetIndex => {
  const offsets: Array<number> = []
  const bytes: Array<number> = []
  const firstRows: Array<number> = []
  reader.struct((id) => {
    if (id !== 1) return reader.skip()
    reader.list(() =>
      reader.fields((part) => {
        if (part === 1) offsets.push(reader.number())
        else if (part === 2) bytes.push(reader.number())
        else if (part === 3) firstRows.push(reader.number())
        else reader.skip()
      })
    )
  })
  if (bytes.length !== offsets.length || firstRows.length !== offsets.length) {
    throw new FormatError("a page's place is not complete")
  }
  return {
    offsets: Float64Array.from(offsets),
    bytes: Float64Array.from(bytes),
    firstRows: Float64Array.from(firstRows)
  }
}
