/**
 * The rows of a snapshot that pass a filter, a slice at a time: by scanning every source, or by looking up the keys
 * that the filter pins. A slice is small enough to be one step between two turns of the event loop.
 */
import { compareBytes } from "../../base/bytes.ts"
import type { CheckedFilter } from "../checkFilter.ts"
import type { Keep } from "./numberTests.ts"
import { bindFilter } from "./predicate.ts"
import type { RowSource, ScanSource } from "./ScanSource.ts"

/** Rows of one slice of a scan. */
export const sliceRows = 65_536

/** `next` moves to the next slice; the fields tell of the slice it moved to. */
export interface RowFeed {
  /** False at the end. */
  readonly next: () => boolean
  /** The number of the source. */
  readonly source: number
  /** The rows found are rows[0, count), ascending. Whoever reads them may use the list as scratch. */
  readonly rows: Int32Array
  readonly count: number
  /** Versions looked at so far. */
  readonly scanned: number
  /** Rows that the snapshot saw so far, whether they passed the filter or not. */
  readonly seen: number
}

/** Goes through every row of every source. */
export class ScanFeed implements RowFeed {
  source = -1
  count = 0
  scanned = 0
  seen = 0
  readonly rows: Int32Array
  private readonly sources: ReadonlyArray<RowSource>
  private readonly filter: CheckedFilter
  private keep: Keep = (_, count) => count
  private at = 0

  constructor(sources: ReadonlyArray<RowSource>, filter: CheckedFilter) {
    this.sources = sources
    this.filter = filter
    const largest = sources.reduce((rows, source) => Math.max(rows, source.count), 0)
    this.rows = new Int32Array(Math.min(largest, sliceRows))
  }

  next(): boolean {
    while (this.source < 0 || this.at >= this.sources[this.source].count) {
      if (++this.source >= this.sources.length) return false
      const source = this.sources[this.source]
      this.at = 0
      if (source.count > 0) this.keep = bindFilter(this.filter, source.vector)
    }
    const source = this.sources[this.source]
    const end = Math.min(this.at + sliceRows, source.count)
    const seen = source.visible(this.at, end, this.rows)
    this.scanned += end - this.at
    this.seen += seen
    this.count = seen === 0 ? 0 : this.keep(this.rows, seen)
    this.at = end
    return true
  }
}

/** Looks keys up: each is in the newest source that holds it at all. */
export class LookupFeed implements RowFeed {
  source = -1
  count = 0
  scanned = 0
  seen = 0
  rows = new Int32Array(0)
  private readonly sources: ReadonlyArray<ScanSource>
  private readonly filter: CheckedFilter
  private readonly keys: ReadonlyArray<Uint8Array>
  private found: ReadonlyArray<ReadonlyArray<number>> | undefined

  constructor(sources: ReadonlyArray<ScanSource>, filter: CheckedFilter, keys: ReadonlyArray<Uint8Array>) {
    this.sources = sources
    this.filter = filter
    this.keys = distinct(keys)
  }

  next(): boolean {
    this.found ??= this.lookUp()
    if (++this.source >= this.sources.length) return false
    const rows = this.found[this.source]
    this.rows = Int32Array.from(rows).sort()
    this.count = rows.length === 0
      ? 0
      : bindFilter(this.filter, this.sources[this.source].vector)(this.rows, rows.length)
    return true
  }

  private lookUp(): ReadonlyArray<ReadonlyArray<number>> {
    const found: Array<Array<number>> = this.sources.map(() => [])
    for (const key of this.keys) {
      const at = newestVersion(this.sources, key)
      if (at === undefined) continue
      this.scanned++
      if (this.sources[at.source].isDeletion(at.row)) continue
      this.seen++
      found[at.source].push(at.row)
    }
    return found
  }
}

/** The newest version of a key, a deletion included. Sources are oldest first. */
export const newestVersion = (
  sources: ReadonlyArray<ScanSource>,
  key: Uint8Array
): { readonly source: number; readonly row: number } | undefined => {
  for (let source = sources.length - 1; source >= 0; source--) {
    const row = sources[source].newest(key)
    if (row >= 0) return { source, row }
  }
  return undefined
}

const distinct = (keys: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => {
  const sorted = [...keys].sort(compareBytes)
  return sorted.filter((key, i) => i === 0 || compareBytes(key, sorted[i - 1]) !== 0)
}
