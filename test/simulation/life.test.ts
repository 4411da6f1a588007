/**
 * The life of data, at random: rows are written, flushed, merged, forgotten as far as the history allows, checkpointed,
 * read at every past; the machine dies at any storage operation and comes back. Every read equals that of a plain map.
 *
 * Each run draws its own seed and prints it. `VARVE_LIFE_SEED=17` repeats one round; `npm run test:life` runs the long
 * form, `VARVE_LIFE_ROUNDS` rounds. Seeds that once failed are named below and are always run.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { randomInt } from "node:crypto"
import type { Position } from "../../src/base/position.ts"
import { latest } from "../../src/catalog/state.ts"
import type { ProcessorService } from "../../src/processor/Processor.ts"
import { makeMemoryStorage, type MemoryStorage } from "../../src/storage/memoryStorage.ts"
import { Dice } from "../support/dice.ts"
import { type OpenEngine, openEngine, openProcessor, quiet, registerTable, writeOf } from "../support/openEngine.ts"
import { type OpenBatch, VersionModel } from "./VersionModel.ts"

const repeated = process.env["VARVE_LIFE_SEED"]
const firstSeed = repeated === undefined ? randomInt(2 ** 31) : Number(repeated)
const rounds = repeated === undefined ? Number(process.env["VARVE_LIFE_ROUNDS"] ?? 40) : 1

const caller = { tenant: undefined }
const table = { tenant: "t", table: "x", minPosition: 0 as Position }
const asOf = (position: number) => ({ kind: "position", position: position as Position }) as const

/** One engine's life in a storage, and what the model knows. */
interface Life {
  readonly dice: Dice
  readonly engine: OpenEngine
  readonly processor: ProcessorService
  readonly model: VersionModel
  readonly tableId: number
  readonly isDead: () => boolean
}

const randomRows = (dice: Dice): OpenBatch["rows"] => {
  const keys = dice.pick([3, 40, 400])
  return dice.times(dice.between(1, 30), () => {
    const key = `${dice.pick(["a", "b", "é", "😀"])}${dice.below(keys)}`
    return [key, dice.chance(0.15) ? null : `${dice.below(1000)}${"x".repeat(dice.pick([0, 3, 60]))}`] as const
  })
}

let batches = 0

/** Writes a batch; says whether it is there. Where that stays open, it is asked for again in the next life. */
const write = Effect.fnUntraced(function*(
  { engine, isDead, model, tableId }: Life,
  open: Array<OpenBatch>,
  rows: OpenBatch["rows"],
  condition: Pick<OpenBatch, "expectedVersion"> = {}
) {
  const batch: OpenBatch = { idempotencyKey: `batch ${++batches}`, rows, ...condition }
  open.push(batch)
  const written = yield* Effect.exit(engine.pipeline.commit(intentOf(tableId, batch)))
  if (Exit.isFailure(written) && isDead()) return undefined
  open.splice(open.indexOf(batch), 1)
  if (Exit.isSuccess(written)) model.write(written.value.firstPosition, rows)
  return Exit.isSuccess(written)
})

/** Its rows are seen one by one, so that there is a snapshot at each position. */
const intentOf = (tableId: number, { expectedVersion, idempotencyKey, rows }: OpenBatch) => ({
  ...writeOf(tableId, rows, { key: idempotencyKey, ...expectedVersion === undefined ? {} : { expectedVersion } }),
  transactional: false
})

/** 0 where the key is not there, or deleted. */
const currentVersion = (model: VersionModel, key: string): number => {
  const newest = model.at(key, Infinity)
  return newest === undefined || newest.value === null ? 0 : newest.position
}

/** Writes one row under the condition that its key is as the model knows it, or is not. */
const writeExpecting = Effect.fnUntraced(function*(life: Life, open: Array<OpenBatch>) {
  const { dice, model } = life
  const key = dice.pick(model.keys)
  const current = currentVersion(model, key)
  const isRight = dice.chance(0.5)
  const expectedVersion = (isRight ? current : current + 1) as Position
  const isThere = yield* write(life, open, [[key, `expected ${expectedVersion}`]], { expectedVersion })
  if (isThere !== undefined)
    assert.strictEqual(isThere, isRight, `${expectedVersion} of ${key}, which is at ${current}`)
})

/** Checks reads at a position at or above the horizon. */
const check = Effect.fnUntraced(function*({ dice, engine: { query }, model }: Life, position: number) {
  const expected = model.rowsAt(position)
  const select = ["v"]
  const whole = { ...table, asOf: asOf(position), filter: undefined, where: "" }
  switch (dice.below(5)) {
    case 0: {
      const answer = yield* query.aggregate({
        ...whole,
        aggregates: [{ function: "count", column: "", alias: "n" }],
        groupBy: [],
        having: "",
        orderBy: [],
        limit: 0
      }, caller)
      return assert.deepStrictEqual(answer.rows, [[expected.length]], `count at ${position}`)
    }
    case 1: {
      const key = dice.pick(model.keys)
      const found = yield* Effect.option(query.getRecord({ ...table, asOf: asOf(position), key, select }, caller))
      const version = model.at(key, position)
      return assert.strictEqual(
        found._tag === "Some" ? found.value.record.values[0] : null,
        version?.value ?? null,
        `${key} at ${position}`
      )
    }
    case 2: {
      const keys = dice.times(20, () => dice.pick(model.keys))
      const found = yield* query.getRecords({ ...table, asOf: asOf(position), keys, select }, caller)
      const values = new Map(found.records.map(({ key, values }) => [key, values[0]]))
      for (const key of keys) {
        assert.strictEqual(values.get(key) ?? null, model.at(key, position)?.value ?? null, `${key} at ${position}`)
      }
      return
    }
    default: {
      const rows: Array<readonly [string, unknown]> = []
      const limit = dice.pick([3, 50, 10_000])
      for (let cursor = "", first = true; first || cursor !== ""; first = false) {
        const page = yield* query.query({ ...whole, select, orderBy: [], limit, offset: 0, cursor }, caller)
        for (const { key, values } of page.records) rows.push([key, values[0]])
        cursor = page.nextCursor
      }
      return assert.deepStrictEqual(rows, [...expected], `rows at ${position}`)
    }
  }
})

const checkHistory = Effect.fnUntraced(function*({ dice, engine: { catalog, query }, model }: Life) {
  if (catalog.table("t", "x")!.horizon > 0) return
  const key = dice.pick(model.keys)
  const position = dice.between(1, model.position)
  const answer = yield* query.getHistory(
    { ...table, asOf: asOf(position), key, select: ["v"], limit: 0, cursor: "" },
    caller
  )
  assert.deepStrictEqual(
    answer.records.map(({ position, values }) => ({ position: position as number, value: values[0] })),
    [...model.history(key, position)],
    `history of ${key} at ${position}`
  )
})

/** Lives until the end of its steps, or its death; gives the batches whose outcome is open. */
const live = Effect.fnUntraced(function*(life: Life) {
  const { dice, engine, isDead, model, processor } = life
  const open: Array<OpenBatch> = []
  for (let step = dice.between(5, 30); step > 0 && !isDead(); step--) {
    const horizon = engine.catalog.table("t", "x")!.horizon
    const background = dice.pick<Effect.Effect<unknown, { readonly message: string }>>([
      processor.flush(undefined),
      processor.compact({ tables: undefined, full: dice.chance(0.3) }),
      processor.checkpoint,
      processor.buildIndexes(undefined),
      Effect.void,
      Effect.void
    ])
    const writes = Effect.forEach(dice.times(dice.between(0, 4), () => 0), () => write(life, open, randomRows(dice)))
    yield* Effect.all([Effect.ignore(background), writes], { concurrency: "unbounded" })
    if (isDead() || open.length > 0) break
    if (model.keys.length === 0) continue
    if (dice.chance(0.3)) yield* writeExpecting(life, open)
    if (isDead()) break
    const newest = engine.mvcc.position()
    const read = dice.chance(0.5) ? newest : dice.between(Math.max(1, horizon), newest)
    const checked = yield* Effect.exit(Effect.andThen(check(life, read), checkHistory(life)))
    if (Exit.isFailure(checked) && !isDead()) {
      const now = engine.catalog.table("t", "x")!.horizon
      // The horizon may have passed the position since.
      if (read >= now) yield* checked
    }
  }
  return open
})

/** After a crash: what was open is asked for again, under the same idempotency key. */
const resolve = Effect.fnUntraced(function*({ engine, model, tableId }: Life, open: ReadonlyArray<OpenBatch>) {
  for (const batch of open) {
    const [[key]] = batch.rows
    const { expectedVersion } = batch
    const written = yield* Effect.exit(engine.pipeline.commit(intentOf(tableId, batch)))
    if (expectedVersion !== undefined && expectedVersion !== currentVersion(model, key)) {
      assert.isTrue(Exit.isFailure(written), `${expectedVersion} of ${key} was never its version`)
    } else model.write((yield* written).firstPosition, batch.rows)
  }
})

/** Another history, another way of merging, other indexes. */
const configure = (dice: Dice, { catalog, pipeline }: OpenEngine, tableId: number) => {
  const [column] = latest(catalog.table("t", "x")!).schema.columns
  return pipeline.commit({
    kind: "catalog",
    propose: () => ({
      kind: "TableConfigured",
      tableId,
      settings: {
        history: dice.pick([{ keep: "all" }, { keep: "latest" }, { keep: "duration", micros: dice.below(20_000) }]),
        ttlMicros: null,
        compaction: dice.pick([
          { strategy: "leveled" },
          { strategy: "leveled" },
          { strategy: "tiered" },
          { strategy: "time-window", windowMicros: 5000 }
        ]),
        indexes: dice.pick([
          [],
          [{ name: "by_v", columnId: column.id, version: 1 }],
          [{ name: "by_v", columnId: column.id, version: 2 }, { name: "again", columnId: column.id, version: 1 }]
        ])
      }
    })
  })
}

const round = Effect.fnUntraced(function*(seed: number) {
  const dice = new Dice(seed)
  const model = new VersionModel()
  let storage = yield* makeMemoryStorage
  let open: ReadonlyArray<OpenBatch> = []
  for (let lives = dice.between(1, 3); lives > 0; lives--) {
    const scope = yield* Scope.make()
    let found: MemoryStorage | undefined
    const current: MemoryStorage = storage
    const engine = yield* Scope.provide(
      openEngine(current, {
        memtableBytesMax: dice.pick([2000, 20_000, 1 << 20]),
        cacheBytesMax: dice.pick([0, 10_000, 1 << 20]),
        wal: { segmentBytes: dice.pick([4096, 16_384]) }
      }),
      scope
    )
    const processor = yield* Scope.provide(
      openProcessor(engine, current, {
        memtableAgeMax: Duration.infinity,
        level0Files: dice.between(2, 5),
        level1Bytes: dice.pick([5000, 30_000]),
        fileBytesMax: dice.pick([3000, 10_000])
      }),
      scope
    )
    const tableId = yield* registerTable(engine)
    if (dice.chance(0.7)) yield* configure(dice, engine, tableId)
    const life: Life = { dice, engine, processor, model, tableId, isDead: () => found !== undefined }
    yield* resolve(life, open)
    for (let i = 0; i < 4 && model.keys.length > 0; i++) yield* check(life, engine.mvcc.position())
    let countdown = dice.chance(0.7) ? dice.between(1, 400) : Infinity
    current.refuse = () => {
      if (--countdown === 0) found ??= current.crashClone(dice.seed)
      return found === undefined ? undefined : "Failed"
    }
    open = yield* live(life)
    // Nothing more reaches the storage that the next life finds.
    if (countdown !== Infinity) found ??= current.crashClone(dice.seed)
    yield* Scope.close(scope, Exit.void)
    current.refuse = () => undefined
    storage = found ?? current
  }
  return model
})

const run = (seed: number) =>
  Effect.scoped(round(seed)).pipe(
    quiet,
    Effect.tapCause(() => Effect.logError(`the failure below is repeated by VARVE_LIFE_SEED=${seed}`))
  )

describe("the life of data", () => {
  it.live(
    `in ${rounds} rounds from seed ${firstSeed}: every read at every position equals a plain map's`,
    () =>
      Effect.gen(function*() {
        let keys = 0
        for (let i = 0; i < rounds; i++) keys += (yield* run(firstSeed + i)).keys.length
        yield* Effect.logInfo(`seed ${firstSeed}, ${rounds} rounds, ${keys} keys`)
      }),
    24 * 60 * 60 * 1000
  )
})
