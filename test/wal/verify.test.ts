import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { BlockStorage, type BlockStorageService } from "../../src/storage/BlockStorage.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import { encodeFileHeader } from "../../src/wal/format.ts"
import { inspectLog } from "../../src/wal/inspectLog.ts"
import { verifyLog } from "../../src/wal/verifyLog.ts"
import { append, changed, filesOf, frameOf, logFile, storageOf, withWal } from "./support.ts"

const verify = (storage: BlockStorageService) => Effect.provideService(verifyLog("wal"), BlockStorage, storage)

const inspect = (storage: BlockStorageService) =>
  Effect.provideService(Stream.runCollect(inspectLog("wal")), BlockStorage, storage)

/** Seven frames of two positions in three files, as a killed process leaves them. */
const threeFiles = Effect.gen(function*() {
  const storage = yield* makeMemoryStorage
  return yield* withWal(storage, (wal) =>
    Effect.gen(function*() {
      for (let i = 0; i < 7; i++) yield* append(wal, [frameOf(i, 1000, 2)])
      return yield* filesOf(storage)
    }), { segmentBytes: 4096, aheadBytes: 0 })
})

const flip = (...offsets: ReadonlyArray<number>) => (content: Uint8Array): Uint8Array => {
  for (const offset of offsets) content[offset] ^= 1
  return content
}

describe("verifying a log", () => {
  it.effect("counts what is in it and changes nothing", () =>
    Effect.gen(function*() {
      const files = yield* threeFiles
      const storage = yield* storageOf(files)
      const report = yield* verify(storage)
      assert.deepStrictEqual(report.damage, [])
      assert.isUndefined(report.tornTail)
      assert.deepStrictEqual(
        [report.frames, report.firstPosition, report.lastPosition, report.lastCommitTime, report.usedBytes],
        [7, 1, 14, 1_000_000, 3 * 64 + 7 * 1048] as never
      )
      assert.deepStrictEqual(
        report.files.map((file) => [file.file, file.ordinal, file.firstPosition, file.lastPosition, file.frames]),
        [[logFile(1), 1, 1, 6, 3], [logFile(2), 2, 7, 12, 3], [logFile(3), 3, 13, 14, 1]] as never
      )
      assert.deepStrictEqual(yield* filesOf(storage), files)
    }))

  it.effect("of nothing finds nothing", () =>
    Effect.gen(function*() {
      const report = yield* verify(yield* makeMemoryStorage)
      assert.deepStrictEqual([report.files.length, report.frames, report.lastPosition], [0, 0, 0] as never)
      assert.deepStrictEqual(yield* inspect(yield* makeMemoryStorage), [])
    }))

  it.effect("knows allocated zeros from a torn tail, and a torn tail from damage", () =>
    Effect.gen(function*() {
      const files = yield* threeFiles
      const allocated = changed(files, logFile(3), (content) => Buffer.concat([content, new Uint8Array(5000)]))
      const clean = yield* verify(yield* storageOf(allocated))
      assert.deepStrictEqual([clean.damage.length, clean.tornTail, clean.files[2].usedBytes], [0, undefined, 64 + 1048])
      const torn = changed(files, logFile(3), (content) =>
        Buffer.concat([content, Buffer.from("garbage"), new Uint8Array(500)]))
      const report = yield* verify(yield* storageOf(torn))
      assert.deepStrictEqual(report.damage, [])
      assert.deepStrictEqual(report.tornTail, { file: logFile(3), offset: 64 + 1048, bytes: 7 })
    }))

  it.effect("finds all damage, and names the positions that are lost", () =>
    Effect.gen(function*() {
      const files = yield* threeFiles
      const wrong = changed(
        changed(files, logFile(1), flip(64 + 500, 64 + 2 * 1048 + 500)),
        logFile(2),
        flip(64 + 1048 + 8)
      )
      const report = yield* verify(yield* storageOf(wrong))
      assert.deepStrictEqual(
        report.damage.map(({ file, lostFrom, lostThrough, offset }) => [file, offset, lostFrom, lostThrough]),
        [
          [logFile(1), 64, 1, 2],
          [logFile(1), 64 + 2 * 1048, 5, 6],
          [logFile(2), 64 + 1048, 9, 10]
        ] as never
      )
      assert.strictEqual(report.frames, 4)
      assert.strictEqual(report.lastPosition, 14)
    }))

  it.effect("names missing files and bad headers", () =>
    Effect.gen(function*() {
      const files = yield* threeFiles
      const missing = new Map(files)
      missing.delete(logFile(2))
      const report = yield* verify(yield* storageOf(missing))
      assert.strictEqual(report.damage.length, 1)
      assert.include(report.damage[0].problem, "wal-000002.log before it is missing")
      assert.deepStrictEqual([report.damage[0].lostFrom, report.damage[0].lostThrough], [7, 12] as never)
      const bad = yield* verify(yield* storageOf(changed(files, logFile(2), flip(20))))
      assert.deepStrictEqual(
        bad.damage.map(({ file, lostFrom, lostThrough, problem }) => [file, problem, lostFrom, lostThrough]),
        [[logFile(2), "the file header cannot be read", 7, 12]] as never
      )
      const short = yield* verify(
        yield* storageOf(changed(files, logFile(1), (content) => content.subarray(0, 64 + 2 * 1048)))
      )
      assert.deepStrictEqual(
        short.damage.map(({ file, lostFrom, lostThrough, offset }) => [file, offset, lostFrom, lostThrough]),
        [[logFile(1), 64 + 2 * 1048, 5, 6]] as never
      )
      const open = yield* verify(yield* storageOf(changed(files, logFile(3), flip(3))))
      assert.deepStrictEqual([open.damage[0].lostFrom, open.damage[0].lostThrough], [13, undefined] as never)
    }))

  it.effect("fails for a newer format", () =>
    Effect.gen(function*() {
      const header = encodeFileHeader({
        version: 2,
        ordinal: 1,
        firstPosition: 1,
        logId: new Uint8Array(16),
        commitTime: 0
      })
      const error = yield* Effect.flip(verify(yield* storageOf(new Map([[logFile(1), header]]))))
      assert.strictEqual(error.reason, "NewerFormat")
    }))
})

describe("inspecting a log", () => {
  it.effect("lists its frames with file and offset", () =>
    Effect.gen(function*() {
      const frames = yield* inspect(yield* storageOf(yield* threeFiles))
      assert.deepStrictEqual(
        frames.map(({ file, offset, position, span }) => [file, offset, position, span]),
        [0, 1, 2, 3, 4, 5, 6].map((i) => [logFile(1 + Math.floor(i / 3)), 64 + (i % 3) * 1048, 1 + 2 * i, 2]) as never
      )
    }))

  it.effect("gives what is before damage, then fails there", () =>
    Effect.gen(function*() {
      const storage = yield* storageOf(changed(yield* threeFiles, logFile(2), flip(64 + 1048 + 500)))
      const seen: Array<number> = []
      const error = yield* inspectLog("wal").pipe(
        Stream.runForEach((frame) => Effect.sync(() => seen.push(frame.position))),
        Effect.provideService(BlockStorage, storage),
        Effect.flip
      )
      assert.deepStrictEqual(seen, [1, 3, 5, 7])
      assert.deepStrictEqual([error.reason, error.file, error.offset], ["Damaged", logFile(2), 64 + 1048])
    }))

  it.effect("ends before a torn tail", () =>
    Effect.gen(function*() {
      const storage = yield* storageOf(changed(yield* threeFiles, logFile(3), flip(64 + 10)))
      assert.strictEqual((yield* inspect(storage)).length, 6)
    }))
})
