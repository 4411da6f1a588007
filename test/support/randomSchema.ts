/** Random tables: columns of every type, with names that no code generator likes, defaults and nulls. */
import type { ColumnType, Json } from "../../src/schema/types.ts"
import type { Dice } from "./dice.ts"
import { validValue } from "./randomValue.ts"

/** A column as a schema document has it. */
export interface DocumentColumn {
  readonly name: string
  readonly type: ColumnType
  readonly nullable?: boolean
  readonly default?: Json
}

/** A schema document. */
export interface Document {
  readonly columns: ReadonlyArray<DocumentColumn>
  readonly key?: string
}

const primitives = ["bool", "int32", "int64", "float32", "float64", "string", "bytes", "timestamp"] as const

const awkwardNames = [
  "a\"b",
  "back\\slash",
  "quote'`${x}`",
  "*/ //",
  "</script>",
  "x__proto__",
  "constructor",
  "toString",
  "ключ",
  "列",
  "😀",
  "a b",
  "0",
  "-",
  "\u2028",
  "\ufeffbom",
  "return"
]

/** The name of a column, of 1 to 128 characters. */
export const randomName = (dice: Dice): string => {
  if (dice.chance(0.4)) return `c${dice.below(10_000)}`
  if (dice.chance(0.5)) return dice.pick(awkwardNames) + (dice.chance(0.5) ? String(dice.below(100)) : "")
  // Surrogate pairs count twice.
  const name = dice.text(dice.pick([1, 2, 3, 8, 40, 64])).replace(/\p{Cc}/gu, "x")
  const long = dice.chance(0.2) ? name.padEnd(dice.between(95, 128), "n") : name
  return long.startsWith("_") ? `u${long.slice(1)}` : long
}

/** A type, nested up to `depth` levels. */
export const randomType = (dice: Dice, depth: number): ColumnType => {
  if (depth === 0 || dice.chance(0.75)) return dice.chance(0.1) ? "json" : dice.pick(primitives)
  const kind = dice.below(3)
  if (kind === 0) return { array: randomType(dice, depth - 1) }
  if (kind === 1) return { map: randomType(dice, depth - 1) }
  // The ids that a registry gives are not part of a document.
  return {
    struct: randomColumns(dice, dice.between(1, 4), depth - 1) as unknown as Extract<
      ColumnType,
      { struct: unknown }
    >["struct"]
  }
}

/** Columns with distinct names. */
export const randomColumns = (dice: Dice, count: number, depth: number): Array<DocumentColumn> => {
  const columns = new Map<string, DocumentColumn>()
  while (columns.size < count) {
    const name = randomName(dice)
    const type = randomType(dice, depth)
    columns.set(name, {
      name,
      type,
      ...(dice.chance(0.4) ? { nullable: true } : {}),
      ...(dice.chance(0.2) ? { default: validValue(dice, type) } : {})
    })
  }
  return [...columns.values()]
}

/** A table of so many columns; one in three takes its keys from a column. */
export const randomDocument = (dice: Dice, columnCount: number): Document => {
  const columns = randomColumns(dice, columnCount, 2)
  if (!dice.chance(0.33)) return { columns }
  const key: DocumentColumn = { name: "the key", type: dice.pick(["string", "int32", "int64"] as const) }
  return { columns: dice.shuffle([...columns, key]), key: key.name }
}
