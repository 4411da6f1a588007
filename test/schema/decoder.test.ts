/** The compiled decoders, against an interpretation of the same values that knows nothing of bytes. */
import { assert, describe } from "@effect/vitest"
import type { Column } from "../../src/schema/types.ts"
import { catalogOf, makeHarness } from "../support/decoding.ts"
import { type Dice, seeded } from "../support/dice.ts"
import { type Cell, cellsOfRow, cellsOfStruct, refused } from "../support/naiveRows.ts"
import { randomDocument } from "../support/randomSchema.ts"
import { strangeValue, validKind, validValue } from "../support/randomValue.ts"
import {
  type Kind,
  noKind,
  recordBytes,
  type RecordParts,
  rowBytes,
  structBytes,
  type WireValue
} from "../support/wireRecord.ts"

type Expected = ReadonlyArray<Cell> | typeof refused

interface Sample {
  readonly record: RecordParts
  readonly expected: Expected
}

/** A record as a Struct: mostly in the order of the record before, mostly good. */
const structSample = (
  dice: Dice,
  schema: { readonly columns: ReadonlyArray<Column>; readonly key: string | undefined },
  order: ReadonlyArray<Column>
): Sample => {
  const entries: Array<readonly [string, WireValue]> = []
  for (const column of dice.chance(0.2) ? dice.shuffle(order) : order) {
    if ((column.nullable || column.default !== undefined) && dice.chance(0.2)) continue
    if (dice.chance(0.005)) continue
    const value: WireValue = dice.chance(0.01)
      ? strangeValue(dice, column.type)
      : column.nullable && dice.chance(0.2)
      ? dice.pick<WireValue>([null, noKind])
      : validValue(dice, column.type)
    entries.push([column.name, value])
    if (dice.chance(0.03)) entries.splice(dice.below(entries.length), 0, [column.name, validValue(dice, column.type)])
  }
  if (dice.chance(0.01)) entries.splice(dice.below(entries.length + 1), 0, [dice.text(3), 1])
  return { record: { data: structBytes(entries) }, expected: cellsOfStruct(schema, entries) }
}

/** A record as a typed row, mostly good. */
const rowSample = (
  dice: Dice,
  schema: { readonly columns: ReadonlyArray<Column>; readonly key: string | undefined }
): Sample => {
  const kinds = schema.columns.map((column): Kind => {
    if (dice.chance(0.01))
      return validKind(dice, dice.pick(["bool", "int64", "float64", "string", "bytes", "timestamp", "json"]))
    return column.nullable && dice.chance(0.2) ? undefined : validKind(dice, column.type)
  })
  if (dice.chance(0.02)) kinds.push(undefined)
  if (dice.chance(0.02)) kinds.pop()
  return { record: { row: rowBytes(kinds) }, expected: cellsOfRow(schema, kinds) }
}

/** A deletion, of which every column is null; now and then one without a key, which must leave no trace. */
const deletionSample = (dice: Dice, schema: { readonly columns: ReadonlyArray<Column> }): Sample =>
  dice.chance(0.5)
    ? { record: { deleted: true, key: "gone" }, expected: schema.columns.map(() => null) }
    : { record: { deleted: true, key: "" }, expected: refused }

/** Decodes what was sampled for a table several times, over pooled batches, and compares every cell. */
const checkTable = (dice: Dice, columnCount: number, recordCount: number): void => {
  const document = randomDocument(dice, columnCount)
  const harness = makeHarness(catalogOf({ x: [document] }))
  const { schema } = harness.table("x").versions[0]
  for (let round = 0; round < 3; round++) {
    const order = dice.shuffle(schema.columns)
    const samples = dice.times(recordCount, () =>
      dice.chance(0.05)
        ? deletionSample(dice, schema)
        : dice.chance(0.3)
        ? rowSample(dice, schema)
        : structSample(dice, schema, order))
    const keyColumn = schema.columns.findIndex((column) => column.name === schema.key)
    const decoded = harness.decode(
      samples.map(({ record }) =>
        recordBytes({ table: "x", ...(schema.key === undefined ? { key: "k" } : {}), ...record })
      ),
      dice.below(8)
    )
    samples.forEach(({ expected }, i) => {
      const result = decoded[i]
      const found = "row" in result ? result.row.cells : refused
      // A record that is refused for its key alone was decoded well: keys have tests of their own.
      if (found === refused && "error" in result && result.error.field === "key") {
        return assert.isTrue(expected === refused || schema.key !== undefined)
      }
      const describe = () => `record ${i}: ${"error" in result ? result.error.message : ""}`
      if (expected === refused || found === refused) return assert.strictEqual(found, expected, describe())
      expected.forEach((cell, c) => {
        assert.strictEqual(found[c], cell, `${describe()} column ${JSON.stringify(schema.columns[c])}`)
      })
      if (keyColumn >= 0 && "row" in result && !result.row.deleted && schema.columns[keyColumn].type !== "string") {
        assert.strictEqual(result.row.key, expected[keyColumn])
      }
    })
  }
}

describe("compiled decoders agree with a naive interpretation", () => {
  seeded("of random records of random tables", 60, (dice) => checkTable(dice, dice.between(1, 12), 40))
  seeded(
    "of tables of more than 31 and more than 62 columns",
    12,
    (dice) => checkTable(dice, dice.pick([30, 31, 32, 33, 61, 62, 63, 64, 93, 94]), 10)
  )
})
