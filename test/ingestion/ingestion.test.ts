/** Records and batches in: receipts, errors by record, transactions, idempotency, limits. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { unrestricted } from "../../src/base/caller.ts"
import { batchRecordsMax, idempotencyKeyLengthMax } from "../../src/base/limits.ts"
import { reasons } from "../../src/base/reason.ts"
import type { BatchReceipt, IngestionError } from "../../src/ingestion/Ingestion.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import { type Dice, seededEffect } from "../support/dice.ts"
import { batchRequest, put, recordRequest, type RequestOptions } from "../support/ingestRequest.ts"
import {
  type EngineSetting,
  Gate,
  type OpenEngine,
  openEngine,
  quiet,
  registerTable,
  valueAt
} from "../support/openEngine.ts"
import { fieldBytes, recordBytes, structBytes } from "../support/wireRecord.ts"

const setUp = Effect.fnUntraced(function*(setting: EngineSetting = {}) {
  const storage = yield* makeMemoryStorage
  const opened = yield* openEngine(storage, setting)
  return { storage, opened, table: yield* registerTable(opened) }
})

const ingest = ({ ingestion }: OpenEngine, records: ReadonlyArray<Uint8Array>, options: RequestOptions = {}) =>
  ingestion.ingestBatch(batchRequest(records, options), unrestricted)

/** A receipt in a line. */
const tell = ({ accepted, duplicate, errors, firstPosition, lastPosition, rejected }: BatchReceipt): string =>
  [
    `${accepted}+${rejected} ${firstPosition}-${lastPosition}${duplicate ? " duplicate" : ""}`,
    ...errors.map(({ field, index, reason }) => `${index} ${reason} ${field}`)
  ].join("; ")

const refusal = <A>(effect: Effect.Effect<A, IngestionError>) =>
  Effect.map(Effect.flip(effect), ({ field, message, reason }) => `${reason} ${field}: ${message}`)

const bad = recordBytes({ table: "x", tenant: "t", key: "bad", data: structBytes([["v", 5]]) })

describe("a batch", () => {
  it.live("takes each record for itself, and says of each other what is wrong with it", () =>
    Effect.gen(function*() {
      const { opened, table } = yield* setUp()
      const receipt = yield* ingest(opened, [
        put("a", "1"),
        bad,
        put("b", "2"),
        put("", "3"),
        put("a", "4"),
        new Uint8Array([255])
      ])
      assert.strictEqual(tell(receipt), "3+3 2-4; 1 WRONG_TYPE data.v; 3 INVALID_KEY key; 5 MALFORMED_MESSAGE ")
      assert.match(receipt.errors[0].message, /^data\.v: the number 5 is not a string/)
      assert.strictEqual(receipt.durability, "FSYNCED")
      assert.deepStrictEqual([
        valueAt(opened, table, "a", 9),
        valueAt(opened, table, "a", 2),
        valueAt(opened, table, "b", 9)
      ], ["4", "1", "2"])
    }))

  it.live("that is a transaction is all or none", () =>
    Effect.gen(function*() {
      const { opened, table } = yield* setUp()
      const refused = yield* ingest(opened, [put("a", "1"), bad, put("b", "2"), put("", "3")], { transactional: true })
      assert.strictEqual(
        tell(refused),
        "0+4 0-0; 0 NOT_ALL_VALID ; 1 WRONG_TYPE data.v; 2 NOT_ALL_VALID ; 3 INVALID_KEY key"
      )
      assert.match(refused.errors[0].message, /not written, since record 1 of the same transaction was refused/)
      assert.strictEqual(opened.mvcc.position(), 1)
      assert.isUndefined(valueAt(opened, table, "a", 9))
      assert.strictEqual(
        tell(yield* ingest(opened, [put("a", "1"), put("b", "2")], { transactional: true })),
        "2+0 2-3"
      )
    }))

  it.live("of several tenants is no transaction, and otherwise one write for each", () =>
    Effect.gen(function*() {
      const { opened, table } = yield* setUp()
      const other = yield* registerTable(opened, "x", "u")
      const records = [put("a", "t1"), put("a", "u1", { tenant: "u" }), put("a", "t2")]
      assert.strictEqual(
        tell(yield* ingest(opened, records, { transactional: true })),
        "0+3 0-0; 0 INVALID_VALUE tenant_id; 1 INVALID_VALUE tenant_id; 2 INVALID_VALUE tenant_id"
      )
      assert.strictEqual(tell(yield* ingest(opened, records)), "3+0 3-5")
      assert.deepStrictEqual([valueAt(opened, table, "a", 9), valueAt(opened, other, "a", 9)], ["t2", "u1"])
    }))

  it.live("of which one tenant's part is refused tells what became of each", () =>
    Effect.gen(function*() {
      const { opened } = yield* setUp()
      yield* registerTable(opened, "x", "u")
      yield* ingest(opened, [put("a", "1")], { key: "k" })
      const mixed = [put("b", "other"), put("b", "1", { tenant: "u" }), bad]
      const receipt = yield* ingest(opened, mixed, { key: "k" })
      assert.strictEqual(tell(receipt), "1+2 4-4; 0 IDEMPOTENCY_CONFLICT idempotency_key; 2 WRONG_TYPE data.v")
      assert.strictEqual(
        yield* Effect.map(refusal(ingest(opened, [mixed[0]], { key: "k" })), (told) => told.split(":")[0]),
        "IDEMPOTENCY_CONFLICT idempotency_key"
      )
    }))

  it.live("keeps the order of its records, in whatever versions they are written", () =>
    Effect.gen(function*() {
      const { opened, table } = yield* setUp()
      const definition = JSON.stringify({
        columns: [{ name: "v", type: "string", nullable: true }, { name: "n", type: "int64", default: 3 }]
      })
      yield* opened.administration.registerSchema({ tenant: "t", table: "x", definition }, unrestricted)
      const versions = [1, 2, 0, 1, 1, 2]
      const records = versions.map((version, i) =>
        i === 3 ? put("k", null, { version }) : put("k", String(i), { version })
      )
      assert.strictEqual(tell(yield* ingest(opened, records)), "6+0 3-8")
      assert.deepStrictEqual([3, 4, 5, 6, 7, 8].map((position) => valueAt(opened, table, "k", position)), [
        "0",
        "1",
        "2",
        null,
        "4",
        "5"
      ])
    }))

  it.live("without records is accepted, and nothing is written", () =>
    Effect.gen(function*() {
      const { opened } = yield* setUp()
      assert.deepStrictEqual(yield* ingest(opened, []), {
        accepted: 0,
        rejected: 0,
        errors: [],
        firstPosition: 0,
        lastPosition: 0,
        commitTime: 0,
        durability: "FSYNCED",
        duplicate: false
      } as unknown as BatchReceipt)
      assert.strictEqual(opened.mvcc.position(), 1)
    }))

  it.live("over a limit, or of bytes that are no request, is refused as a whole", () =>
    Effect.gen(function*() {
      const { opened: { ingestion, mvcc } } = yield* setUp()
      const send = (bytes: Uint8Array) => refusal(ingestion.ingestBatch(bytes, unrestricted))
      const empty = fieldBytes(1, new Uint8Array())
      assert.match(
        yield* send(Buffer.alloc((batchRecordsMax + 1) * 2, empty)),
        /^TOO_MANY_RECORDS records: records: 100001 records; 100000 are allowed/
      )
      assert.match(
        yield* send(batchRequest([put("a", "1")], { key: "k".repeat(idempotencyKeyLengthMax + 1) })),
        /^VALUE_TOO_LONG idempotency_key/
      )
      assert.match(
        yield* send(batchRequest([put("a", "1")], { durability: 4 })),
        /^MALFORMED_MESSAGE durability: durability: 4 is no Durability/
      )
      assert.match(yield* send(batchRequest([put("a", "1")], { durability: 3 })), /^DURABILITY_UNAVAILABLE durability/)
      for (const field of [3, 5, 6]) {
        assert.match(
          yield* send(fieldBytes(field, new Uint8Array([0xff]))),
          /^MALFORMED_MESSAGE \w+: \w+: the string is not valid UTF-8/
        )
      }
      assert.strictEqual(mvcc.position(), 1)
    }))

  it.live("cut off at any byte is refused, or is a batch of fewer records", () =>
    Effect.gen(function*() {
      const { opened } = yield* setUp()
      const whole = batchRequest([put("a", "1"), put("b", "2")], { transactional: true, key: "never", tenant: "t" })
      for (let length = 0; length < whole.length; length++) {
        const result = yield* Effect.result(opened.ingestion.ingestBatch(whole.subarray(0, length), unrestricted))
        if (result._tag === "Failure") assert.strictEqual(result.failure.reason, "MALFORMED_MESSAGE")
        else assert.strictEqual(result.success.rejected, 0)
      }
    }))

  seededEffect(
    "answers for every record that was sent, and what it accepts is there",
    25,
    Effect.fnUntraced(function*(dice: Dice) {
      const { opened } = yield* setUp({ memtableBytesMax: dice.pick([1, 1 << 30]) })
      const places = [["t", "x"], ["t", "y"], ["u", "x"]] as const
      const tables = yield* Effect.forEach(places, ([tenant, table]) => registerTable(opened, table, tenant))
      const versions: Array<{ readonly table: number; readonly key: string; readonly value: string | null }> = []
      for (let round = 0; round < 12; round++) {
        const sent = dice.times(dice.below(20), (i) => {
          const place = dice.below(places.length)
          const [tenant, table] = places[place]
          const isGood = dice.chance(0.8)
          const value = dice.chance(0.2) ? null : `${round}/${i}`
          const key = `k${dice.below(6)}`
          return isGood
            ? { good: { table: tables[place], key, value }, bytes: put(key, value, { tenant, table }) }
            : {
              good: undefined,
              bytes: dice.pick([
                put("", "x"),
                put(key, 7),
                put(key, "x", { table: "z" }),
                put(key, "x", { tenant: "z" }),
                put(key, "x", { version: 9 }),
                dice.bytes(9)
              ])
            }
        })
        const transactional = dice.chance(0.3)
        const receipt = yield* ingest(opened, sent.map(({ bytes }) => bytes), { transactional })
        assert.strictEqual(receipt.accepted + receipt.rejected, sent.length)
        assert.strictEqual(receipt.errors.length, receipt.rejected)
        const rejected = new Set(receipt.errors.map((error) => error.index))
        assert.strictEqual(rejected.size, receipt.rejected)
        assert.deepStrictEqual(receipt.errors.map((error) => error.index), [...rejected].sort((a, b) => a - b))
        for (const { message, reason } of receipt.errors) {
          assert.isTrue(reason in reasons)
          assert.isTrue(message.length > 10)
        }
        if (transactional) assert.isTrue(receipt.accepted === 0 || receipt.rejected === 0)
        else sent.forEach(({ good }, i) => assert.strictEqual(rejected.has(i), good === undefined))
        sent.forEach(({ good }, i) => {
          if (!rejected.has(i) && good !== undefined) versions.push(good)
        })
        for (const table of tables) {
          for (let k = 0; k < 6; k++) {
            const newest = versions.findLast((version) => version.table === table && version.key === `k${k}`)
            assert.strictEqual(valueAt(opened, table, `k${k}`, opened.mvcc.position()), newest?.value)
          }
        }
      }
      assert.strictEqual(opened.mvcc.usage().rows, versions.length)
    })
  )
})

describe("an idempotency key", () => {
  it.live("makes a retry harmless, in whatever order its fields come, and whatever was written between", () =>
    Effect.gen(function*() {
      const { opened } = yield* setUp()
      const definition = JSON.stringify({
        columns: [
          { name: "s", type: "string", nullable: true },
          { name: "i", type: "int64", nullable: true },
          { name: "f", type: "float64", nullable: true },
          { name: "b", type: "bool", nullable: true }
        ]
      })
      yield* opened.administration.registerSchema({ tenant: "t", table: "w", definition }, unrestricted)
      const record = (entries: ReadonlyArray<readonly [string, string | number | boolean | null]>, key = "k") =>
        recordBytes({ tenant: "t", table: "w", key, data: structBytes(entries) })
      const first = yield* ingest(opened, [record([["s", "x"], ["i", 5]])], { key: "once" })
      // What the batch held before must not show in what a retry is compared by.
      yield* ingest(opened, [record([["s", "other"], ["i", "9223372036854775807"], ["f", 2.5], ["b", true]], "z")])
      yield* ingest(opened, [recordBytes({ tenant: "t", table: "w", key: "z", deleted: true })])
      const retries = [
        record([["i", 5], ["s", "x"]]),
        record([["i", 7], ["s", "x"], ["b", null], ["i", "5"]]),
        record([["f", null], ["i", 5], ["s", "x"]])
      ]
      for (const retry of retries) {
        assert.deepStrictEqual(yield* ingest(opened, [retry], { key: "once" }), { ...first, duplicate: true })
        assert.deepStrictEqual(yield* ingest(opened, [retry], { key: "once", transactional: true }), {
          ...first,
          duplicate: true
        })
      }
      assert.match(
        yield* refusal(ingest(opened, [record([["s", "x"], ["i", 6]])], { key: "once" })),
        /^IDEMPOTENCY_CONFLICT idempotency_key: idempotency_key: "once" has committed other content at position 3/
      )
    }))

  it.live("of a batch covers what of it was accepted", () =>
    Effect.gen(function*() {
      const { opened } = yield* setUp()
      const first = yield* ingest(opened, [put("a", "1"), bad], { key: "k" })
      assert.strictEqual(tell(first), "1+1 2-2; 1 WRONG_TYPE data.v")
      assert.strictEqual(
        tell(yield* ingest(opened, [put("a", "1"), bad], { key: "k" })),
        "1+1 2-2 duplicate; 1 WRONG_TYPE data.v"
      )
      assert.strictEqual(tell(yield* ingest(opened, [put("a", "1")], { key: "k" })), "1+0 2-2 duplicate")
    }))

  it.live("of a batch that was refused may be used again", () =>
    Effect.gen(function*() {
      const { opened } = yield* setUp()
      yield* ingest(opened, [put("a", "1"), bad], { key: "k", transactional: true })
      assert.strictEqual(tell(yield* ingest(opened, [put("a", "2")], { key: "k", transactional: true })), "1+0 2-2")
    }))
})

describe("a record", () => {
  it.live("has a receipt, or the error that it would have in a batch", () =>
    Effect.gen(function*() {
      const { opened: { ingestion } } = yield* setUp()
      const send = (bytes: Uint8Array) => ingestion.ingestRecord(bytes, unrestricted)
      const receipt = yield* send(recordRequest(put("a", "1"), { key: "k", expectedVersion: 0n }))
      assert.strictEqual(receipt.position as number, 2)
      assert.isFalse(receipt.duplicate)
      assert.isTrue(receipt.commitTime > 0)
      assert.deepStrictEqual(yield* send(recordRequest(put("a", "1"), { key: "k", expectedVersion: 0n })), {
        ...receipt,
        duplicate: true
      })
      assert.strictEqual((yield* send(recordRequest(put("a", "2"), { expectedVersion: 2n }))).position as number, 3)
      assert.match(
        yield* refusal(send(recordRequest(put("a", "3"), { expectedVersion: 2n }))),
        /^VERSION_MISMATCH expected_version: expected_version: 2 is expected, but the current version is 3/
      )
      assert.match(
        yield* refusal(send(recordRequest(put("a", "3"), { expectedVersion: 2n ** 64n - 1n }))),
        /^VERSION_MISMATCH/
      )
      assert.match(
        yield* refusal(send(recordRequest(bad))),
        /^WRONG_TYPE data\.v: data\.v: the number 5 is not a string/
      )
      assert.match(yield* refusal(send(new Uint8Array())), /^MALFORMED_MESSAGE record: record: missing/)
      assert.match(
        yield* refusal(send(new Uint8Array([0xff]))),
        /^MALFORMED_MESSAGE : the bytes are no varve\.v1\.IngestRecordRequest/
      )
      assert.strictEqual((yield* send(recordRequest(put("a", null), { expectedVersion: 3n }))).position as number, 4)
      assert.strictEqual((yield* send(recordRequest(put("a", "5"), { expectedVersion: 0n }))).position as number, 5)
    }))

  it.live("goes to the credential's tenant only", () =>
    Effect.gen(function*() {
      const { opened: { ingestion } } = yield* setUp()
      const own = recordBytes({ table: "x", key: "a", data: structBytes([]) })
      assert.strictEqual((yield* ingestion.ingestRecord(recordRequest(own), { tenant: "t" })).position as number, 2)
      assert.match(
        yield* refusal(ingestion.ingestRecord(recordRequest(put("a", "1")), { tenant: "u" })),
        /^TENANT_FORBIDDEN tenant_id/
      )
      assert.match(
        yield* refusal(ingestion.ingestRecord(recordRequest(own), unrestricted)),
        /^MISSING_ARGUMENT tenant_id/
      )
    }))
})

describe("a log that fails", () => {
  it.live("is told as what it is, whole requests at a time", () =>
    Effect.gen(function*() {
      const { opened, storage } = yield* setUp()
      storage.capacityBytes = 0
      assert.match(yield* refusal(ingest(opened, [put("a", "1"), bad])), /^STORAGE_FULL/)
      storage.capacityBytes = Infinity
      assert.strictEqual(tell(yield* ingest(opened, [put("a", "1")])), "1+0 2-2")
      storage.refuse = ({ kind }) => kind === "sync" ? "Failed" : undefined
      assert.match(yield* refusal(ingest(opened, [put("a", "2")])), /^LOG_UNAVAILABLE/)
      assert.strictEqual((yield* opened.ingestion.status("t")).recordsTotal, 1)
    }).pipe(quiet))

  it.live("an interrupted request is committed as if it were not, and its memory is not reused before", () =>
    Effect.gen(function*() {
      const gate = new Gate()
      const { opened, table } = yield* setUp({ gate })
      gate.close()
      const fiber = yield* Effect.forkChild(ingest(opened, [put("a", "first")]), { startImmediately: true })
      yield* gate.arrived(2)
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      const next = yield* Effect.forkChild(ingest(opened, [put("a", "other"), put("b", "other")]), {
        startImmediately: true
      })
      gate.open()
      yield* Fiber.join(interrupting)
      yield* Fiber.join(next)
      assert.deepStrictEqual([2, 3].map((position) => valueAt(opened, table, "a", position)), ["first", "other"])
    }))
})
