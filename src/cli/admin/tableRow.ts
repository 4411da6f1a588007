/** Columns whose cells people and programs read differently: `13.5 MB` in a table, 13500000 in JSON. */
import * as Effect from "effect/Effect"
import type { Cell, OutputColumn } from "../output/cell.ts"
import { formatBytes, formatCount } from "../output/numbers.ts"
import { printRows } from "../output/print.ts"
import type { Settings } from "../settings.ts"

/** A column of a list of things. */
export interface Field<A> {
  readonly name: string
  readonly value: (item: A) => Cell
  /** In a table; default the value. */
  readonly text?: (item: A) => Cell
  /** Whether it stands to the right. Default: whether it is one of numbers. */
  readonly isNumber?: boolean
  /** `table`: only people see it, as bars. `data`: only programs do. Default: both. */
  readonly only?: "table" | "data"
}

/** A column of text. */
export const textField = <A>(name: string, value: (item: A) => Cell): Field<A> => ({ name, value, isNumber: false })

/** A column of whole numbers. */
export const countField = <A>(name: string, value: (item: A) => number): Field<A> => ({
  name,
  value,
  text: (item) => formatCount(value(item)),
  isNumber: true
})

/** A column of bytes. */
export const bytesField = <A>(name: string, value: (item: A) => number): Field<A> => ({
  name,
  value,
  text: (item) => formatBytes(value(item)),
  isNumber: true
})

/** Prints a list of things. */
export const printFields = <A>(
  { format }: Settings,
  fields: ReadonlyArray<Field<A>>,
  items: ReadonlyArray<A>
): Effect.Effect<void> => {
  const isTable = format === "table"
  const shown = fields.filter(({ only }) => only === undefined || (only === "table") === isTable)
  const columns = shown.map(({ isNumber = true, name }): OutputColumn => ({
    name: isTable ? name.replaceAll("_", " ") : name,
    isNumber
  }))
  const rows = items.map((item) => shown.map(({ text, value }) => isTable ? (text ?? value)(item) : value(item)))
  return Effect.asVoid(printRows(format, columns, rows))
}
