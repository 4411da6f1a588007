/** Which changes of a schema leave every stored row readable. */
import { assert, describe, it } from "@effect/vitest"
import { incompatibility } from "../../src/schema/compatibility.ts"
import type { ColumnType, Json } from "../../src/schema/types.ts"
import { schemaOf } from "../support/decoding.ts"

interface Part {
  readonly type: unknown
  readonly nullable?: boolean
  readonly default?: Json
}

const tableOf = (columns: Readonly<Record<string, Part>>, key?: string) =>
  schemaOf({
    columns: Object.entries(columns).map(([name, part]) => ({ name, ...part, type: part.type as ColumnType })),
    ...(key === undefined ? {} : { key })
  })

const change = (from: Readonly<Record<string, Part>>, to: Readonly<Record<string, Part>>): string => {
  const problem = incompatibility(tableOf(from), 3, tableOf(to))
  return problem === undefined ? "compatible" : `${problem.reason} ${problem.field}: ${problem.message}`
}

const struct = (parts: Readonly<Record<string, Part>>) => ({
  struct: Object.entries(parts).map(([name, part]) => ({ name, ...part }))
})

describe("a type becomes another", () => {
  it.each<[unknown, unknown]>([
    ["int32", "int64"],
    ["int32", "float64"],
    ["int64", "float64"],
    ["float32", "float64"],
    [{ array: "int32" }, { array: "int64" }],
    [{ map: { array: "float32" } }, { map: { array: "float64" } }],
    [{ array: "string" }, "json"],
    [struct({ x: { type: "int32" } }), "json"],
    [struct({ x: { type: "int32" } }), struct({ x: { type: "float64" } })],
    [struct({ x: { type: "int32" } }), struct({ x: { type: "int32" }, y: { type: "bool", nullable: true } })],
    [struct({ x: { type: "int32" }, y: { type: "bool" } }), struct({ x: { type: "int32" } })]
  ])("%j may become %j", (from, to) => {
    assert.strictEqual(change({ a: { type: from } }, { a: { type: to } }), "compatible")
  })

  it.each<[unknown, unknown]>([
    ["int64", "int32"],
    ["float64", "float32"],
    ["float64", "int64"],
    ["float32", "int32"],
    ["int32", "float32"],
    ["int64", "timestamp"],
    ["string", "bytes"],
    ["bytes", "string"],
    ["string", "json"],
    ["json", "string"],
    ["json", { array: "json" }],
    [{ array: "int32" }, { map: "int32" }],
    [{ array: "int64" }, { array: "int32" }],
    // Beyond 2^53 an int64 is a string inside of JSON.
    [{ array: "int64" }, { array: "float64" }],
    [struct({ x: { type: "int64" } }), struct({ x: { type: "float64" } })],
    [{ map: "int32" }, struct({ x: { type: "int32" } })],
    [struct({ x: { type: "int32" } }), struct({ x: { type: "string" } })],
    [struct({ x: { type: "int32" } }), struct({ x: { type: "int32" }, y: { type: "bool" } })],
    [struct({ x: { type: "int32", nullable: true } }), struct({ x: { type: "int32" } })],
    [{ array: struct({ x: { type: { map: "int32" } } }) }, { array: struct({ x: { type: { map: "bool" } } }) }]
  ])("%j may not become %j", (from, to) => {
    assert.match(
      change({ a: { type: from } }, { a: { type: to } }),
      /^SCHEMA_INCOMPATIBLE columns\.a: was .* \(version 3\) and cannot be read as /
    )
  })
})

describe("a column", () => {
  const id = { id: { type: "string" } } as const

  it.each<[string, Readonly<Record<string, Part>>, Readonly<Record<string, Part>>, string]>([
    ["comes, nullable", id, { ...id, a: { type: "bool", nullable: true } }, "compatible"],
    ["comes, with a default", id, { ...id, a: { type: "bool", default: false } }, "compatible"],
    [
      "comes, with neither",
      id,
      { ...id, a: { type: "bool" } },
      "SCHEMA_INCOMPATIBLE columns.a: is new (version 3) and has no default"
    ],
    ["goes", { ...id, a: { type: "bool" } }, id, "compatible"],
    ["moves", { a: { type: "bool" }, ...id }, { ...id, a: { type: "bool" } }, "compatible"],
    ["becomes nullable", { a: { type: "bool" } }, { a: { type: "bool", nullable: true } }, "compatible"],
    [
      "is no longer nullable",
      { a: { type: "bool", nullable: true } },
      { a: { type: "bool" } },
      "SCHEMA_INCOMPATIBLE columns.a: was nullable (version 3)"
    ],
    ["is no longer nullable, with a default", { a: { type: "bool", nullable: true } }, {
      a: { type: "bool", default: true }
    }, "compatible"],
    [
      "changes its default",
      { a: { type: "bool", default: true } },
      { a: { type: "bool", default: false } },
      "compatible"
    ]
  ])("%s", (_, from, to, expected) => {
    const found = change(from, to)
    assert.isTrue(found.startsWith(expected), found)
  })
})

it("the key of a table never changes", () => {
  const columns = { a: { type: "string" }, b: { type: "string" } }
  for (const [from, to] of [["a", "b"], ["a", undefined], [undefined, "a"]] as const) {
    const problem = incompatibility(tableOf(columns, from), 1, tableOf(columns, to))
    assert.strictEqual(problem?.field, "key")
    assert.match(problem!.message, /a table's key cannot change/)
  }
  assert.isUndefined(incompatibility(tableOf(columns, "a"), 1, tableOf(columns, "a")))
})
