/** Which group each row belongs to: groups are numbered in the order of arrival. */
import type { Column } from "../../schema/types.ts"
import { checkGroups } from "../limits.ts"
import { comparableOf } from "../literals.ts"
import type { ReadVector } from "../scan/readVector.ts"
import type { Block } from "../scan/Source.ts"
import { PairTable } from "./PairTable.ts"
import { makeValueCodes, type ValueCodes } from "./ValueCodes.ts"

/** Gives rows their groups. Without columns all rows are in group 0. */
export class Groups {
  readonly columns: ReadonlyArray<Column>
  private readonly codes: ReadonlyArray<ValueCodes>
  /** pairs[i] joins the groups of the columns before column i + 1 with that column. */
  private readonly pairs: ReadonlyArray<PairTable>
  private groups = new Int32Array(0)
  private next = new Int32Array(0)

  constructor(columns: ReadonlyArray<Column>) {
    this.columns = columns
    this.codes = columns.map((column) => makeValueCodes(comparableOf(column) === "text"))
    this.pairs = columns.slice(1).map(() => new PairTable())
  }

  /** Without columns there is one group, even of no rows. */
  get count(): number {
    if (this.columns.length === 0) return 1
    return this.columns.length === 1 ? this.codes[0].count : this.pairs[this.pairs.length - 1].count
  }

  /** The groups of rows[0, count) of a block. The array is reused by the next call. */
  assign(block: Block, rows: Int32Array, count: number): Int32Array {
    if (this.groups.length < count) {
      this.groups = new Int32Array(Math.max(count, rows.length))
      this.next = new Int32Array(this.groups.length)
    }
    const { codes, columns, groups, next, pairs } = this
    for (let i = 0; i < columns.length; i++) {
      codes[i].code(block.vector(columns[i]), rows, count, i === 0 ? groups : next)
      if (i === 0) continue
      const before = i === 1 ? codes[0].count : pairs[i - 2].count
      pairs[i - 1].combine(groups, before, next, codes[i].count, count, groups)
    }
    checkGroups(this.count)
    return groups
  }

  /** The value of each group in each column, as vectors whose row is the group. */
  vectors(): ReadonlyArray<ReadVector> {
    const { codes, count, pairs } = this
    const vectors: Array<ReadVector> = []
    let groups = Int32Array.from({ length: count }, (_, group) => group)
    for (let i = codes.length - 1; i > 0; i--) {
      const { lefts, rights } = pairs[i - 1]
      vectors[i] = codes[i].vector(groups.map((group) => rights[group]), count)
      groups = groups.map((group) => lefts[group])
    }
    if (codes.length > 0) vectors[0] = codes[0].vector(groups, count)
    return vectors
  }
}
