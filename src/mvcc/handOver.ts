/** Where rows went that a segment takes over from memtables or from other segments: what carries their marks along. */
import type { Position } from "../base/position.ts"
import { current, type Memtable } from "./memtable.ts"
import type { TableSegment } from "./tableSegment.ts"

/** A memtable became a segment: row i of `segment` was row `order[i]` of the memtable. */
export interface FlushHandOver {
  readonly kind: "flush"
  readonly memtable: Memtable
  readonly segment: string
  readonly order: Int32Array
}

/** Segments became other ones. */
export interface MergeHandOver {
  readonly kind: "merge"
  /** Names of the new ones, in the order of their rows. */
  readonly outputs: ReadonlyArray<string>
  /**
   * For each segment that was merged: the row that each of its rows became, counted through all outputs; -1 = dropped.
   * Also -1 may be said of rows that are not the newest of their key in the outputs: what supersedes them lies before
   * them there, and marks of theirs would only take memory.
   *
   * A version may be dropped only where no version of its key that is kept is older.
   */
  readonly rowMaps: ReadonlyMap<string, Int32Array>
}

export type HandOver = FlushHandOver | MergeHandOver

/**
 * Gives the new segments the marks of what they replace. `memtables` and `segments` are what was replaced; `present` are
 * the table's segments now. False where the hand-over does not tell of all of them.
 */
export const handOverMarks = (
  handOver: HandOver,
  memtables: ReadonlyArray<Memtable>,
  segments: ReadonlyMap<string, TableSegment>,
  present: ReadonlyArray<TableSegment>
): boolean => {
  const named = (name: string) => present.find(({ entry }) => entry.name === name)
  if (handOver.kind === "flush") {
    const target = named(handOver.segment)
    const isAll = segments.size === 0 && memtables.length === 1 && memtables[0] === handOver.memtable
    if (target === undefined || !isAll) return false
    flushMarks(handOver, target)
    return true
  }
  const outputs = handOver.outputs.flatMap((name) => named(name) ?? [])
  const isAll = memtables.length === 0 && [...segments.keys()].every((name) => handOver.rowMaps.has(name))
  if (outputs.length < handOver.outputs.length || !isAll) return false
  mergeMarks(handOver, segments, outputs)
  return true
}

const flushMarks = ({ memtable, order }: FlushHandOver, target: TableSegment): void => {
  const { count, lastPosition, positions, settled, superseded } = memtable
  for (let row = 0; row < count; row++) {
    const position = superseded[order[row]]
    // What the memtable's own rows supersede lies behind them in the segment.
    if (position > lastPosition && position !== current) target.marks.add(row, position)
  }
  if (settled > 0) target.settledThrough = positions[settled - 1] as Position
}

const mergeMarks = (
  { rowMaps }: MergeHandOver,
  segments: ReadonlyMap<string, TableSegment>,
  outputs: ReadonlyArray<TableSegment>
): void => {
  const starts: Array<number> = []
  let rows = 0
  for (const { entry } of outputs) {
    starts.push(rows)
    rows += entry.rows
  }
  // What is not settled of one of them is not settled of any output.
  let settledThrough = Infinity
  for (const [name, segment] of segments) {
    if (!segment.isSettled) settledThrough = Math.min(settledThrough, segment.settledThrough)
    const rowMap = rowMaps.get(name)!
    const marks = segment.marks.all()
    // Rows of one segment are in the same order in the outputs.
    let output = 0
    for (let i = 0; i < marks.rows.length; i++) {
      const row = rowMap[marks.rows[i]]
      if (row < 0) continue
      while (output + 1 < starts.length && row >= starts[output + 1]) output++
      outputs[output].marks.add(row - starts[output], marks.positions[i])
    }
  }
  for (const output of outputs) output.settledThrough = Math.min(settledThrough, output.lastPosition) as Position
}
