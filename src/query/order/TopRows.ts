/** The first rows of an order, found in one pass with memory for no more than these. */
import type { Column } from "../../schema/types.ts"
import type { OrderValue } from "../scan/CandidateOrder.ts"
import type { Narrow } from "../scan/PartFeed.ts"
import type { Block } from "../scan/Source.ts"
import { KeptValues } from "./KeptValues.ts"
import { kept, orderValue, part, type RowOrder } from "./RowOrder.ts"

/** Rows in their order: row i is `rows[i]` of source `sources[i]`. */
export interface OrderedRows {
  readonly sources: Int32Array
  readonly rows: Int32Array
}

/** Rows offered are compared with the last one kept, in steps of this many, before any of them is taken. */
const stepRows = 2048

/** Values of rows that were kept and no longer are may take as many places again, and this many. */
const staleValues = 4096

/**
 * A binary heap whose root is the last of the rows kept: whatever stands behind it is not looked at again. Rows of the
 * part that is looked at are compared where they lie; when it ends, the values of those that stay are copied.
 */
export class TopRows {
  /** Takes out rows that are certainly not among the first: by the order's first column, before others are loaded. */
  readonly narrow: Narrow
  private readonly order: RowOrder
  private readonly limit: number
  private size = 0
  private values: KeptValues
  /** Of each place of the heap: whose the row is (`kept` or `part`), its number there, and where it comes from. */
  private ofs = new Uint8Array(1024)
  private numbers = new Int32Array(1024)
  private sources = new Int32Array(1024)
  private rows = new Int32Array(1024)

  constructor(order: RowOrder, limit: number) {
    this.order = order
    this.limit = limit
    this.values = new KeptValues(order.columns)
    this.narrow = {
      columns: order.columns.slice(0, 1).map(({ column }) => column),
      keep: (block, rows, count) => {
        if (this.size < this.limit || this.size === 0) return count
        order.openFirst(part, (column) => block.vector(column))
        const close = order.keepUpTo(part, rows, count, this.ofs[0], this.numbers[0])
        order.close(part)
        return close
      }
    }
  }

  /** Takes rows[0, count) of a block of a source, which the order has opened as `part`. The list is scratch afterwards. */
  offer(source: number, { base }: Pick<Block, "base">, rows: Int32Array, count: number): void {
    if (this.limit === 0) return
    let next = 0
    for (; next < count && this.size < this.limit; next++) this.push(rows[next], source, base + rows[next])
    while (next < count) {
      const step = Math.min(stepRows, count - next)
      const list = rows.subarray(next, next + step)
      const close = this.order.keepUpTo(part, list, step, this.ofs[0], this.numbers[0])
      for (let i = 0; i < close; i++) {
        if (this.order.compare(part, list[i], this.ofs[0], this.numbers[0]) < 0) {
          this.replaceRoot(list[i], source, base + list[i])
        }
      }
      next += step
    }
  }

  /** Ends a part, whose vectors are no longer needed then. */
  endPart(vectorOf: Block["vector"]): void {
    this.copyOf(part, this.values, vectorOf)
    if (this.values.count > 2 * this.size + staleValues) {
      const stale = this.values
      this.values = new KeptValues(this.order.columns)
      this.copyOf(kept, this.values, stale.vector)
    }
    this.order.open(kept, this.values.vector)
    this.order.close(part)
  }

  /** The first order column's value of the last row kept, `undefined` while there is room for more. Between parts only. */
  last(): OrderValue | undefined {
    if (this.size < this.limit || this.size === 0) return undefined
    return orderValue(this.values.vector(this.order.columns[0].column), this.numbers[0])
  }

  /** The rows kept, first first. `numbers` are those that `vector` knows them by, once all parts have ended. */
  sorted(): OrderedRows & { readonly numbers: Int32Array } {
    const { numbers, ofs, order, rows, size, sources } = this
    const places = Uint32Array.from({ length: size }, (_, i) => i)
    places.sort((left, right) => order.compare(ofs[left], numbers[left], ofs[right], numbers[right]))
    return {
      sources: Int32Array.from(places, (i) => sources[i]),
      rows: Int32Array.from(places, (i) => rows[i]),
      numbers: Int32Array.from(places, (i) => numbers[i])
    }
  }

  /** The values of rows that are kept. */
  readonly vector = (column: Column) => this.values.vector(column)

  /** Copies values of the rows that are `of`, which are kept ones from then on. */
  private copyOf(of: number, target: KeptValues, vectorOf: Block["vector"]): void {
    const { numbers, ofs, size } = this
    const copied = new Int32Array(size)
    let count = 0
    const first = target.count
    for (let at = 0; at < size; at++) {
      if (ofs[at] !== of) continue
      copied[count] = numbers[at]
      ofs[at] = kept
      numbers[at] = first + count++
    }
    if (count > 0) target.append(vectorOf, copied, count)
  }

  private push(number: number, source: number, row: number): void {
    if (this.size === this.rows.length) this.grow()
    const { numbers, ofs, order } = this
    let at = this.size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (order.compare(ofs[parent], numbers[parent], part, number) >= 0) break
      this.move(parent, at)
      at = parent
    }
    this.place(at, number, source, row)
  }

  private replaceRoot(number: number, source: number, row: number): void {
    const { numbers, ofs, order, size } = this
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && order.compare(ofs[child + 1], numbers[child + 1], ofs[child], numbers[child]) > 0) child++
      if (order.compare(ofs[child], numbers[child], part, number) <= 0) break
      this.move(child, at)
      at = child
    }
    this.place(at, number, source, row)
  }

  private place(at: number, number: number, source: number, row: number): void {
    this.ofs[at] = part
    this.numbers[at] = number
    this.sources[at] = source
    this.rows[at] = row
  }

  private move(from: number, to: number): void {
    this.ofs[to] = this.ofs[from]
    this.numbers[to] = this.numbers[from]
    this.sources[to] = this.sources[from]
    this.rows[to] = this.rows[from]
  }

  private grow(): void {
    const { length } = this.rows
    const ofs = new Uint8Array(length * 2)
    ofs.set(this.ofs)
    this.ofs = ofs
    this.numbers = doubled(this.numbers)
    this.sources = doubled(this.sources)
    this.rows = doubled(this.rows)
  }
}

const doubled = (list: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
  const next = new Int32Array(list.length * 2)
  next.set(list)
  return next
}
