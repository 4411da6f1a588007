/** The versions of one key, wherever they lie. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { compareBytes, hashRange } from "../base/bytes.ts"
import type * as Position from "../base/position.ts"
import type { Memtable } from "../mvcc/memtable.ts"
import { fromSegmentError, type MvccError, type MvccService, type SegmentView } from "../mvcc/Mvcc.ts"
import { commitTimeColumn, deletedColumn, positionColumn } from "../segment/columns.ts"
import { findKey, hashKey, placeOf } from "../segment/lookup.ts"
import type { Segment } from "../segment/Segment.ts"
import type { SegmentVector } from "../segment/write/SegmentRows.ts"
import type { KeyInspection, KeyVersion } from "./Inspection.ts"

/** A version before it is known what has superseded it. */
type Found = Omit<KeyVersion, "supersededBy">

/** Looks a key up in memory and in every segment that may hold it; at most `limit` versions, the newest. */
export const inspectKey = Effect.fnUntraced(function*(
  mvcc: MvccService,
  table: number,
  key: Uint8Array,
  limit: number
): Effect.fn.Return<KeyInspection, MvccError, Scope.Scope> {
  const position = mvcc.position()
  const { memtables, segments } = yield* mvcc.openTable(table, position, "lookup")
  const found: Array<Found> = []
  for (let m = memtables.length - 1; m >= 0; m--) found.push(...inMemtable(mvcc, memtables[m], m, key, position))
  for (let s = segments.length - 1; s >= 0 && found.length <= limit; s--) {
    found.push(...yield* inSegment(segments[s], key, limit - found.length + 1))
  }
  return {
    position,
    truncated: found.length > limit,
    versions: found.slice(0, limit).map((version, i) => ({
      ...version,
      supersededBy: i === 0 ? undefined : found[i - 1].position
    }))
  }
}, Effect.scoped)

const inMemtable = (
  mvcc: MvccService,
  memtable: Memtable,
  number: number,
  key: Uint8Array,
  position: Position.Position
): ReadonlyArray<Found> => {
  const versions: Array<Found> = []
  let row = memtable.findAt(hashRange(key, 0, key.length), key, 0, key.length, position)
  for (; row >= 0; row = memtable.previous[row]) {
    const at = memtable.positions[row] as Position.Position
    versions.push({
      position: at,
      commitTime: mvcc.commitTime(at),
      deleted: memtable.hasDeleted && memtable.deleted[row] === 1,
      schemaVersion: memtable.shape.schemaVersion,
      place: { kind: "memtable", memtable: number, row }
    })
  }
  return versions
}

const numberAt = (vector: SegmentVector, row: number): number =>
  vector.kind === "text" || vector.kind === "dictionary" ? 0 : Number(vector.values[row])

const inSegment = Effect.fnUntraced(function*(view: SegmentView, key: Uint8Array, limit: number) {
  const { entry } = view
  if (compareBytes(key, entry.firstKey) < 0 || compareBytes(key, entry.lastKey) > 0) return []
  const segment = yield* view.open
  return yield* Effect.mapError(readVersions(segment, view, key, limit), fromSegmentError)
})

const readVersions = Effect.fnUntraced(
  function*(segment: Segment, { entry }: SegmentView, key: Uint8Array, limit: number) {
    const rows = yield* findKey(segment, key, hashKey(key))
    const versions: Array<Found> = []
    for (let at = rows?.first ?? 0; rows !== undefined && at < Math.min(rows.end, rows.first + limit); at++) {
      const { page, row, rowGroup } = yield* placeOf(segment, at)
      const read = (column: number) =>
        Effect.map(segment.page(rowGroup, column, page), (vector) => numberAt(vector, row))
      versions.push({
        position: (yield* read(positionColumn)) as Position.Position,
        commitTime: yield* read(commitTimeColumn),
        deleted: (yield* read(deletedColumn)) === 1,
        schemaVersion: entry.schemaVersion,
        place: {
          kind: "segment",
          name: entry.name,
          level: entry.level,
          rowGroup,
          page,
          row: at - segment.metadata.rowGroups[rowGroup].firstRow
        }
      })
    }
    return versions
  }
)
