/** What every log must do, on whatever it is stored. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { framePayloadBytesMax } from "../../src/base/limits.ts"
import * as Position from "../../src/base/position.ts"
import type { BlockStorageService, StorageError } from "../../src/storage/BlockStorage.ts"
import { seededDice } from "../../src/storage/crashImage.ts"
import type { Frame, FrameInput } from "../../src/wal/Wal.ts"
import { append, contentOf, frameOf, logFile, openWal, payloadOf, readFrom, withWal } from "./support.ts"

const plain = (frames: ReadonlyArray<Frame>) =>
  frames.map(({ kind, payload, position, span }) => ({
    kind,
    payload: Buffer.from(payload).toString("hex"),
    position,
    span
  }))

/** Runs the suite against storages that `make` makes, each new and empty. */
export const walConformance = (
  name: string,
  make: Effect.Effect<BlockStorageService, StorageError, Scope.Scope>
): void => {
  describe(`log conformance: ${name}`, () => {
    it.effect("is empty at first", () =>
      Effect.gen(function*() {
        const wal = yield* openWal(yield* make)
        assert.deepStrictEqual(yield* readFrom(wal), [])
        const status = yield* wal.status
        assert.strictEqual(status.firstPosition, 1)
        assert.strictEqual(status.writtenPosition, 0)
        assert.strictEqual(status.durablePosition, 0)
        assert.strictEqual(status.files, 1)
      }))

    it.effect("gives contiguous positions and reads back what was appended", () =>
      Effect.gen(function*() {
        const wal = yield* openWal(yield* make)
        const first = yield* append(wal, [
          { kind: 7, span: 3, payload: [Buffer.from("hello"), new Uint8Array(0), Buffer.from(" world")] },
          { kind: 65535, span: 1, payload: [] }
        ])
        assert.deepStrictEqual(first, { positions: [1, 4] as never, last: 4 as never, commitTime: 1_000_000 })
        const second = yield* append(wal, [{ kind: 0, span: 4294967295, payload: [Buffer.from("x")] }])
        assert.deepStrictEqual(second.positions, [5] as never)
        assert.strictEqual(second.last, 4294967299)
        const frames = yield* readFrom(wal)
        assert.deepStrictEqual(plain(frames), [
          { kind: 7, payload: Buffer.from("hello world").toString("hex"), position: 1, span: 3 },
          { kind: 65535, payload: "", position: 4, span: 1 },
          { kind: 0, payload: "78", position: 5, span: 4294967295 }
        ] as never)
        assert.deepStrictEqual(frames.map((frame) => frame.durable), [0, 0, 4] as never)
        assert.strictEqual(wal.durablePosition, 4294967299)
        assert.strictEqual(wal.writtenPosition, 4294967299)
      }))

    it.effect("takes payloads of every size, in pieces", () =>
      Effect.gen(function*() {
        const storage = yield* make
        const inputs: Array<FrameInput> = []
        for (const length of [0, 1, 7, 8, 9, 4095, 16383, 16384, 16385, 70_000, 300_001]) {
          const whole = payloadOf(length, length)
          const cut = Math.floor(length / 3)
          inputs.push({ kind: 1, span: 1, payload: [whole.subarray(0, cut), whole.subarray(cut)] })
        }
        const check = (frames: ReadonlyArray<Frame>) => {
          assert.strictEqual(frames.length, inputs.length * 2)
          frames.forEach((frame, i) => {
            assert.isTrue(Buffer.concat(inputs[i % inputs.length].payload).equals(frame.payload))
            assert.strictEqual(frame.payload.byteOffset % 8, 0)
          })
        }
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            yield* append(wal, inputs)
            for (const input of inputs) yield* append(wal, [input])
            check(yield* readFrom(wal))
          }))
        yield* withWal(storage, (wal) => Effect.map(readFrom(wal), check))
        // A block that is smaller than most frames.
        yield* withWal(storage, (wal) => Effect.map(readFrom(wal), check), { blockBytes: 4096 })
      }))

    it.effect("goes on after it was reopened", () =>
      Effect.gen(function*() {
        const storage = yield* make
        for (let round = 0; round < 5; round++) {
          yield* withWal(storage, (wal) =>
            Effect.gen(function*() {
              assert.strictEqual(wal.durablePosition, round * 2)
              assert.strictEqual(wal.writtenPosition, round * 2)
              const appended = yield* append(wal, [frameOf(round, 100, 2)], round % 2 === 0)
              assert.strictEqual(appended.last, round * 2 + 2)
              assert.strictEqual((yield* readFrom(wal)).length, round + 1)
            }))
        }
      }))

    it.effect("never lets commit times decrease, also across files and reopening", () =>
      Effect.gen(function*() {
        const storage = yield* make
        const options = { segmentBytes: 4096 }
        const given: Array<number> = []
        for (const times of [[5, 3, 9], [1, 1_700_000_000_000_000], [8]]) {
          yield* withWal(storage, (wal) =>
            Effect.gen(function*() {
              for (const commitTime of times) {
                given.push((yield* wal.append([frameOf(1, 3000)], { commitTime, sync: true })).commitTime)
              }
            }), options)
        }
        assert.deepStrictEqual(given, [5, 5, 9, 9, 1_700_000_000_000_000, 1_700_000_000_000_000])
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            assert.deepStrictEqual((yield* readFrom(wal)).map((frame) => frame.commitTime), given)
            assert.strictEqual((yield* wal.status).lastCommitTime, 1_700_000_000_000_000)
          }), options)
      }))

    it.effect("reads from any position, also one within a frame, and from none that is not there yet", () =>
      Effect.gen(function*() {
        const wal = yield* openWal(yield* make, { segmentBytes: 4096 })
        for (let i = 0; i < 30; i++) yield* append(wal, [frameOf(i, 500, 3)])
        for (let from = 1; from <= 90; from++) {
          const frames = yield* readFrom(wal, from)
          assert.strictEqual(frames[0].position, from - (from - 1) % 3)
          assert.strictEqual(frames.length, 30 - Math.floor((from - 1) / 3))
        }
        assert.deepStrictEqual(yield* readFrom(wal, 91), [])
        assert.deepStrictEqual(yield* readFrom(wal, 1000), [])
      }))

    it.effect("finds a position in a long file", () =>
      Effect.gen(function*() {
        const storage = yield* make
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            for (let i = 0; i < 60; i++) yield* append(wal, [frameOf(i, 100_000), frameOf(i, 10)], false)
            for (const from of [1, 2, 23, 24, 77, 119, 120]) {
              assert.strictEqual((yield* readFrom(wal, from)).length, 121 - from)
            }
          }))
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            for (const from of [1, 2, 23, 24, 77, 119, 120]) {
              assert.strictEqual((yield* readFrom(wal, from)).length, 121 - from)
            }
          }))
      }))

    it.effect("fills one file after another, and gives each only what is in it", () =>
      Effect.gen(function*() {
        const storage = yield* make
        const options = { segmentBytes: 4096 }
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            for (let i = 0; i < 25; i++) yield* append(wal, [frameOf(i, 1000)])
            // Four frames of 1048 bytes are too many for a file of 4096.
            assert.strictEqual((yield* wal.status).files, 9)
          }), options)
        assert.strictEqual((yield* contentOf(storage, logFile(1))).length, 64 + 3 * 1048)
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            const frames = yield* readFrom(wal)
            frames.forEach((frame, i) =>
              assert.deepStrictEqual(Buffer.from(frame.payload), Buffer.from(payloadOf(i, 1000)))
            )
            assert.strictEqual(frames.length, 25)
            assert.strictEqual((yield* append(wal, [frameOf(0, 1)])).last, 26)
          }), options)
      }))

    it.effect("fits files exactly: a group that ends where the file does goes into it, one byte more does not", () =>
      Effect.gen(function*() {
        for (const extra of [-8, 0, 8]) {
          const storage = yield* make
          const options = { segmentBytes: 4096 }
          yield* withWal(storage, (wal) =>
            Effect.gen(function*() {
              yield* append(wal, [frameOf(1, 1000)])
              yield* append(wal, [frameOf(2, 4096 - 64 - 1048 - 48 + extra)])
              assert.strictEqual((yield* wal.status).files, extra > 0 ? 2 : 1)
              yield* append(wal, [frameOf(3, 0)])
            }), options)
          yield* withWal(
            storage,
            (wal) => Effect.map(readFrom(wal), (frames) => assert.strictEqual(frames.length, 3)),
            options
          )
        }
      }))

    it.effect("takes a group that is larger than a file", () =>
      Effect.gen(function*() {
        const storage = yield* make
        const options = { segmentBytes: 4096 }
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            yield* append(wal, [frameOf(1, 100)])
            yield* append(wal, [frameOf(2, 10_000), frameOf(3, 100_000)])
            yield* append(wal, [frameOf(4, 100)])
            assert.strictEqual((yield* wal.status).files, 3)
          }), options)
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            const frames = yield* readFrom(wal)
            assert.deepStrictEqual(frames.map((frame) => frame.payload.length), [100, 10_000, 100_000, 100])
            assert.isTrue(Buffer.from(payloadOf(3, 100_000)).equals(frames[2].payload))
          }), options)
      }))

    it.effect("takes the largest frame and refuses a larger one, naming the limit", () =>
      Effect.gen(function*() {
        const storage = yield* make
        const payload = [new Uint8Array(framePayloadBytesMax).fill(5)]
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            const error = yield* Effect.flip(
              append(wal, [frameOf(1, 10), { kind: 1, span: 1, payload: [...payload, new Uint8Array(1)] }])
            )
            assert.strictEqual(error.reason, "TooLarge")
            assert.include(error.message, String(framePayloadBytesMax))
            assert.strictEqual((yield* append(wal, [{ kind: 1, span: 1, payload }])).last, 1)
          }))
        yield* withWal(storage, (wal) =>
          Effect.map(readFrom(wal), (frames) => {
            assert.strictEqual(frames.length, 1)
            assert.isTrue(Buffer.from(payload[0]).equals(frames[0].payload))
          }))
      }))

    it.effect("says what is written and what is durable", () =>
      Effect.gen(function*() {
        const wal = yield* openWal(yield* make)
        yield* append(wal, [frameOf(1, 10)], true)
        yield* append(wal, [frameOf(2, 10)], false)
        assert.deepStrictEqual([wal.durablePosition, wal.writtenPosition], [1, 2] as never)
        assert.strictEqual((yield* readFrom(wal)).length, 2)
        assert.strictEqual(yield* wal.sync, 2)
        assert.deepStrictEqual([wal.durablePosition, wal.writtenPosition], [2, 2] as never)
        yield* append(wal, [frameOf(3, 10)], false)
        yield* append(wal, [frameOf(4, 10)], true)
        assert.deepStrictEqual([wal.durablePosition, wal.writtenPosition], [4, 4] as never)
        const status = yield* wal.status
        assert.strictEqual(status.groupsAppended, 4)
        assert.strictEqual(status.framesAppended, 4)
        assert.strictEqual(status.bytesAppended, 4 * 64)
        assert.strictEqual(status.syncs, 3)
        assert.strictEqual(status.syncMicrosBuckets.reduce((sum, count) => sum + count, 0), 3)
        assert.strictEqual(status.bytes, 64 + 4 * 64)
      }))

    it.effect("shows a group to readers only when it is synced", () =>
      Effect.gen(function*() {
        const wal = yield* openWal(yield* make)
        yield* append(wal, [frameOf(1, 10)])
        const appending = yield* Effect.forkChild(append(wal, [frameOf(2, 10)]), { startImmediately: true })
        assert.strictEqual(wal.writtenPosition, 1)
        const seen = yield* readFrom(wal)
        if (wal.writtenPosition === 1) assert.strictEqual(seen.length, 1)
        yield* Fiber.join(appending)
        assert.strictEqual((yield* readFrom(wal)).length, 2)
      }))

    it.effect("follows the log while it grows over many files, from several places", () =>
      Effect.gen(function*() {
        const wal = yield* openWal(yield* make, { segmentBytes: 4096 })
        const count = 300
        yield* append(wal, [frameOf(0, 100), frameOf(1, 100)])
        const follow = (from: number) =>
          wal.tail(Position.make(from)).pipe(
            Stream.flatMap(Stream.fromIterable),
            Stream.map((frame) => {
              assert.isTrue(frame.position <= wal.writtenPosition)
              assert.deepStrictEqual(
                Buffer.from(frame.payload),
                Buffer.from(payloadOf(frame.position - 1, 100))
              )
              return frame.position as number
            }),
            Stream.take(count - Math.max(from, 1) + 1),
            Stream.runCollect
          )
        const followers = yield* Effect.forEach([0, 1, 2, 50, 299], (from) => Effect.forkChild(follow(from)))
        for (let i = 2; i < count; i += 2) yield* append(wal, [frameOf(i, 100), frameOf(i + 1, 100)], i % 3 === 0)
        const seen = yield* Effect.forEach(followers, Fiber.join)
        seen.forEach((positions) => {
          assert.strictEqual(positions[positions.length - 1], count)
          positions.forEach((position, i) => assert.strictEqual(position, positions[0] + i))
        })
        assert.deepStrictEqual(seen.map((positions) => positions[0]), [1, 1, 2, 50, 299])
      }))

    it.effect("ends the followers when it is closed", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const wal = yield* Scope.provide(openWal(yield* make), scope)
        yield* append(wal, [frameOf(1, 10)])
        const follower = yield* Effect.forkChild(Stream.runCollect(wal.tail(Position.zero)), { startImmediately: true })
        yield* append(wal, [frameOf(2, 10)])
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* Fiber.join(follower)).flat().length, 2)
        assert.strictEqual((yield* Effect.flip(append(wal, [frameOf(3, 10)]))).reason, "Closed")
      }))

    it.effect("takes groups of several fibers one at a time, and none by half when one is interrupted", () =>
      Effect.gen(function*() {
        const wal = yield* openWal(yield* make, { segmentBytes: 8192 })
        const fibers = yield* Effect.forEach(
          Array.from({ length: 40 }, (_, i) => i),
          (i) => Effect.forkChild(append(wal, [frameOf(i, 300), frameOf(i, 300)]))
        )
        yield* Effect.yieldNow
        for (let i = 0; i < 40; i += 3) yield* Fiber.interrupt(fibers[i])
        for (const fiber of fibers) yield* Fiber.await(fiber)
        const frames = yield* readFrom(wal)
        assert.strictEqual(frames.length % 2, 0)
        frames.forEach((frame, i) => assert.strictEqual(frame.position, i + 1))
        for (let i = 0; i < frames.length; i += 2) assert.strictEqual(frames[i].kind, frames[i + 1].kind)
      }))

    it.effect("removes whole files before a position, and says what is no longer there", () =>
      Effect.gen(function*() {
        const storage = yield* make
        const options = { segmentBytes: 4096 }
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            for (let i = 0; i < 12; i++) yield* append(wal, [frameOf(i, 1000)])
            assert.strictEqual(yield* wal.truncate(Position.make(1)), 0)
            assert.strictEqual(yield* wal.truncate(Position.make(3)), 0)
            assert.strictEqual(yield* wal.truncate(Position.make(4)), 1)
            assert.strictEqual(yield* wal.truncate(Position.make(9)), 1)
            const error = yield* Effect.flip(readFrom(wal, 6))
            assert.strictEqual(error.reason, "Truncated")
            assert.include(error.message, "position 7")
            assert.strictEqual((yield* readFrom(wal, 7)).length, 6)
          }), options)
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            assert.strictEqual((yield* wal.status).firstPosition, 7)
            assert.strictEqual((yield* readFrom(wal, 7)).length, 6)
            // The file that is written is never removed.
            assert.strictEqual(yield* wal.truncate(Position.make(1000)), 1)
            assert.strictEqual((yield* append(wal, [frameOf(1, 10)])).last, 13)
          }), options)
      }))

    it.effect("moves files that are no longer needed to its archive, and writes over nothing there", () =>
      Effect.gen(function*() {
        const storage = yield* make
        const options = { segmentBytes: 4096, archive: true }
        const folder = yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            for (let i = 0; i < 12; i++) yield* append(wal, [frameOf(i, 1000)])
            const first = yield* contentOf(storage, logFile(1))
            const folder = `archive/${Buffer.from(wal.logId).toString("hex")}`
            assert.strictEqual(yield* wal.truncate(Position.make(7)), 2)
            assert.deepStrictEqual(yield* storage.list("archive/"), [
              `${folder}/wal-000001.log`,
              `${folder}/wal-000002.log`
            ])
            assert.deepStrictEqual(yield* contentOf(storage, `${folder}/wal-000001.log`), first)
            return folder
          }), options)
        yield* storage.rename(`${folder}/wal-000002.log`, `${folder}/wal-000003.log`)
        yield* withWal(storage, (wal) => wal.truncate(Position.make(10)), options)
        assert.deepStrictEqual((yield* storage.list("archive/")).map((name) => name.slice(folder.length + 1)), [
          "wal-000001.log",
          "wal-000003.log",
          "wal-000003.log.2"
        ])
      }))

    it.effect("keeps files for a while, as long as they are not too many", () =>
      Effect.gen(function*() {
        const storage = yield* make
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            // Three frames a file; commit times count seconds.
            for (let i = 0; i < 12; i++) {
              yield* wal.append([frameOf(i, 1000)], { commitTime: i * 1_000_000, sync: true })
            }
            yield* TestClock.setTime(10_000)
            const all = Position.make(13)
            assert.strictEqual(yield* wal.truncate(all, { micros: 9_000_000, bytesMax: 1e6 }), 0)
            // The newest of the first file is of second 2.
            assert.strictEqual(yield* wal.truncate(all, { micros: 8_000_000, bytesMax: 1e6 }), 1)
            assert.strictEqual(yield* wal.truncate(all, { micros: 60_000_000, bytesMax: 9000 }), 1)
            assert.strictEqual(yield* wal.truncate(all, { micros: 60_000_000, bytesMax: 9000 }), 0)
            assert.strictEqual(yield* wal.truncate(Position.make(9), { micros: 0, bytesMax: 0 }), 0)
            assert.strictEqual(yield* wal.truncate(all, { micros: 0, bytesMax: 0 }), 1)
          }), { segmentBytes: 4096 })
      }))

    it.effect("lets a reader finish the file it reads when that is removed", () =>
      Effect.gen(function*() {
        const wal = yield* openWal(yield* make, { segmentBytes: 4096, blockBytes: 1024 })
        for (let i = 0; i < 12; i++) yield* append(wal, [frameOf(i, 900)])
        const seen: Array<number> = []
        const error = yield* Effect.flip(Stream.runForEach(wal.read(Position.zero), (frames) => {
          for (const frame of frames) seen.push(frame.position)
          return seen.length === 1 ? wal.truncate(Position.make(9)) : Effect.void
        }))
        assert.strictEqual(error.reason, "Truncated")
        assert.deepStrictEqual(seen, [1, 2, 3, 4])
      }))

    it.effect("has one owner at a time", () =>
      Effect.gen(function*() {
        const storage = yield* make
        yield* openWal(storage)
        const error = yield* Effect.flip(Effect.scoped(openWal(storage)))
        assert.strictEqual(error.reason, "InUse")
        assert.include(error.message, "in use by")
      }))

    it.effect("allocates its file ahead while nothing is appended, and no further than it may", () =>
      Effect.gen(function*() {
        const storage = yield* make
        const mebibyte = 1024 * 1024
        const size = Effect.map(contentOf(storage, logFile(1)), (content) => content.length)
        yield* withWal(storage, (wal) =>
          Effect.gen(function*() {
            const append100KiB = append(wal, [frameOf(1, 100 * 1024)])
            const ahead: Array<number> = []
            for (let i = 0; i < 60; i++) {
              yield* append100KiB
              yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 2)))
              ahead.push((yield* size) - (yield* wal.status).bytes)
            }
            assert.isTrue(ahead.every((bytes) => bytes >= 0 && bytes <= 4 * mebibyte))
            assert.isTrue(ahead.filter((bytes) => bytes > 0).length > 45)
            assert.isTrue(ahead.some((bytes) => bytes > 2.5 * mebibyte))
            assert.isTrue(ahead[0] <= 2 * mebibyte)
          }), { aheadBytes: 3 * mebibyte })
        yield* withWal(storage, (wal) => Effect.map(readFrom(wal), (frames) => assert.strictEqual(frames.length, 60)))
      }))

    it.effect("behaves as a list of frames does, whatever is done with it", () =>
      Effect.gen(function*() {
        for (let seed = 0; seed < 8; seed++) {
          const dice = seededDice(seed)
          const pick = (count: number): number => Math.floor(dice() * count)
          const storage = yield* make
          const options = {
            segmentBytes: 4096 + 8 * pick(2000),
            blockBytes: 512 * (1 + pick(20)),
            aheadBytes: pick(20_000)
          }
          const model: Array<{ kind: number; payload: string; position: number; span: number }> = []
          let next = 1
          for (let life = 0; life < 4; life++) {
            yield* withWal(storage, (wal) =>
              Effect.gen(function*() {
                for (let step = 0; step < 25; step++) {
                  if (dice() < 0.1) {
                    yield* wal.truncate(Position.make(1 + pick(next)))
                    const { firstPosition } = yield* wal.status
                    while (model.length > 0 && model[0].position < firstPosition) model.shift()
                  } else if (dice() < 0.2) {
                    const first = (yield* wal.status).firstPosition
                    const from = first + pick(next - first + 1)
                    assert.deepStrictEqual(
                      plain(yield* readFrom(wal, from)),
                      model.filter((frame) => frame.position + frame.span > from) as never
                    )
                  } else {
                    const frames = Array.from(
                      { length: 1 + pick(5) },
                      (_, i) => frameOf(step * 10 + i, pick(dice() < 0.1 ? 40_000 : 700), 1 + pick(4))
                    )
                    const { last } = yield* append(wal, frames, dice() < 0.5)
                    for (const { kind, payload, span } of frames) {
                      model.push({ kind, payload: Buffer.concat(payload).toString("hex"), position: next, span })
                      next += span
                    }
                    assert.strictEqual(last, next - 1)
                  }
                }
              }), options)
          }
        }
      }))
  })
}
