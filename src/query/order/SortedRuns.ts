/** All rows of an order, when they are too many to keep the first of: sorted slice by slice, then merged as asked. */
import type { RowOrder } from "./RowOrder.ts"
import type { OrderedRows } from "./TopRows.ts"

interface Run {
  readonly source: number
  readonly rows: Int32Array
  next: number
}

/** Sorts each slice that it is offered and merges them: offers, then `startMerge`, then takes. */
export class SortedRuns {
  private readonly order: RowOrder
  /** While merging: a binary heap, the run with the first row at its root. */
  private readonly runs: Array<Run> = []

  constructor(order: RowOrder) {
    this.order = order
  }

  /** Takes rows[0, count) of a source that the order has opened. */
  offer(source: number, rows: Int32Array, count: number): void {
    if (count === 0) return
    const { order } = this
    const run = rows.slice(0, count)
    run.sort((left, right) => order.compare(source, left, source, right))
    this.runs.push({ source, rows: run, next: 0 })
  }

  /** Ends the offers. */
  startMerge(): void {
    for (let at = (this.runs.length >> 1) - 1; at >= 0; at--) this.siftDown(at)
  }

  /** The next rows, at most `count`; none at the end. */
  take(count: number): OrderedRows {
    const sources = new Int32Array(count)
    const rows = new Int32Array(count)
    let taken = 0
    while (taken < count && this.runs.length > 0) {
      const run = this.runs[0]
      sources[taken] = run.source
      rows[taken++] = run.rows[run.next++]
      if (run.next === run.rows.length) {
        const last = this.runs.pop()!
        if (this.runs.length === 0) break
        this.runs[0] = last
      }
      this.siftDown(0)
    }
    return { sources: sources.subarray(0, taken), rows: rows.subarray(0, taken) }
  }

  private siftDown(start: number): void {
    const { runs } = this
    let at = start
    for (;;) {
      let first = at
      for (let child = 2 * at + 1; child <= 2 * at + 2 && child < runs.length; child++) {
        if (this.isBefore(runs[child], runs[first])) first = child
      }
      if (first === at) return
      const moved = runs[at]
      runs[at] = runs[first]
      runs[first] = moved
      at = first
    }
  }

  private isBefore(left: Run, right: Run): boolean {
    return this.order.compare(left.source, left.rows[left.next], right.source, right.rows[right.next]) < 0
  }
}
