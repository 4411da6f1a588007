/** A table's rows as one read has them: memtables and segments, oldest first, opened as long as the read's scope. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Position } from "../base/position.ts"
import { expiredBefore, latest } from "../catalog/state.ts"
import type { MvccService } from "../mvcc/Mvcc.ts"
import { always, type CheckedFilter } from "./checkFilter.ts"
import { IndexUse } from "./indexes/IndexUse.ts"
import { Pruner } from "./prune/Pruner.ts"
import type { QueryError } from "./Query.ts"
import { mvccReads } from "./refusals.ts"
import { MemtableSource } from "./scan/MemtableSource.ts"
import { type PartShape, wholeRowGroups } from "./scan/PageRuns.ts"
import { ReadCost } from "./scan/ReadCost.ts"
import { type SegmentContext, SegmentSource } from "./scan/SegmentSource.ts"
import type { Candidate, Source } from "./scan/Source.ts"
import type { TableView } from "./tableView.ts"

/** What a read reads from. */
export interface Sources {
  /** Oldest first; a source's number is its place. */
  readonly all: ReadonlyArray<Source>
  readonly memtables: ReadonlyArray<MemtableSource>
  readonly segments: ReadonlyArray<SegmentSource>
  /** Rows with an event time before this, in microseconds, are gone. */
  readonly expiredBefore: number
  readonly cost: ReadCost
  readonly pruner: Pruner
  readonly indexes: IndexUse
}

/** What is read, and how much at a time. */
export interface ReadOptions {
  readonly purpose: "scan" | "lookup"
  /** Rows above this position are left out; absent = the snapshot's. */
  readonly upTo?: Position
  /** Rules out what holds no row that passes. */
  readonly filter?: CheckedFilter
  readonly shape?: PartShape
}

/** Opens the table's rows at the view's snapshot. */
export const openSources = Effect.fnUntraced(function*(
  mvcc: MvccService,
  { snapshot, table }: TableView,
  { filter = always, purpose, shape = wholeRowGroups, upTo: position = snapshot.position }: ReadOptions
): Effect.fn.Return<Sources, QueryError, Scope.Scope> {
  const rows = yield* mvccReads(mvcc.openTable(table.id, snapshot.position, purpose))
  const expired = expiredBefore(table, position)
  const pruner = new Pruner(filter, position, expired)
  const indexes = new IndexUse(table, filter)
  const cost = new ReadCost()
  const context: SegmentContext = { table, position, expiredBefore: expired, cost, pruner, indexes, shape }
  const keyName = latest(table).schema.key
  const segments = rows.segments.map((view, i) => new SegmentSource(context, i, view, keyName))
  const memtables = rows.memtables.map((memtable, i) =>
    new MemtableSource(context, segments.length + i, memtable, mvcc.commitTime)
  )
  return { all: [...segments, ...memtables], segments, memtables, expiredBefore: expired, cost, pruner, indexes }
})

/** What a scan visits: segments that the catalog does not rule out, and memtables. */
export const scanned = ({ memtables, pruner, segments }: Sources): ReadonlyArray<Candidate> => [
  ...segments
    .map(({ candidate, entry }) => ({ candidate, entry }))
    .filter(({ candidate, entry }) => pruner.keepsSegment(entry, candidate.bounds))
    .map(({ candidate }) => candidate),
  ...memtables.map(({ candidate }) => candidate)
]
