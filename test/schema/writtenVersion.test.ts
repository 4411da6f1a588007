/** Rows that are written in an older version of a schema, and stored in the latest. */
import { assert, describe, it } from "@effect/vitest"
import { incompatibility } from "../../src/schema/compatibility.ts"
import type { Column, ColumnType } from "../../src/schema/types.ts"
import { catalogOf, type DecodedRecord, makeHarness, schemaOf } from "../support/decoding.ts"
import { type Dice, seeded } from "../support/dice.ts"
import { type Cell, cellsOfRow, cellsOfStruct, refused } from "../support/naiveRows.ts"
import { type Document, type DocumentColumn, randomDocument } from "../support/randomSchema.ts"
import { validKind, validValue } from "../support/randomValue.ts"
import { type Kind, recordBytes, rowBytes, structBytes, type WireValue } from "../support/wireRecord.ts"

/** What a type can become; see compatibility.ts. */
const wider: Readonly<Record<string, ReadonlyArray<ColumnType>>> = {
  int32: ["int64", "float64"],
  int64: ["float64"],
  float32: ["float64"]
}

/** The next version of a table: columns come, go, move, widen and change whether they may be null. */
const evolved = (dice: Dice, { columns, key }: Document): Document => {
  const kept = columns.filter((column) => column.name === key || dice.chance(0.8)).map((column): DocumentColumn => {
    if (column.name === key) return column
    const { name, nullable, type } = column
    const choices = typeof type === "string" ? wider[type] : undefined
    const next = choices !== undefined && dice.chance(0.5) ? dice.pick(choices) : type
    return nullable === true && dice.chance(0.5)
      ? { name, type: next, default: validValue(dice, next) }
      : { name, type: next, nullable: true }
  })
  const added = randomDocument(dice, dice.below(3)).columns
    .filter(({ name }) => !columns.some((column) => column.name === name) && name !== "the key")
    .map((column): DocumentColumn => ({ ...column, nullable: true }))
  const next = dice.shuffle([...kept, ...added])
  return {
    columns: next.length === 0 ? [{ name: "only", type: "json", nullable: true }] : next,
    ...(key === undefined ? {} : { key })
  }
}

const cellsOf = (result: DecodedRecord): ReadonlyArray<Cell> | typeof refused =>
  "row" in result ? result.row.cells : refused

const identity = (cell: Cell): Cell => cell

/** What makes cells of a type and of the wider type that it became comparable: digits beyond the older type may be kept. */
const sameNumber = (from: ColumnType, to: ColumnType) => (cell: Cell): Cell =>
  from === to || to !== "float64" || cell === null
    ? cell
    : String((from === "float32" ? Math.fround(Number(cell)) : Number(cell)) + 0)

/** What a column is where nothing is given. */
const defaultCell = (column: Column): Cell => {
  const row = cellsOfStruct({ columns: [column], key: undefined }, [])
  return row === refused ? null : row[0]
}

describe("rows written in an older version", () => {
  seeded("are stored as the older version means them, in the form of the latest", 60, (dice) => {
    const first = randomDocument(dice, dice.between(1, 8))
    const second = evolved(dice, first)
    const schemas = [schemaOf(first)]
    schemas.push(schemaOf(second, schemas))
    assert.isUndefined(incompatibility(schemas[0], 1, schemas[1]))
    const harness = makeHarness(catalogOf({ x: [first, second] }))
    const [written, stored] = harness.table("x").versions.map((version) => version.schema)
    const key = written.key === undefined ? { key: "k" } : {}
    const samples = dice.times(20, () => {
      if (dice.chance(0.5)) {
        const entries = dice.shuffle(written.columns).flatMap((column): Array<readonly [string, WireValue]> =>
          column.nullable && dice.chance(0.3)
            ? dice.chance(0.5) ? [] : [[column.name, null]]
            : [[column.name, validValue(dice, column.type)]]
        )
        return { payload: { data: structBytes(entries) }, cells: cellsOfStruct(written, entries) }
      }
      const kinds = written.columns.map((column): Kind =>
        column.nullable && dice.chance(0.3) ? undefined : validKind(dice, column.type)
      )
      return { payload: { row: rowBytes(kinds) }, cells: cellsOfRow(written, kinds) }
    })
    const results = harness.decode(
      samples.map(({ payload }) => recordBytes({ table: "x", version: 1, ...key, ...payload }))
    )
    samples.forEach(({ cells }, i) => {
      const result = results[i]
      if ("error" in result && result.error.field === "key") return
      assert.notStrictEqual(cells, refused)
      const found = cellsOf(result)
      assert.notStrictEqual(found, refused, "error" in result ? result.error.message : "")
      stored.columns.forEach((column, c) => {
        const from = written.columns.find(({ name }) => name === column.name)
        const cell = from === undefined ? null : (cells as ReadonlyArray<Cell>)[written.columns.indexOf(from)]
        // A null that is none any more, or a column that came later: the latest version's default.
        const expected = cell !== null || (from !== undefined && column.nullable) ? cell : defaultCell(column)
        const stand = cell === null ? identity : sameNumber(from!.type, column.type)
        assert.strictEqual(stand((found as ReadonlyArray<Cell>)[c]), stand(expected), column.name)
      })
    })
  })

  const harness = makeHarness(catalogOf({
    x: [
      {
        columns: [{ name: "a", type: "int64" }, { name: "gone", type: "bool" }, {
          name: "n",
          type: "string",
          nullable: true
        }]
      },
      {
        columns: [{ name: "n", type: "string", default: "none" }, { name: "a", type: "float64" }, {
          name: "new",
          type: "int32",
          default: 7
        }]
      }
    ]
  }))
  const record = (version: number, payload: { readonly data?: Uint8Array; readonly row?: Uint8Array }) =>
    recordBytes({ table: "x", key: "k", ...(version === 0 ? {} : { version }), ...payload })
  const hex = (text: string) => `x${Buffer.from(text).toString("hex")}`

  it("by example", () => {
    const results = harness.decode([
      record(1, { data: structBytes([["gone", true], ["a", "9007199254740993"], ["n", "text"]]) }),
      record(1, { row: rowBytes([{ case: "intValue", value: 5n }, { case: "boolValue", value: true }, undefined]) }),
      record(0, { data: structBytes([["a", 1.5]]) }),
      record(2, { data: structBytes([["a", 1.5]]) })
    ])
    assert.deepStrictEqual(results.map(cellsOf), [
      [hex("text"), "9007199254740992", "7"],
      [hex("none"), "5", "7"],
      [hex("none"), "1.5", "7"],
      [hex("none"), "1.5", "7"]
    ])
  })

  it("know their own version's columns and no others", () => {
    const [later, dropped, fewer, unknownVersion] = harness.decode([
      record(1, { data: structBytes([["a", 1], ["gone", true], ["new", 1]]) }),
      record(0, { data: structBytes([["a", 1], ["gone", true]]) }),
      record(1, { row: rowBytes([{ case: "intValue", value: 5n }, { case: "boolValue", value: true }]) }),
      record(3, { data: structBytes([["a", 1]]) })
    ])
    const why = (result: DecodedRecord) => "error" in result ? [result.error.reason, result.error.field] : "accepted"
    assert.deepStrictEqual(why(later), ["UNKNOWN_FIELD", "data.new"])
    assert.deepStrictEqual(why(dropped), ["UNKNOWN_FIELD", "data.gone"])
    assert.deepStrictEqual(why(fewer), ["MISSING_FIELD", "row.values"])
    assert.deepStrictEqual(why(unknownVersion), ["SCHEMA_VERSION_NOT_FOUND", "schema_version"])
  })
})
