/** Checkpoints as files: what is written is read, by every later version, and nothing else is. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as fs from "node:fs"
import * as path from "node:path"
import { crc32c } from "../../src/base/crc32c.ts"
import * as Position from "../../src/base/position.ts"
import type { SegmentEntry } from "../../src/event/Event.ts"
import { type CheckpointContent, contentOf } from "../../src/mvcc/checkpoint/content.ts"
import { checkpointName, readCheckpoint, storeCheckpoint } from "../../src/mvcc/checkpoint/store.ts"
import { CommitTimes } from "../../src/mvcc/commitTimes.ts"
import { EngineState } from "../../src/mvcc/engineState.ts"
import { makeMemoryStorage, type MemoryStorage } from "../../src/storage/memoryStorage.ts"
import { type Dice, seededEffect } from "../support/dice.ts"
import { batchOf } from "../support/openEngine.ts"
import { changeFile, fileContent, putFile } from "../support/storageFiles.ts"

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const logId = Uint8Array.from({ length: 16 }, (_, i) => i + 1)

const segment = (name: string, first: number, last: number): SegmentEntry => ({
  name,
  level: 0,
  schemaVersion: 1,
  bytes: 12_345,
  plainBytes: 23_456,
  rows: 4,
  keys: 3,
  deletions: 1,
  firstKey: utf8("a"),
  lastKey: utf8("日本"),
  firstPosition: first,
  lastPosition: last,
  firstTime: 1_700_000_000_000_000,
  firstEventTime: 1_600_000_000_000_000,
  lastEventTime: 1_650_000_000_000_000,
  lastTime: 1_700_000_000_000_001,
  columns: [
    { columnId: 1, nulls: 1, distinct: 3, min: { t: utf8("\n") }, max: { t: utf8("z") }, bytes: 100 },
    { columnId: 2, nulls: 0, min: { n: "-Infinity" }, max: { n: 1.5 }, bytes: 50 },
    { columnId: 3, nulls: 4, min: { i: "-9223372036854775808" }, max: { i: "9223372036854775807" }, bytes: 7 },
    { columnId: 4, nulls: 4, bytes: 7 }
  ],
  indexes: [{ index: "by v", version: 2, name: `${name}.by-v`, bytes: 99 }]
})

/** Gives a whole number below another. */
type Below = (below: number) => number

/** Everything that a catalog can hold, and so many frames of rows, most with receipts. */
const stateOf = (below: Below, frames: number): EngineState => {
  const state = new EngineState(1 << 30)
  let position = 0
  let time = 1_700_000_000_000_000
  const next = (span = 1): Position.Position => {
    const first = position + 1
    position += span
    time += below(3000)
    return first as Position.Position
  }
  const definition = JSON.stringify({ columns: [{ id: 1, name: "v", type: "string", nullable: true }] })
  state.fold({ kind: "TenantCreated", tenant: "t", name: "Größter See\n湖" }, next(), time)
  for (const [tableId, tenant, table] of [[1, "t", "x"], [2, "u", "x"], [3, "t", "y"]] as const) {
    state.fold({ kind: "SchemaRegistered", tenant, table, tableId, version: 1, definition }, next(), time)
  }
  const wider = JSON.stringify({
    columns: [{ id: 1, name: "v", type: "string", nullable: true }, { id: 2, name: "n", type: "int64", nullable: true }]
  })
  state.fold(
    { kind: "SchemaRegistered", tenant: "t", table: "x", tableId: 1, version: 2, definition: wider },
    next(),
    time
  )
  for (let frame = 0; frame < frames; frame++) {
    const batches = Array.from(
      { length: 1 + below(2) },
      (_, i) => batchOf(1 + i, Array.from({ length: 1 + below(3) }, () => [below(2) === 0 ? "a" : "b", "v"] as const))
    )
    const span = batches.reduce((rows, { count }) => rows + count, 0)
    state.fold(
      {
        kind: "RowsWritten",
        batches,
        transactional: below(2) === 0,
        idempotency: below(4) === 0 ? undefined : {
          tenant: below(2) === 0 ? "t" : "u",
          key: `${frame} ${String.fromCodePoint(0x20 + below(0xd000))}`,
          contentHash: Uint8Array.from({ length: 32 }, () => below(256))
        }
      },
      next(span),
      time
    )
  }
  state.fold(
    {
      kind: "TableConfigured",
      tableId: 1,
      settings: {
        history: { keep: "duration", micros: 5 },
        ttlMicros: 7,
        compaction: { strategy: "time-window", windowMicros: 3_600_000_000 },
        indexes: [{ name: "by v", columnId: 1, version: 2 }]
      }
    },
    next(),
    time
  )
  state.fold({ kind: "RowsExpired", tableId: 2, before: -5 }, next(), time)
  const added = [segment("segments/000001/a.parquet", 6, 7), segment("segments/000001/b.parquet", 8, 9)]
  state.fold({ kind: "SegmentsPublished", tableId: 1, through: 9, horizon: 7, removed: [], added }, next(), time)
  return state
}

const read = (storage: MemoryStorage, position: Position.Position) =>
  readCheckpoint(storage, { name: checkpointName(position), position })

const stored = Effect.fnUntraced(function*(content: CheckpointContent) {
  const storage = yield* makeMemoryStorage
  const header = yield* storeCheckpoint(storage, content)
  return { storage, header }
})

/** Receipts in one run, as they are read back in whatever runs they were stored in. */
const plainly = ({ commitTimes, receipts, ...rest }: CheckpointContent) => ({
  ...rest,
  logId: Buffer.from(rest.logId).toString("hex"),
  receipts: receipts.flat().map(({ contentHash, ...receipt }) => ({
    ...receipt,
    contentHash: Buffer.from(contentHash).toString("hex")
  })),
  commitTimes: commitTimes.map(({ bytes, ...block }) => ({ ...block, bytes: Buffer.from(bytes).toString("hex") }))
})

describe("a checkpoint", () => {
  seededEffect(
    "is read as it was written, whatever happens to the state meanwhile",
    8,
    Effect.fnUntraced(function*(dice: Dice) {
      const state = stateOf((below) => dice.below(below), dice.pick([0, 1, 50, 6000]))
      const content = contentOf(state, logId)
      const expected = plainly(content)
      const storage = yield* makeMemoryStorage
      const writing = yield* Effect.forkChild(storeCheckpoint(storage, content), { startImmediately: true })
      for (let i = 1; i < 50; i++) {
        state.fold(
          {
            kind: "RowsWritten",
            batches: [batchOf(1, [["late", "v"]])],
            transactional: false,
            idempotency: { tenant: "t", key: `late ${i}`, contentHash: new Uint8Array(32) }
          },
          Position.advance(state.position, 1),
          content.commitTime + i
        )
        yield* Effect.yieldNow
      }
      const header = yield* Fiber.join(writing)
      assert.strictEqual(header.fileBytes, (yield* fileContent(storage, checkpointName(content.position))).length)
      const again = yield* read(storage, content.position)
      assert.deepStrictEqual(again.header, header)
      assert.deepStrictEqual(plainly(again.content), expected)
      const times = CommitTimes.of(again.content.commitTimes)
      for (let at = 0; at <= content.position; at += dice.between(1, 20)) {
        const position = Position.make(at)
        assert.strictEqual(times.timeOf(position), state.commitTimes.timeOf(position))
        assert.strictEqual(times.wholeAt(position), state.commitTimes.wholeAt(position))
      }
    })
  )

  seededEffect(
    "of which any byte was changed is refused, and so is one that was cut, or has more at its end",
    1,
    Effect.fnUntraced(function*(dice: Dice) {
      const content = contentOf(stateOf((below) => dice.below(below), 3), logId)
      const { storage } = yield* stored(content)
      const name = checkpointName(content.position)
      const bytes = yield* fileContent(storage, name)
      const check = Effect.fnUntraced(function*(changed: Uint8Array, what: string) {
        yield* putFile(storage, name, changed)
        const error = yield* Effect.flip(read(storage, content.position))
        assert.strictEqual(error.reason, "Damaged", what)
        assert.include(error.message, `${name} at offset ${error.offset}`)
      })
      for (let at = 0; at < bytes.length; at++) {
        const changed = bytes.slice()
        changed[at] ^= 1 << dice.below(8)
        yield* check(changed, `byte ${at}`)
        if (at % 7 === 0) yield* check(bytes.subarray(0, at), `cut at ${at}`)
      }
      yield* check(Buffer.concat([bytes, new Uint8Array(8)]), "longer")
      // Sections of another checkpoint of the same log are not taken for this one's.
      const other = yield* stored({ ...content, replayFrom: Position.first })
      const mixed = (yield* fileContent(other.storage, name)).slice()
      mixed.set(bytes.subarray(0, 64))
      yield* check(mixed, "mixed")
      yield* putFile(storage, name, bytes)
      yield* read(storage, content.position)
    })
  )

  it.live("of a newer version is refused, naming both versions", () =>
    Effect.gen(function*() {
      const state = new EngineState(1)
      const { storage } = yield* stored(contentOf(state, logId))
      const name = checkpointName(Position.zero)
      yield* changeFile(storage, name, (bytes) => {
        const view = new DataView(bytes.buffer)
        view.setUint32(8, 2, true)
        view.setUint32(4, crc32c(bytes.subarray(8, 64)), true)
        return bytes
      })
      const error = yield* Effect.flip(read(storage, Position.zero))
      assert.strictEqual(error.reason, "NewerFormat")
      assert.match(error.message, /checkpoint format version 2, this Varve reads up to version 1/)
    }))

  it.live("that was written once is read for ever", () =>
    Effect.gen(function*() {
      // No change to random numbers may change it: the file was written when the format was.
      let counter = 0
      const content = contentOf(stateOf((below) => (counter += 7) % below, 1500), logId)
      assert.isTrue(content.commitTimes.length > 1)
      const { position } = content
      const fixture = path.join(import.meta.dirname, "fixtures", "checkpoint-1.ckpt")
      if (!fs.existsSync(fixture)) {
        fs.writeFileSync(fixture, yield* fileContent((yield* stored(content)).storage, checkpointName(position)))
        assert.fail(`${fixture} was written anew, which is right for a format that is not released yet, or is new`)
      }
      const storage = yield* makeMemoryStorage
      yield* putFile(storage, checkpointName(position), fs.readFileSync(fixture))
      const again = yield* read(storage, position)
      assert.deepStrictEqual(plainly(again.content), plainly(content))
    }))
})
