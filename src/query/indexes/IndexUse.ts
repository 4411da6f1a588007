/** The indexes of a table that can find rows for a read, and what came of each: shared by the segments of the read. */
import type { Table } from "../../catalog/state.ts"
import type { TableSettings } from "../../event/Event.ts"
import { type CheckedFilter, columnsOf } from "../checkFilter.ts"
import { type ServedColumn, servedColumns } from "./servedRanges.ts"

/** An index that the filter asks values of. */
export interface WantedIndex extends ServedColumn {
  readonly index: TableSettings["indexes"][number]
}

/** Why an index was not used for a segment. */
export type Unused =
  | "it has no file yet"
  | "its file cannot be read"
  | "older rows take the column's default"
  | "most pages hold such values"
  | "min and max leave few pages"
  | "min and max leave hardly more"
  | "other indexes leave few pages"

/** What an index found. */
interface Found {
  /** Of the segments that it was used for. */
  pages: number
  allPages: number
}

export class IndexUse {
  /** Those that ask for the least first: few single values before many, and these before ranges. */
  readonly wanted: ReadonlyArray<WantedIndex>
  private readonly found = new Map<string, Found>()
  /** Segments by index and reason. */
  private readonly unused = new Map<string, Map<Unused, number>>()
  /** Indexes of columns of the filter that are not asked, and why. */
  private readonly unserved: ReadonlyArray<string>

  constructor({ settings }: Table, filter: CheckedFilter) {
    const indexes = settings.indexes
    const served = indexes.length === 0 ? [] : servedColumns(filter)
    const columns = indexes.length === 0 ? [] : columnsOf(filter)
    const wanted: Array<WantedIndex> = []
    const unserved: Array<string> = []
    for (const index of indexes) {
      const found = served.find(({ column }) => column.id === index.columnId)
      if (found === undefined) {
        if (columns.some(({ id }) => id === index.columnId)) {
          unserved.push(`index ${index.name} not used: the filter does not ask every row for values of its column`)
        }
      } else if (found.ranges.some(({ from, to }) => from === undefined || to === undefined)) {
        // A page holds values beyond an end if, and only if, its least or greatest value is beyond it.
        unserved.push(`index ${index.name} not used: min and max tell as much of a range with an open end`)
      } else wanted.push({ index, ...found })
    }
    this.wanted = wanted.sort((left, right) => width(left) - width(right))
    this.unserved = unserved
  }

  /** An index found so many of a segment's pages. */
  use({ index }: WantedIndex, pages: number, allPages: number): void {
    const found = this.found.get(index.name) ?? { pages: 0, allPages: 0 }
    found.pages += pages
    found.allPages += allPages
    this.found.set(index.name, found)
  }

  /** An index was not used for a segment. */
  skip({ index }: WantedIndex, why: Unused): void {
    const reasons = this.unused.get(index.name) ?? new Map<Unused, number>()
    reasons.set(why, (reasons.get(why) ?? 0) + 1)
    this.unused.set(index.name, reasons)
  }

  /** What came of each index, for people: `index by_origin: 12 of 5,120 pages`. */
  describe(): ReadonlyArray<string> {
    return [
      ...[...this.found].map(([name, { allPages, pages }]) =>
        `index ${name}: ${counted(pages)} of ${counted(allPages)} ${allPages === 1 ? "page" : "pages"}`
      ),
      ...[...this.unused].flatMap(([name, reasons]) =>
        [...reasons].map(([why, segments]) =>
          `index ${name} not used for ${counted(segments)} ${segments === 1 ? "segment" : "segments"}: ${why}`
        )
      ),
      ...this.unserved
    ]
  }
}

const counted = (count: number): string => count.toLocaleString("en-US")

/** A range counts as much as so many single values. */
const rangeWidth = 1000

const width = ({ ranges }: WantedIndex): number =>
  ranges.reduce((sum, { from, to }) => sum + (from === to ? 1 : rangeWidth), 0)
