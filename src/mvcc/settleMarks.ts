/**
 * Marks the rows of a table's segments that newer versions supersede: those in memory, and those in newer segments.
 *
 * Writing looks no key up in a segment. A scan needs to know, though, which rows of segments are not the newest of their
 * keys; so what has been written since the last scan is looked up before the next one.
 */
import * as Effect from "effect/Effect"
import { compareBytes } from "../base/bytes.ts"
import type { TextVector } from "../event/vector.ts"
import { keyColumn, positionColumn } from "../segment/columns.ts"
import { findKey } from "../segment/lookup.ts"
import type { Segment } from "../segment/Segment.ts"
import type { SegmentError } from "../segment/SegmentError.ts"
import type { Memtable } from "./memtable.ts"
import type { SegmentFilesService } from "./SegmentFiles.ts"
import type { TableSegment } from "./tableSegment.ts"
import type { TableVersions } from "./tableVersions.ts"

/** Whether every row of a segment that a version at or below a position supersedes is marked. */
export const isSettled = (versions: TableVersions, position: number): boolean =>
  versions.segments.length === 0 ||
  (versions.segments.every((segment, i) => i === 0 || segment.isSettled) &&
    versions.memtables.every((memtable) =>
      memtable.settled === memtable.count || memtable.positions[memtable.settled] > position
    ))

/** Marks what is not marked yet. The table's segments must stay the same meanwhile; rows may be added. */
export const settleMarks = Effect.fnUntraced(
  function*(files: SegmentFilesService, versions: TableVersions): Effect.fn.Return<void, SegmentError> {
    const { segments } = versions
    for (let newer = 1; newer < segments.length; newer++) {
      if (!segments[newer].isSettled) yield* settleSegment(files, segments[newer], segments.slice(0, newer))
      segments[newer].isSettled = true
    }
    for (const memtable of [...versions.memtables]) yield* settleMemtable(files, memtable, segments)
  }
)

const settleMemtable = Effect.fnUntraced(
  function*(files: SegmentFilesService, memtable: Memtable, older: ReadonlyArray<TableSegment>) {
    const end = memtable.count
    for (let row = memtable.settled; row < end; row++) {
      // A row with an older one in the memtable leaves the segments' rows to that one.
      if (memtable.previous[row] >= 0) continue
      yield* markOlder(files, older, memtable.keys.get(row), memtable.positions[row])
    }
    memtable.settled = end
  }
)

const settleSegment = Effect.fnUntraced(
  function*(files: SegmentFilesService, newer: TableSegment, older: ReadonlyArray<TableSegment>) {
    const segment = yield* files.open(newer.entry.name)
    for (let rowGroup = 0; rowGroup < segment.metadata.rowGroups.length; rowGroup++) {
      const keys = (yield* segment.readColumn(rowGroup, keyColumn)) as TextVector
      const positions = yield* segment.readColumn(rowGroup, positionColumn)
      if (positions.kind !== "int64") continue
      for (let row = 0; row < segment.metadata.rowGroups[rowGroup].rows; row++) {
        yield* markOlder(files, older, keys.get(row), positions.values[row])
      }
    }
  }
)

const markOlder = Effect.fnUntraced(
  function*(files: SegmentFilesService, older: ReadonlyArray<TableSegment>, key: Uint8Array, position: number) {
    for (let i = older.length - 1; i >= 0; i--) {
      const { entry, marks } = older[i]
      if (compareBytes(key, entry.firstKey) < 0 || compareBytes(key, entry.lastKey) > 0) continue
      const segment: Segment = yield* files.open(entry.name)
      const rows = yield* findKey(segment, key)
      if (rows !== undefined) return marks.add(rows.first, position)
    }
  }
)
