/**
 * Crashes at every kind of moment: of the machine, which keeps, loses or tears what was not synced, and of the process,
 * which leaves all of it to the next one. `VARVE_CRASH_SEEDS=20000 npx vitest run test/wal/crash.test.ts` runs the long
 * form; `VARVE_CRASH_SEED=17` repeats one seed.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Position from "../../src/base/position.ts"
import { seededDice } from "../../src/storage/crashImage.ts"
import { makeMemoryStorage, type MemoryStorage } from "../../src/storage/memoryStorage.ts"
import type { WalOptions } from "../../src/wal/makeWal.ts"
import { append, frameOf, openWal, payloadOf, readFrom, withWal } from "./support.ts"

const seedCount = Number(process.env["VARVE_CRASH_SEEDS"] ?? 200)
const onlySeed = process.env["VARVE_CRASH_SEED"]
const seeds = onlySeed === undefined ? Array.from({ length: seedCount }, (_, seed) => seed) : [Number(onlySeed)]

/** What is known of a log when its machine crashes. */
interface Knowledge {
  /** The last position that was acknowledged as synced. */
  durable: number
  /** Nothing at or after this position was ever truncated. */
  readonly kept: number
  /** The frame that begins at each position, acknowledged or under way: its seed, length and span. */
  readonly frames: Map<number, { readonly seed: number; readonly length: number; readonly span: number }>
}

const crashNever = Number.MAX_SAFE_INTEGER

/**
 * Appends, syncs, truncates and reopens at random until the crash, which comes at operation number `crashAt` of the
 * storage; gives the storage as it is after the crash.
 */
const liveUntilCrash = Effect.fnUntraced(function*(
  storage: MemoryStorage,
  seed: number,
  crashAt: number,
  isPowerLost: boolean,
  options: WalOptions,
  known: Knowledge
) {
  const dice = seededDice(seed)
  const pick = (count: number): number => Math.floor(dice() * count)
  let clone: MemoryStorage | undefined
  let snapshot = known
  let kept = known.kept
  let operations = 0
  storage.refuse = () => {
    if (operations++ === crashAt && clone === undefined) {
      clone = isPowerLost ? storage.crashClone(seed) : storage
      snapshot = { durable: known.durable, kept, frames: new Map(known.frames) }
    }
    // The machine or the process is dead: it does nothing any more.
    return clone === undefined ? undefined : "Failed"
  }
  const life = Effect.scoped(Effect.gen(function*() {
    const wal = yield* openWal(storage, options)
    for (let step = 0; step < 12 && clone === undefined; step++) {
      const action = dice()
      if (action < 0.08) {
        const before = 1 + pick(wal.durablePosition + 1)
        kept = Math.max(kept, before)
        yield* wal.truncate(Position.make(before))
      } else if (action < 0.15) {
        known.durable = yield* wal.sync
      } else {
        const shapes = Array.from({ length: 1 + pick(4) }, () => ({
          seed: pick(1_000_000),
          // Often the same size, so that a new frame ends where a lost one did.
          length: dice() < 0.5 ? 100 : pick(dice() < 0.2 ? 20_000 : 1200),
          span: dice() < 0.5 ? 1 : 1 + pick(3)
        }))
        let position = wal.writtenPosition + 1
        for (const shape of shapes) {
          known.frames.set(position, shape)
          position += shape.span
        }
        const { last } = yield* append(
          wal,
          shapes.map((shape) => frameOf(shape.seed, shape.length, shape.span)),
          dice() < 0.6
        )
        assert.strictEqual(last, position - 1)
        known.durable = wal.durablePosition
      }
    }
  }))
  while (clone === undefined && operations < crashAt + 1) {
    const exit = yield* Effect.exit(life)
    if (exit._tag === "Failure" && clone === undefined) return yield* Effect.failCause(exit.cause)
    if (crashAt === crashNever) break
  }
  storage.refuse = () => undefined
  return { storage: clone ?? storage.crashClone(seed), known: clone === undefined ? { ...known, kept } : snapshot }
})

/** What was found when the log was opened is durable: the power may fail again before anything is done. */
const checkKept = Effect.fnUntraced(function*(storage: MemoryStorage, options: WalOptions, found: number) {
  for (let seed = 0; seed < 3; seed++) {
    const kept = yield* withWal(storage.crashClone(seed), (wal) => Effect.succeed(wal.writtenPosition), options)
    assert.isTrue(kept >= found, `lost after it was found: ${kept} < ${found}`)
  }
})

/** Reopens after a crash: everything durable is there, and everything there is something that was appended. */
const checkRecovered = Effect.fnUntraced(function*(storage: MemoryStorage, options: WalOptions, known: Knowledge) {
  return yield* withWal(storage, (wal) =>
    Effect.gen(function*() {
      const status = yield* wal.status
      assert.isTrue(status.firstPosition <= Math.max(known.kept, 1), "too much was truncated")
      assert.isTrue(status.writtenPosition >= known.durable, `lost: ${status.writtenPosition} < ${known.durable}`)
      assert.strictEqual(status.durablePosition, status.writtenPosition)
      let next: number = status.firstPosition
      for (const frame of yield* readFrom(wal, next)) {
        assert.strictEqual(frame.position, next)
        const shape = known.frames.get(next)!
        assert.isDefined(shape, `a frame at ${next} that was never appended`)
        assert.strictEqual(frame.span, shape.span)
        assert.isTrue(Buffer.from(payloadOf(shape.seed, shape.length)).equals(frame.payload), `garbage at ${next}`)
        next += frame.span
      }
      assert.strictEqual(next, status.writtenPosition + 1)
      yield* checkKept(storage, options, status.writtenPosition)
      return status.writtenPosition as number
    }), options)
})

const crashThreeTimes = Effect.fnUntraced(function*(seed: number) {
  const dice = seededDice(seed * 31 + 7)
  const options = {
    segmentBytes: 4096 + 8 * Math.floor(dice() * 3000),
    aheadBytes: Math.floor(dice() * 3) * 4096,
    blockBytes: 4096
  }
  let storage = yield* makeMemoryStorage
  let known: Knowledge = { durable: 0, kept: 0, frames: new Map() }
  for (let life = 0; life < 3; life++) {
    const crashAt = Math.floor(dice() * 120)
    const crashed = yield* liveUntilCrash(storage, seed * 3 + life, crashAt, dice() < 0.7, options, known)
    // Also while it recovers.
    const recovering = yield* liveUntilCrash(
      crashed.storage.crashClone(1),
      seed,
      Math.floor(dice() * 20),
      true,
      options,
      { ...crashed.known, frames: new Map(crashed.known.frames) }
    )
    yield* checkRecovered(recovering.storage, options, recovering.known)
    const found = yield* checkRecovered(crashed.storage, options, crashed.known)
    storage = crashed.storage
    // What was found is durable from now on; what was not is forgotten.
    for (const position of crashed.known.frames.keys()) {
      if (position > found) crashed.known.frames.delete(position)
    }
    known = { durable: found, kept: crashed.known.kept, frames: crashed.known.frames }
  }
})

describe("after a crash", () => {
  it.effect(
    `the log has what was synced, in order, and no garbage (${seeds.length} seeds)`,
    () =>
      Effect.gen(function*() {
        for (const seed of seeds) {
          yield* crashThreeTimes(seed).pipe(
            Effect.catchCause((cause) => Effect.die(new Error(`VARVE_CRASH_SEED=${seed}: ${Cause.pretty(cause)}`)))
          )
        }
      }),
    600_000
  )
})
