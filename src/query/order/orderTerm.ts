/**
 * One column of an order, over rows of several vectors: which of two rows stands before the other.
 *
 * Nulls come last, ascending and descending. Numbers are ordered exactly, text by its bytes.
 */
import type { Column } from "../../schema/types.ts"
import { perArray } from "../scan/perArray.ts"
import type { NumberRead, NumberValues, ReadVector, TextRead } from "../scan/readVector.ts"

/** A column to order by. */
export interface OrderColumn {
  readonly column: Column
  readonly descending: boolean
}

/** Compares by one column. Rows of several vectors are told apart by their vectors' numbers. */
export interface OrderTerm {
  /** Sets the vector of a number; `undefined` lets go of it. */
  readonly open: (of: number, vector: ReadVector | undefined) => void
  /** Negative where the left row stands before the right one. */
  readonly compare: (leftOf: number, left: number, rightOf: number, right: number) => number
  /**
   * Keeps, of rows[0, count), at least those that stand before or beside a row: a loop that is cheaper
   * than comparing, and may keep too many.
   */
  readonly keepUpTo: (of: number, rows: Int32Array, count: number, otherOf: number, other: number) => number
}

/** The term of a column. */
export const makeTerm = ({ column, descending }: OrderColumn, isText: boolean): OrderTerm =>
  isText ? new TextTerm(descending) : new NumberTerm(descending, column.name)

const noNumbers: NumberRead = { kind: "number", values: new Float64Array(0), wide: undefined, nulls: undefined }

class NumberTerm implements OrderTerm {
  private readonly vectors: Array<NumberRead> = [noNumbers, noNumbers, noNumbers]
  private readonly descending: boolean
  private readonly name: string

  constructor(descending: boolean, name: string) {
    this.descending = descending
    this.name = name
  }

  open(of: number, vector: ReadVector = noNumbers): void {
    if (vector.kind !== "number") throw new TypeError(`column ${this.name} holds no numbers`)
    this.vectors[of] = vector
  }

  compare(leftOf: number, left: number, rightOf: number, right: number): number {
    const a = this.vectors[leftOf]
    const b = this.vectors[rightOf]
    const leftNull = a.nulls !== undefined && a.nulls[left] === 1
    const rightNull = b.nulls !== undefined && b.nulls[right] === 1
    if (leftNull || rightNull) return leftNull === rightNull ? 0 : leftNull ? 1 : -1
    const x = a.values[left]
    const y = b.values[right]
    if (x !== y) return (x < y) === this.descending ? 1 : -1
    if (a.wide === undefined || b.wide === undefined || a.wide[left] === b.wide[right]) return 0
    return (a.wide[left] < b.wide[right]) === this.descending ? 1 : -1
  }

  keepUpTo(of: number, rows: Int32Array, count: number, otherOf: number, other: number): number {
    const { nulls, values } = this.vectors[of]
    const bound = this.vectors[otherOf]
    if (bound.nulls !== undefined && bound.nulls[other] === 1) return count
    const value = bound.values[other]
    const present = nulls === undefined ? count : keepThere(nulls, rows, count)
    return (this.descending ? keepFrom : keepTo)(values)(values, value, rows, present)
  }
}

const keepThere = (nulls: Uint8Array, rows: Int32Array, count: number): number => {
  let kept = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    rows[kept] = row
    kept += 1 - nulls[row]
  }
  return kept
}

const keepTo = perArray((values: NumberValues, bound: number, rows: Int32Array, count: number): number => {
  let kept = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    rows[kept] = row
    // Hardly any row passes, once the first ones are found: a branch that is foreseen beats none.
    if (values[row] <= bound) kept++
  }
  return kept
})

const keepFrom = perArray((values: NumberValues, bound: number, rows: Int32Array, count: number): number => {
  let kept = 0
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    rows[kept] = row
    if (values[row] >= bound) kept++
  }
  return kept
})

/** A text or dictionary vector, laid out for comparing: row r's text is number `codes[r]`, or r, of the offsets. */
interface Texts {
  readonly heap: Uint8Array
  readonly offsets: Uint32Array
  readonly codes: Uint32Array | undefined
  readonly nulls: Uint8Array | undefined
}

const noTexts: TextRead = { kind: "text", heap: new Uint8Array(0), offsets: new Uint32Array(1), nulls: undefined }

class TextTerm implements OrderTerm {
  private readonly vectors: Array<Texts> = []
  private readonly descending: boolean

  constructor(descending: boolean) {
    this.descending = descending
  }

  open(of: number, vector: ReadVector = noTexts): void {
    if (vector.kind === "number") throw new TypeError("numbers are no text")
    const { heap, offsets } = vector.kind === "text" ? vector : vector.texts
    const codes = vector.kind === "text" ? undefined : vector.codes
    this.vectors[of] = { heap, offsets, codes, nulls: vector.nulls }
  }

  compare(leftOf: number, left: number, rightOf: number, right: number): number {
    const a = this.vectors[leftOf]
    const b = this.vectors[rightOf]
    const leftNull = a.nulls !== undefined && a.nulls[left] === 1
    const rightNull = b.nulls !== undefined && b.nulls[right] === 1
    if (leftNull || rightNull) return leftNull === rightNull ? 0 : leftNull ? 1 : -1
    const x = a.codes === undefined ? left : a.codes[left]
    const y = b.codes === undefined ? right : b.codes[right]
    if (x === y && a.heap === b.heap) return 0
    const difference = compareRanges(a.heap, a.offsets[x], a.offsets[x + 1], b.heap, b.offsets[y], b.offsets[y + 1])
    return this.descending ? -difference : difference
  }

  keepUpTo(of: number, rows: Int32Array, count: number, otherOf: number, other: number): number {
    const bound = this.vectors[otherOf]
    if (bound.nulls !== undefined && bound.nulls[other] === 1) return count
    const at = bound.codes === undefined ? other : bound.codes[other]
    const { codes, heap, nulls, offsets } = this.vectors[of]
    const start = bound.offsets[at]
    const end = bound.offsets[at + 1]
    const sign = this.descending ? -1 : 1
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]
      if (nulls !== undefined && nulls[row] === 1) continue
      const text = codes === undefined ? row : codes[row]
      // The first byte decides most texts; the others are compared as a whole.
      const from = offsets[text]
      const difference = (from < offsets[text + 1] ? heap[from] : -1) - (start < end ? bound.heap[start] : -1) ||
        compareRanges(heap, from, offsets[text + 1], bound.heap, start, end)
      if (difference * sign <= 0) rows[kept++] = row
    }
    return kept
  }
}

/** Orders left[leftStart, leftEnd) against right[rightStart, rightEnd), as bytes. */
const compareRanges = (
  left: Uint8Array,
  leftStart: number,
  leftEnd: number,
  right: Uint8Array,
  rightStart: number,
  rightEnd: number
): number => {
  const length = Math.min(leftEnd - leftStart, rightEnd - rightStart)
  for (let i = 0; i < length; i++) {
    const difference = left[leftStart + i] - right[rightStart + i]
    if (difference !== 0) return difference
  }
  return leftEnd - leftStart - (rightEnd - rightStart)
}
