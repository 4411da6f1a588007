/** The catalog as a fold: what each event adds, and that no state ever changes under a reader. */
import { assert, describe, it } from "@effect/vitest"
import * as Position from "../../src/base/position.ts"
import { type CatalogEvent, foldCatalog } from "../../src/catalog/fold.ts"
import { makeCatalog } from "../../src/catalog/makeCatalog.ts"
import { type CatalogState, empty, latest, versionOf } from "../../src/catalog/state.ts"
import { canonicalDocument } from "../../src/schema/document.ts"
import { schemaOf } from "../support/decoding.ts"
import { type Dice, seeded } from "../support/dice.ts"

const definitionOf = (columns: number): string =>
  canonicalDocument(
    schemaOf({ columns: Array.from({ length: columns }, (_, i) => ({ name: `c${i}`, type: "int64", nullable: true })) })
  )

/** A state as plain data, in the order of its maps. */
const plain = (state: CatalogState) => ({
  tenants: [...state.tenants.values()].map((tenant) => ({ ...tenant, tables: [...tenant.tables.values()] })),
  tables: [...state.tables.entries()]
})

/** The next event that a log could hold. */
const randomEvent = (dice: Dice, state: CatalogState): CatalogEvent => {
  const tenant = `t${dice.below(4)}`
  if (dice.chance(0.3) && !state.tenants.has(tenant)) return { kind: "TenantCreated", tenant, name: dice.text(3) }
  const table = `x${dice.below(3)}`
  const found = state.tenants.get(tenant)?.tables.get(table)
  return {
    kind: "SchemaRegistered",
    tenant,
    table,
    tableId: found?.id ?? state.tables.size + 1,
    version: (found?.versions.length ?? 0) + 1,
    definition: definitionOf((found?.versions.length ?? 0) + 1)
  }
}

describe("the catalog's fold", () => {
  seeded(
    "is a function of the events: the same ones give the same state, and leave every earlier state as it was",
    40,
    (dice) => {
      const states: Array<readonly [CatalogState, ReturnType<typeof plain>]> = []
      const events: Array<CatalogEvent> = []
      let state = empty
      for (let i = 0; i < 20; i++) {
        states.push([state, structuredClone(plain(state))])
        events.push(randomEvent(dice, state))
        state = foldCatalog(state, events[i], Position.make(i + 1), 1000 + i)
      }
      for (const [earlier, copy] of states) assert.deepStrictEqual(plain(earlier), copy)
      const again = events.reduce(
        (before, event, i) => foldCatalog(before, event, Position.make(i + 1), 1000 + i),
        empty
      )
      assert.deepStrictEqual(plain(again), plain(state))
      for (const [id, table] of state.tables) {
        assert.strictEqual(id, table.id)
        assert.strictEqual(state.tenants.get(table.tenant)!.tables.get(table.name), table)
        table.versions.forEach((version, i) => {
          assert.strictEqual(version.version, i + 1)
          assert.deepStrictEqual(version.shape, {
            table: id,
            schemaVersion: i + 1,
            columns: version.schema.columns.map(() => "int64" as const)
          })
        })
      }
    }
  )

  it("makes a table, and its tenant, by the first version of its schema", () => {
    const state = foldCatalog(
      empty,
      { kind: "SchemaRegistered", tenant: "t", table: "x", tableId: 1, version: 1, definition: definitionOf(1) },
      Position.make(5),
      77
    )
    assert.deepStrictEqual([...state.tenants.keys()], ["t"])
    assert.strictEqual(state.tenants.get("t")!.createdAt, 77)
    const catalog = makeCatalog(() => state)
    const table = catalog.table("t", "x")!
    assert.strictEqual(latest(table).position, 5)
    assert.strictEqual(latest(table).registeredAt, 77)
    assert.strictEqual(versionOf(table, 0), latest(table))
    assert.strictEqual(versionOf(table, 1), latest(table))
    assert.isUndefined(versionOf(table, 2))
    assert.isUndefined(catalog.table("t", "y"))
    assert.isUndefined(catalog.table("u", "x"))
  })

  it("breaks on a version that does not follow, for such a log was never written", () => {
    const register = (state: CatalogState, version: number) =>
      foldCatalog(
        state,
        { kind: "SchemaRegistered", tenant: "t", table: "x", tableId: 1, version, definition: definitionOf(version) },
        Position.first,
        1
      )
    assert.throws(() => register(empty, 2), "invariant broken")
    assert.throws(() => register(register(empty, 1), 1), "invariant broken")
  })
})
