/** Rows to write that are made quickly, whatever their number. */
import { encodeUtf8 } from "../../../src/base/bytes.ts"
import { Int64Vector, TextVector } from "../../../src/event/vector.ts"
import type { SegmentRows } from "../../../src/segment/write/SegmentRows.ts"
import { doubles, schemaOf } from "../support.ts"

/** One column, keys in no order. */
export const plainRows = (count: number, keyBytes = 9): SegmentRows => {
  const keys = new TextVector(count)
  const positions = new Float64Array(count)
  const timestamps = new Int64Vector(count)
  timestamps.nulls.fill(1)
  timestamps.hasNulls = true
  const metadata = new TextVector(count, 0)
  metadata.nulls.fill(1)
  metadata.hasNulls = true
  for (let row = 0; row < count; row++) {
    keys.set(row, encodeUtf8(String((row * 7919) % count).padStart(keyBytes, "0")))
    positions[row] = row + 1
  }
  const commitTimes = new Float64Array(count).fill(1_700_000_000_000_000)
  const column = doubles(Array.from({ length: count }, (_, row) => row / 3))
  return { keys, positions, commitTimes, timestamps, deleted: undefined, metadata, columns: [column] }
}

/** Whose they are. */
export const plainOwner = { table: 7, schemaVersion: 1, schema: schemaOf(["float64"]) }
