/** What is known of a table's rows without reading them: what estimates are made of. */
import type { Column } from "../schema/types.ts"
import { type Bound, compareBound } from "../segment/bounds.ts"
import type { Sources } from "./openSources.ts"
import type { MemtableSource } from "./scan/MemtableSource.ts"
import type { SegmentSource } from "./scan/SegmentSource.ts"

/** What is known of a column in one source. */
export interface ColumnFacts {
  /** Different values, about; `undefined` where nobody counted. */
  readonly distinct: number | undefined
  /** The share of rows that are null; `undefined` where nobody counted. */
  readonly nullShare: number | undefined
  /** No value is outside; `undefined` where that is not known. */
  readonly range: readonly [min: Bound, max: Bound] | undefined
}

/** What is known of one source. */
export interface SourceFacts {
  /** Versions in it. */
  readonly rows: number
  readonly column: (column: Column) => ColumnFacts
}

/** What is known of the rows of each source. */
export const factsOf = ({ memtables, segments }: Sources): ReadonlyArray<SourceFacts> => [
  ...segments.map(segmentFacts),
  ...memtables.map(memtableFacts)
]

const memtableFacts = (source: MemtableSource): SourceFacts => ({
  rows: source.rows,
  column: (column) => {
    if (column.id < 0)
      return { distinct: column.name === "_key" ? source.rows : undefined, nullShare: 0, range: undefined }
    const vector = source.vector(column)
    return {
      // A dictionary knows how many values there are.
      distinct: vector.kind === "dictionary" ? vector.distinct : undefined,
      nullShare: vector.nulls === undefined ? 0 : undefined,
      range: undefined
    }
  }
})

const segmentFacts = ({ candidate, entry }: SegmentSource): SourceFacts => ({
  rows: entry.rows,
  column: (column) => {
    const known = entry.columns.find(({ columnId }) => columnId === column.id)
    const bounds = candidate.bounds(column)
    const { max, min } = bounds ?? {}
    const range = min === undefined || max === undefined ? undefined : [min, max] as const
    const isOne = range !== undefined && compareBound(...range) === 0
    return {
      distinct: column.name === "_key" ? entry.keys : known?.distinct ?? (isOne ? 1 : undefined),
      nullShare: bounds === undefined ? undefined : bounds.nulls / Math.max(1, entry.rows),
      range
    }
  }
})

/** Different values of a column, at least. */
export const distinctIn = (facts: ReadonlyArray<SourceFacts>, column: Column): number | undefined => {
  if (column.type === "bool") return 2
  let most: number | undefined
  for (const source of facts) {
    const { distinct } = source.column(column)
    if (distinct !== undefined) most = Math.max(most ?? 0, distinct)
  }
  return most
}
