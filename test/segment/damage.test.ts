/** A damaged segment gives an error or the same answer, never another one. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as zlib from "node:zlib"
import { BlockCache } from "../../src/segment/BlockCache.ts"
import { findKey } from "../../src/segment/lookup.ts"
import { openSegment } from "../../src/segment/Segment.ts"
import type { SegmentError } from "../../src/segment/SegmentError.ts"
import { readPageHeader } from "../../src/segment/thrift/pageHeader.ts"
import { ThriftReader } from "../../src/segment/thrift/ThriftReader.ts"
import { encodeSegment } from "../../src/segment/write/SegmentWriter.ts"
import { makeMemoryStorage } from "../../src/storage/memoryStorage.ts"
import {
  below,
  expectedColumns,
  join,
  makeDice,
  type PlainValue,
  type RandomRows,
  randomRows,
  valuesOf
} from "./support.ts"

const encode = ({ order, owner, rows }: RandomRows): Uint8Array<ArrayBuffer> =>
  join(encodeSegment(owner, rows, order).chunks)

const fileOf = Effect.fnUntraced(function*(bytes: Uint8Array) {
  const storage = yield* makeMemoryStorage
  const file = yield* storage.open("segments/1.parquet", { create: true })
  yield* file.write(0, [bytes])
  return file
})

const open = (bytes: Uint8Array) =>
  Effect.flatMap(Effect.orDie(fileOf(bytes)), (file) => openSegment(file, new BlockCache(2 ** 24)))

/** Columns as they are read: whole, and page by page; and the rows of some keys. */
const readAll = Effect.fnUntraced(function*(
  bytes: Uint8Array,
  columns: ReadonlyArray<number>,
  keys: ReadonlyArray<Uint8Array>
) {
  const segment = yield* open(bytes)
  const values: Array<Array<PlainValue>> = []
  const { rows } = segment.metadata
  for (const column of columns) {
    values.push(valuesOf(yield* segment.readColumn(0, column), rows))
    const index = yield* segment.index(0)
    const byPages: Array<PlainValue> = []
    for (let page = 0; page < index.pageCount; page++) {
      const vector = yield* segment.page(0, column, page)
      byPages.push(...valuesOf(vector, index.breaks[page + 1] - index.breaks[page]))
    }
    values.push(byPages)
  }
  const found = []
  for (const key of keys) found.push(yield* findKey(segment, key))
  return { values, found }
})

const flipped = (bytes: Uint8Array<ArrayBuffer>, at: number, mask: number): Uint8Array<ArrayBuffer> => {
  const copy = bytes.slice()
  copy[at] ^= mask
  return copy
}

const someKeys = (random: RandomRows): ReadonlyArray<Uint8Array> =>
  [0, 1, random.order.length - 1].map((i) => random.rows.keys.get(random.order[i]))

const ofColumns = (seed: number, count: number, kept: ReadonlyArray<number>): RandomRows => {
  const random = randomRows(seed, count)
  const columns = kept.map((i) => random.owner.schema.columns[i])
  return {
    ...random,
    owner: { ...random.owner, schema: { key: undefined, columns } },
    rows: { ...random.rows, columns: kept.map((i) => random.rows.columns[i]) }
  }
}

describe("a damaged segment", () => {
  it.live.each([1, 2, 5])(
    "with any one byte changed is noticed, or reads the same (seed %i)",
    (seed) =>
      Effect.scoped(Effect.gen(function*() {
        const random = ofColumns(seed, 30, [2, 4, 5])
        const bytes = encode(random)
        const columns = Array.from({ length: 9 }, (_, column) => column)
        const keys = someKeys(random)
        const expected = yield* readAll(bytes, columns, keys)
        assert.deepStrictEqual(
          expected.values,
          expectedColumns(random).flatMap((values) => [values, values])
        )
        const dice = makeDice(seed)
        let noticed = 0
        for (let at = 0; at < bytes.length; at++) {
          const mask = 1 + below(dice, 255)
          const result = yield* Effect.result(readAll(flipped(bytes, at, mask), columns, keys))
          if (result._tag === "Failure") {
            noticed++
            assert.strictEqual(result.failure._tag, "SegmentError")
            assert.include(["Damaged", "Unsupported"], result.failure.reason)
            assert.include(result.failure.message, "segments/1.parquet")
          } else assert.deepStrictEqual(result.success, expected, `byte ${at} of ${bytes.length}, mask ${mask}`)
        }
        // What may go unnoticed: the magic at the front, and pages of columns that need no reading.
        assert.isAbove(noticed / bytes.length, 0.8)
      })),
    120_000
  )

  it.live(
    "with any byte of a page header changed is noticed, or reads the same",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const random = ofColumns(3, 9000, [0, 1, 4, 5, 6])
        const bytes = encode(random)
        const segment = yield* open(bytes)
        const expected = expectedColumns(random)
        const dice = makeDice(1)
        let tried = 0
        for (let column = 0; column < segment.metadata.columns.length; column++) {
          const { dataOffset, hasDictionary, range } = segment.metadata.rowGroups[0].chunks[column]
          const index = yield* segment.index(0)
          const starts = [0, 1, 2].map((page) => index.rangeOf(column, page, page + 1).offset)
          assert.strictEqual(starts[0], dataOffset)
          for (const start of hasDictionary ? [range.offset, ...starts] : starts) {
            const reader = new ThriftReader(bytes, start)
            readPageHeader(reader)
            for (let at = start; at < reader.at; at++) {
              tried++
              const changed = flipped(bytes, at, 1 << below(dice, 8))
              const result = yield* Effect.result(readAll(changed, [column], []))
              if (result._tag === "Success") {
                assert.deepStrictEqual(result.success.values, [expected[column], expected[column]], `byte ${at}`)
              } else assert.strictEqual(result.failure.reason, "Damaged")
            }
          }
        }
        assert.isAbove(tried, 500)
      })),
    120_000
  )

  it.live("that was cut, emptied or filled with something else is refused", () =>
    Effect.scoped(Effect.gen(function*() {
      const bytes = encode(ofColumns(4, 200, [5]))
      for (const length of [0, 1, 7, 8, 19, 20, 500, bytes.length - 1, bytes.length - 8, bytes.length - 500]) {
        const error = yield* Effect.flip(open(bytes.subarray(0, length)))
        assert.include(["Damaged", "Unsupported"], error.reason, `cut to ${length} bytes`)
      }
      const dice = makeDice(9)
      for (let i = 0; i < 50; i++) {
        const noise = Uint8Array.from({ length: 30 + 10 * i }, () => below(dice, 256))
        if (i % 2 === 0) noise.set(bytes.subarray(bytes.length - 8), noise.length - 8)
        yield* Effect.flip(open(noise))
      }
      const error = yield* Effect.flip(open(new Uint8Array(1000)))
      assert.match(error.message, /^the segment is damaged: segments\/1\.parquet at offset 996: /)
    })))
})

/** The file with a text of the footer changed, and the footer's checksum made right again. */
const withFooter = (bytes: Uint8Array<ArrayBuffer>, from: string, to: string): Uint8Array<ArrayBuffer> => {
  const changed = bytes.slice()
  const at = Buffer.from(changed.buffer).lastIndexOf(from)
  assert.isAbove(at, 0)
  assert.strictEqual(from.length, to.length)
  changed.set(Buffer.from(to), at)
  const view = new DataView(changed.buffer)
  const start = changed.length - 8 - view.getUint32(changed.length - 8, true)
  view.setUint32(start - 8, zlib.crc32(changed.subarray(start, changed.length - 8)), true)
  return changed
}

describe("a segment with another footer", () => {
  const file = encode(ofColumns(4, 20, [5]))
  // A value follows its name after the head of its field and its length.
  const version = (value: number) => `varve.format\u0018\u0001${value}`

  it.live.each(
    [
      ["a newer version", version(1), version(2), "NewerFormat", /format version 2, this Varve reads up to version 1/],
      ["no positions", "varve.positions", "varve.positionz", "Damaged", /lacks the entry varve.positions/],
      ["a column that its schema lacks", "column 5%", "column 6%", "Damaged", /not those of its schema/],
      ["broken JSON", "\"index\"", "\"index'", "Damaged", /damaged/]
    ] as const
  )("that tells of %s is refused", ([, from, to, reason, message]) =>
    Effect.scoped(Effect.gen(function*() {
      const error: SegmentError = yield* Effect.flip(open(withFooter(file, from, to)))
      assert.strictEqual(error.reason, reason)
      assert.match(error.message, message)
    })))

  it.live("that only looks changed is read", () =>
    Effect.scoped(Effect.gen(function*() {
      assert.strictEqual((yield* open(withFooter(file, "varve.format", "varve.format"))).metadata.rows, 20)
    })))
})
