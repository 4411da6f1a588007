/** How many different values that are not null each group has, exactly. */
import { checkGroups } from "../limits.ts"
import type { ReadVector } from "../scan/readVector.ts"
import { type Accumulator, type GroupedRows, withoutNulls } from "./Accumulator.ts"
import { PairTable } from "./PairTable.ts"
import { makeValueCodes, type ValueCodes } from "./ValueCodes.ts"

/** Counts values by their codes, and pairs of group and code where there are groups. */
export class DistinctCount implements Accumulator {
  private readonly codes: ValueCodes
  /** Pairs of a group and a value: each is one that counts. */
  private readonly pairs = new PairTable()
  private scratch = new Int32Array(0)
  private single = false

  constructor(isText: boolean) {
    this.codes = makeValueCodes(isText)
  }

  add(all: GroupedRows, vector: ReadVector | undefined): void {
    const slice = withoutNulls(all, vector!)
    const { count, groupCount, groups, rows, single } = slice
    if (this.scratch.length < count) this.scratch = new Int32Array(rows.length)
    this.codes.code(vector!, rows, count, this.scratch)
    this.single = single
    checkGroups(this.codes.count)
    if (!single) this.pairs.combine(groups, groupCount, this.scratch, this.codes.count, count, this.scratch)
  }

  result(groupCount: number): ReadVector {
    const values = new Float64Array(groupCount)
    if (this.single) values[0] = this.codes.count
    else for (let pair = 0; pair < this.pairs.count; pair++) values[this.pairs.lefts[pair]]++
    return { kind: "number", values, wide: undefined, nulls: undefined }
  }
}
