/** Threads start when they are needed, end with their scope, and are replaced when they die. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Worker } from "node:worker_threads"
import { makeSegmentThreads, segmentThreadsDefaults } from "../../../src/segment/worker/segmentThreads.ts"
import type { SegmentThreadError } from "../../../src/segment/worker/SegmentWorkers.ts"
import { BlockStorage, type BlockStorageService } from "../../../src/storage/BlockStorage.ts"
import { makeMemoryStorage } from "../../../src/storage/memoryStorage.ts"
import { gated, name, workersConformance } from "./conformance.ts"
import { indexConformance } from "./indexConformance.ts"
import { mergeConformance } from "./mergeConformance.ts"
import { plainOwner, plainRows } from "./plainRequest.ts"

const defaults = segmentThreadsDefaults

workersConformance("one thread", 1, makeSegmentThreads(defaults))
workersConformance("two threads", 2, makeSegmentThreads({ ...defaults, workers: 2 }))
mergeConformance("one thread", makeSegmentThreads(defaults))
indexConformance("one thread", makeSegmentThreads(defaults))

/** The threads that are started in the scope, as Node tells of them. */
const startedThreads = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const started: Array<Worker> = []
      const add = (worker: Worker) => started.push(worker)
      process.on("worker", add)
      return { add, started }
    }),
    ({ add }) => Effect.sync(() => process.off("worker", add))
  ),
  ({ started }) => started
)

const makeOn = (storage: BlockStorageService, options: Partial<typeof defaults> = {}) =>
  Effect.provideService(makeSegmentThreads({ ...defaults, ...options }), BlockStorage, storage)

const request = (file = name, count = 100) => ({ name: file, owner: plainOwner, rows: plainRows(count), count })

/** Runs with what is logged kept. */
const withLog = <A, E, R>(use: (lines: Array<string>) => Effect.Effect<A, E, R>) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => {
    lines.push(`${logLevel} ${(message as ReadonlyArray<unknown>).map(String).join(" ")}`)
  })
  return Effect.provide(use(lines), Logger.layer([logger]))
}

const nextTurn = Effect.promise(() => new Promise<void>((resume) => setImmediate(resume)))

/** Waits for what comes by itself; the test's time limit is the limit. */
const eventually = Effect.fnUntraced(function*(holds: () => boolean): Effect.fn.Return<void> {
  while (!holds()) yield* nextTurn
})

describe("threads of segments", () => {
  it.effect("start with the first job, or at once, and end with the scope", () =>
    Effect.scoped(Effect.gen(function*() {
      const started = yield* startedThreads
      const storage = yield* makeMemoryStorage
      const lazy = yield* Scope.make()
      const workers = yield* Scope.provide(makeOn(storage, { workers: 3 }), lazy)
      assert.strictEqual(started.length, 0)
      yield* workers.write(request())
      yield* workers.write(request())
      assert.strictEqual(started.length, 1)
      yield* Effect.all([1, 2, 3, 4].map((file) => workers.write(request(`${file}`))), { concurrency: "unbounded" })
      assert.strictEqual(started.length, 3)
      yield* Scope.close(lazy, Exit.void)
      assert.deepStrictEqual(started.map((worker) => worker.threadId), [-1, -1, -1])
      const late = yield* Effect.flip(workers.write(request()))
      assert.match(late.message, /were stopped/)

      const eager = yield* Scope.make()
      yield* Scope.provide(makeOn(storage, { workers: 2, isEager: true }), eager)
      yield* eventually(() => started.length === 5)
      yield* Scope.close(eager, Exit.void)
      assert.deepStrictEqual(started.map((worker) => worker.threadId), [-1, -1, -1, -1, -1])
    })))

  it.effect("that have nothing to do for a while are ended, and started again", () =>
    withLog((lines) =>
      Effect.scoped(Effect.gen(function*() {
        const started = yield* startedThreads
        const held = yield* gated(yield* makeMemoryStorage, "write")
        const workers = yield* makeOn(held.storage, { idleMillisMax: 30 })
        const job = yield* Effect.forkChild(workers.write(request()), { startImmediately: true })
        yield* held.reached
        // A job that waits is something to do.
        yield* Effect.promise(() => new Promise((resume) => setTimeout(resume, 200)))
        yield* held.open
        yield* Fiber.join(job)
        for (let times = 1; times <= 3; times++) {
          assert.strictEqual(started.length, times)
          yield* eventually(() => started[times - 1].threadId === -1)
          yield* workers.write(request())
        }
        assert.deepStrictEqual(lines, [])
      }))
    ))

  it.effect("take the rows' memory", () =>
    Effect.scoped(Effect.gen(function*() {
      const workers = yield* makeOn(yield* makeMemoryStorage)
      const { rows, ...rest } = request()
      yield* workers.write({ ...rest, rows })
      assert.deepStrictEqual([rows.keys.heap.length, rows.positions.length, rows.columns[0].nulls.length], [0, 0, 0])
    })))

  it.effect("do one job of a kind each at a time", () =>
    Effect.scoped(Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      const held = yield* gated(storage, "sync")
      const workers = yield* makeOn(held.storage, { workers: 2 })
      const files = ["1", "2", "3", "4"]
      const jobs = yield* Effect.forkChild(
        Effect.forEach(files, (file) => workers.write(request(file)), { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* Effect.repeat(Effect.andThen(nextTurn, storage.list("")), { while: (begun) => begun.length < 2 })
      yield* held.reached
      for (let turn = 0; turn < 20; turn++) yield* nextTurn
      assert.deepStrictEqual(yield* storage.list(""), ["1", "2"])
      yield* held.open
      yield* Fiber.join(jobs)
      assert.deepStrictEqual(yield* storage.list(""), files)
    })))

  it.effect.each(
    [
      ["is killed", (worker: Worker): void => void worker.terminate(), /it ended with code 1/],
      [
        "throws outside of a job",
        (worker: Worker): void => worker.postMessage({ kind: "nonsense" }),
        /Error: a thread of segments was told something unknown[^]* at /
      ]
    ] as const
  )(
    "that %s fails its job, says so, and is replaced",
    ([, harm, message]) =>
      withLog((lines) =>
        Effect.scoped(Effect.gen(function*() {
          const started = yield* startedThreads
          const storage = yield* makeMemoryStorage
          const held = yield* gated(storage, "write")
          const workers = yield* makeOn(held.storage)
          const job = yield* Effect.forkChild(workers.write(request()), { startImmediately: true })
          // This one waits, and is not harmed.
          const next = yield* Effect.forkChild(workers.write(request("next")), { startImmediately: true })
          yield* held.reached
          assert.deepStrictEqual(yield* storage.list(""), [name])
          harm(started[0])
          const error = yield* Effect.flip(Fiber.join(job))
          assert.strictEqual(error._tag, "SegmentThreadError")
          assert.strictEqual(error.reason, "Died")
          assert.match(error.message, message)
          yield* eventually(() => lines.length === 1)
          assert.match(lines[0], /^Error a thread of segments died/)
          assert.isFalse((yield* storage.list("")).includes(name))
          yield* held.open
          yield* Fiber.join(next)
          assert.deepStrictEqual([started.length, yield* storage.list("")], [2, ["next"]])
        }))
      )
  )

  it.effect("without enough memory fail their jobs, and say so", () =>
    withLog((lines) =>
      Effect.scoped(Effect.gen(function*() {
        const storage = yield* makeMemoryStorage
        const workers = yield* makeOn(storage, { heapMegabytesMax: 8 })
        for (let times = 1; times <= 2; times++) {
          const error = (yield* Effect.flip(workers.write(request()))) as SegmentThreadError
          assert.deepStrictEqual([error._tag, error.reason], ["SegmentThreadError", "OutOfMemory"])
          yield* eventually(() => lines.length === times)
        }
        assert.deepStrictEqual(yield* storage.list(""), [])
      }))
    ))

  it.effect("whose scope closes in the middle of a job leave no file", () =>
    withLog((lines) =>
      Effect.scoped(Effect.gen(function*() {
        const storage = yield* makeMemoryStorage
        const held = yield* gated(storage, "write")
        const scope = yield* Scope.make()
        const workers = yield* Scope.provide(makeOn(held.storage), scope)
        const job = yield* Effect.forkChild(Effect.flip(workers.write(request())), { startImmediately: true })
        yield* held.reached
        yield* Scope.close(scope, Exit.void)
        assert.match((yield* Fiber.join(job)).message, /were stopped; nothing was written/)
        assert.deepStrictEqual([yield* storage.list(""), lines], [[], []])
      }))
    ))

  it.effect("close no file that is being written, whatever happens to the job", () =>
    Effect.scoped(Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      const events: Array<string> = []
      const reached = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const slow: BlockStorageService = {
        ...storage,
        open: (file, options) =>
          Effect.map(
            Effect.tap(storage.open(file, options), () =>
              Effect.addFinalizer(() => Effect.sync(() => events.push("closed")))),
            (opened) => ({
              ...opened,
              // As files do it: once begun, a write runs to its end.
              write: () =>
                Effect.uninterruptible(Effect.gen(function*() {
                  yield* Deferred.succeed(reached, undefined)
                  yield* Deferred.await(gate)
                  events.push("written")
                }))
            })
          )
      }
      const workers = yield* makeOn(slow)
      const job = yield* Effect.forkChild(workers.write(request()), { startImmediately: true })
      yield* Deferred.await(reached)
      yield* nextTurn
      const stopping = yield* Effect.forkChild(Fiber.interrupt(job), { startImmediately: true })
      assert.deepStrictEqual(events, [])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(stopping)
      assert.isTrue(Cause.hasInterruptsOnly(((yield* Fiber.await(job)) as Exit.Failure<never, never>).cause))
      assert.deepStrictEqual([events, yield* storage.list("")], [["written", "closed"], []])
    })))

  it("that have nothing to do let the process end", async () => {
    const module = (file: string) => JSON.stringify(fileURLToPath(new URL(`../../../${file}`, import.meta.url)))
    const program = `
      import * as Effect from "effect/Effect"
      import * as Scope from "effect/Scope"
      import { makeSegmentThreads, segmentThreadsDefaults } from ${module("src/segment/worker/segmentThreads.ts")}
      import { BlockStorage } from ${module("src/storage/BlockStorage.ts")}
      import { makeMemoryStorage } from ${module("src/storage/memoryStorage.ts")}
      import { plainOwner, plainRows } from ${module("test/segment/worker/plainRequest.ts")}
      await Effect.runPromise(Effect.gen(function*() {
        const storage = yield* makeMemoryStorage
        const workers = yield* makeSegmentThreads(segmentThreadsDefaults).pipe(
          Effect.provideService(BlockStorage, storage),
          Scope.provide(yield* Scope.make())
        )
        yield* workers.write({ name: "1", owner: plainOwner, rows: plainRows(10), count: 10 })
        console.log("written", yield* storage.list(""))
      }))
    `
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], {
      cwd: fileURLToPath(new URL("../../..", import.meta.url)),
      timeout: 30_000
    })
    assert.strictEqual(stdout.trim(), "written [ '1' ]")
  })
})
