/** An order of rows by several columns. */
import type { Column } from "../../schema/types.ts"
import { comparableOf } from "../literals.ts"
import type { OrderValue } from "../scan/CandidateOrder.ts"
import { bytesAt, type ReadVector } from "../scan/readVector.ts"
import { makeTerm, type OrderColumn, type OrderTerm } from "./orderTerm.ts"

/** Whose rows are compared: those that are kept, those of the part that is looked at, and the cursor's place. */
export const kept = 0
export const part = 1
export const place = 2

/** Rows are named by whose they are and their number. */
export class RowOrder {
  readonly columns: ReadonlyArray<OrderColumn>
  private readonly terms: ReadonlyArray<OrderTerm>

  /** The columns must tell any two rows apart, for the order to be the same at each run. */
  constructor(columns: ReadonlyArray<OrderColumn>) {
    this.columns = columns
    this.terms = columns.map((term) => makeTerm(term, comparableOf(term.column) === "text"))
  }

  /** Makes rows comparable, in place of those that were `of` before. */
  open(of: number, vectorOf: (column: Column) => ReadVector): void {
    this.columns.forEach(({ column }, i) => this.terms[i].open(of, vectorOf(column)))
  }

  /** Makes rows comparable by the first column alone, which is all that `keepUpTo` needs. */
  openFirst(of: number, vectorOf: (column: Column) => ReadVector): void {
    this.terms[0].open(of, vectorOf(this.columns[0].column))
  }

  /** Lets go of rows. */
  close(of: number): void {
    for (const term of this.terms) term.open(of, undefined)
  }

  /** Negative where the left row stands before the right one, 0 where they are equal in every column. */
  compare(leftOf: number, left: number, rightOf: number, right: number): number {
    const { terms } = this
    for (let i = 0; i < terms.length; i++) {
      const difference = terms[i].compare(leftOf, left, rightOf, right)
      if (difference !== 0) return difference
    }
    return 0
  }

  /** Keeps, of rows[0, count), all that stand before a row and maybe some that do not. */
  keepUpTo(of: number, rows: Int32Array, count: number, otherOf: number, other: number): number {
    return this.terms[0].keepUpTo(of, rows, count, otherOf, other)
  }

  /** Keeps, of rows[0, count), exactly those that stand behind a row. */
  keepBehind(of: number, rows: Int32Array, count: number, otherOf: number, other: number): number {
    let behind = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]
      if (this.compare(of, row, otherOf, other) > 0) rows[behind++] = row
    }
    return behind
  }
}

/** A row's value of an order's column. */
export const orderValue = (vector: ReadVector, row: number): OrderValue => {
  if (vector.nulls !== undefined && vector.nulls[row] === 1) return null
  return vector.kind === "number" ? vector.wide?.[row] ?? vector.values[row] : bytesAt(vector, row).slice()
}
