/** What ingestion counts. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { unrestricted } from "../../src/base/caller.ts"
import { Meters } from "../../src/ingestion/meters.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import { seeded } from "../support/dice.ts"
import { batchRequest, put, recordRequest } from "../support/ingestRequest.ts"
import { Gate, openEngine, registerTable } from "../support/openEngine.ts"

describe("the status of ingestion", () => {
  it.live("counts what each tenant got written, and what was refused", () =>
    Effect.gen(function*() {
      const opened = yield* openEngine(yield* makeMemoryStorage)
      yield* registerTable(opened)
      yield* registerTable(opened, "x", "u")
      const { ingestion } = opened
      const records = [
        put("a", "1"),
        put("b", 5),
        put("a", "1", { tenant: "u" }),
        put("a", "2"),
        put("a", "3", { tenant: "nobody" })
      ]
      const bytes = batchRequest(records)
      yield* ingestion.ingestBatch(bytes, unrestricted)
      const figures = (tenant?: string) =>
        Effect.map(
          ingestion.status(tenant),
          (status) => [status.recordsTotal, status.rejectedTotal, status.lastPosition as number]
        )
      assert.deepStrictEqual(yield* figures(), [3, 2, 5])
      assert.deepStrictEqual((yield* figures("t"))[0], 2)
      assert.deepStrictEqual((yield* figures("u"))[0], 1)
      const all = yield* ingestion.status(undefined)
      assert.strictEqual(all.bytesTotal, bytes.length)
      assert.isTrue(all.logBytes > 0 && all.memtableBytes > 0)
      assert.strictEqual(all.memtableCount, 2)
      assert.isTrue(all.latencyP50Millis > 0 && all.latencyP50Millis <= all.latencyP99Millis)
      // A duplicate is not written again; a transaction that is refused counts all its records as refused.
      yield* ingestion.ingestBatch(batchRequest([put("c", "1")], { key: "k" }), unrestricted)
      yield* ingestion.ingestBatch(batchRequest([put("c", "1")], { key: "k" }), unrestricted)
      assert.deepStrictEqual(yield* figures(), [4, 2, 6])
      yield* ingestion.ingestBatch(batchRequest([put("c", "1"), put("d", 1)], { transactional: true }), unrestricted)
      assert.deepStrictEqual(yield* figures(), [4, 4, 6])
      yield* Effect.flip(ingestion.ingestRecord(recordRequest(put("c", "1"), { expectedVersion: 0n }), unrestricted))
      assert.deepStrictEqual(yield* figures(), [4, 5, 6])
    }))

  it.live("of a tenant that is not there is an error", () =>
    Effect.gen(function*() {
      const { ingestion } = yield* openEngine(yield* makeMemoryStorage)
      const { message, reason } = yield* Effect.flip(ingestion.status("nobody"))
      assert.strictEqual(reason, "TENANT_NOT_FOUND")
      assert.match(message, /there is no tenant "nobody"/)
    }))

  it.live("says what is under way", () =>
    Effect.gen(function*() {
      const gate = new Gate()
      const opened = yield* openEngine(yield* makeMemoryStorage, { gate })
      yield* registerTable(opened)
      const { ingestion } = opened
      const input = yield* Queue.unbounded<Uint8Array>()
      const stream = yield* Effect.forkChild(
        Stream.runDrain(ingestion.ingestStream(Stream.fromQueue(input), unrestricted)),
        { startImmediately: true }
      )
      gate.close()
      const writing = yield* Effect.forkChild(
        ingestion.ingestBatch(batchRequest([put("a", "1"), put("b", "1")]), unrestricted),
        { startImmediately: true }
      )
      yield* gate.arrived(2)
      const during = yield* ingestion.status(undefined)
      assert.deepStrictEqual([during.activeStreams, during.pendingRecords], [1, 2])
      gate.open()
      yield* Fiber.join(writing)
      yield* Fiber.interrupt(stream)
      const after = yield* ingestion.status(undefined)
      assert.deepStrictEqual([after.activeStreams, after.pendingRecords], [0, 0])
    }))

  it.effect("has rates over the last ten seconds", () =>
    Effect.gen(function*() {
      const opened = yield* openEngine(yield* makeMemoryStorage)
      yield* registerTable(opened)
      const { ingestion } = opened
      yield* TestClock.adjust("100 seconds")
      const request = batchRequest(Array.from({ length: 50 }, (_, i) => put(`k${i}`, "v")))
      yield* ingestion.ingestBatch(request, unrestricted)
      yield* TestClock.adjust("1 second")
      const soon = yield* ingestion.status(undefined)
      assert.strictEqual(soon.recordsPerSecond, 5)
      assert.strictEqual(soon.bytesPerSecond, request.length / 10)
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual((yield* ingestion.status(undefined)).recordsPerSecond, 5)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* ingestion.status(undefined)).recordsPerSecond, 0)
    }))
})

describe("meters", () => {
  seeded("know quantiles of latencies to within a tenth", 20, (dice) => {
    const meters = new Meters()
    const micros = dice.times(1000, () => 2 ** (dice.below(2400) / 100))
    for (const each of micros) meters.latency(each, 1)
    const sorted = [...micros].sort((a, b) => a - b)
    for (const share of [0.5, 0.9, 0.99]) {
      const exact = sorted[Math.ceil(1000 * share) - 1] / 1000
      const found = meters.quantile(share)
      assert.isTrue(found >= exact && found <= exact * 1.1, `${found} for ${exact}`)
    }
    assert.strictEqual(new Meters().quantile(0.5), 0)
  })

  it("forget latencies after twice ten seconds", () => {
    const meters = new Meters()
    meters.latency(1000, 1)
    meters.latency(1000, 11_000)
    assert.isTrue(meters.quantile(0.5) > 0.9)
    meters.latency(1, 22_000)
    meters.latency(1, 33_000)
    assert.isTrue(meters.quantile(1) < 0.1)
  })
})
