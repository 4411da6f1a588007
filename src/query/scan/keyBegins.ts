/**
 * Which rows of a segment begin a key: the versions of a key follow one another, newest first, and only the first one can
 * be the newest. They may go on beyond the end of a page and of a row group.
 */
import * as Effect from "effect/Effect"
import { equalRanges } from "../../base/bytes.ts"
import type { TextVector } from "../../event/vector.ts"
import { compareBound } from "../../segment/bounds.ts"
import { keyColumn } from "../../segment/columns.ts"
import type { Segment } from "../../segment/Segment.ts"
import type { QueryError } from "../Query.ts"
import { segmentReads } from "../refusals.ts"
import type { SegmentBlock } from "./SegmentBlock.ts"

/** Row r of the block begins a key where bit `from + r` is 1: bit b is bit b % 8 of byte b / 8. */
export interface KeyBegins {
  readonly bits: Uint8Array
  readonly from: number
}

/** Of whole row groups, a bit for each row, as long as their segment is open. */
const known = new WeakMap<Segment, Map<number, Uint8Array>>()

/** The rows of a block that begin a key; `undefined` where all do. */
export const keyBegins = Effect.fnUntraced(
  function*(block: SegmentBlock): Effect.fn.Return<KeyBegins | undefined, QueryError> {
    const { run, segment } = block
    const { keys, rows } = segment.metadata.rowGroups[run.rowGroup]
    if (keys === rows && firstBegins(segment, run.rowGroup)) return undefined
    const bits = known.get(segment)?.get(run.rowGroup)
    if (bits !== undefined) return { bits, from: run.index.breaks[run.first] }
    yield* block.loadStored([keyColumn])
    const vector = block.storedVector(keyColumn) as TextVector
    const first = run.first === 0
      ? firstBegins(segment, run.rowGroup)
      : yield* differs(segment, run.rowGroup, run.first, vector)
    const found = findBegins(vector, block.count, first)
    if (block.isWhole) {
      const groups = known.get(segment) ?? new Map<number, Uint8Array>()
      known.set(segment, groups.set(run.rowGroup, found))
    }
    return { bits: found, from: 0 }
  }
)

const firstBegins = ({ metadata }: Segment, rowGroup: number): boolean =>
  rowGroup === 0 ||
  compareBound(metadata.keyBounds[rowGroup - 1].max!, metadata.keyBounds[rowGroup].min!) !== 0

/** Whether the first of `keys` is another key than the last one of the page before. */
const differs = Effect.fnUntraced(
  function*(segment: Segment, rowGroup: number, page: number, keys: TextVector): Effect.fn.Return<boolean, QueryError> {
    const { breaks } = yield* segmentReads(segment.index(rowGroup))
    const before = (yield* segmentReads(segment.page(rowGroup, keyColumn, page - 1))) as TextVector
    return !isSame(before, breaks[page] - breaks[page - 1] - 1, keys, 0)
  }
)

const isSame = (left: TextVector, leftRow: number, right: TextVector, rightRow: number): boolean => {
  const start = left.offsets[leftRow]
  const length = left.offsets[leftRow + 1] - start
  const other = right.offsets[rightRow]
  return right.offsets[rightRow + 1] - other === length && equalRanges(left.heap, start, right.heap, other, length)
}

const findBegins = (keys: TextVector, count: number, first: boolean): Uint8Array => {
  const bits = new Uint8Array((count + 7) >>> 3)
  if (first) bits[0] = 1
  for (let row = 1; row < count; row++) {
    if (!isSame(keys, row - 1, keys, row)) bits[row >>> 3] |= 1 << (row & 7)
  }
  return bits
}
