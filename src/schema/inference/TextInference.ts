/** Columns of text cells, as in CSV: what type each can be read as, and reading cells as that type. */
import type { Problem } from "../problem.ts"
import { parseTimestamp } from "../timestamp.ts"
import { type Column, type ColumnType, formatType, isNested } from "../types.ts"
import { article, checkValue, type Value } from "../value.ts"
import type { InferredColumn } from "./inferred.ts"

/** Zeros in front mean that the digits are a code, as in a postcode, and no number. */
const integer = /^-?(?:0|[1-9]\d{0,18})$/
const decimal = /^-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/
const longInteger = /^-?\d{16,}$/

const int64Max = 2n ** 63n - 1n

/** What was seen in one column. */
class Seen {
  cells = 0
  empty = 0
  bools = 0
  integers = 0
  decimals = 0
  timestamps = 0

  add(cell: string): void {
    this.cells++
    const text = cell.trim()
    if (text === "") this.empty++
    else if (integer.test(text)) {
      if (text.length < 19 || (BigInt(text) <= int64Max && BigInt(text) >= -int64Max)) this.integers++
    } else if (decimal.test(text)) {
      // More digits than a double keeps: an identifier.
      if (!longInteger.test(text) && Number.isFinite(Number(text))) this.decimals++
    } else if (/^(?:true|false)$/i.test(text)) this.bools++
    else if (parseTimestamp(text) !== undefined) this.timestamps++
  }

  get type(): ColumnType {
    switch (this.cells - this.empty) {
      case 0:
        return "string"
      case this.integers:
        return "int64"
      case this.integers + this.decimals:
        return "float64"
      case this.bools:
        return "bool"
      case this.timestamps:
        return "timestamp"
      default:
        return "string"
    }
  }
}

/** Infers the columns of rows of text cells. Empty cells are nulls. */
export class TextInference {
  private readonly names: ReadonlyArray<string>
  private readonly seen: ReadonlyArray<Seen>
  /** Rows that were added. */
  count = 0

  constructor(names: ReadonlyArray<string>) {
    this.names = names
    this.seen = names.map(() => new Seen())
  }

  /** A row with as many cells as there are names. */
  add(cells: ReadonlyArray<string>): void {
    this.count++
    for (let i = 0; i < this.seen.length; i++) this.seen[i].add(cells[i])
  }

  get columns(): ReadonlyArray<InferredColumn> {
    return this.names.map((name, i) => ({ name, type: this.seen[i].type, nullable: this.seen[i].empty > 0 }))
  }
}

/** A cell's value, or what is wrong with it. */
export type ReadCell =
  | { readonly value: Value; readonly problem?: undefined }
  | { readonly problem: Problem }

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  t: true,
  yes: true,
  y: true,
  "1": true,
  false: false,
  f: false,
  no: false,
  n: false,
  "0": false
}

/**
 * Reads a cell that is not empty as a column's type: bools as `true`, `t`, `yes`, `y` or `1` and their opposites, numbers in
 * decimal, timestamps in RFC 3339 or as milliseconds since 1970, bytes in base64, nested values as JSON.
 */
export const readCell = (column: Column, cell: string): ReadCell => {
  const { type } = column
  if (type === "string") return checkValue(type, cell, column.name)
  const text = cell.trim()
  if (isNested(type)) {
    try {
      return checkValue(type, JSON.parse(text), column.name)
    } catch {
      return wrong(column, cell, "; write JSON")
    }
  }
  switch (type) {
    case "bool": {
      const value = Object.hasOwn(truths, text.toLowerCase()) ? truths[text.toLowerCase()] : undefined
      return value === undefined ? wrong(column, cell, "; write true or false") : { value }
    }
    case "int32":
      return /^[+-]?\d+$/.test(text)
        ? checkValue(type, Number(text), column.name)
        : wrong(column, cell, "; write a whole number")
    case "int64":
      if (!/^[+-]?\d+$/.test(text)) return wrong(column, cell, "; write a whole number")
      return text.length < 16 ? { value: Number(text) } : checkValue(type, text.replace(/^\+/, ""), column.name)
    case "float32":
    case "float64":
      return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)
        ? checkValue(type, Number(text), column.name)
        : wrong(column, cell, "; write a decimal number")
    case "timestamp":
      return checkValue(type, /^-?\d+$/.test(text) ? Number(text) : text, column.name)
    default:
      return checkValue(type, text, column.name)
  }
}

const wrong = (column: Column, cell: string, hint: string): ReadCell => {
  const shown = JSON.stringify(cell.length > 40 ? `${cell.slice(0, 37)}...` : cell)
  return {
    problem: {
      reason: "WRONG_TYPE",
      field: column.name,
      message: `${shown} is not ${article(formatType(column.type))}${hint}`
    }
  }
}
