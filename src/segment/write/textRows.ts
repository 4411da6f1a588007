/** A text column, plain or coded, as one thing: texts in a heap, and which of them each row has. */
import type { DictionaryVector } from "../../event/dictionary.ts"
import type { TextVector } from "../../event/vector.ts"

/** Row r has heap[offsets[i], offsets[i + 1]), where i is codes[r], or r itself. */
export interface TextRows {
  readonly heap: Uint8Array
  readonly offsets: Uint32Array
  readonly codes: Uint32Array | undefined
  readonly nulls: Uint8Array
  readonly hasNulls: boolean
}

/** A view of a vector. */
export const textRows = (vector: TextVector | DictionaryVector): TextRows => {
  const { hasNulls, nulls } = vector
  if (vector.kind === "text") return { heap: vector.heap, offsets: vector.offsets, codes: undefined, nulls, hasNulls }
  const { heap, offsets } = vector.dictionary.values
  return { heap, offsets, codes: vector.codes, nulls, hasNulls }
}
