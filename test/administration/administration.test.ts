/** Tenants and schemas: what may be named how, what changes are taken, and in which order many at once are. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { AdministrationError } from "../../src/administration/Administration.ts"
import { unrestricted } from "../../src/base/caller.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import { type Dice, seededEffect } from "../support/dice.ts"
import { dump, Gate, openEngine, registerTable } from "../support/openEngine.ts"

const definitionOf = (columns: ReadonlyArray<object>, key?: string): string =>
  JSON.stringify({ columns, ...(key === undefined ? {} : { key }) })

const id = { name: "id", type: "string" }

const refusal = <A>(effect: Effect.Effect<A, AdministrationError>) =>
  Effect.map(Effect.flip(effect), ({ field, message, reason }) => `${reason} ${field}: ${message}`)

const setUp = Effect.fnUntraced(function*() {
  const storage = yield* makeMemoryStorage
  const gate = new Gate()
  const opened = yield* openEngine(storage, { gate })
  const { administration } = opened
  return {
    storage,
    gate,
    opened,
    administration,
    register: (definition: string, table = "x", tenant = "t") =>
      administration.registerSchema({ tenant, table, definition }, unrestricted)
  }
})

describe("a tenant", () => {
  it.live("is created once, and listed", () =>
    Effect.gen(function*() {
      const { administration } = yield* setUp()
      const created = yield* administration.createTenant({ tenant: "b", name: "Bee 🐝" }, unrestricted)
      assert.deepStrictEqual({ ...created, createdAt: 0 }, { tenant: "b", name: "Bee 🐝", createdAt: 0, tables: 0 })
      assert.isTrue(created.createdAt > 1_600_000_000_000_000)
      assert.strictEqual(
        yield* refusal(administration.createTenant({ tenant: "b", name: "" }, unrestricted)),
        "TENANT_EXISTS tenant_id: tenant_id: tenant \"b\" exists already"
      )
      yield* administration.createTenant({ tenant: "a", name: "" }, unrestricted)
      assert.deepStrictEqual((yield* administration.listTenants(unrestricted)).map((tenant) => tenant.tenant), [
        "a",
        "b"
      ])
      assert.deepStrictEqual((yield* administration.listTenants({ tenant: "a" })).map((tenant) => tenant.tenant), ["a"])
    }))

  it.live.each([
    ["", "is empty"],
    ["a b", "is \"a b\"; letters, digits"],
    ["_a", "letters, digits"],
    [".a", "letters, digits"],
    ["é", "letters, digits"],
    ["a/b", "letters, digits"],
    ["a\0", "letters, digits"],
    ["a".repeat(129), "has 129 characters; 128 are allowed"]
  ])("may not be called %j", ([tenant, expected]) =>
    Effect.gen(function*() {
      const { administration, opened, register } = yield* setUp()
      const attempts: ReadonlyArray<Effect.Effect<unknown, AdministrationError>> = [
        administration.createTenant({ tenant, name: "" }, unrestricted),
        register(definitionOf([id]), "x", tenant)
      ]
      for (const attempt of attempts) {
        const found = yield* refusal(attempt)
        assert.isTrue(found.startsWith("INVALID_NAME tenant_id: tenant_id: ") && found.includes(expected), found)
      }
      if (tenant !== "")
        assert.match(yield* refusal(register(definitionOf([id]), tenant)), /^INVALID_NAME table: table: /)
      assert.strictEqual(opened.mvcc.position(), 0)
    }))

  it.live("may be called by any identifier", () =>
    Effect.gen(function*() {
      const { administration } = yield* setUp()
      for (const tenant of ["a", "0", "A-b_c.d", "a".repeat(128), "constructor", "__".padStart(3, "a")]) {
        assert.strictEqual((yield* administration.createTenant({ tenant, name: "" }, unrestricted)).tenant, tenant)
      }
    }))

  it.live("is the business of its own callers only", () =>
    Effect.gen(function*() {
      const { administration, register } = yield* setUp()
      yield* register(definitionOf([id]))
      const stranger = { tenant: "u" }
      const attempts: ReadonlyArray<Effect.Effect<unknown, AdministrationError>> = [
        administration.createTenant({ tenant: "t", name: "" }, stranger),
        administration.registerSchema({ tenant: "t", table: "x", definition: definitionOf([id]) }, stranger),
        administration.listSchemas({ tenant: "t", table: undefined }, stranger),
        administration.listSchemas({ tenant: "t", table: "x" }, stranger),
        administration.getSchema({ tenant: "t", table: "x", version: 0 }, stranger)
      ]
      for (const attempt of attempts) {
        assert.match(
          yield* refusal(attempt),
          /^TENANT_FORBIDDEN tenant_id: tenant_id: the credential is not for tenant "t"/
        )
      }
      assert.deepStrictEqual(yield* administration.listTenants(stranger), [])
    }))
})

describe("a schema", () => {
  it.live("is registered in versions; the same document again is the version that it is", () =>
    Effect.gen(function*() {
      const { administration, opened, register } = yield* setUp()
      const first = yield* register(definitionOf([id]))
      assert.deepStrictEqual([first.version, first.created, first.position as number], [1, true, 1])
      const same = yield* register(` { "columns" : [ { "type":"string", "name":"id", "nullable": false } ] } `)
      assert.deepStrictEqual({ ...same, created: true }, first)
      assert.isFalse(same.created)
      const second = yield* register(definitionOf([id, { name: "n", type: "int32", nullable: true }]))
      assert.deepStrictEqual([second.version, second.created, second.position as number], [2, true, 2])
      assert.isTrue(second.registeredAt >= first.registeredAt)
      assert.strictEqual(opened.mvcc.position(), 2)
      // The first document once more is a new version: it differs from the latest.
      assert.strictEqual((yield* register(definitionOf([id]))).version, 3)
      assert.deepStrictEqual(
        (yield* administration.listTenants(unrestricted)).map(({ tables, tenant }) => [tenant, tables]),
        [["t", 1]]
      )
    }))

  it.live("is found by its version, 0 being the latest", () =>
    Effect.gen(function*() {
      const { administration, register } = yield* setUp()
      const { created: _, ...first } = yield* register(definitionOf([id]))
      const { created: __, ...second } = yield* register(
        definitionOf([id, { name: "n", type: "int32", nullable: true }])
      )
      const { created: ___, ...other } = yield* register(definitionOf([id]), "a")
      const get = (version: number, table = "x", tenant = "t") =>
        administration.getSchema({ tenant, table, version }, unrestricted)
      assert.deepStrictEqual([yield* get(1), yield* get(2), yield* get(0), yield* get(1, "a")], [
        first,
        second,
        second,
        other
      ])
      assert.deepStrictEqual(yield* administration.listSchemas({ tenant: "t", table: "x" }, unrestricted), [
        first,
        second
      ])
      assert.deepStrictEqual(yield* administration.listSchemas({ tenant: "t", table: undefined }, unrestricted), [
        other,
        second
      ])
      assert.match(
        yield* refusal(get(3)),
        /^SCHEMA_VERSION_NOT_FOUND version: version: 3 is not there; table "x" has versions 1 to 2/
      )
      assert.match(yield* refusal(get(1, "z")), /^TABLE_NOT_FOUND table: table: tenant "t" has no table "z"/)
      assert.match(yield* refusal(get(1, "x", "z")), /^TENANT_NOT_FOUND tenant_id: tenant_id: there is no tenant "z"/)
      assert.match(
        yield* refusal(administration.listSchemas({ tenant: "t", table: "z" }, unrestricted)),
        /^TABLE_NOT_FOUND/
      )
      assert.match(
        yield* refusal(administration.listSchemas({ tenant: "z", table: undefined }, unrestricted)),
        /^TENANT_NOT_FOUND/
      )
    }))

  it.live("that rows of any earlier version could not be read by is refused, and changes nothing", () =>
    Effect.gen(function*() {
      const { opened, register } = yield* setUp()
      yield* register(definitionOf([id, { name: "n", type: "int32" }]))
      yield* register(definitionOf([id]))
      const before = dump(opened.engine.state)
      const attempts: ReadonlyArray<readonly [string, RegExp]> = [
        [
          definitionOf([id, { name: "n", type: "string", nullable: true }]),
          /^SCHEMA_INCOMPATIBLE columns\.n: columns\.n: was int32 \(version 1\) and cannot be read as string/
        ],
        [
          definitionOf([id, { name: "m", type: "int32" }]),
          /^SCHEMA_INCOMPATIBLE columns\.m: columns\.m: is new \(version 1\) and has no default/
        ],
        [definitionOf([id], "id"), /^SCHEMA_INCOMPATIBLE key: key: "id", but version 1 has no key column/],
        ["{", /^INVALID_SCHEMA : the schema is not JSON/],
        [definitionOf([]), /^INVALID_SCHEMA columns: columns: must be a list of at least one column/]
      ]
      for (const [definition, expected] of attempts) assert.match(yield* refusal(register(definition)), expected)
      assert.deepStrictEqual(dump(opened.engine.state), before)
    }))

  it.live("nested beyond any stack is refused, and the engine goes on", () =>
    Effect.gen(function*() {
      const { register } = yield* setUp()
      const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`
      assert.match(
        yield* refusal(register(`{"columns":[{"name":"a","type":"json","default":${deep}}]}`)),
        /^INVALID_SCHEMA columns\[0\]\.default/
      )
      assert.isTrue((yield* register(definitionOf([id]))).created)
    }))
})

describe("many at once", () => {
  it.live("of the same document make one version, which all of them find", () =>
    Effect.gen(function*() {
      const { gate, opened, register } = yield* setUp()
      gate.close()
      const all = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 20 }, () => register(definitionOf([id]))), { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* gate.arrived(1)
      gate.open()
      const registered = yield* Fiber.join(all)
      assert.deepStrictEqual(registered.map(({ version }) => version), Array.from({ length: 20 }, () => 1))
      assert.strictEqual(registered.filter(({ created }) => created).length, 1)
      assert.strictEqual(opened.mvcc.position(), 1)
    }))

  seededEffect(
    "get versions and numbers without a gap, whatever their order, and a restart finds them so",
    15,
    Effect.fnUntraced(function*(dice: Dice) {
      const { administration, opened, register, storage } = yield* setUp()
      const columns = Array.from({ length: 6 }, (_, i) => ({ name: `c${i}`, type: "int32", nullable: true }))
      const attempts = dice.times(60, () =>
        dice.chance(0.2)
          ? Effect.asVoid(administration.createTenant({ tenant: dice.pick(["t", "u", "v"]), name: "" }, unrestricted))
          : Effect.asVoid(
            register(
              definitionOf(dice.shuffle(columns).slice(0, dice.between(1, 6))),
              dice.pick(["x", "y", "z"]),
              dice.pick(["t", "u"])
            )
          ))
      const results = yield* Effect.all(attempts.map((attempt) => Effect.result(Effect.delay(attempt, 0))), {
        concurrency: dice.pick([1, 4, 60])
      })
      for (const result of results) {
        if (result._tag === "Failure")
          assert.strictEqual(result.failure.reason, "TENANT_EXISTS")
      }
      const state = opened.engine.state.catalog
      assert.deepStrictEqual([...state.tables.keys()], Array.from({ length: state.tables.size }, (_, i) => i + 1))
      for (const table of state.tables.values()) {
        assert.deepStrictEqual(table.versions.map(({ version }) => version), table.versions.map((_, i) => i + 1))
        table.versions.slice(1).forEach(({ definition }, i) =>
          assert.notStrictEqual(definition, table.versions[i].definition)
        )
        const ids = new Map(
          table.versions.flatMap(({ schema }) => schema.columns.map((column) => [column.name, column.id]))
        )
        for (const { schema } of table.versions) {
          for (const column of schema.columns) assert.strictEqual(column.id, ids.get(column.name))
        }
        assert.strictEqual(new Set(ids.values()).size, ids.size)
      }
      const again = yield* openEngine(storage.crashClone(dice.seed))
      assert.deepStrictEqual(dump(again.engine.state), dump(opened.engine.state))
    })
  )

  it.live("of one tenant make it once", () =>
    Effect.gen(function*() {
      const { administration, opened } = yield* setUp()
      const create = Effect.result(administration.createTenant({ tenant: "t", name: "" }, unrestricted))
      const results = yield* Effect.all(Array.from({ length: 10 }, () => create), { concurrency: "unbounded" })
      assert.strictEqual(results.filter((result) => result._tag === "Success").length, 1)
      yield* registerTable(opened)
      assert.strictEqual(opened.mvcc.position(), 2)
    }))
})
