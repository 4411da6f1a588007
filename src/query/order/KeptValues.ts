/** The values of an order's columns of rows that are kept, in memory of their own: the parts they came from are let go. */
import { Int64Vector, setNull, TextVector } from "../../event/vector.ts"
import type { Column } from "../../schema/types.ts"
import { comparableOf } from "../literals.ts"
import { bytesAt, type ReadVector } from "../scan/readVector.ts"
import type { OrderColumn } from "./orderTerm.ts"

export class KeptValues {
  /** Rows that are kept. */
  count = 0
  private readonly columns: ReadonlyArray<Column>
  private readonly vectors: ReadonlyArray<Int64Vector | TextVector>

  constructor(order: ReadonlyArray<OrderColumn>) {
    this.columns = order.map(({ column }) => column)
    this.vectors = this.columns.map((column) =>
      comparableOf(column) === "text" ? new TextVector(0) : new Int64Vector(0)
    )
  }

  /** Copies rows[0, count) of a block, behind those that are here. */
  append(vectorOf: (column: Column) => ReadVector, rows: Int32Array, count: number): void {
    this.columns.forEach((column, i) => {
      const source = vectorOf(column)
      const target = this.vectors[i]
      target.reserve(this.count + count, this.count)
      if (target.kind === "text") appendTexts(target, this.count, source, rows, count)
      else appendNumbers(target, this.count, source, rows, count)
    })
    this.count += count
  }

  /** A column's values, good until the next `append`. */
  readonly vector = (column: Column): ReadVector => {
    const vector = this.vectors[this.columns.indexOf(column)]
    const nulls = vector.hasNulls ? vector.nulls : undefined
    return vector.kind === "text"
      ? { kind: "text", heap: vector.heap, offsets: vector.offsets, nulls }
      : { kind: "number", values: vector.values, wide: vector.wide, nulls }
  }

  /** Bytes of memory that are held. */
  get byteLength(): number {
    return this.vectors.reduce((bytes, vector) => bytes + vector.byteLength, 0)
  }
}

const appendTexts = (target: TextVector, at: number, source: ReadVector, rows: Int32Array, count: number): void => {
  if (source.kind === "number") throw new TypeError("numbers are no text")
  for (let i = 0; i < count; i++) {
    if (source.nulls !== undefined && source.nulls[rows[i]] === 1) setNull(target, at + i)
    else {
      target.nulls[at + i] = 0
      target.set(at + i, bytesAt(source, rows[i]))
    }
  }
}

const appendNumbers = (target: Int64Vector, at: number, source: ReadVector, rows: Int32Array, count: number): void => {
  if (source.kind !== "number") throw new TypeError("text is no number")
  const { nulls, values, wide } = source
  for (let i = 0; i < count; i++) {
    const row = rows[i]
    if (nulls !== undefined && nulls[row] === 1) setNull(target, at + i)
    else if (wide === undefined) target.setNumber(at + i, values[row])
    else target.setBigInt(at + i, wide[row])
  }
}
