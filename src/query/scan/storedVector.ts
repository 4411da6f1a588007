/** Columns as stored, read as the table's latest schema has them: nothing is copied where a narrow array will do. */
import { type StoredColumn, type StoredVector, vectorAs } from "../../schema/storedColumn.ts"
import type { Column } from "../../schema/types.ts"
import type { ReadVector, TextRead } from "./readVector.ts"

export { isFilled, isReadAsStored } from "../../schema/storedColumn.ts"

/**
 * Rows [0, count) of a stored column as `column`. `stored` is `undefined` where the rows' version of the schema did not
 * have it.
 */
export const readStored = (column: Column, stored: StoredColumn | undefined, count: number): ReadVector =>
  asRead(vectorAs(column, stored, count), column.type === "float64")

/** The vector as it is. `asDouble`: an int64 beyond 2^53 is wanted as its nearest double. */
const asRead = (stored: StoredVector, asDouble = false): ReadVector => {
  const nulls = stored.hasNulls ? stored.nulls : undefined
  switch (stored.kind) {
    case "dictionary": {
      const { count: distinct, values } = stored.dictionary
      return { kind: "dictionary", codes: stored.codes, distinct, texts: asRead(values) as TextRead, nulls }
    }
    case "text":
      return { kind: "text", heap: stored.heap, offsets: stored.offsets, nulls }
    case "int64":
      return { kind: "number", values: stored.values, wide: asDouble ? undefined : stored.wide, nulls }
    default:
      return { kind: "number", values: stored.values, wide: undefined, nulls }
  }
}
