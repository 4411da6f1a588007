/**
 * Checks a whole segment: every checksum, and that what the footer, the indexes and the bloom filters say is so. Reads
 * every page, past the cache.
 */
import * as Effect from "effect/Effect"
import { compareBytes } from "../base/bytes.ts"
import type { Int64Vector, TextVector } from "../event/vector.ts"
import { type Bounds, compareBound } from "./bounds.ts"
import { deletedColumn, keyColumn, positionColumn } from "./columns.ts"
import { bloomMayContain } from "./encoding/bloom.ts"
import { hashKey } from "./lookup.ts"
import type { SegmentRowGroup } from "./read/metadata.ts"
import type { Segment } from "./Segment.ts"
import { damage, fromThrown, type SegmentError } from "./SegmentError.ts"
import type { SegmentVector } from "./write/SegmentRows.ts"

/** Fails with `Damaged` at the first thing that is wrong. */
export const verifySegment = Effect.fnUntraced(function*(segment: Segment): Effect.fn.Return<void, SegmentError> {
  const { columns, maxPosition, minPosition, rowGroups } = segment.metadata
  let before: LastRow | undefined
  for (let number = 0; number < rowGroups.length; number++) {
    const rowGroup = rowGroups[number]
    const fail = (problem: string) => {
      const offset = rowGroup.chunks[0].range.offset
      return Effect.fail(fromThrown(segment.file.path, offset, damage(offset, `row group ${number}: ${problem}`)))
    }
    const index = yield* segment.index(number)
    for (let column = 0; column < columns.length; column++) {
      const vector = yield* segment.readStored(number, column)
      const pages = index.boundsOf(column)
      const { name } = columns[column]
      for (let page = 0; page < index.pageCount; page++) {
        const problem = outside(vector, index.breaks[page], index.breaks[page + 1], pages?.[page])
        if (problem !== undefined) return yield* fail(`page ${page} of ${name} ${problem}`)
      }
      const problem = outside(vector, 0, rowGroup.rows, rowGroup.chunks[column].bounds)
      if (problem !== undefined) return yield* fail(`${name} ${problem}`)
    }
    const keys = (yield* segment.readStored(number, keyColumn)) as TextVector
    const positions = (yield* segment.readStored(number, positionColumn)) as Int64Vector
    const deleted = yield* segment.readStored(number, deletedColumn)
    const bloom = yield* segment.bloom(number)
    const problem = checkKeys(rowGroup, keys, positions, before, bloom) ??
      checkDeletions(rowGroup, deleted) ??
      checkPositions(rowGroup, positions, minPosition, maxPosition)
    if (problem !== undefined) return yield* fail(problem)
    before = { key: keys.get(rowGroup.rows - 1), position: positions.values[rowGroup.rows - 1] }
  }
})

interface LastRow {
  readonly key: Uint8Array
  readonly position: number
}

/** What of rows [from, to) is outside of their bounds; `undefined` where nothing is. */
const outside = (vector: SegmentVector, from: number, to: number, bounds: Bounds | undefined): string | undefined => {
  let nulls = 0
  for (let row = from; row < to; row++) {
    if (vector.hasNulls && vector.nulls[row] === 1) {
      nulls++
      continue
    }
    if (bounds?.min === undefined || bounds.max === undefined) continue
    const value = vector.kind === "text" || vector.kind === "dictionary" || vector.kind === "int64"
      ? vector.get(row)
      : vector.values[row]
    if (compareBound(bounds.min, value) > 0 || compareBound(bounds.max, value) < 0) {
      return `has a value in row ${row} that is beyond its bounds`
    }
  }
  return bounds !== undefined && nulls !== bounds.nulls
    ? `has ${nulls} nulls where ${bounds.nulls} are told of`
    : undefined
}

const checkKeys = (
  rowGroup: SegmentRowGroup,
  keys: TextVector,
  { values: positions }: Int64Vector,
  before: LastRow | undefined,
  bloom: Uint8Array
): string | undefined => {
  let begun = 0
  let last = before
  for (let row = 0; row < rowGroup.rows; row++) {
    const key = keys.get(row)
    const order = last === undefined ? -1 : compareBytes(last.key, key)
    if (order > 0 || (order === 0 && last!.position <= positions[row])) return `row ${row} is not in order`
    if (order < 0) begun++
    if ((order < 0 || row === 0) && !bloomMayContain(bloom, hashKey(key))) {
      return `the bloom filter lacks the key of row ${row}`
    }
    last = { key, position: positions[row] }
  }
  return begun === rowGroup.keys ? undefined : `${begun} keys begin where ${rowGroup.keys} are told of`
}

const checkDeletions = (rowGroup: SegmentRowGroup, deleted: SegmentVector): string | undefined => {
  if (deleted.kind !== "bool") return "_deleted is not a column of flags"
  let deletions = 0
  for (let row = 0; row < rowGroup.rows; row++) deletions += deleted.values[row]
  return deletions === rowGroup.deletions ? undefined : `${deletions} deletions where ${rowGroup.deletions} are told of`
}

const checkPositions = (
  rowGroup: SegmentRowGroup,
  { values }: Int64Vector,
  min: number,
  max: number
): string | undefined => {
  for (let row = 0; row < rowGroup.rows; row++) {
    if (values[row] < min || values[row] > max) return `the position of row ${row} is beyond those of the segment`
  }
  return undefined
}
