/** What recovery says of data that does not belong together, what it removes, and when the log is let go of. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { crc32c } from "../../src/base/crc32c.ts"
import { checkpointNeeded } from "../../src/mvcc/checkpoint/checkpointNeeded.ts"
import { BlockStorage } from "../../src/storage/BlockStorage.ts"
import { makeMemoryStorage, type MemoryStorage } from "../../src/storage/memoryStorage.ts"
import { archiveFolder } from "../../src/wal/archive.ts"
import { inspectLog } from "../../src/wal/inspectLog.ts"
import { verifyLog } from "../../src/wal/verifyLog.ts"
import { dump, type EngineSetting, type OpenEngine, openEngine, registerTable, writeOf } from "../support/openEngine.ts"
import { openFlusher } from "../support/randomHistory.ts"
import { changeFile, fileContent, putFile } from "../support/storageFiles.ts"

const small: EngineSetting = { wal: { segmentBytes: 4096, aheadBytes: 0 } }

/** Writes so many rows of 1,000 bytes, one by one. */
const write = (opened: OpenEngine, table: number, rows: number) =>
  Effect.forEach(
    Array.from({ length: rows }, (_, i) => i),
    (i) => opened.pipeline.commit(writeOf(table, [[`k${i}`, "v".repeat(1000)]])),
    { discard: true }
  )

const flush = Effect.fnUntraced(function*(opened: OpenEngine, storage: MemoryStorage, table: number) {
  opened.engine.state.tables.get(table)!.seal()
  yield* (yield* openFlusher(opened, storage)).flushSealed(table)
})

/** Uses the engine in a storage, and closes it. */
const withEngine = <A, E>(
  storage: MemoryStorage,
  use: (opened: OpenEngine) => Effect.Effect<A, E, Scope>,
  setting: EngineSetting = small
) => Effect.scoped(Effect.flatMap(openEngine(storage, setting), use))

/** Two checkpoints, a log that was cut before them, a segment of one table and rows of another in memory. */
const prepared = Effect.gen(function*() {
  const storage = yield* makeMemoryStorage
  const before = yield* withEngine(storage, (opened) =>
    Effect.gen(function*() {
      const x = yield* registerTable(opened)
      for (let i = 0; i < 2; i++) {
        yield* write(opened, x, 10)
        yield* flush(opened, storage, x)
        yield* opened.checkpoints.write
      }
      yield* write(opened, x, 5)
      return dump(opened.engine.state)
    }))
  const [older, newest] = yield* storage.list("checkpoints/")
  assert.isTrue((yield* storage.list("wal/"))[0] > "wal/wal-000001.log")
  return { storage, before, older, newest }
})

const flip = (storage: MemoryStorage, name: string) =>
  changeFile(storage, name, (bytes) => {
    bytes[100] ^= 1
    return bytes
  })

const refused = (storage: MemoryStorage) =>
  Effect.map(Effect.flip(Effect.scoped(openEngine(storage, small))), ({ message }) => message)

/** What an effect logs, with its result. */
const logged = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => {
    lines.push(`${logLevel} ${String(message)}`)
  })
  const result = yield* Effect.provide(effect, Logger.layer([logger]))
  return { result, lines }
})

describe("recovery says", () => {
  it.live("that a checkpoint is damaged, and takes the one before", () =>
    Effect.gen(function*() {
      const { before, newest, storage } = yield* prepared
      yield* flip(storage, newest)
      const { lines, result } = yield* logged(withEngine(storage, ({ engine }) => Effect.succeed(dump(engine.state))))
      assert.deepStrictEqual(result, before)
      assert.lengthOf(lines, 1)
      assert.match(lines[0], /^Warn the checkpoint is damaged: checkpoints\/checkpoint-\d+\.ckpt at offset 64: /)
    }))

  it.live("that all of them are damaged, and names them", () =>
    Effect.gen(function*() {
      const { newest, older, storage } = yield* prepared
      yield* flip(storage, newest)
      yield* flip(storage, older)
      const { result: message } = yield* logged(refused(storage))
      assert.include(message, newest)
      assert.include(message, older)
      assert.match(
        message,
        /the log begins at position \d+, and there is no checkpoint .*restore.*nothing was changed$/
      )
    }))

  it.live("that a log without its beginning needs a checkpoint", () =>
    Effect.gen(function*() {
      const { newest, older, storage } = yield* prepared
      yield* storage.remove(newest)
      yield* storage.remove(older)
      assert.match(yield* refused(storage), /^the log begins at position \d+, and there is no checkpoint/)
    }))

  it.live("that a checkpoint needs more of the log than there is", () =>
    Effect.gen(function*() {
      const { newest, storage } = yield* prepared
      for (const name of (yield* storage.list("wal/")).slice(0, -1)) yield* storage.remove(name)
      const message = yield* refused(storage)
      assert.include(message, newest)
      assert.match(message, /needs the log from position \d+ on, but that begins at position \d+/)
    }))

  it.live("that the end of the log is gone", () =>
    Effect.gen(function*() {
      const { newest, storage } = yield* prepared
      const files = yield* storage.list("wal/")
      // The file in which the checkpoint's position is, and all behind it.
      for (const name of files.slice(1)) yield* storage.remove(name)
      yield* changeFile(storage, files[0], (bytes) => bytes.subarray(0, 64))
      const message = yield* refused(storage)
      assert.include(message, newest)
      assert.match(message, /is of position \d+, but the log ends at position \d+, though it was synced further/)
    }))

  it.live("that a checkpoint is of another log", () =>
    Effect.gen(function*() {
      const { newest, storage } = yield* prepared
      const other = yield* makeMemoryStorage
      yield* withEngine(other, (opened) => Effect.flatMap(registerTable(opened), (x) => write(opened, x, 40)))
      yield* putFile(other, newest, yield* fileContent(storage, newest))
      assert.include(yield* refused(other), `${newest} belongs to another log`)
    }))

  it.live("that a newer version wrote a checkpoint, and does not take the one before", () =>
    Effect.gen(function*() {
      const { newest, storage } = yield* prepared
      yield* changeFile(storage, newest, (bytes) => {
        const view = new DataView(bytes.buffer)
        view.setUint32(8, 7, true)
        view.setUint32(4, crc32c(bytes.subarray(8, 64)), true)
        return bytes
      })
      assert.match(yield* refused(storage), /has checkpoint format version 7, this Varve reads up to version 1/)
    }))

  it.live("which segment is missing, or is not as long as it was", () =>
    Effect.gen(function*() {
      const { storage } = yield* prepared
      const [segment] = yield* storage.list("segments/")
      const content = yield* fileContent(storage, segment)
      yield* putFile(storage, segment, content.subarray(0, 1000))
      assert.match(
        yield* refused(storage),
        new RegExp(`^${segment}, .* of t.x, has 1000 bytes instead of ${content.length}`)
      )
      yield* storage.remove(segment)
      assert.match(yield* refused(storage), new RegExp(`^${segment}, which holds rows of t.x, is missing; restore`))
      yield* putFile(storage, segment, content)
      yield* withEngine(storage, () => Effect.void)
    }))

  it.live("that there are segments and no log, rather than removing them", () =>
    Effect.gen(function*() {
      const { storage } = yield* prepared
      for (const folder of ["wal/", "checkpoints/"]) {
        for (const name of yield* storage.list(folder)) yield* storage.remove(name)
      }
      assert.match(yield* refused(storage), /the log is empty, but there are 2 segments in segments\//)
      assert.lengthOf(yield* storage.list("segments/"), 2)
    }))

  it.live("how many files it has removed that nothing names", () =>
    Effect.gen(function*() {
      const { before, storage } = yield* prepared
      const files = yield* storage.list("")
      yield* putFile(storage, "segments/000001/0000000000009999-flush.parquet", new Uint8Array(10))
      yield* putFile(storage, "segments/000009/left.parquet", new Uint8Array(10))
      yield* putFile(storage, "checkpoints/checkpoint-new.tmp", new Uint8Array(10))
      const { lines, result } = yield* logged(withEngine(storage, ({ engine }) => Effect.succeed(dump(engine.state))))
      assert.deepStrictEqual(result, before)
      assert.deepStrictEqual(lines, ["Info removed 3 files that a former end has left unused"])
      assert.deepStrictEqual(yield* storage.list(""), files)
    }))
})

describe("the log", () => {
  const logFiles = (storage: MemoryStorage) => Effect.map(storage.list("wal/"), (names) => names.length)

  it.live("is not let go of before there are two checkpoints to begin with", () =>
    Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      yield* withEngine(storage, (opened) =>
        Effect.gen(function*() {
          const x = yield* registerTable(opened)
          yield* write(opened, x, 40)
          yield* flush(opened, storage, x)
          const files = yield* logFiles(storage)
          yield* opened.checkpoints.write
          assert.strictEqual(yield* logFiles(storage), files)
          // Nothing has happened since: it is the same one, and counts once.
          yield* opened.checkpoints.write
          assert.lengthOf(yield* storage.list("checkpoints/"), 1)
          yield* write(opened, x, 1)
          yield* opened.checkpoints.write
          assert.isTrue((yield* logFiles(storage)) <= 2)
          assert.lengthOf(yield* storage.list("checkpoints/"), 2)
        }))
    }))

  it.live("is kept as far as rows in memory reach back", () =>
    Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      yield* withEngine(storage, (opened) =>
        Effect.gen(function*() {
          const x = yield* registerTable(opened)
          const y = yield* registerTable(opened, "y")
          yield* write(opened, y, 1)
          yield* write(opened, x, 40)
          yield* flush(opened, storage, x)
          for (let i = 0; i < 3; i++) {
            yield* write(opened, x, 1)
            yield* opened.checkpoints.write
          }
          assert.strictEqual((yield* opened.checkpoints.status).logNeededFrom, 3)
          assert.strictEqual((yield* opened.wal.status).firstPosition, 1)
        }))
      yield* withEngine(storage, ({ engine }) =>
        Effect.sync(() => assert.strictEqual(engine.state.tables.get(2)!.rowCount, 1)))
    }))

  it.effect("is kept for a while for those who follow it, as long as it is not too much", () =>
    Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      const setting = { ...small, logRetention: { micros: 60_000_000, bytesMax: 20_000 } }
      yield* withEngine(storage, (opened) =>
        Effect.gen(function*() {
          const x = yield* registerTable(opened)
          yield* write(opened, x, 9)
          for (let i = 0; i < 2; i++) {
            yield* flush(opened, storage, x)
            yield* opened.checkpoints.write
            yield* write(opened, x, 1)
          }
          const files = yield* logFiles(storage)
          assert.strictEqual(yield* opened.checkpoints.releaseLog, 0)
          yield* TestClock.adjust("59 seconds")
          assert.strictEqual(yield* opened.checkpoints.releaseLog, 0)
          yield* TestClock.adjust("1 second")
          assert.isTrue((yield* opened.checkpoints.releaseLog) > 0)
          assert.isTrue((yield* logFiles(storage)) < files)
          // New, but too many.
          yield* write(opened, x, 60)
          yield* flush(opened, storage, x)
          yield* opened.checkpoints.write
          yield* write(opened, x, 1)
          yield* flush(opened, storage, x)
          yield* opened.checkpoints.write
          const { bytes } = yield* opened.wal.status
          assert.isTrue(bytes <= 20_000 && bytes > 12_000, `${bytes} bytes of log`)
        }), setting)
    }))

  it.live("that cannot be let go of stays for the next time", () =>
    Effect.gen(function*() {
      for (const archive of [false, true]) {
        const storage = yield* makeMemoryStorage
        const setting = { wal: { ...small.wal, archive } }
        yield* withEngine(storage, (opened) =>
          Effect.gen(function*() {
            const x = yield* registerTable(opened)
            for (let i = 0; i < 2; i++) {
              yield* write(opened, x, 20)
              yield* flush(opened, storage, x)
              if (i === 1) {
                storage.refuse = ({ kind, name }) => kind === "syncDirectory" && name === "wal" ? "Failed" : undefined
              }
              const { lines } = yield* logged(opened.checkpoints.write)
              assert.lengthOf(lines, i)
              if (i === 1) assert.match(lines[0], /^Warn log files that are no longer needed stay for now: .*wal/)
            }
            storage.refuse = () => undefined
            assert.isTrue((yield* opened.checkpoints.releaseLog) > 3)
            assert.strictEqual((yield* opened.wal.status).files, yield* logFiles(storage))
          }), setting)
        yield* withEngine(storage, () => Effect.void, setting)
      }
    }))

  it.live("can be read whole from its archive, file by file, and what is left is sound", () =>
    Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      const setting = { wal: { ...small.wal, archive: true } }
      const id = yield* withEngine(storage, (opened) =>
        Effect.gen(function*() {
          const x = yield* registerTable(opened)
          for (let i = 0; i < 3; i++) {
            yield* write(opened, x, 20)
            yield* flush(opened, storage, x)
            yield* opened.checkpoints.write
          }
          return Buffer.from(opened.wal.logId).toString("hex")
        }), setting)
      const archived = yield* Effect.provideService(verifyLog(`${archiveFolder}/${id}`), BlockStorage, storage)
      const rest = yield* Effect.provideService(verifyLog("wal"), BlockStorage, storage)
      assert.deepStrictEqual([archived.damage, rest.damage], [[], []])
      assert.isTrue(archived.files.length > 3)
      assert.strictEqual(archived.firstPosition, 1)
      assert.strictEqual(rest.firstPosition, archived.lastPosition + 1)
      const [first] = yield* Stream.runCollect(inspectLog("wal").pipe(Stream.provideService(BlockStorage, storage)))
      assert.strictEqual(first.position, rest.firstPosition)
    }))
})

describe("a checkpoint is worth its cost", () => {
  const mebibyte = 1024 * 1024
  const since = { logBytes: 0, segmentsChanged: false, millis: 0, checkpointBytes: 0 }
  it.each([
    ["when nothing has happened", {}, false],
    ["for time alone", { millis: 1e9 }, false],
    ["for 64 MiB of log", { logBytes: 64 * mebibyte }, true],
    ["for a little less", { logBytes: 64 * mebibyte - 1, millis: 1e9 }, false],
    ["for less log than it takes itself", { logBytes: 64 * mebibyte, checkpointBytes: 65 * mebibyte }, false],
    ["for segments, at once", { segmentsChanged: true, millis: 29_999 }, false],
    ["for segments, after a while", { segmentsChanged: true, millis: 30_000 }, true],
    [
      "for segments, where it is large",
      { segmentsChanged: true, millis: 30_000, checkpointBytes: 100 * mebibyte },
      false
    ],
    ["for segments, where it is large, after long", {
      segmentsChanged: true,
      millis: 200_000,
      checkpointBytes: 100 * mebibyte
    }, true]
  ])("%s", (_, change, expected) => assert.strictEqual(checkpointNeeded({ ...since, ...change }), expected))
})
