/** Which pages are read together. */
import { type Bounds, joinBounds } from "../../segment/bounds.ts"
import type { SegmentRowGroup } from "../../segment/read/metadata.ts"
import type { PageRun } from "./SegmentBlock.ts"

/** How the pages of a row group become parts. */
export interface PartShape {
  /** Pages of the first part. */
  readonly pages: number
  /** Each part has twice the pages of the one before, up to this many. */
  readonly pagesMax: number
  /** Whether the last pages are read first. */
  readonly backwards: boolean
}

/** Whole row groups. */
export const wholeRowGroups: PartShape = { pages: Infinity, pagesMax: Infinity, backwards: false }

/** A gap of so many pages costs less to read than another read does. */
const gapPages = 2

/** Runs of the pages that are wanted (1): small gaps are closed, and where most pages are wanted all are taken. */
export const joinPages = (
  isWanted: Uint8Array
): ReadonlyArray<{ readonly first: number; readonly end: number }> => {
  const left = isWanted.reduce((sum, wanted) => sum + wanted, 0)
  if (left * 3 > isWanted.length * 2) return [{ first: 0, end: isWanted.length }]
  const joined: Array<{ first: number; end: number }> = []
  for (let page = 0; page < isWanted.length; page++) {
    if (isWanted[page] === 0) continue
    const last = joined.at(-1)
    if (last !== undefined && page - last.end <= gapPages) last.end = page + 1
    else joined.push({ first: page, end: page + 1 })
  }
  return joined
}

/** Cuts a run into parts, in the order in which they are read. */
export const cutRun = ({ end, first, index, rowGroup }: PageRun, shape: PartShape): ReadonlyArray<PageRun> => {
  const parts: Array<PageRun> = []
  let pages = shape.pages
  for (let left = end - first; left > 0;) {
    const taken = Math.min(left, pages)
    const from = shape.backwards ? first + left - taken : end - left
    parts.push({ rowGroup, index, first: from, end: from + taken })
    left -= taken
    pages = Math.min(pages * 2, shape.pagesMax)
  }
  return parts
}

/** What a run holds in a column of the file; `undefined` where nobody knows. */
export const runBounds = ({ end, first, index }: PageRun, column: number): Bounds | undefined => {
  const bounds = index.boundsOf(column)
  if (bounds === undefined) return undefined
  let joined: Bounds | undefined
  for (let page = first; page < end; page++) {
    const known = knownBounds(bounds[page], index.breaks[page + 1] - index.breaks[page])
    if (known === undefined) return undefined
    joined = joined === undefined ? known : joinBounds(joined, known)
  }
  return joined
}

/** What a row group holds in a column of the file; `undefined` where nobody knows. */
export const groupBounds = ({ chunks, rows }: SegmentRowGroup, column: number): Bounds | undefined =>
  knownBounds(chunks[column].bounds, rows)

/** Values without bounds may be anything; nulls alone have none either, and are known. */
const knownBounds = (bounds: Bounds, rows: number): Bounds | undefined =>
  bounds.min === undefined && bounds.nulls < rows ? undefined : bounds
