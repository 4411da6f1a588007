/** What lies where, held against a model that keeps everything. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { AdministrationError } from "../../src/administration/Administration.ts"
import { checkSegments } from "../../src/administration/checkSegments.ts"
import { unrestricted } from "../../src/base/caller.ts"
import { newTable, type Table } from "../../src/catalog/state.ts"
import type { SegmentEntry, TableSettings } from "../../src/event/Event.ts"
import { type Dice, seededEffect } from "../support/dice.ts"
import { registerTable, writeOf } from "../support/openEngine.ts"
import { changeFile, putFile } from "../support/storageFiles.ts"
import { setUpInspection } from "./support/inspection.ts"

const target = { tenant: "t", table: "x" }

const refusal = <A>(effect: Effect.Effect<A, AdministrationError>) =>
  Effect.map(Effect.flip(effect), ({ field, reason }) => `${reason} ${field}`)

/** A version that was written. */
interface Written {
  readonly position: number
  readonly deleted: boolean
}

/** Random writes, flushes and merges of table x; and every version of every key, oldest first. */
const writeHistory = Effect.fnUntraced(function*(dice: Dice, steps: number) {
  const all = yield* setUpInspection({}, { level0Files: 3, level1Bytes: 2000, fileBytesMax: 4000 })
  const table = yield* registerTable(all.opened)
  const model = new Map<string, Array<Written>>()
  for (let step = 0; step < steps; step++) {
    const choice = dice.below(10)
    if (choice === 0) yield* all.processor.flush(table)
    else if (choice === 1) yield* all.processor.compact({ tables: [table], full: dice.chance(0.3) })
    else {
      const rows = dice.times(
        dice.between(1, 12),
        () => [`k${dice.below(30)}`, dice.chance(0.2) ? null : dice.text(8)] as const
      )
      const { firstPosition } = yield* all.pipeline.commit(writeOf(table, rows))
      rows.forEach(([key, value], row) => {
        const versions = model.get(key) ?? []
        versions.push({ position: firstPosition + row, deleted: value === null })
        model.set(key, versions)
      })
    }
  }
  return { ...all, table, model }
})

describe("a key's versions", () => {
  seededEffect(
    "are those that were written, wherever they lie by now",
    15,
    Effect.fnUntraced(function*(dice: Dice) {
      const { inspection, model } = yield* writeHistory(dice, dice.between(5, 60))
      for (const [key, written] of model) {
        const { versions } = yield* inspection.inspectKey({ ...target, key, limit: 1000 }, unrestricted)
        assert.deepStrictEqual(
          versions.map(({ deleted, position, supersededBy }) => ({
            position: position as number,
            deleted,
            supersededBy
          })),
          written.map(({ deleted, position }, i) => ({
            position,
            deleted,
            supersededBy: written[i + 1]?.position as never
          })).reverse()
        )
        const limit = dice.between(1, 3)
        const some = yield* inspection.inspectKey({ ...target, key, limit }, unrestricted)
        assert.deepStrictEqual(
          some.versions.map(({ position }) => position),
          versions.slice(0, limit).map(({ position }) => position)
        )
        assert.strictEqual(some.truncated, versions.length > limit)
      }
      assert.deepStrictEqual(
        (yield* inspection.validate({ tenant: undefined, table: undefined }, unrestricted)).problems,
        []
      )
    })
  )
})

describe("garbage", () => {
  seededEffect(
    "is what the newest history does not need, and goes when everything is merged",
    15,
    Effect.fnUntraced(function*(dice: Dice) {
      const { administration, inspection, model, processor, table } = yield* writeHistory(dice, dice.between(5, 60))
      const survey = (history: TableSettings["history"]) =>
        inspection.garbage({ ...target, history, ttlMicros: undefined }, unrestricted)
      const versions = [...model.values()].reduce((sum, written) => sum + written.length, 0)
      const current = [...model.values()].map((written) => written[written.length - 1])
      const deleted = current.filter((version) => version.deleted).length
      const { bytes: _, deletions, expired, heldByReaders, superseded, tableBytes, ...told } = yield* survey({
        keep: "latest"
      })
      assert.deepStrictEqual({ ...told, superseded, deletions, expired, heldByReaders }, {
        tenant: "t",
        table: "x",
        versions,
        superseded: versions - model.size,
        deletions: deleted,
        expired: 0,
        heldByReaders: 0
      })
      const kept = yield* survey({ keep: "all" })
      assert.deepStrictEqual([kept.superseded, kept.deletions, kept.bytes, kept.tableBytes], [0, 0, 0, tableBytes])
      const recent = yield* survey({ keep: "duration", micros: 3_600_000_000 })
      assert.deepStrictEqual([recent.superseded, recent.deletions], [0, 0])

      yield* administration.configureTable({ ...target, history: { keep: "latest" } }, unrestricted)
      yield* processor.flush(table)
      yield* processor.compact({ tables: [table], full: true })
      const [statistics] = yield* inspection.statistics({ ...target, columns: false }, unrestricted)
      assert.deepStrictEqual([statistics.rows, statistics.deletions], [model.size - deleted, 0])
      assert.strictEqual((yield* survey({ keep: "latest" })).superseded, 0)
    })
  )

  it.live("that a reader still needs is told of as held", () =>
    Effect.gen(function*() {
      const { inspection, opened, pipeline } = yield* setUpInspection()
      const table = yield* registerTable(opened)
      yield* pipeline.commit(writeOf(table, [["a", "1"], ["b", "1"]]))
      const before = opened.mvcc.position()
      yield* pipeline.commit(writeOf(table, [["a", "2"], ["b", null]]))
      const survey = inspection.garbage({ ...target, history: { keep: "latest" }, ttlMicros: undefined }, unrestricted)
      yield* Effect.scoped(Effect.gen(function*() {
        yield* opened.mvcc.openTable(table, before, "lookup")
        const { deletions, heldByReaders, superseded } = yield* survey
        assert.deepStrictEqual([superseded, deletions, heldByReaders], [0, 0, 3])
      }))
      const { deletions, heldByReaders, superseded } = yield* survey
      assert.deepStrictEqual([superseded, deletions, heldByReaders], [2, 1, 0])
    }))
})

describe("files that are not what the catalog says", () => {
  it.live("are found: missing ones, shorter ones, other ones", () =>
    Effect.gen(function*() {
      const { inspection, opened, pipeline, processor, storage } = yield* setUpInspection()
      const table = yield* registerTable(opened)
      for (const key of ["a", "b", "c"]) {
        yield* pipeline.commit(writeOf(table, [[key, "1"], [`${key}2`, "2"]]))
        yield* processor.flush(table)
      }
      const names = opened.catalog.table("t", "x")!.segments.map(({ name }) => name)
      const other = yield* Effect.scoped(Effect.gen(function*() {
        const file = yield* storage.open(names[1], { readOnly: true })
        return yield* file.read(0, yield* file.size)
      }))
      yield* storage.remove(names[0])
      yield* changeFile(storage, names[1], (bytes) => bytes.subarray(0, bytes.length - 1))
      yield* changeFile(storage, names[2], () => other)
      yield* putFile(storage, "segments/000001/left.parquet", other)
      const { problems, segments, unnamedFiles } = yield* inspection.validate(
        { tenant: undefined, table: undefined },
        unrestricted
      )
      assert.strictEqual(segments, 3)
      assert.deepStrictEqual(
        problems.map(({ file, table, tenant }) => [tenant, table, file]),
        names.map((name) => ["t", "x", name])
      )
      assert.match(problems[0].problem, /no such file/)
      assert.match(problems[1].problem, /does not end as a Parquet file/)
      assert.match(problems[2].problem, /bytes, and the catalog says|first position/)
      assert.strictEqual(unnamedFiles, 1)
    }))

  const key = (text: string) => Buffer.from(text)
  const segment = (name: string, change: Partial<SegmentEntry> = {}): SegmentEntry => ({
    name,
    level: 1,
    schemaVersion: 1,
    bytes: 100,
    plainBytes: 100,
    rows: 10,
    keys: 10,
    deletions: 0,
    firstKey: key("a"),
    lastKey: key("m"),
    firstPosition: 1,
    lastPosition: 20,
    firstTime: 1,
    lastTime: 2,
    firstEventTime: 1,
    lastEventTime: 2,
    columns: [],
    indexes: [],
    ...change
  })
  const tableOf = (...segments: ReadonlyArray<SegmentEntry>): Table => ({
    ...newTable(1, "t", "x"),
    versions: [{} as Table["versions"][number]],
    flushedThrough: 20 as Table["flushedThrough"],
    segments
  })

  it.each([
    [[segment("a"), segment("b", { firstKey: key("n"), lastKey: key("z") })], undefined],
    [[segment("a", { level: 2 }), segment("b")], undefined],
    [[segment("a"), segment("a", { firstKey: key("n"), lastKey: key("z") })], "a is named twice"],
    [[segment("a"), segment("b", { firstKey: key("m"), lastKey: key("z") })], "b shares keys with a"],
    [
      [segment("a", { level: 0, lastPosition: 9, rows: 9, keys: 9 }), segment("b", { level: 0, firstPosition: 10 })],
      undefined
    ],
    [[segment("a", { level: 0 }), segment("b", { level: 0, firstPosition: 10 })], "b shares positions with a"],
    [[segment("a", { rows: 0 })], "a holds no rows"],
    [[segment("a", { keys: 11 })], "a holds 11 keys in 10 rows"],
    [[segment("a", { deletions: 11 })], "a holds 11 deletions in 10 rows"],
    [[segment("a", { firstKey: key("z") })], "a ends with a key before its first one"],
    [[segment("a", { firstPosition: 21 })], "a ends at position 20, before its first one, 21"],
    [[segment("a", { firstPosition: 15 })], "a holds more rows than positions 15 to 20"],
    [[segment("a", { firstTime: 3 })], "a ends before its first commit time"],
    [[segment("a", { lastPosition: 21 })], "a holds position 21, and the table is flushed up to 20 only"],
    [[segment("a", { schemaVersion: 2 })], "a has schema version 2, and the table has versions 1 to 1"]
  ])("and entries that cannot be true: %#", (segments, expected) => {
    const found = checkSegments(tableOf(...segments)).map(({ file, problem }) => `${file} ${problem}`)
    if (expected === undefined) assert.deepStrictEqual(found, [])
    else assert.isTrue(found.length === 1 && found[0].startsWith(expected), found.join("; "))
  })
})

describe("another tenant", () => {
  it.live("sees and changes nothing", () =>
    Effect.gen(function*() {
      const { administration, inspection, opened, pipeline } = yield* setUpInspection()
      const table = yield* registerTable(opened)
      yield* pipeline.commit(writeOf(table, [["a", "1"]]))
      const stranger = { tenant: "u" }
      const position = opened.mvcc.position()
      const attempts: ReadonlyArray<Effect.Effect<unknown, AdministrationError>> = [
        administration.getTable(target, stranger),
        administration.selectTables(target, stranger),
        administration.selectTables({ tenant: "t", table: undefined }, stranger),
        administration.configureTable({ ...target, ttlMicros: null, history: { keep: "latest" } }, stranger),
        administration.createIndex({ ...target, name: "i", column: "v" }, stranger),
        administration.dropIndex({ ...target, name: "i" }, stranger),
        administration.rebuildIndex({ ...target, name: "i" }, stranger),
        administration.listIndexes(target, stranger),
        inspection.segments(target, stranger),
        inspection.statistics({ ...target, columns: true }, stranger),
        inspection.validate({ tenant: "t", table: undefined }, stranger),
        inspection.inspectKey({ ...target, key: "a", limit: 1 }, stranger),
        inspection.garbage({ ...target, history: undefined, ttlMicros: undefined }, stranger),
        inspection.usage({ tenant: "t" }, stranger)
      ]
      for (const attempt of attempts) assert.strictEqual(yield* refusal(attempt), "TENANT_FORBIDDEN tenant_id")
      assert.strictEqual(opened.mvcc.position(), position)
      // Who names no tenant means its own, which is not there.
      const nobody: ReadonlyArray<Effect.Effect<unknown, AdministrationError>> = [
        administration.selectTables({ tenant: undefined, table: undefined }, stranger),
        inspection.usage({ tenant: undefined }, stranger),
        inspection.statistics({ tenant: undefined, table: "x", columns: false }, stranger)
      ]
      for (const attempt of nobody) assert.strictEqual(yield* refusal(attempt), "TENANT_NOT_FOUND tenant_id")
      yield* registerTable(opened, "y", "u")
      const own = yield* inspection.usage({ tenant: undefined }, stranger)
      assert.deepStrictEqual(own.map(({ kind, table, tenant }) => [tenant, table, kind]), [["u", "y", "segments"]])
    }))
})
