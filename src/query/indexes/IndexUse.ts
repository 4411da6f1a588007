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
  | "other indexes leave few pages"

/** What an index found. */
interface Found {
  /** Of the segments that it was used for. */
  pages: number
  allPages: number
}

export class IndexUse {
  /** Those that ask for the fewest ranges first: single values select less than open ranges. */
  readonly wanted: ReadonlyArray<WantedIndex>
  private readonly found = new Map<string, Found>()
  /** Segments by index and reason. */
  private readonly unused = new Map<string, Map<Unused, number>>()
  /** Indexes of columns of the filter that cannot find what it asks for. */
  private readonly unserved: ReadonlyArray<string>

  constructor({ settings }: Table, filter: CheckedFilter) {
    const indexes = settings.indexes
    const served = indexes.length === 0 ? [] : servedColumns(filter)
    this.wanted = served
      .flatMap(({ column, ranges }) =>
        indexes.filter(({ columnId }) => columnId === column.id).map((index) => ({ index, column, ranges }))
      )
      .sort((left, right) => width(left) - width(right))
    const columns = indexes.length === 0 ? [] : columnsOf(filter)
    this.unserved = indexes
      .filter(({ columnId }) =>
        columns.some(({ id }) => id === columnId) && !served.some(({ column }) => column.id === columnId)
      )
      .map(({ name }) => name)
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
      ...this.unserved.map((name) =>
        `index ${name} not used: the filter does not ask every row for single values, ranges or beginnings of its column`
      )
    ]
  }
}

const counted = (count: number): string => count.toLocaleString("en-US")

/** Few single values before many, those before ranges, and these before ones with an open end. */
const width = ({ ranges }: WantedIndex): number =>
  ranges.reduce(
    (sum, { from, to }) => sum + (from === to ? 1 : from === undefined || to === undefined ? 1e6 : 1e3),
    0
  )
