/**
 * Names of segments: `segments/000007/0000000000123456-flush.parquet`, by the table's number and the position up to which
 * the engine had come. Names are never used again, since positions are not; only a file that a crash has left, which
 * nothing names, may be written over.
 */
import type { Position } from "../base/position.ts"

/** The folder of all segments in the storage. */
export const segmentFolder = "segments"

const place = (table: number, position: Position): string =>
  `${segmentFolder}/${String(table).padStart(6, "0")}/${String(position).padStart(16, "0")}`

/** The segment of a memtable whose last row has this position. */
export const flushedName = (table: number, last: Position): string => `${place(table, last)}-flush.parquet`

/**
 * The file of an index of a segment, beside it: `…-flush.by_origin.v1.0000000000123789.idx`. The version alone does not make
 * the name new: an index that was dropped begins again with version 1, and a file that was damaged is built again.
 */
export const indexFileName = (segment: string, index: string, version: number, began: Position): string =>
  `${segment.replace(/\.parquet$/, "")}.${index}.v${version}.${String(began).padStart(16, "0")}.idx`

/** Output `number` of a merge that began when the engine was at this position. */
export const mergedName = (table: number, began: Position, number: number): string =>
  `${place(table, began)}-merge-${String(number).padStart(3, "0")}.parquet`
