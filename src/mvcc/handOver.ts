/** Where rows went that a segment takes over from memtables or from other segments: what carries their marks along. */
import { invariant } from "../base/invariant.ts"
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
  /** For each segment that was merged: the row that each of its rows became, counted through all outputs; -1 = dropped. */
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
  const named = (name: string): TableSegment => {
    const segment = present.find(({ entry }) => entry.name === name)
    invariant(segment !== undefined, "rows are handed over to segments that are published")
    return segment
  }
  if (handOver.kind === "flush") {
    const { memtable, order, segment } = handOver
    if (segments.size > 0 || memtables.length !== 1 || memtables[0] !== memtable) return false
    const { count, lastPosition, settled, superseded } = memtable
    const target = named(segment)
    for (let row = 0; row < count; row++) {
      const position = superseded[order[row]]
      // What the memtable's own rows supersede lies behind them in the segment.
      if (position > lastPosition && position !== current) target.marks.add(row, position)
    }
    target.isSettled = settled === count
    return true
  }
  if (memtables.length > 0) return false
  const outputs = handOver.outputs.map(named)
  const starts: Array<number> = []
  let rows = 0
  for (const { entry } of outputs) {
    starts.push(rows)
    rows += entry.rows
  }
  let isSettled = true
  for (const [name, segment] of segments) {
    const rowMap = handOver.rowMaps.get(name)
    if (rowMap === undefined) return false
    isSettled &&= segment.isSettled
    const marks = segment.marks.all()
    let output = 0
    for (let i = 0; i < marks.rows.length; i++) {
      const row = rowMap[marks.rows[i]]
      if (row < 0) continue
      while (output > 0 && row < starts[output]) output--
      while (output + 1 < starts.length && row >= starts[output + 1]) output++
      outputs[output].marks.add(row - starts[output], marks.positions[i])
    }
  }
  for (const output of outputs) output.isSettled = isSettled
  return true
}
