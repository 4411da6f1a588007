/** What a log makes of files that are not as they should be. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import { fileHeaderBytes, frameBytes } from "../../src/wal/format.ts"
import {
  append,
  changed,
  filesOf,
  frameOf,
  logFile,
  openWal,
  payloadOf,
  readFrom,
  storageOf,
  withWal
} from "./support.ts"

const options = { aheadBytes: 0 }

/** The files of a log of groups of one frame each, as a killed process leaves them: without the mark of a close. */
const killedLog = Effect.fnUntraced(function*(lengths: ReadonlyArray<number>, sync = true, segmentBytes = 64 * 1024) {
  const storage = yield* makeMemoryStorage
  return yield* withWal(storage, (wal) =>
    Effect.gen(function*() {
      for (let i = 0; i < lengths.length; i++) yield* append(wal, [frameOf(i, lengths[i])], sync)
      return yield* filesOf(storage)
    }), { ...options, segmentBytes })
})

/** The files of a log that was closed. */
const closedLog = Effect.fnUntraced(function*(lengths: ReadonlyArray<number>, segmentBytes = 64 * 1024) {
  const storage = yield* makeMemoryStorage
  yield* withWal(storage, (wal) =>
    Effect.gen(function*() {
      for (let i = 0; i < lengths.length; i++) yield* append(wal, [frameOf(i, lengths[i])])
    }), { ...options, segmentBytes })
  return yield* filesOf(storage)
})

/** Where each of the frames begins in the first file, and where the last one ends. */
const offsetsOf = (lengths: ReadonlyArray<number>): ReadonlyArray<number> => {
  const offsets = [fileHeaderBytes]
  for (const length of lengths) offsets.push(offsets[offsets.length - 1] + frameBytes(length))
  return offsets
}

/** Opens the log that these files make, expects the first `count` frames, and that it can be gone on with. */
const expectRecovered = Effect.fnUntraced(
  function*(files: ReadonlyMap<string, Uint8Array>, lengths: ReadonlyArray<number>) {
    const storage = yield* storageOf(files)
    const check = (extra: number) =>
      withWal(storage, (wal) =>
        Effect.gen(function*() {
          const frames = yield* readFrom(wal)
          assert.strictEqual(frames.length, lengths.length + extra)
          frames.forEach((frame, i) => {
            const length = i < lengths.length ? lengths[i] : 33
            assert.strictEqual(frame.position, i + 1)
            assert.isTrue(Buffer.from(payloadOf(i, length)).equals(frame.payload))
          })
          yield* append(wal, [frameOf(frames.length, 33)])
        }), options)
    yield* check(0)
    yield* check(1)
    yield* check(2)
  }
)

const flipped = (offset: number, mask = 0xff) => (content: Uint8Array): Uint8Array => {
  content[offset] ^= mask
  return content
}

describe("a torn tail", () => {
  const lengths = [100, 333, 60]
  const offsets = offsetsOf(lengths)

  it.effect("is cut wherever in the last frame the file ends, or only zeros follow", () =>
    Effect.gen(function*() {
      const files = yield* killedLog(lengths)
      for (let end = offsets[2]; end < offsets[3]; end++) {
        const short = changed(files, logFile(1), (content) => content.subarray(0, end))
        yield* expectRecovered(short, [100, 333])
        const allocated = changed(files, logFile(1), (content) => {
          const zeros = new Uint8Array(4000)
          zeros.set(content.subarray(0, end))
          return zeros
        })
        // The padding of the last frame is zero anyway.
        yield* expectRecovered(allocated, end >= offsets[2] + 48 + 60 ? lengths : [100, 333])
      }
    }))

  it.effect("is cut whatever single byte of the last frame is wrong", () =>
    Effect.gen(function*() {
      const files = yield* killedLog(lengths)
      for (let at = offsets[2]; at < offsets[3]; at++) {
        yield* expectRecovered(changed(files, logFile(1), flipped(at)), [100, 333])
      }
    }))

  it.effect("takes along valid frames that were never promised", () =>
    Effect.gen(function*() {
      const many = [40, 40, 40, 40, 40, 40]
      const files = yield* killedLog(many, false)
      yield* expectRecovered(changed(files, logFile(1), flipped(offsetsOf(many)[2] + 50)), [40, 40])
      yield* expectRecovered(changed(files, logFile(1), (content) => content.fill(0, 64, 100)), [])
    }))

  it.effect("does not come back when a frame of the same size is appended in its place", () =>
    Effect.gen(function*() {
      const many = [40, 40, 40, 40, 40, 40]
      const files = yield* killedLog(many, false)
      const storage = yield* storageOf(changed(files, logFile(1), flipped(offsetsOf(many)[2] + 50)))
      // As after a kill: the mark of a close would hide what is behind it.
      const killed = yield* withWal(
        storage,
        (wal) => Effect.andThen(append(wal, [frameOf(77, 40)]), filesOf(storage)),
        options
      )
      yield* withWal(yield* storageOf(killed), (wal) =>
        Effect.map(readFrom(wal), (frames) =>
          assert.deepStrictEqual(frames.map((frame) => frame.kind), [1, 2, 78])), options)
    }))

  it.effect("is cut where random bytes, or frames of another log, follow the end", () =>
    Effect.gen(function*() {
      const files = yield* killedLog(lengths)
      const other = (yield* killedLog([10, 20, 30, 40, 50])).get(logFile(1))!
      for (const garbage of [payloadOf(9, 5000), other.subarray(64), Buffer.from("VRVF".repeat(500))]) {
        yield* expectRecovered(changed(files, logFile(1), (content) => Buffer.concat([content, garbage])), lengths)
      }
    }))

  it.effect("is cut although its payload holds frames that claim to be of this log", () =>
    Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      const hostile = (yield* killedLog([0, 0, 0, 0, 0, 0])).get(logFile(1))!.slice(64)
      const files = yield* withWal(storage, (wal) =>
        Effect.gen(function*() {
          yield* append(wal, [frameOf(0, 100)])
          yield* append(wal, [{ kind: 1, span: 1, payload: [hostile] }])
          return yield* filesOf(storage)
        }), options)
      yield* expectRecovered(changed(files, logFile(1), flipped(fileHeaderBytes + frameBytes(100) + 20)), [100])
    }))
})

describe("damage", () => {
  const lengths = [100, 333, 60]
  const offsets = offsetsOf(lengths)

  it.effect("of any byte of a durable frame that has a successor stops the log, naming file and offset", () =>
    Effect.gen(function*() {
      const files = yield* killedLog(lengths)
      for (let at = offsets[0]; at < offsets[2]; at++) {
        const storage = yield* storageOf(changed(files, logFile(1), flipped(at, 1 << (at % 8))))
        const error = yield* Effect.flip(Effect.scoped(openWal(storage, options)))
        const offset = at < offsets[1] ? offsets[0] : offsets[1]
        assert.strictEqual(error.reason, "Damaged", `byte ${at}`)
        assert.strictEqual(error.offset, offset)
        assert.strictEqual(error.file, logFile(1))
        assert.include(error.message, `${logFile(1)} at offset ${offset}`)
        assert.include(error.message, "varve wal verify")
      }
    }))

  it.effect("of the last frame stops a log that was closed", () =>
    Effect.gen(function*() {
      const files = yield* closedLog(lengths)
      for (let at = offsets[2]; at < offsets[3]; at += 3) {
        const storage = yield* storageOf(changed(files, logFile(1), flipped(at)))
        const error = yield* Effect.flip(Effect.scoped(openWal(storage, options)))
        assert.deepStrictEqual([error.reason, error.offset], ["Damaged", offsets[2]])
      }
      // The mark itself protects nothing.
      yield* expectRecovered(changed(files, logFile(1), flipped(offsets[3] + 20)), lengths)
    }))

  it.effect("by zeros, at the very beginning as well, is no end of the log", () =>
    Effect.gen(function*() {
      const files = yield* killedLog(lengths)
      for (const start of [offsets[0], offsets[1]]) {
        const storage = yield* storageOf(changed(files, logFile(1), (content) => content.fill(0, start, start + 56)))
        const error = yield* Effect.flip(Effect.scoped(openWal(storage, options)))
        assert.deepStrictEqual([error.reason, error.offset], ["Damaged", start])
      }
    }))

  it.effect("changes nothing", () =>
    Effect.gen(function*() {
      const files = changed(yield* killedLog(lengths), logFile(1), flipped(offsets[1] + 60))
      const storage = yield* storageOf(files)
      yield* Effect.flip(Effect.scoped(openWal(storage, options)))
      assert.deepStrictEqual(yield* filesOf(storage), files)
    }))

  it.effect("in an older file stops the readers that come to it, and no others", () =>
    Effect.gen(function*() {
      const files = yield* killedLog([1000, 1000, 1000, 1000, 1000, 1000, 1000], true, 4096)
      const storage = yield* storageOf(changed(files, logFile(1), flipped(64 + 1048 + 500)))
      yield* withWal(storage, (wal) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(readFrom(wal))
          assert.deepStrictEqual([error.reason, error.file, error.offset], ["Damaged", logFile(1), 64 + 1048])
          assert.strictEqual((yield* readFrom(wal, 4)).length, 4)
        }), options)
    }))

  it.effect("by an older file that is cut short stops the readers that come to it", () =>
    Effect.gen(function*() {
      const files = yield* killedLog([1000, 1000, 1000, 1000, 1000, 1000, 1000], true, 4096)
      for (const end of [64 + 2 * 1048, 64 + 2 * 1048 + 500]) {
        const storage = yield* storageOf(changed(files, logFile(1), (content) => content.subarray(0, end)))
        const error = yield* Effect.flip(withWal(storage, (wal) => readFrom(wal), options))
        assert.strictEqual(error.reason, "Damaged")
      }
    }))

  it.effect("of a file's header, or a file without one, stops the log", () =>
    Effect.gen(function*() {
      const files = yield* killedLog([1000, 1000, 1000, 1000], true, 4096)
      for (const ordinal of [1, 2]) {
        for (let at = 0; at < fileHeaderBytes; at++) {
          const storage = yield* storageOf(changed(files, logFile(ordinal), flipped(at)))
          const error = yield* Effect.flip(Effect.scoped(openWal(storage, options)))
          assert.deepStrictEqual([error.reason, error.file, error.offset], ["Damaged", logFile(ordinal), 0])
        }
        for (const length of [0, 1, 63]) {
          const storage = yield* storageOf(changed(files, logFile(ordinal), (content) => content.subarray(0, length)))
          const error = yield* Effect.flip(Effect.scoped(openWal(storage, options)))
          assert.deepStrictEqual([error.reason, error.file], ["Damaged", logFile(ordinal)])
        }
      }
    }))

  it.effect("by an empty file where the only log file should be is no new log", () =>
    Effect.gen(function*() {
      const storage = yield* storageOf(new Map([[logFile(1), new Uint8Array(0)]]))
      const error = yield* Effect.flip(Effect.scoped(openWal(storage, options)))
      assert.strictEqual(error.reason, "Damaged")
    }))

  it.effect("by a file that is missing, or of another log, or under another's name, stops the log", () =>
    Effect.gen(function*() {
      const files = yield* killedLog([1000, 1000, 1000, 1000, 1000, 1000, 1000], true, 4096)
      const other = yield* killedLog([1000, 1000, 1000, 1000, 1000, 1000, 1000], true, 4096)
      const missing = new Map(files)
      missing.delete(logFile(2))
      const foreign = changed(files, logFile(2), () => other.get(logFile(2))!)
      const swapped = changed(files, logFile(2), () => files.get(logFile(3))!)
      for (const [problem, wrong] of [["missing", missing], ["another log", foreign], ["number 3", swapped]] as const) {
        const error = yield* Effect.flip(Effect.scoped(openWal(yield* storageOf(wrong), options)))
        assert.strictEqual(error.reason, "Damaged")
        assert.include(error.message, problem)
      }
    }))
})

describe("a log file", () => {
  it.effect("of a newer format is refused, naming both versions", () =>
    Effect.gen(function*() {
      const { encodeFileHeader } = yield* Effect.promise(() => import("../../src/wal/format.ts"))
      const header = encodeFileHeader({
        version: 7,
        ordinal: 1,
        firstPosition: 1,
        logId: new Uint8Array(16),
        commitTime: 0
      })
      const storage = yield* storageOf(new Map([[logFile(1), header]]))
      const error = yield* Effect.flip(Effect.scoped(openWal(storage, options)))
      assert.strictEqual(error.reason, "NewerFormat")
      assert.include(error.message, "version 7")
      assert.include(error.message, "version 1")
    }))

  it.effect("that was never completed is made anew", () =>
    Effect.gen(function*() {
      const files = yield* killedLog([100, 200])
      for (const leftover of [new Uint8Array(0), payloadOf(1, 5000)]) {
        yield* expectRecovered(new Map(files).set("wal/wal-new.tmp", leftover), [100, 200])
        yield* expectRecovered(new Map([["wal/wal-new.tmp", leftover]]), [])
      }
    }))

  it.effect("of another name is left alone", () =>
    Effect.gen(function*() {
      const files = new Map(yield* killedLog([100])).set("wal/notes.txt", Buffer.from("hello")).set(
        "wal/wal-1.log",
        new Uint8Array(3)
      )
      yield* expectRecovered(files, [100])
    }))
})
