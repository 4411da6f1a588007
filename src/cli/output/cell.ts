/** What is printed: rows of cells under named columns. */
import { type Json } from "../../schema/types.ts"

/** A value as it is printed: an int64 beyond 2^53 as its digits, timestamps in RFC 3339, bytes in base64. */
export type Cell = Json

/** A column of what is printed. */
export interface OutputColumn {
  readonly name: string
  /** Whether its cells are numbers, which stand to the right. */
  readonly isNumber: boolean
}

/** Cells in the order of the columns. */
export type Row = ReadonlyArray<Cell>

/** Whether a type, as the server writes it, is one of numbers. */
export const isNumberType = (type: string): boolean =>
  type === "int32" || type === "int64" || type === "float32" || type === "float64"

/** A row as an object. */
export const objectOf = (columns: ReadonlyArray<OutputColumn>, row: Row): { readonly [name: string]: Cell } => {
  const object: Record<string, Cell> = {}
  for (let i = 0; i < columns.length; i++) {
    const { name } = columns[i]
    // An assignment to __proto__ would set the prototype.
    if (name === "__proto__") Object.defineProperty(object, name, { value: row[i], enumerable: true })
    else object[name] = row[i]
  }
  return object
}

/** A cell as bare text; nested values as JSON. */
export const textOf = (cell: Cell): string =>
  cell === null ? "" : typeof cell === "object" ? JSON.stringify(cell) : String(cell)
