/** Rows cross between threads and are what they were. */
import { assert, describe, it } from "@effect/vitest"
import { encodeUtf8 } from "../../../src/base/bytes.ts"
import { Dictionary, DictionaryVector } from "../../../src/event/dictionary.ts"
import { Int64Vector, TextVector } from "../../../src/event/vector.ts"
import { buffersOf, freeBuffers, fromPlainRows, toPlainRows } from "../../../src/segment/worker/plainRows.ts"
import type { SegmentRows } from "../../../src/segment/write/SegmentRows.ts"
import { randomRows } from "../support.ts"

/** Sends rows to another thread, as it were. */
const send = (rows: SegmentRows): SegmentRows => {
  const plain = toPlainRows(rows)
  return fromPlainRows(structuredClone(plain, { transfer: [...buffersOf(plain)] }))
}

describe("plain rows", () => {
  it("are the rows, in vectors of their classes, and the sender has lost them", () => {
    for (let seed = 0; seed < 40; seed++) {
      const { rows } = randomRows(seed, 1 + 13 * seed)
      const sent = send(rows)
      // Classes included; so are rows beyond the last, and the hash tables of dictionaries.
      assert.deepStrictEqual(sent, randomRows(seed, 1 + 13 * seed).rows)
      assert.deepStrictEqual([rows.keys.heap.length, rows.positions.length], [0, 0])
      for (const vector of rows.columns) assert.strictEqual(vector.nulls.length, 0)
    }
  })

  it("keep int64s beyond 2^53 exact", () => {
    const { rows } = randomRows(1, 3)
    const wide = new Int64Vector(3)
    wide.setBigInt(0, 2n ** 63n - 1n)
    wide.setNumber(1, 5)
    wide.setBigInt(2, -(2n ** 63n))
    const [sent] = send({ ...rows, columns: [wide] }).columns
    assert.deepStrictEqual([0, 1, 2].map((row) => (sent as Int64Vector).get(row)), [2n ** 63n - 1n, 5, -(2n ** 63n)])
  })

  it("keep dictionaries that go on", () => {
    const { rows } = randomRows(1, 2)
    const coded = new DictionaryVector(2)
    const texts = new TextVector(2)
    texts.set(0, encodeUtf8("one"))
    texts.set(1, encodeUtf8("two"))
    coded.append(0, texts, 0, 2)
    const [sent] = send({ ...rows, columns: [coded] }).columns as [DictionaryVector]
    assert.instanceOf(sent.dictionary, Dictionary)
    assert.strictEqual(sent.dictionary.find(encodeUtf8("two")), 1)
    assert.strictEqual(sent.dictionary.find(encodeUtf8("three")), -1)
    sent.append(2, texts, 0, 2)
    assert.deepStrictEqual([...sent.codes.subarray(0, 4)], [0, 1, 0, 1])
    assert.strictEqual(sent.dictionary.count, 2)
  })

  it("list each buffer once, and free it", () => {
    const array = new Float64Array(8)
    const shared = new Uint8Array(array.buffer, 8, 8)
    const found = buffersOf({ array, nested: [{ shared }, undefined, null, 7n] })
    assert.deepStrictEqual(found, [array.buffer])
    freeBuffers(found)
    assert.deepStrictEqual([array.length, shared.length, array.buffer.byteLength], [0, 0, 0])
  })
})
