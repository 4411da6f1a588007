/** The first rows of an order, found in one pass with memory for no more than these. */
import type { RowOrder } from "./RowOrder.ts"

/** Rows in their order: row i is `rows[i]` of source `sources[i]`. */
export interface OrderedRows {
  readonly sources: Int32Array
  readonly rows: Int32Array
}

/** Rows offered are compared with the last one kept, in steps of this many, before any of them is taken. */
const stepRows = 2048

/** A binary heap whose root is the last of the rows kept: whatever stands behind it is not looked at again. */
export class TopRows {
  private readonly order: RowOrder
  private readonly limit: number
  private size = 0
  private sources = new Int32Array(1024)
  private rows = new Int32Array(1024)

  constructor(order: RowOrder, limit: number) {
    this.order = order
    this.limit = limit
  }

  /** Takes rows[0, count) of a source that the order has opened. The list is scratch afterwards. */
  offer(source: number, rows: Int32Array, count: number): void {
    if (this.limit === 0) return
    let next = 0
    for (; next < count && this.size < this.limit; next++) this.push(source, rows[next])
    while (next < count) {
      const step = Math.min(stepRows, count - next)
      const list = rows.subarray(next, next + step)
      const kept = this.order.keepUpTo(source, list, step, this.sources[0], this.rows[0])
      for (let i = 0; i < kept; i++) {
        if (this.order.compare(source, list[i], this.sources[0], this.rows[0]) < 0) this.replaceRoot(source, list[i])
      }
      next += step
    }
  }

  /** The rows kept, first first. */
  sorted(): OrderedRows {
    const { order, rows, size, sources } = this
    const indexes = Uint32Array.from({ length: size }, (_, i) => i)
    indexes.sort((left, right) => order.compare(sources[left], rows[left], sources[right], rows[right]))
    return {
      sources: Int32Array.from(indexes, (i) => sources[i]),
      rows: Int32Array.from(indexes, (i) => rows[i])
    }
  }

  private push(source: number, row: number): void {
    if (this.size === this.rows.length) this.grow()
    const { order, rows, sources } = this
    let at = this.size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (order.compare(sources[parent], rows[parent], source, row) >= 0) break
      sources[at] = sources[parent]
      rows[at] = rows[parent]
      at = parent
    }
    sources[at] = source
    rows[at] = row
  }

  private replaceRoot(source: number, row: number): void {
    const { order, rows, size, sources } = this
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && order.compare(sources[child + 1], rows[child + 1], sources[child], rows[child]) > 0)
        child++
      if (order.compare(sources[child], rows[child], source, row) <= 0) break
      sources[at] = sources[child]
      rows[at] = rows[child]
      at = child
    }
    sources[at] = source
    rows[at] = row
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
