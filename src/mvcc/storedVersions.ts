/** The newest versions of keys that only segments hold: what a group has to know before it can be decided. */
import * as Effect from "effect/Effect"
import { compareBytes } from "../base/bytes.ts"
import * as Position from "../base/position.ts"
import { deletedColumn, positionColumn } from "../segment/columns.ts"
import { findKey, placeOf } from "../segment/lookup.ts"
import type { SegmentError } from "../segment/SegmentError.ts"
import type { SegmentFilesService } from "./SegmentFiles.ts"
import type { TableVersions } from "./tableVersions.ts"

/**
 * Position of a key's newest version in a table's segments; 0 where it is not there, or deleted. The table's segments must
 * stay the same meanwhile.
 */
export const storedVersion = Effect.fnUntraced(function*(
  files: SegmentFilesService,
  versions: TableVersions,
  key: Uint8Array
): Effect.fn.Return<Position.Position, SegmentError> {
  const { segments } = versions
  for (let i = segments.length - 1; i >= 0; i--) {
    const { entry } = segments[i]
    if (compareBytes(key, entry.firstKey) < 0 || compareBytes(key, entry.lastKey) > 0) continue
    const segment = yield* files.open(entry.name)
    const rows = yield* findKey(segment, key)
    if (rows === undefined) continue
    const place = yield* placeOf(segment, rows.first)
    const deleted = yield* segment.page(place.rowGroup, deletedColumn, place.page)
    if (deleted.kind === "bool" && deleted.values[place.row] === 1) return Position.zero
    const positions = yield* segment.page(place.rowGroup, positionColumn, place.page)
    return (positions.kind === "int64" ? positions.values[place.row] : 0) as Position.Position
  }
  return Position.zero
})
