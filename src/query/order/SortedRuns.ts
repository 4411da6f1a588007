/** All rows of an order, when they are too many to keep the first of: sorted slice by slice, then merged as asked. */
import { refuse } from "../refuse.ts"
import type { Block } from "../scan/Source.ts"
import { KeptValues } from "./KeptValues.ts"
import { kept, part, type RowOrder } from "./RowOrder.ts"
import type { OrderedRows } from "./TopRows.ts"

/** Most bytes of the values that rows are sorted by. */
const sortedBytesMax = 512 * 1024 * 1024

/** Rows [next, end) of those kept are sorted. */
interface Run {
  next: number
  readonly end: number
}

/** Sorts each slice that it is offered and merges them: offers, then `startMerge`, then takes. */
export class SortedRuns {
  private readonly order: RowOrder
  private readonly values: KeptValues
  private readonly rowsMax: number
  private sources = new Int32Array(1024)
  private rows = new Int32Array(1024)
  /** While merging: a binary heap, the run with the first row at its root. */
  private readonly runs: Array<Run> = []

  constructor(order: RowOrder, rowsMax: number) {
    this.order = order
    this.rowsMax = rowsMax
    this.values = new KeptValues(order.columns)
  }

  /**
   * Takes rows[0, count) of a block of a source, which the order has opened as `part`, and copies their values. Refuses
   * with MEMORY_LIMIT more than can be kept.
   */
  offer(source: number, block: Block, rows: Int32Array, count: number): void {
    if (count === 0) return
    const { order, values } = this
    const first = values.count
    if (first + count > this.rowsMax || values.byteLength > sortedBytesMax) {
      refuse(
        "MEMORY_LIMIT",
        "order_by",
        `more than ${this.rowsMax} rows, or ${sortedBytesMax / 2 ** 20} MiB of their values, would have to be sorted ` +
          "in memory; set a limit, filter the rows, or order by _key, which needs no memory"
      )
    }
    const run = rows.slice(0, count)
    run.sort((left, right) => order.compare(part, left, part, right))
    values.append((column) => block.vector(column), run, count)
    while (this.rows.length < first + count) this.grow()
    for (let i = 0; i < count; i++) {
      this.sources[first + i] = source
      this.rows[first + i] = block.base + run[i]
    }
    this.runs.push({ next: first, end: first + count })
  }

  /** Ends a part, whose vectors are no longer needed then. */
  endPart(): void {
    this.order.close(part)
  }

  /** Ends the offers. */
  startMerge(): void {
    this.order.open(kept, this.values.vector)
    for (let at = (this.runs.length >> 1) - 1; at >= 0; at--) this.siftDown(at)
  }

  /** The next rows, at most `count`; none at the end. */
  take(count: number): OrderedRows {
    const sources = new Int32Array(count)
    const rows = new Int32Array(count)
    let taken = 0
    while (taken < count && this.runs.length > 0) {
      const run = this.runs[0]
      sources[taken] = this.sources[run.next]
      rows[taken++] = this.rows[run.next++]
      if (run.next === run.end) {
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
        if (this.order.compare(kept, runs[child].next, kept, runs[first].next) < 0) first = child
      }
      if (first === at) return
      const moved = runs[at]
      runs[at] = runs[first]
      runs[first] = moved
      at = first
    }
  }

  private grow(): void {
    const sources = new Int32Array(this.sources.length * 2)
    sources.set(this.sources)
    this.sources = sources
    const rows = new Int32Array(this.rows.length * 2)
    rows.set(this.rows)
    this.rows = rows
  }
}
