/** Random batches of rows, and what they hold as plain text: for the log, the memtable and the fold. */
import { type BatchShape, RowBatch } from "../../src/event/rowBatch.ts"
import { setNull, type Vector, type VectorKind } from "../../src/event/vector.ts"
import type { Dice } from "./dice.ts"

const kinds: ReadonlyArray<VectorKind> = ["bool", "int32", "int64", "float32", "float64", "text"]

/** The kinds of so many columns. */
export const randomKinds = (dice: Dice, count: number): ReadonlyArray<VectorKind> =>
  dice.times(count, () => dice.pick(kinds))

const int64s = [0n, 1n, -1n, 2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]

/** Writes a random value as row `row` of a vector. */
export const setRandom = (dice: Dice, vector: Vector, row: number): void => {
  if (dice.chance(0.2)) return setNull(vector, row)
  vector.nulls[row] = 0
  switch (vector.kind) {
    case "text":
      return vector.set(
        row,
        Buffer.from(dice.chance(0.5) ? dice.pick(["", "a", "b", "日本"]) : dice.text(dice.below(20)))
      )
    case "int64":
      return dice.chance(0.95)
        ? vector.setNumber(row, dice.below(2 ** 40) - 2 ** 39)
        : vector.setBigInt(row, dice.chance(0.5) ? dice.pick(int64s) : dice.int64())
    case "bool":
      vector.values[row] = dice.below(2)
      return
    case "int32":
      vector.values[row] = dice.below(2 ** 32) | 0
      return
    case "float32":
    case "float64":
      vector.values[row] = dice.pick([0, -0, 1.5, 1e-40, 3e38, dice.below(1000) / 7])
  }
}

/** What a batch of random rows is to be. */
export interface BatchOptions {
  readonly rows: number
  readonly keys: ReadonlyArray<string>
  /** Share of the rows that delete their key. Default a tenth in half of the batches. */
  readonly deletions?: number
}

/** A batch whose keys are drawn from `keys`, repetitions included. */
export const randomBatch = (dice: Dice, shape: BatchShape, options: BatchOptions): RowBatch => {
  const batch = new RowBatch(shape, dice.pick([0, 1, 16, options.rows]))
  const deletions = options.deletions ?? (dice.chance(0.5) ? 0.1 : 0)
  const times = dice.chance(0.5)
  const metadata = dice.chance(0.3)
  for (let row = 0; row < options.rows; row++) {
    batch.reserve(row + 1)
    batch.keys.set(row, Buffer.from(dice.pick(options.keys)))
    if (times) setRandom(dice, batch.timestamps, row)
    else setNull(batch.timestamps, row)
    if (metadata && dice.chance(0.5)) {
      batch.metadata.nulls[row] = 0
      batch.metadata.set(row, Buffer.from(JSON.stringify({ m: dice.text(3) })))
    } else setNull(batch.metadata, row)
    const isDeleted = dice.chance(deletions)
    batch.deleted[row] = isDeleted ? 1 : 0
    if (isDeleted) batch.hasDeleted = true
    for (const column of batch.columns) {
      if (isDeleted) setNull(column, row)
      else setRandom(dice, column, row)
    }
    batch.count = row + 1
  }
  return batch
}

/** A value of a vector as text; `null` is a null. Takes dictionary columns too. */
export const cellOf = (
  vector: Vector | {
    readonly kind: "dictionary"
    readonly hasNulls: boolean
    readonly nulls: Uint8Array
    readonly get: (row: number) => Uint8Array
  },
  row: number
): string | null => {
  if (vector.hasNulls && vector.nulls[row] === 1) return null
  switch (vector.kind) {
    case "text":
    case "dictionary":
      return `x${Buffer.from(vector.get(row)).toString("hex")}`
    case "int64":
      return String(vector.get(row))
    default:
      return Object.is(vector.values[row], -0) ? "-0" : String(vector.values[row])
  }
}

/** A row as text: key, time, metadata, whether it deletes, and every column. */
export const rowOf = (
  rows: Pick<RowBatch, "keys" | "timestamps" | "metadata" | "deleted" | "hasDeleted"> & {
    readonly columns: ReadonlyArray<Parameters<typeof cellOf>[0]>
  },
  row: number
): string =>
  JSON.stringify([
    Buffer.from(rows.keys.get(row)).toString(),
    cellOf(rows.timestamps, row),
    cellOf(rows.metadata, row),
    rows.hasDeleted && rows.deleted[row] === 1,
    ...rows.columns.map((column) => cellOf(column, row))
  ])

/** Every row of a batch as text. */
export const rowsOf = (batch: RowBatch): ReadonlyArray<string> =>
  Array.from({ length: batch.count }, (_, row) => rowOf(batch, row))
