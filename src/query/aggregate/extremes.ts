/** The least and greatest values of groups. Nulls are ignored; a group of nothing but nulls has a null. */
import { DictionaryVector } from "../../event/dictionary.ts"
import { perArray } from "../scan/perArray.ts"
import type { DictionaryRead, NumberRead, NumberValues, ReadVector, TextRead } from "../scan/readVector.ts"
import { compareRange } from "../scan/textTests.ts"
import { type Accumulator, type GroupedRows, grownTo, withoutNulls } from "./Accumulator.ts"

/** Of numbers. */
export class NumberExtreme implements Accumulator {
  /** 1 for the greatest, -1 for the least: values are compared by their product with it. */
  private readonly sign: 1 | -1
  /** The extreme times the sign; -Infinity = none. Values are finite. */
  private extremes = new Float64Array(0)
  /** Exact extremes, once a value beyond 2^53 has come; `extremes` is then left alone. */
  private wide: Array<bigint | undefined> | undefined

  constructor(greatest: boolean) {
    this.sign = greatest ? 1 : -1
  }

  add(all: GroupedRows, vector: ReadVector | undefined): void {
    const numbers = vector as NumberRead
    const slice = withoutNulls(all, numbers)
    this.extremes = grownTo(this.extremes, slice.groupCount, Number.NEGATIVE_INFINITY)
    if (numbers.wide !== undefined || this.wide !== undefined) return this.addWide(slice, numbers)
    const { values } = numbers
    const { count, groups, rows } = slice
    if (slice.single) this.extremes[0] = extremeOf(values)(values, this.extremes[0], rows, count, this.sign)
    else extremesInto(values)(values, this.extremes, groups, rows, count, this.sign)
  }

  result(groupCount: number): ReadVector {
    const { wide } = this
    const extremes = grownTo(this.extremes, groupCount, Number.NEGATIVE_INFINITY)
    const values = new Float64Array(groupCount)
    const nulls = new Uint8Array(groupCount)
    for (let group = 0; group < groupCount; group++) {
      const extreme = wide === undefined ? extremes[group] * this.sign : wide[group]
      if (extreme === undefined || (wide === undefined && extremes[group] === Number.NEGATIVE_INFINITY))
        nulls[group] = 1
      else values[group] = Number(extreme)
    }
    const exact = wide === undefined ? undefined : Array.from(values, (_, group) => wide[group] ?? 0n)
    return { kind: "number", values, wide: exact, nulls }
  }

  private addWide({ count, groups, rows, single }: GroupedRows, { values, wide }: NumberRead): void {
    this.wide ??= Array.from(
      this.extremes,
      (extreme) => extreme === Number.NEGATIVE_INFINITY ? undefined : BigInt(extreme * this.sign)
    )
    for (let i = 0; i < count; i++) {
      const group = single ? 0 : groups[i]
      const value = wide === undefined ? BigInt(values[rows[i]]) : wide[rows[i]]
      const extreme = this.wide[group]
      if (extreme === undefined || (this.sign === 1 ? value > extreme : value < extreme)) this.wide[group] = value
    }
  }
}

const extremeOf = perArray(
  (values: NumberValues, initial: number, rows: Int32Array, count: number, sign: 1 | -1): number => {
    let extreme = initial
    for (let i = 0; i < count; i++) {
      const value = values[rows[i]] * sign
      if (value > extreme) extreme = value
    }
    return extreme
  }
)

const extremesInto = perArray((
  values: NumberValues,
  extremes: Float64Array,
  groups: Int32Array,
  rows: Int32Array,
  count: number,
  sign: 1 | -1
): void => {
  for (let i = 0; i < count; i++) {
    const value = values[rows[i]] * sign
    if (value > extremes[groups[i]]) extremes[groups[i]] = value
  }
})

/** Of text, by its bytes. */
export class TextExtreme implements Accumulator {
  private readonly greatest: boolean
  private readonly extremes: Array<Uint8Array | undefined> = []

  constructor(greatest: boolean) {
    this.greatest = greatest
  }

  add(all: GroupedRows, vector: ReadVector | undefined): void {
    const text = vector as TextRead | DictionaryRead
    const slice = withoutNulls(all, text)
    if (text.kind === "dictionary" && slice.single) return this.addCodes(slice, text)
    const { count, groups, rows, single } = slice
    const { heap, offsets } = text.kind === "text" ? text : text.texts
    const codes = text.kind === "text" ? undefined : text.codes
    for (let i = 0; i < count; i++) {
      const at = codes === undefined ? rows[i] : codes[rows[i]]
      this.take(single ? 0 : groups[i], heap, offsets[at], offsets[at + 1])
    }
  }

  result(groupCount: number): ReadVector {
    const vector = new DictionaryVector(groupCount)
    for (let group = 0; group < groupCount; group++) {
      const extreme = this.extremes[group]
      if (extreme === undefined) vector.nulls[group] = 1
      else vector.codes[group] = vector.dictionary.code(extreme, 0, extreme.length)
    }
    const { count: distinct, values: { heap, offsets } } = vector.dictionary
    const texts = { kind: "text", heap, offsets, nulls: undefined } as const
    return { kind: "dictionary", codes: vector.codes, distinct, texts, nulls: vector.nulls }
  }

  /** Each code once, however many rows have it. */
  private addCodes({ count, rows }: GroupedRows, { codes, distinct, texts }: DictionaryRead): void {
    const met = new Uint8Array(distinct)
    for (let i = 0; i < count; i++) met[codes[rows[i]]] = 1
    for (let code = 0; code < distinct; code++) {
      if (met[code] === 1) this.take(0, texts.heap, texts.offsets[code], texts.offsets[code + 1])
    }
  }

  private take(group: number, heap: Uint8Array, start: number, end: number): void {
    const extreme = this.extremes[group]
    if (extreme !== undefined) {
      const difference = compareRange(heap, start, end, extreme)
      if (this.greatest ? difference <= 0 : difference >= 0) return
    }
    this.extremes[group] = heap.slice(start, end)
  }
}
