/**
 * Back-pressure: where flushing cannot keep up, writers come down to its speed, smoothly. Nobody is refused, and memory
 * keeps to its limit. The test draws what happened.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Throttle } from "../../src/mvcc/throttle.ts"
import type { BlockStorageService } from "../../src/storage/BlockStorage.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import { openEngine, openProcessor, registerTable, writeOf } from "../support/openEngine.ts"

const bars = " ▁▂▃▄▅▆▇█"

/** Values as a row of bars, the largest as a full one. */
const plot = (values: ReadonlyArray<number>): string => {
  const most = Math.max(...values, 1)
  return values.map((value) => bars[Math.round(value / most * (bars.length - 1))]).join("")
}

/** The storage, with a disk that writes segments slowly: so many bytes a second. */
const slowSegments = (storage: BlockStorageService, bytesPerSecond: number): BlockStorageService => ({
  ...storage,
  open: (name, options) =>
    Effect.map(storage.open(name, options), (file) =>
      !name.startsWith("segments/") ? file : {
        ...file,
        path: file.path,
        write: (offset, chunks) =>
          Effect.andThen(
            Effect.sleep(chunks.reduce((bytes, chunk) => bytes + chunk.length, 0) / bytesPerSecond * 1000),
            file.write(offset, chunks)
          )
      })
})

describe("back-pressure", () => {
  it("brings writers to the speed of flushing, from above and from below", () => {
    const limit = 256e6
    for (const flushPerSecond of [20e6, 80e6, 300e6]) {
      const throttle = new Throttle(limit)
      // Each step is a millisecond; a memtable of 64 MB is freed when so much has been flushed.
      let held = 0
      let flushed = 0
      let wait = 0
      const rates: Array<number> = []
      const memory: Array<number> = []
      let admitted = 0
      for (let step = 1; step <= 60_000; step++) {
        wait -= 1
        // Writers who could send 400 MB a second, in requests of 200 KB.
        for (let i = 0; i < 2 && wait <= 0; i++) {
          const delay = throttle.delayMillis(200_000, held, step)
          if (delay === undefined) break
          wait += delay
          held += 200_000
          admitted += 200_000
        }
        if (held >= 64e6) flushed += flushPerSecond / 1000
        if (flushed >= 64e6) {
          held -= 64e6
          flushed -= 64e6
          throttle.freed(64e6, 64e6 / flushPerSecond * 1000, step)
        }
        assert.isAtMost(held, limit)
        if (step % 1000 === 0) {
          rates.push(admitted)
          memory.push(held)
          admitted = 0
        }
      }
      console.log(
        `flushing ${flushPerSecond / 1e6} MB/s\n  admitted ${plot(rates)} ${Math.round(rates.at(-1)! / 1e6)} MB/s\n` +
          `  memory   ${plot(memory)} ${Math.round(memory.at(-1)! / 1e6)} MB of ${limit / 1e6}`
      )
      const settled = rates.slice(20)
      const mean = settled.reduce((sum, rate) => sum + rate, 0) / settled.length
      assert.isAbove(mean, 0.9 * flushPerSecond)
      assert.isBelow(mean, 1.1 * flushPerSecond)
      // Nobody stands still.
      assert.isAbove(Math.min(...settled), 0)
    }
  })

  it.live("refuses nobody and keeps to the limit while a slow disk flushes", () =>
    Effect.gen(function*() {
      const memoryBytesMax = 1_500_000
      const storage = slowSegments(yield* makeMemoryStorage, 40_000)
      const engine = yield* openEngine(storage, {
        memoryBytesMax,
        memtableBytesMax: 200_000,
        wal: { segmentBytes: 1 << 20 }
      })
      const processor = yield* openProcessor(engine, storage, {
        memoryBytesFlush: memoryBytesMax / 2,
        level0Files: 1000
      })
      const table = yield* registerTable(engine)
      let written = 0
      let failures = 0
      const writer = (id: number) =>
        Effect.forever(Effect.suspend(() => {
          const rows = Array.from({ length: 50 }, (_, i) => [`${id} ${written + i}`, "x".repeat(80)] as const)
          return engine.pipeline.admit(50 * 120, engine.pipeline.commit(writeOf(table, rows))).pipe(
            Effect.tap(() =>
              Effect.sync(() => {
                written += rows.length
              })
            ),
            Effect.tapError(() =>
              Effect.sync(() => {
                failures++
              })
            )
          )
        }))
      const writers = yield* Effect.forEach([1, 2, 3, 4], (id) => Effect.forkChild(writer(id)))
      const rates: Array<number> = []
      const memory: Array<number> = []
      const started = yield* Clock.currentTimeMillis
      for (let before = 0; (yield* Clock.currentTimeMillis) - started < 6000; before = written) {
        yield* Effect.sleep(200)
        rates.push(written - before)
        memory.push(engine.engine.state.bytes)
      }
      yield* Fiber.interruptAll(writers)
      console.log(
        `rows     ${plot(rates)} ${written}\nmemory   ${plot(memory)} ${Math.max(...memory)} of ${memoryBytesMax}`
      )
      assert.strictEqual(failures, 0)
      assert.isAtMost(Math.max(...memory), memoryBytesMax)
      assert.isAbove(engine.pipeline.status().waits, 0, "writers had to wait")
      assert.isAbove(processor.status().flushes, 0)
    }))
})
