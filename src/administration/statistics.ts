/** What the catalog and memory know of a table, added up. */
import { decodeUtf8 } from "../base/bytes.ts"
import { latest, type Table } from "../catalog/state.ts"
import type { BoundEntry, SegmentColumnEntry } from "../event/Event.ts"
import type { TableVersions } from "../mvcc/tableVersions.ts"
import { formatTimestamp } from "../schema/timestamp.ts"
import { type Column, type ColumnType, formatType } from "../schema/types.ts"
import { type Bound, compareBound } from "../segment/bounds.ts"
import type { ColumnStatistics, LevelStatistics, TableStatistics } from "./Inspection.ts"

const sum = <A>(list: ReadonlyArray<A>, of: (one: A) => number): number =>
  list.reduce((total, one) => total + of(one), 0)

/** The least or greatest of some numbers, of which there may be many; `undefined` of none. */
const outermost = (numbers: ReadonlyArray<number>, pick: (a: number, b: number) => number): number | undefined =>
  numbers.length === 0 ? undefined : numbers.reduce((a, b) => pick(a, b))

/** Adds a table up; `versions` is what is in memory of it. */
export const tableStatistics = (
  table: Table,
  versions: TableVersions | undefined,
  withColumns: boolean
): TableStatistics => {
  const { segments } = table
  const { columns } = latest(table).schema
  // Rows of a segment that are marked may, and need not, be older versions of keys of the same segment.
  const marked = new Map(versions?.segments.map(({ entry, marks }) => [entry.name, marks.count]))
  return {
    tenant: table.tenant,
    table: table.name,
    segments: segments.length,
    rows: sum(segments, ({ rows }) => rows),
    bytes: sum(segments, ({ bytes }) => bytes),
    plainBytes: sum(segments, ({ plainBytes }) => plainBytes),
    deletions: sum(segments, ({ deletions }) => deletions),
    superseded: sum(segments, ({ keys, name, rows }) => Math.max(rows - keys, marked.get(name) ?? 0)),
    rowsInMemory: versions?.rowCount ?? 0,
    bytesInMemory: versions?.usedBytes ?? 0,
    memtables: versions?.memtables.length ?? 0,
    levels: levelStatistics(table),
    columns: withColumns ? columns.map((column) => columnStatistics(table, column)) : [],
    horizon: table.horizon,
    flushedThrough: table.flushedThrough,
    firstTime: outermost(segments.map(({ firstTime }) => firstTime), Math.min),
    lastTime: outermost(segments.map(({ lastTime }) => lastTime), Math.max)
  }
}

const levelStatistics = ({ segments }: Table): ReadonlyArray<LevelStatistics> =>
  [...new Set(segments.map(({ level }) => level))].sort((a, b) => a - b).map((level) => {
    const ofLevel = segments.filter((segment) => segment.level === level)
    return {
      level,
      segments: ofLevel.length,
      rows: sum(ofLevel, ({ rows }) => rows),
      bytes: sum(ofLevel, ({ bytes }) => bytes)
    }
  })

const columnStatistics = (table: Table, { id, name, type }: Column): ColumnStatistics => {
  const found: Array<ColumnOfSegment> = []
  let withoutColumn = 0
  for (const { columns, rows } of table.segments) {
    const column = columns.find(({ columnId }) => columnId === id)
    if (column === undefined) withoutColumn += rows
    else found.push({ ...column, rows })
  }
  const mins = found.flatMap(({ min }) => min === undefined ? [] : [boundOf(min)])
  const maxs = found.flatMap(({ max }) => max === undefined ? [] : [boundOf(max)])
  // A segment without bounds that has values leaves the whole without.
  const isBounded = found.every(({ min, nulls, rows }) => min !== undefined || nulls === rows)
  return {
    name,
    type: formatType(type),
    nulls: sum(found, ({ nulls }) => nulls) + withoutColumn,
    distinct: distinctOf(found),
    min: isBounded && mins.length > 0
      ? boundText(type, mins.reduce((a, b) => compareBound(a, b) <= 0 ? a : b))
      : undefined,
    max: isBounded && maxs.length > 0
      ? boundText(type, maxs.reduce((a, b) => compareBound(a, b) >= 0 ? a : b))
      : undefined,
    bytes: sum(found, ({ bytes }) => bytes)
  }
}

/** One column of one segment. */
interface ColumnOfSegment extends SegmentColumnEntry {
  readonly rows: number
}

/**
 * Distinct values of several segments together: at least those of the segment with the most. Others add all of theirs where
 * their values lie beyond those taken so far; else as much as they differ from row to row: nothing where a few values
 * repeat, all where each is another one.
 */
const distinctOf = (columns: ReadonlyArray<ColumnOfSegment>): number | undefined => {
  if (columns.length === 0 || columns.some(({ distinct }) => distinct === undefined)) return undefined
  let total = 0
  let least: Bound | undefined
  let greatest: Bound | undefined
  for (const { distinct = 0, max, min, nulls, rows } of columns.toSorted((a, b) => b.distinct! - a.distinct!)) {
    if (min === undefined || max === undefined) {
      total = Math.max(total, distinct)
      continue
    }
    const [low, high] = [boundOf(min), boundOf(max)]
    const isBeyond = least === undefined || greatest === undefined || compareBound(low, greatest) > 0 ||
      compareBound(high, least) < 0
    total += isBeyond ? distinct : distinct * Math.min(1, distinct / Math.max(1, rows - nulls))
    if (least === undefined || compareBound(low, least) < 0) least = low
    if (greatest === undefined || compareBound(high, greatest) > 0) greatest = high
  }
  return Math.round(total)
}

/** A bound as values are compared. */
export const boundOf = (entry: BoundEntry): Bound =>
  "t" in entry ? entry.t : "i" in entry ? BigInt(entry.i) : Number(entry.n)

/** A bound as people read it: timestamps in RFC 3339, bytes in base64. */
const boundText = (type: ColumnType, bound: Bound): string => {
  if (typeof bound === "object") {
    return type === "bytes"
      ? Buffer.from(bound.buffer, bound.byteOffset, bound.length).toString("base64")
      : decodeUtf8(bound)
  }
  if (type === "timestamp") return formatTimestamp(bound)
  if (type === "bool") return bound === 0 ? "false" : "true"
  return String(bound)
}
