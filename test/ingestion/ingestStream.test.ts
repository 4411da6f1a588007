/** Streams of records: the protocol, the order, and what is kept when they end in the middle. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { unrestricted } from "../../src/base/caller.ts"
import { messageBytesMax } from "../../src/base/limits.ts"
import type { IngestionError, StreamAnswer } from "../../src/ingestion/Ingestion.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import { type Dice, seededEffect } from "../support/dice.ts"
import { put, streamMessages } from "../support/ingestRequest.ts"
import {
  type EngineSetting,
  Gate,
  type OpenEngine,
  openEngine,
  quiet,
  registerTable,
  valueAt
} from "../support/openEngine.ts"
import { recordBytes, structBytes } from "../support/wireRecord.ts"

const { commit, init, record, records } = streamMessages

const setUp = Effect.fnUntraced(function*(setting: EngineSetting = {}) {
  const storage = yield* makeMemoryStorage
  const opened = yield* openEngine(storage, setting)
  return { storage, opened, table: yield* registerTable(opened) }
})

const run = ({ ingestion }: OpenEngine, messages: ReadonlyArray<Uint8Array>, caller = unrestricted) =>
  Stream.runCollect(ingestion.ingestStream(Stream.fromIterable(messages), caller))

/** An answer in a line. */
const tell = (answer: StreamAnswer): string => {
  switch (answer.kind) {
    case "ack":
      return `ack ${answer.sequence} at ${answer.position}${answer.committed ? " committed" : ""}`
    case "error":
      return `error ${answer.sequence}: ${answer.error.index} ${answer.error.reason} ${answer.error.field}`
    case "stats":
      return `stats ${answer.messages} messages ${answer.accepted}+${answer.rejected}`
  }
}

const bad = recordBytes({ key: "bad", data: structBytes([["v", 5]]) })

const own = (key: string, value: string) => recordBytes({ key, data: structBytes([["v", value]]) })

describe("a stream", () => {
  it.live("acknowledges each message in its order, reports each bad record, and ends by its commit", () =>
    Effect.gen(function*() {
      const { opened, table } = yield* setUp()
      const answers = yield* run(opened, [
        init({ tenant: "t", table: "x" }),
        records([own("a", "1"), bad, own("b", "1")]),
        record(own("a", "2")),
        records([bad, bad]),
        records([]),
        commit()
      ])
      assert.deepStrictEqual(answers.map(tell), [
        "ack 0 at 0",
        "error 1: 1 WRONG_TYPE data.v",
        "ack 1 at 3",
        "ack 2 at 4",
        "error 3: 0 WRONG_TYPE data.v",
        "error 3: 1 WRONG_TYPE data.v",
        "ack 3 at 4",
        "ack 4 at 4",
        "ack 4 at 4 committed",
        "stats 6 messages 3+3"
      ])
      for (const answer of answers) if (answer.kind === "ack") assert.strictEqual(answer.creditBytes, messageBytesMax)
      assert.deepStrictEqual([valueAt(opened, table, "a", 9), valueAt(opened, table, "b", 9)], ["2", "1"])
    }))

  it.live("may do without an init, where its records say where they go", () =>
    Effect.gen(function*() {
      const { opened } = yield* setUp()
      const answers = yield* run(opened, [record(put("a", "1")), record(own("a", "2")), commit()])
      assert.deepStrictEqual(answers.map(tell), [
        "ack 1 at 2",
        "error 2: 0 MISSING_ARGUMENT tenant_id",
        "ack 2 at 2",
        "ack 2 at 2 committed",
        "stats 3 messages 1+1"
      ])
    }))

  it.live("is bound to the credential's tenant", () =>
    Effect.gen(function*() {
      const { opened } = yield* setUp()
      const answers = yield* run(opened, [init({ tenant: "t", table: "x" }), record(own("a", "1")), commit()], {
        tenant: "u"
      })
      assert.deepStrictEqual(answers.map(tell).slice(1, 3), ["error 1: 0 TENANT_FORBIDDEN tenant_id", "ack 1 at 0"])
    }))

  it.live.each<[string, ReadonlyArray<Uint8Array>, string]>([
    [
      "an init that is not first",
      [record(put("a", "1")), init()],
      "INVALID_VALUE message: init: it must be the first message of the stream"
    ],
    ["two inits", [init(), init()], "INVALID_VALUE message: init: it must be the first message of the stream"],
    [
      "bytes that are no message",
      [init(), new Uint8Array([0xff])],
      "MALFORMED_MESSAGE : the bytes are no varve.v1.IngestStreamRequest"
    ],
    [
      "an empty message",
      [init(), new Uint8Array()],
      "MALFORMED_MESSAGE message: message: none set; send init, records, record or commit"
    ],
    [
      "an unknown durability",
      [init({ durability: 9 })],
      "MALFORMED_MESSAGE durability: durability: 9 is no Durability"
    ],
    [
      "a durability that the log does not reach",
      [init({ durability: 3 }), record(put("a", "1"))],
      "DURABILITY_UNAVAILABLE init.durability"
    ]
  ])("fails for %s", ([, messages, expected]) =>
    Effect.gen(function*() {
      const { opened } = yield* setUp()
      const { field, message, reason } = yield* Effect.flip(run(opened, messages))
      assert.isTrue(`${reason} ${field}: ${message}`.startsWith(expected), `${reason} ${field}: ${message}`)
      assert.strictEqual((yield* opened.ingestion.status(undefined)).activeStreams, 0)
    }))

  it.live("refuses what follows its commit", () =>
    Effect.gen(function*() {
      const { opened } = yield* setUp()
      const refused = yield* Effect.flip(run(opened, [init(), commit(), record(put("a", "1"))]))
      assert.strictEqual(refused.reason, "INVALID_VALUE")
      assert.strictEqual(opened.mvcc.position(), 1)
    }))

  it.live("that ends without a commit keeps what was acknowledged, and says nothing of a commit", () =>
    Effect.gen(function*() {
      const { opened, table } = yield* setUp()
      const answers = yield* run(opened, [
        init({ tenant: "t", table: "x" }),
        record(own("a", "1")),
        record(own("a", "2"))
      ])
      assert.deepStrictEqual(answers.map(tell), ["ack 0 at 0", "ack 1 at 2", "ack 2 at 3"])
      assert.strictEqual(valueAt(opened, table, "a", 9), "2")
    }))

  it.live("says no more of durability than was reached", () =>
    Effect.gen(function*() {
      const levels = (durability: number | undefined, sync: "commit" | "none") =>
        Effect.gen(function*() {
          const { opened } = yield* setUp({ sync })
          const messages = [
            init({ tenant: "t", table: "x", ...(durability === undefined ? {} : { durability }) }),
            record(own("a", "1")),
            commit()
          ]
          return (yield* run(opened, messages)).flatMap((answer) => answer.kind === "ack" ? [answer.durability] : [])
        }).pipe(Effect.scoped)
      assert.deepStrictEqual(yield* levels(undefined, "commit"), ["FSYNCED", "FSYNCED", "FSYNCED"])
      assert.deepStrictEqual((yield* levels(undefined, "none")).slice(1), ["MEMORY", "MEMORY"])
      assert.deepStrictEqual((yield* levels(1, "none")).slice(1), ["MEMORY", "MEMORY"])
      assert.deepStrictEqual((yield* levels(2, "none")).slice(1), ["FSYNCED", "FSYNCED"])
    }))

  it.live("fails as a whole when the log does", () =>
    Effect.gen(function*() {
      const { opened, storage } = yield* setUp()
      storage.refuse = ({ kind }) => kind === "sync" ? "Failed" : undefined
      const error = yield* Effect.flip(
        run(opened, [init({ tenant: "t", table: "x" }), record(own("a", "1")), commit()])
      )
      assert.strictEqual(error.reason, "LOG_UNAVAILABLE")
    }).pipe(quiet))

  seededEffect(
    "writes its messages in their order, however large they are and whatever else is written",
    10,
    Effect.fnUntraced(function*(dice: Dice) {
      const { opened, table } = yield* setUp()
      const messages = dice.times(60, (i) => {
        const filler = dice.chance(0.1) ? "x".repeat(dice.pick([10_000, 100_000])) : ""
        return records([...dice.times(dice.below(3), () => own(`filler ${i}`, filler)), own("same", String(i))])
      })
      const elsewhere = Effect.forEach(Array.from({ length: 40 }), () =>
        // Nearly all that may be in flight: messages of the stream wait for room, some of them longer than others.
        opened.pipeline.admit(dice.between(1, 60) * 1024 * 1024, Effect.yieldNow))
      const [answers] = yield* Effect.all([
        run(opened, [init({ tenant: "t", table: "x" }), ...messages, commit()]),
        elsewhere,
        elsewhere
      ], { concurrency: "unbounded" })
      const history = opened.mvcc.versions(table)!.history(Buffer.from("same"), opened.mvcc.position())
      const written = history.map(({ memtable, row }) =>
        Number(Buffer.from((memtable.columns[0] as { get: (row: number) => Uint8Array }).get(row)).toString())
      ).reverse()
      assert.deepStrictEqual(written, messages.map((_, i) => i))
      const acks = answers.flatMap((answer) =>
        answer.kind === "ack" ? [[answer.sequence, answer.position] as const] : []
      )
      assert.deepStrictEqual(acks.map(([sequence]) => sequence), [...Array(61).keys(), 60])
      assert.deepStrictEqual(
        acks.map(([, position]) => position as number),
        acks.map(([, position]) => position as number).sort((a, b) => a - b)
      )
    })
  )
})

it.live("a message that comes while others wait for room waits behind them", () =>
  Effect.gen(function*() {
    // However the moments fall between the room that is given back and the message that comes.
    for (let moments = 0; moments < 16; moments++) {
      const { opened, table } = yield* setUp()
      const room = yield* Deferred.make<void>()
      const holding = yield* Effect.forkChild(opened.pipeline.admit(64 * 1024 * 1024, Deferred.await(room)), {
        startImmediately: true
      })
      const input = yield* Queue.unbounded<Uint8Array>()
      const stream = yield* opened.ingestion.ingestStream(Stream.fromQueue(input), unrestricted).pipe(
        Stream.runDrain,
        Effect.forkChild
      )
      yield* Queue.offerAll(input, [init({ tenant: "t", table: "x" }), record(own("a", "1")), record(own("a", "2"))])
      for (let i = 0; i < 20; i++) yield* Effect.yieldNow
      yield* Deferred.succeed(room, undefined)
      for (let i = 0; i < moments; i++) yield* Effect.yieldNow
      yield* Queue.offerAll(input, [record(own("a", "3")), commit()])
      yield* Fiber.join(stream)
      yield* Fiber.join(holding)
      const values = [2, 3, 4].map((position) => valueAt(opened, table, "a", position))
      assert.deepStrictEqual(values, ["1", "2", "3"], `after ${moments} moments`)
    }
  }))

describe("a stream that is cancelled", () => {
  it.live("keeps every message or none of it, in order, and everything that was acknowledged", () =>
    Effect.gen(function*() {
      for (let after = 0; after < 12; after++) {
        const { opened, table } = yield* setUp()
        const acknowledged = yield* Deferred.make<number>()
        const input = yield* Queue.unbounded<Uint8Array>()
        yield* Queue.offerAll(input, [
          init({ tenant: "t", table: "x" }),
          ...Array.from({ length: 20 }, (_, i) => records([own("a", String(i)), own("b", String(i))]))
        ])
        let acks = 0
        const fiber = yield* opened.ingestion.ingestStream(Stream.fromQueue(input), unrestricted).pipe(
          Stream.runForEach((answer) => {
            if (answer.kind !== "ack" || answer.sequence === 0) return Effect.void
            acks = answer.sequence
            return acks === after ? Deferred.succeed(acknowledged, acks) : Effect.void
          }),
          Effect.forkChild
        )
        if (after > 0) yield* Deferred.await(acknowledged)
        else yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        // What was in the pipeline is written still; then all is still, and all memory is given back.
        while (opened.pipeline.status().pendingBytes > 0) yield* Effect.sleep(Duration.millis(1))
        const last = (key: string) => valueAt(opened, table, key, opened.mvcc.position())
        assert.strictEqual(last("a"), last("b"))
        assert.isTrue(Number(last("a") ?? -1) + 1 >= acks)
        assert.strictEqual(opened.mvcc.usage().rows, 2 * (Number(last("a") ?? -1) + 1))
        assert.strictEqual((yield* opened.ingestion.status(undefined)).activeStreams, 0)
      }
    }))

  it.live("in the middle of a commit gives its memory back only when that is done", () =>
    Effect.gen(function*() {
      const gate = new Gate()
      const { opened, table } = yield* setUp({ gate })
      gate.close()
      const input = yield* Queue.unbounded<Uint8Array>()
      yield* Queue.offerAll(input, [init({ tenant: "t", table: "x" }), record(own("a", "first"))])
      const fiber = yield* Effect.forkChild(
        Stream.runDrain(opened.ingestion.ingestStream(Stream.fromQueue(input), unrestricted))
      )
      yield* gate.arrived(2)
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      const other = yield* Effect.forkChild(
        run(opened, [init({ tenant: "t", table: "x" }), record(own("b", "other")), commit()]),
        { startImmediately: true }
      )
      gate.open()
      yield* Fiber.join(interrupting)
      yield* Fiber.join(other)
      assert.deepStrictEqual([valueAt(opened, table, "a", 9), valueAt(opened, table, "b", 9)], ["first", "other"])
    }))
})

it.live("a failure of the requests themselves is passed on", () =>
  Effect.gen(function*() {
    const { opened } = yield* setUp()
    const broken: IngestionError = yield* Effect.flip(run(opened, [new Uint8Array([0xff])]))
    const answers = Stream.concat(Stream.fromIterable([init()]), Stream.fail(broken))
    assert.strictEqual(
      yield* Effect.flip(Stream.runDrain(opened.ingestion.ingestStream(answers, unrestricted))),
      broken
    )
  }))
