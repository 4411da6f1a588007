/**
 * Whole lives of an engine, at random: clients write, retry, give up and read; the disk fills up; the process and the
 * machine die at any storage operation; the engine comes back, with other settings, and must know what it promised.
 *
 * Each run draws its own seed and prints it. `VARVE_SIMULATION_SEED=17` repeats one round; `npm run test:simulation`
 * runs the long form, `VARVE_SIMULATION_ROUNDS` rounds.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { randomInt } from "node:crypto"
import { makeMemoryStorage, type MemoryStorage } from "../../src/storage/memoryStorage.ts"
import { Dice } from "../support/dice.ts"
import { dump, type EngineSetting, openEngine, quiet } from "../support/openEngine.ts"
import { prepare, runClient } from "./clients.ts"
import { Model } from "./model.ts"

const repeated = process.env["VARVE_SIMULATION_SEED"]
const firstSeed = repeated === undefined ? randomInt(2 ** 31) : Number(repeated)
const rounds = repeated === undefined ? Number(process.env["VARVE_SIMULATION_ROUNDS"] ?? 25) : 1

/** How a life ends. */
type End = "closed" | "process died" | "power lost"

const randomSetting = (dice: Dice): EngineSetting => ({
  sync: dice.pick(["commit", "commit", "interval", "none"]),
  syncInterval: Duration.millis(1),
  memtableBytesMax: dice.pick([1, 20_000, 1 << 30]),
  wal: { segmentBytes: dice.pick([4096, 16_384, 1 << 20]), aheadBytes: dice.pick([0, 4096, 100_000]) }
})

/** Lets an engine live until its end; gives the storage as it is found after it. */
const live = Effect.fnUntraced(function*(dice: Dice, storage: MemoryStorage, model: Model, end: End) {
  const scope = yield* Scope.make()
  const opened = yield* Scope.provide(openEngine(storage, randomSetting(dice)), scope)
  model.check(opened, true)
  yield* prepare(opened)
  let found: MemoryStorage | undefined
  const crash = () => {
    found ??= end === "power lost" ? storage.crashClone(dice.seed) : storage
  }
  let countdown = end === "closed" ? Infinity : dice.between(1, 300)
  storage.refuse = ({ kind }) => {
    if (--countdown === 0) crash()
    // Dead: it does nothing any more.
    if (found !== undefined) return "Failed"
    return kind === "write" && dice.chance(0.01) ? "StorageFull" : undefined
  }
  yield* Effect.all(
    dice.times(
      dice.between(1, 6),
      () => runClient(new Dice(dice.below(2 ** 31)), opened, model, dice.between(5, 60), () => found !== undefined)
    ),
    { concurrency: "unbounded" }
  )
  // A crash that did not come while there was work comes now.
  if (end === "closed") model.check(opened, false)
  else crash()
  const before = dump(opened.engine.state)
  yield* Scope.close(scope, Exit.void)
  storage.refuse = () => undefined
  return { storage: found ?? storage, before }
})

/** Equal dumps; comparing their text is much faster, and the difference is shown where there is one. */
const assertSame = (one: ReturnType<typeof dump>, other: ReturnType<typeof dump>): void => {
  if (JSON.stringify(one) !== JSON.stringify(other)) assert.deepStrictEqual(one, other)
}

/** A fold is a function of the log: however the rows are kept, and however often it is done. */
const checkFold = Effect.fnUntraced(
  function*(dice: Dice, storage: MemoryStorage, before: ReturnType<typeof dump>, end: End) {
    const foldWith = (memtableBytesMax: number) =>
      Effect.scoped(Effect.map(
        openEngine(storage, { memtableBytesMax }),
        ({ engine }) => dump(engine.state)
      ))
    const one = yield* foldWith(dice.pick([1, 10_000]))
    assertSame(yield* foldWith(1 << 30), one)
    // All that readers could see is there after a clean end, and after a death of the process alone.
    if (end !== "power lost") assert.isTrue(one.position >= before.position)
    if (one.position === before.position) assertSame(one, before)
  }
)

const round = Effect.fnUntraced(function*(seed: number) {
  const dice = new Dice(seed)
  const model = new Model()
  let storage = yield* makeMemoryStorage
  for (let lives = dice.between(2, 5); lives > 0; lives--) {
    const end = dice.pick<End>(["closed", "process died", "power lost", "power lost"])
    const ended = yield* live(dice, storage, model, end)
    yield* checkFold(dice, ended.storage, ended.before, end)
    storage = ended.storage
  }
  model.check(yield* openEngine(storage), true)
  return model
})

describe("simulation", () => {
  it.live(`of ${rounds} rounds from seed ${firstSeed}: what was promised is kept`, () =>
    Effect.gen(function*() {
      let attempts = 0
      let rows = 0
      for (let i = 0; i < rounds; i++) {
        const seed = firstSeed + i
        const model = yield* Effect.scoped(round(seed)).pipe(
          quiet,
          Effect.tapCause(() => Effect.logError(`the failure below is repeated by VARVE_SIMULATION_SEED=${seed}`))
        )
        attempts += model.attempts.length
        rows += model.rowsChecked
      }
      yield* Effect.logInfo(`seed ${firstSeed}, ${rounds} rounds, ${attempts} writes, ${rows} rows checked`)
    }), 24 * 60 * 60 * 1000)
})
