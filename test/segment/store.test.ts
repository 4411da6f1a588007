/** Segments on storage: written to last, whole or not at all, and checked. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { parquetMetadata } from "hyparquet"
import * as zlib from "node:zlib"
import { BlockCache } from "../../src/segment/BlockCache.ts"
import { openSegment } from "../../src/segment/Segment.ts"
import { type SegmentPiece, storeSegment } from "../../src/segment/storeSegment.ts"
import { verifySegment } from "../../src/segment/verifySegment.ts"
import { encodeSegment } from "../../src/segment/write/SegmentWriter.ts"
import type { BlockStorageService } from "../../src/storage/BlockStorage.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import { expectedColumns, join, type RandomRows, randomRows, valuesOf } from "./support.ts"

const name = "segments/7/000001.parquet"

/** Gives the pieces one after another. */
const piecesOf = (pieces: ReadonlyArray<SegmentPiece>) => {
  let at = 0
  return Effect.sync(() => pieces[at++])
}

const open = (storage: BlockStorageService, cache = new BlockCache(2 ** 24)) =>
  Effect.flatMap(storage.open(name, { readOnly: true }), (file) => openSegment(file, cache))

const assertHolds = Effect.fnUntraced(function*(storage: BlockStorageService, random: RandomRows) {
  const segment = yield* open(storage)
  const expected = expectedColumns(random)
  let first = 0
  for (let rowGroup = 0; rowGroup < segment.metadata.rowGroups.length; rowGroup++) {
    const { rows } = segment.metadata.rowGroups[rowGroup]
    for (const column of [0, 1, 8, 11]) {
      const values = valuesOf(yield* segment.readColumn(rowGroup, column), rows)
      assert.deepStrictEqual(values, expected[column].slice(first, first + rows))
    }
    first += rows
  }
  assert.strictEqual(first, random.order.length)
  yield* verifySegment(segment)
})

describe("storing a segment", () => {
  it.effect("of several pieces survives a loss of power at once", () =>
    Effect.scoped(Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      const random = randomRows(12, 6000)
      const { order, owner, rows } = random
      const summary = yield* storeSegment(
        storage,
        name,
        owner,
        piecesOf([
          { rows, order: order.subarray(0, 2500) },
          { rows, order: order.subarray(2500, 2501) },
          { rows, order: order.subarray(2501) }
        ])
      )
      assert.deepStrictEqual([summary.rows, summary.rowGroups], [6000, 3])
      yield* assertHolds(storage, random)
      for (let seed = 0; seed < 20; seed++) yield* assertHolds(storage.crashClone(seed), random)
      // A file of that name that was left over makes no difference, also where it was longer.
      const small = randomRows(13, 10)
      yield* storeSegment(storage, name, small.owner, piecesOf([small]))
      yield* assertHolds(storage, small)
    })))

  it.effect("that fails, or is interrupted, leaves no file", () =>
    Effect.scoped(Effect.gen(function*() {
      const storage = yield* makeMemoryStorage
      const random = randomRows(14, 500)
      for (const kind of ["open", "write", "sync", "syncDirectory", "truncate"] as const) {
        storage.refuse = (operation) => operation.kind === kind ? "StorageFull" : undefined
        const error = yield* Effect.flip(storeSegment(storage, name, random.owner, piecesOf([random])))
        assert.deepStrictEqual([error._tag, error.reason], ["SegmentError", "Storage"])
        storage.refuse = () => undefined
        assert.deepStrictEqual(yield* storage.list("segments"), [], kind)
      }
      const failing = yield* Effect.flip(storeSegment(storage, name, random.owner, Effect.fail("no more rows")))
      assert.strictEqual(failing, "no more rows")
      const fiber = yield* Effect.forkChild(
        storeSegment(storage, name, random.owner, Effect.andThen(Effect.yieldNow, Effect.never)),
        { startImmediately: true }
      )
      assert.deepStrictEqual(yield* storage.list("segments"), [name])
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* storage.list("segments"), [])
    })))
})

describe("verifying a segment", () => {
  it.effect.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "finds nothing wrong with what was written (seed %i)",
    (seed) =>
      Effect.scoped(Effect.gen(function*() {
        const storage = yield* makeMemoryStorage
        const random = randomRows(seed, [1, 300, 5000][seed % 3])
        yield* storeSegment(storage, name, random.owner, piecesOf([random]))
        yield* verifySegment(yield* open(storage))
      }))
  )

  const random = randomRows(3, 400)
  random.rows.deleted?.fill(0)
  const bytes = join(encodeSegment(random.owner, random.rows, random.order).chunks)

  const verifyError = Effect.fnUntraced(function*(change: (bytes: Buffer<ArrayBuffer>) => void) {
    const changed = Buffer.from(bytes.slice().buffer)
    change(changed)
    const start = changed.length - 8 - changed.readUInt32LE(changed.length - 8)
    changed.writeUInt32LE(zlib.crc32(changed.subarray(start, changed.length - 8)), start - 8)
    const storage = yield* makeMemoryStorage
    const file = yield* storage.open(name, { create: true })
    yield* file.write(0, [changed])
    return yield* Effect.flip(verifySegment(yield* open(storage)))
  })

  const replace = (from: RegExp, to: (found: string) => string) => (changed: Buffer) => {
    const text = changed.toString("latin1")
    const found = from.exec(text)!
    changed.write(to(found[0]), found.index, "latin1")
  }

  /** Another number with as many digits. */
  const other = (found: string) => found.replace(/\d(?!\d)/, (digit) => String((Number(digit) + 1) % 10))

  it.effect.each(
    [
      ["a page of a column that reads need not look at", (changed: Buffer) => {
        // _deleted is false in every row, which its bounds tell already.
        const [rowGroup] = parquetMetadata(bytes.buffer).row_groups
        changed[Number(rowGroup.columns[4].meta_data!.data_page_offset) + 24] ^= 1
      }, /checksum is wrong|does not decompress|page/],
      ["the number of keys", replace(/"keys":\d+/, other), /keys begin where/],
      ["the number of deletions", replace(/"deletions":\d+/, other), /deletions where/],
      [
        "the positions",
        replace(/positions..\[\d+,\d+\]/s, (found) => found.replace(/\d+(?=\])/, (max) => String(+max - 1))),
        /position/
      ]
    ] as const
  )("finds a fault in %s", ([, change, message]) =>
    Effect.scoped(Effect.gen(function*() {
      const error = yield* verifyError(change)
      assert.strictEqual(error._tag, "SegmentError")
      assert.match(error.message, message)
    })))
})
