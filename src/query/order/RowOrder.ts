/** An order of rows by several columns, over several sources. */
import type { Column } from "../../schema/types.ts"
import { comparableOf } from "../literals.ts"
import type { ReadVector } from "../scan/readVector.ts"
import { makeTerm, type OrderColumn, type OrderTerm } from "./orderTerm.ts"

/** Rows are named by their source's number and their own. */
export class RowOrder {
  readonly columns: ReadonlyArray<OrderColumn>
  private readonly terms: ReadonlyArray<OrderTerm>
  private readonly opened = new Set<number>()

  /** The columns must tell any two rows apart, for the order to be the same at each run. */
  constructor(columns: ReadonlyArray<OrderColumn>) {
    this.columns = columns
    this.terms = columns.map((term) => makeTerm(term, comparableOf(term.column) === "text"))
  }

  /** Makes the rows of a source comparable. */
  open(source: number, vectorOf: (column: Column) => ReadVector): void {
    if (this.opened.has(source)) return
    this.opened.add(source)
    this.columns.forEach(({ column }, i) => this.terms[i].open(source, vectorOf(column)))
  }

  /** Negative where the left row stands before the right one, 0 where they are equal in every column. */
  compare(leftSource: number, left: number, rightSource: number, right: number): number {
    const { terms } = this
    for (let i = 0; i < terms.length; i++) {
      const difference = terms[i].compare(leftSource, left, rightSource, right)
      if (difference !== 0) return difference
    }
    return 0
  }

  /** Keeps, of rows[0, count) of a source, all that stand before a row and maybe some that do not. */
  keepUpTo(source: number, rows: Int32Array, count: number, otherSource: number, other: number): number {
    return this.terms[0].keepUpTo(source, rows, count, otherSource, other)
  }

  /** Keeps, of rows[0, count) of a source, exactly those that stand behind a row. */
  keepBehind(source: number, rows: Int32Array, count: number, otherSource: number, other: number): number {
    let kept = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i]
      if (this.compare(source, row, otherSource, other) > 0) rows[kept++] = row
    }
    return kept
  }
}
