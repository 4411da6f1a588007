/** The bytes on disk, which never change: `fixtures/` keeps files that every later version must read. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as fs from "node:fs"
import { crc32c } from "../../src/base/crc32c.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import type { FrameInput } from "../../src/wal/Wal.ts"
import { append, contentOf, filesOf, logFile, readFrom, storageOf, withWal } from "./support.ts"

const fixture = (name: string): Uint8Array =>
  new Uint8Array(fs.readFileSync(new URL(`fixtures/${name}`, import.meta.url)))

const frames: ReadonlyArray<FrameInput> = [
  { kind: 1, span: 1, payload: [Buffer.from("a varve is a layer of sediment")] },
  { kind: 258, span: 1000, payload: [] },
  { kind: 3, span: 1, payload: [Uint8Array.from({ length: 40 }, (_, i) => i * 7)] }
]

describe("checksums", () => {
  it("are CRC-32C", () => {
    assert.strictEqual(crc32c(Buffer.from("123456789")), 0xe3069283)
    assert.strictEqual(crc32c(new Uint8Array(32)), 0x8a9136aa)
    assert.strictEqual(crc32c(Buffer.from("6789"), crc32c(Buffer.from("12345"))), 0xe3069283)
    assert.strictEqual(crc32c(new Uint8Array(0), 5), 5)
  })
})

describe("log format 1", () => {
  it.effect("is read", () =>
    Effect.gen(function*() {
      const storage = yield* storageOf(new Map([[logFile(1), fixture("format-1.log")]]))
      yield* withWal(storage, (wal) =>
        Effect.gen(function*() {
          const read = yield* readFrom(wal)
          assert.deepStrictEqual(
            read.map(({ commitTime, durable, kind, position, span }) => [kind, span, position, durable, commitTime]),
            [
              [1, 1, 1, 0, 1_700_000_000_000_001],
              [258, 1000, 2, 0, 1_700_000_000_000_001],
              [3, 1, 1002, 1001, 1_700_000_000_000_002]
            ] as never
          )
          read.forEach((frame, i) => assert.isTrue(Buffer.concat(frames[i].payload).equals(frame.payload)))
          assert.strictEqual((yield* append(wal, [frames[0]])).last, 1003)
        }))
    }))

  it.effect("is written, byte for byte", () =>
    Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      yield* withWal(storage, (wal) =>
        Effect.gen(function*() {
          yield* wal.append(frames.slice(0, 2), { commitTime: 1_700_000_000_000_001, sync: true })
          yield* wal.append(frames.slice(2), { commitTime: 1_700_000_000_000_002, sync: true })
        }), { aheadBytes: 0 })
      const written = yield* contentOf(storage, logFile(1))
      assert.deepStrictEqual(Array.from((yield* filesOf(storage)).keys()), [logFile(1)])
      if (process.env["VARVE_WRITE_FIXTURES"] !== undefined) {
        fs.writeFileSync(new URL("fixtures/format-1.log", import.meta.url), written)
      }
      assert.isTrue(Buffer.from(fixture("format-1.log")).equals(written))
    }).pipe(Random.withSeed("varve")))

  it("has its diagram's fields at their places", () => {
    const file = fixture("format-1.log")
    const view = new DataView(file.buffer, file.byteOffset)
    const text = (at: number): string => Buffer.from(file.subarray(at, at + 4)).toString("latin1")
    assert.strictEqual(text(0), "VRVL")
    assert.strictEqual(view.getUint32(4, true), crc32c(file.subarray(8, 64)))
    assert.strictEqual(view.getUint32(8, true), 1)
    assert.strictEqual(view.getUint32(12, true), 1)
    assert.strictEqual(view.getBigUint64(16, true), 1n)
    assert.strictEqual(view.getBigUint64(40, true), 0n)
    const seed = crc32c(file.subarray(24, 40))
    assert.strictEqual(text(64), "VRVF")
    assert.strictEqual(view.getUint32(68, true), crc32c(file.subarray(72, 64 + 48 + 30), seed))
    assert.strictEqual(view.getUint32(72, true), 30)
    assert.strictEqual(view.getUint16(76, true), 1)
    assert.strictEqual(view.getBigUint64(80, true), 1n)
    assert.strictEqual(view.getBigUint64(88, true), 0n)
    assert.strictEqual(view.getBigUint64(96, true), 1_700_000_000_000_001n)
    assert.strictEqual(view.getUint32(104, true), 1)
    assert.strictEqual(Buffer.from(file.subarray(112, 142)).toString(), "a varve is a layer of sediment")
    // Two frames of 48 + 32 and 48 bytes, one of 48 + 40, and the mark of the close.
    const mark = 64 + 80 + 48 + 88
    assert.strictEqual(file.length, mark + 48)
    assert.strictEqual(view.getUint32(mark + 8, true), 0)
    assert.strictEqual(view.getBigUint64(mark + 16, true), 1003n)
    assert.strictEqual(view.getBigUint64(mark + 24, true), 1002n)
    assert.strictEqual(view.getUint32(mark + 40, true), 0)
  })
})
