/** Schema documents: what is read, what is refused and where, and that the log's own copy reads back the same. */
import { assert, describe, it } from "@effect/vitest"
import { columnsMax, nestingDepthMax } from "../../src/base/limits.ts"
import { canonicalDocument, parseDocument, readCanonical } from "../../src/schema/document.ts"
import type { TableSchema } from "../../src/schema/types.ts"
import { schemaOf } from "../support/decoding.ts"
import { seeded } from "../support/dice.ts"
import { randomDocument } from "../support/randomSchema.ts"

const problemOf = (document: unknown): string => {
  const { problem } = parseDocument(typeof document === "string" ? document : JSON.stringify(document))
  return problem === undefined ? "accepted" : `${problem.reason} ${problem.field}: ${problem.message}`
}

const column = (part: object) => ({ columns: [{ name: "a", type: "string", ...part }] })

const nestedType = (levels: number): unknown => levels === 0 ? "int32" : { array: nestedType(levels - 1) }

describe("a schema document", () => {
  seeded("reads back from its canonical form as it was read", 200, (dice) => {
    const schema = schemaOf(randomDocument(dice, dice.between(1, 10)))
    const canonical = canonicalDocument(schema)
    const again = readCanonical(canonical)
    assert.deepStrictEqual(again, schema)
    assert.strictEqual(canonicalDocument(again), canonical)
  })

  it("in any spelling is one schema", () => {
    const terse = schemaOf({ columns: [{ name: "a", type: "string" }, { name: "b", type: "int32", nullable: true }] })
    const { schema } = parseDocument(`{ "columns": [ {"type":"string","nullable":false,"name":"a","id":77},
      {"nullable":true,"default":null,"name":"\\u0062","type":"int32"}], "key": null }`) as { schema: TableSchema }
    assert.strictEqual(canonicalDocument(schema), canonicalDocument(terse))
  })

  it.each<[unknown, string]>([
    ["{", "INVALID_SCHEMA : the schema is not JSON"],
    ["", "INVALID_SCHEMA : the schema is not JSON"],
    [[], "INVALID_SCHEMA : must be an object"],
    ["null", "INVALID_SCHEMA : must be an object"],
    [{}, "INVALID_SCHEMA columns: must be a list"],
    [{ columns: [] }, "INVALID_SCHEMA columns: must be a list of at least one column"],
    [{ columns: [], keys: "a" }, "INVALID_SCHEMA keys: no such property; columns, key are known"],
    [{ columns: ["a"] }, "INVALID_SCHEMA columns[0]: must be an object"],
    [{ columns: [{ type: "string" }] }, "INVALID_SCHEMA columns[0].name: must be a string"],
    [column({ name: "" }), "INVALID_SCHEMA columns[0].name: is empty"],
    [column({ name: "_position" }), "INVALID_SCHEMA columns[0].name: is \"_position\"; names that begin with \"_\""],
    [column({ name: "a\nb" }), "INVALID_SCHEMA columns[0].name: is \"a\\nb\"; control characters"],
    [column({ name: "n".repeat(129) }), "INVALID_SCHEMA columns[0].name: has 129 characters; 128 are allowed"],
    [
      "{\"columns\":[{\"name\":\"\\ud800\",\"type\":\"string\"}]}",
      "INVALID_SCHEMA columns[0].name: is \"\\ud800\", which holds half a character"
    ],
    [column({ type: "text" }), "INVALID_SCHEMA columns[0].type: \"text\" is no type; use bool, int32"],
    [column({ type: { list: "int32" } }), "INVALID_SCHEMA columns[0].type: must be bool, int32"],
    [column({ type: { array: "int32", map: "int32" } }), "INVALID_SCHEMA columns[0].type: must be"],
    [column({ type: { array: "integer" } }), "INVALID_SCHEMA columns[0].type.array: \"integer\" is no type"],
    [
      column({ type: { struct: [{ name: "_x", type: "int32" }] } }),
      "INVALID_SCHEMA columns[0].type.struct[0].name: is"
    ],
    [
      column({ type: nestedType(nestingDepthMax + 1) }),
      `INVALID_SCHEMA columns[0].type${".array".repeat(33)}: nested deeper`
    ],
    [column({ nullable: 1 }), "INVALID_SCHEMA columns[0].nullable: must be true or false"],
    [column({ defualt: "x" }), "INVALID_SCHEMA columns[0].defualt: no such property"],
    [column({ default: 5 }), "INVALID_SCHEMA columns[0].default: the number 5 is not a string"],
    [column({ default: null }), "INVALID_SCHEMA columns[0].default: null; the column is not nullable"],
    [
      column({ type: { struct: [{ name: "x", type: "int32" }] }, default: { x: 1.5 } }),
      "INVALID_SCHEMA columns[0].default.x: the number 1.5"
    ],
    [
      { columns: [{ name: "a", type: "string" }, { name: "a", type: "int32" }] },
      "INVALID_SCHEMA columns[1].name: \"a\" is there twice"
    ],
    [{ ...column({}), key: "b" }, "INVALID_SCHEMA key: \"b\" is no column; there are a"],
    [{ ...column({ nullable: true }), key: "a" }, "INVALID_SCHEMA key: column a is nullable"],
    [{ ...column({ type: "float64" }), key: "a" }, "INVALID_SCHEMA key: column a must be a string, int32 or int64"],
    [
      { columns: Array.from({ length: columnsMax + 1 }, (_, i) => ({ name: `c${i}`, type: "bool" })) },
      "INVALID_SCHEMA columns: 1025 columns; 1024 are allowed"
    ]
  ])("%j is refused as %s", (document, expected) => {
    const found = problemOf(document)
    assert.isTrue(found.startsWith(expected), found)
  })

  it("may be nested as deeply as the limit says", () => {
    assert.strictEqual(problemOf(column({ type: nestedType(nestingDepthMax) })), "accepted")
  })

  it.each([100, 200_000])("with a default of %i levels is refused, not thrown at", (levels) => {
    const deep = `${"[".repeat(levels)}${"]".repeat(levels)}`
    assert.match(
      problemOf(`{"columns":[{"name":"a","type":"json","default":${deep}}]}`),
      /^INVALID_SCHEMA columns\[0\]\.default: nested deeper/
    )
    assert.match(problemOf(`{"columns":[{"name":"a","type":${deep}}]}`), /^INVALID_SCHEMA columns\[0\]\.type: must be/)
    assert.match(problemOf(`{"columns":${deep}}`), /^INVALID_SCHEMA columns/)
  })

  it("gives a column the same id in every version, and an id to one column only", () => {
    const schemas: Array<TableSchema> = []
    const idsOf = (...names: ReadonlyArray<string>) => {
      schemas.push(schemaOf({ columns: names.map((name) => ({ name, type: "int32", nullable: true })) }, schemas))
      return schemas[schemas.length - 1].columns.map(({ id }) => id)
    }
    assert.deepStrictEqual(idsOf("a", "b", "c"), [1, 2, 3])
    assert.deepStrictEqual(idsOf("c", "a"), [3, 1])
    assert.deepStrictEqual(idsOf("d", "b", "e"), [4, 2, 5])
    assert.deepStrictEqual(idsOf("f", "a"), [6, 1])
  })
})
