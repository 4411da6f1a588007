/** Opening an engine over a log: the fold, and what is said of a log that cannot be folded. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { unrestricted } from "../../src/base/caller.ts"
import { BlockStorage } from "../../src/storage/BlockStorage.ts"
import { makeMemoryStorage, type MemoryStorage } from "../../src/storage/memoryStorage.ts"
import { makeWal } from "../../src/wal/makeWal.ts"
import { type Dice, seededEffect } from "../support/dice.ts"
import { batchRequest, put } from "../support/ingestRequest.ts"
import { dump, openEngine, registerTable, writeOf } from "../support/openEngine.ts"

/** Appends a frame behind the engine's back. */
const appendFrame = (storage: MemoryStorage, kind: number, payload: string) =>
  Effect.scoped(Effect.gen(function*() {
    const wal = yield* Effect.provideService(makeWal(), BlockStorage, storage)
    yield* wal.append([{ kind, span: 1, payload: [new TextEncoder().encode(payload)] }], { commitTime: 1, sync: true })
  }))

describe("recovery", () => {
  it.live.each<readonly [string, number, string, RegExp]>([
    [
      "of an unknown kind",
      999,
      "",
      /^the log at position 3: event kind 999 is unknown: the log was written by a newer version of Varve/
    ],
    ["of a known kind that cannot be read", 1, "{\"tenant\":5}", /^the log at position 3: event is not readable/],
    [
      "of a schema with a type that is none",
      2,
      JSON.stringify({
        tenant: "t",
        table: "y",
        tableId: 2,
        version: 1,
        definition: "{\"columns\":[{\"id\":1,\"name\":\"a\",\"type\":\"decimal\"}]}"
      }),
      /^the log at position 3: schema is not readable, a newer version of Varve may have written it: columns\[0\]\.type: "decimal" is no type/
    ],
    ["of rows that are none", 3, "x", /^the log at position 3: 4 bytes expected at offset 0, 1 are there/]
  ])("stops at an event %s, and names its position", ([, kind, payload, message]) =>
    Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      yield* Effect.scoped(Effect.gen(function*() {
        const opened = yield* openEngine(storage)
        yield* opened.pipeline.commit(writeOf(yield* registerTable(opened), [["a", "1"]]))
      }))
      yield* appendFrame(storage, kind, payload)
      const error = yield* Effect.flip(openEngine(storage))
      assert.strictEqual(error._tag, "RecoveryError")
      assert.match(error.message, message)
    }))

  seededEffect(
    "after a clean end is what it was, however the rows are kept, as often as it is done",
    10,
    Effect.fnUntraced(function*(dice: Dice) {
      const storage = yield* makeMemoryStorage
      const scope = yield* Scope.make()
      const opened = yield* Scope.provide(openEngine(storage, { memtableBytesMax: dice.pick([1, 1 << 30]) }), scope)
      yield* registerTable(opened)
      yield* registerTable(opened, "x", "u")
      for (let i = 0; i < 30; i++) {
        if (i === 15) {
          const definition = JSON.stringify({
            columns: [{ name: "v", type: "string", nullable: true }, { name: "n", type: "float64", default: 0.5 }]
          })
          yield* opened.administration.registerSchema({ tenant: "t", table: "x", definition }, unrestricted)
        }
        const records = dice.times(
          dice.between(1, 20),
          () =>
            put(dice.pick(["a", "b", "c", "é"]), dice.chance(0.2) ? null : dice.text(5), {
              tenant: dice.pick(["t", "u"])
            })
        )
        yield* opened.ingestion.ingestBatch(
          batchRequest(records, dice.chance(0.5) ? { key: `key ${i}` } : {}),
          unrestricted
        )
      }
      const before = dump(opened.engine.state)
      yield* Scope.close(scope, Exit.void)
      for (const memtableBytesMax of [1, 30_000, 1 << 30]) {
        const again = yield* Effect.scoped(
          Effect.map(openEngine(storage, { memtableBytesMax }), ({ engine }) => dump(engine.state))
        )
        assert.deepStrictEqual(again, before)
      }
    })
  )

  it.live("of an empty storage is an empty engine", () =>
    Effect.gen(function*() {
      const { engine, mvcc } = yield* openEngine(yield* makeMemoryStorage)
      assert.strictEqual(mvcc.position(), 0)
      assert.deepStrictEqual(mvcc.usage(), { bytes: 0, memtables: 0, rows: 0, readers: 0, heldPositions: 0 })
      assert.deepStrictEqual(dump(engine.state).tenants, [])
    }))
})
