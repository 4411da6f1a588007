/** Starting from a checkpoint is starting from the whole log, only faster; whatever happens while one is written. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { MemoryStorage } from "../../src/storage/memoryStorage.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import { type Dice, seededEffect } from "../support/dice.ts"
import { dump, type EngineSetting, openEngine, quiet } from "../support/openEngine.ts"
import { openFlusher, prepareHistory, Recorder, stepOfHistory } from "../support/randomHistory.ts"
import { changeFile } from "../support/storageFiles.ts"

/** Equal dumps; comparing their text is much faster, and the difference is shown where there is one. */
const assertSame = (one: ReturnType<typeof dump>, other: ReturnType<typeof dump>): void => {
  if (JSON.stringify(one) !== JSON.stringify(other)) assert.deepStrictEqual(one, other)
}

const randomSetting = (dice: Dice, recorder: Recorder): EngineSetting => ({
  gate: recorder,
  sync: dice.pick(["commit", "commit", "none"]),
  memtableBytesMax: dice.pick([1, 20_000, 1 << 30]),
  wal: { segmentBytes: dice.pick([4096, 16_384]), aheadBytes: dice.pick([0, 4096]), archive: dice.chance(0.3) },
  logRetention: dice.pick([{ micros: 0, bytesMax: 0 }, { micros: 1e15, bytesMax: 20_000 }])
})

/** Lives for some steps; gives what it came to. */
const live = Effect.fnUntraced(function*(dice: Dice, storage: MemoryStorage, setting: EngineSetting, steps: number) {
  const opened = yield* openEngine(storage, setting)
  yield* prepareHistory(opened)
  const flusher = yield* openFlusher(opened, storage)
  for (let step = 0; step < steps; step++) yield* stepOfHistory(dice, opened, flusher)
  if (dice.chance(0.3)) yield* opened.checkpoints.finish
  return dump(opened.engine.state)
}, Effect.scoped)

const recovered = (storage: MemoryStorage, setting: EngineSetting = {}) =>
  Effect.scoped(Effect.map(openEngine(storage, setting), ({ engine }) => ({
    dump: dump(engine.state),
    from: engine.recovered.checkpoint?.position
  })))

const checkpointsOf = (storage: MemoryStorage) => storage.list("checkpoints/")

describe("recovery from a checkpoint", () => {
  seededEffect(
    "comes to what the whole log comes to, and to what there was",
    40,
    (dice) =>
      quiet(Effect.gen(function*() {
        const storage = yield* makeMemoryStorage
        const recorder = new Recorder()
        for (let lives = dice.between(1, 4); lives > 0; lives--) {
          const before = yield* live(dice, storage, randomSetting(dice, recorder), dice.between(5, 60))
          for (const memtableBytesMax of [1, 15_000, 1 << 30]) {
            assertSame((yield* recovered(storage, { memtableBytesMax })).dump, before)
          }
          assertSame(dump(recorder.foldThrough(before.position as never)), before)
        }
      }))
  )

  seededEffect("takes the one before where the newest is damaged", 5, (dice) =>
    quiet(Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      const setting = randomSetting(dice, new Recorder())
      let before = yield* live(dice, storage, setting, 40)
      while ((yield* checkpointsOf(storage)).length < 2) before = yield* live(dice, storage, setting, 20)
      const [older, newest] = yield* checkpointsOf(storage)
      yield* changeFile(storage, newest, (bytes) => {
        if (dice.chance(0.3)) return bytes.subarray(0, dice.below(bytes.length))
        bytes[dice.below(bytes.length)] ^= 1 << dice.below(8)
        return bytes
      })
      const again = yield* recovered(storage)
      assertSame(again.dump, before)
      assert.strictEqual(again.from, Number(/\d+/.exec(older)![0]))
    })))
})

describe("a crash", () => {
  seededEffect(
    "at any operation of the storage loses nothing, wherever a checkpoint or the log was cut",
    60,
    (dice) =>
      quiet(Effect.gen(function*() {
        let storage = yield* makeMemoryStorage
        const recorder = new Recorder()
        for (let life = 0; life < 4; life++) {
          const scope = yield* Scope.make()
          const setting = randomSetting(dice, recorder)
          const opened = yield* Scope.provide(openEngine(storage, setting), scope)
          yield* prepareHistory(opened)
          const flusher = yield* openFlusher(opened, storage)
          let found: MemoryStorage | undefined
          let countdown = dice.between(1, 400)
          const isPowerLost = dice.chance(0.8)
          storage.refuse = () => {
            if (--countdown === 0) found = isPowerLost ? storage.crashClone(dice.below(2 ** 31)) : storage
            return found === undefined ? undefined : "Failed"
          }
          let durable = 0
          let checkpoint = 0
          while (found === undefined) {
            const exit = yield* Effect.exit(stepOfHistory(dice, opened, flusher))
            if (found !== undefined) break
            if (Exit.isFailure(exit)) return yield* exit
            durable = Math.max(durable, exit.value)
            checkpoint = (yield* opened.checkpoints.status).position
          }
          yield* Scope.close(scope, Exit.void)
          storage.refuse = () => undefined
          storage = found
          storage.refuse = () => undefined
          const again = yield* recovered(storage, { memtableBytesMax: dice.pick([1, 15_000, 1 << 30]) })
          assert.isTrue(again.dump.position >= durable, `lost: ${again.dump.position} < ${durable}`)
          assert.isTrue((again.from ?? 0) >= checkpoint, `checkpoint lost: ${again.from} < ${checkpoint}`)
          assertSame(again.dump, dump(recorder.foldThrough(again.dump.position as never)))
        }
      }))
  )
})
