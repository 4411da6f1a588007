/**
 * Sorting many keys without keeping other fibers waiting: they are dealt out to buckets, each of which takes the keys
 * between two of a sample, and every bucket is sorted on its own.
 */
import * as Effect from "effect/Effect"
import { TextVector } from "../event/vector.ts"
import { compareKeys } from "./compareKeys.ts"
import { sortRows } from "./sortRows.ts"
import { gatherText } from "./write/gatherText.ts"

/** Keys that are sorted in one go: two or three milliseconds. */
const bucketKeys = 16_384

/** Keys of the sample for each bucket; the more, the more even the buckets. */
const sampledPerBucket = 32

/** Keys in ascending order. */
export interface SortedKeys {
  readonly keys: TextVector
  /** The row that each of them has in the vector that they were taken from. */
  readonly rows: Int32Array
}

/**
 * Sorts the keys of rows[0], rows[1], ... of a vector, which are distinct. Keys that ascend already are only copied. More
 * rows may be added to the vector meanwhile.
 */
export const sortKeys = Effect.fnUntraced(
  function*(source: TextVector, rows: Int32Array): Effect.fn.Return<SortedKeys> {
    const areSorted = yield* ascend(source, rows)
    const sorted = { keys: new TextVector(rows.length), rows: new Int32Array(rows.length) }
    let count = 0
    for (const bucket of areSorted ? slices(rows) : yield* dealOut(source, rows)) {
      if (count > 0) yield* Effect.yieldNow
      const next = areSorted
        ? { keys: gatherText(source, bucket, 0, bucket.length), rows: bucket }
        : sortBucket(source, bucket)
      sorted.keys.append(count, next.keys, 0, bucket.length)
      sorted.rows.set(next.rows, count)
      count += bucket.length
    }
    return sorted
  }
)

const slices = (rows: Int32Array): ReadonlyArray<Int32Array> =>
  Array.from(
    { length: Math.ceil(rows.length / bucketKeys) },
    (_, i) => rows.subarray(i * bucketKeys, (i + 1) * bucketKeys)
  )

/** Whether keys ascend already. */
const ascend = Effect.fnUntraced(function*(source: TextVector, rows: Int32Array) {
  for (let i = 1; i < rows.length; i++) {
    if (compareKeys(source, rows[i - 1], source, rows[i]) > 0) return false
    if (i % bucketKeys === 0) yield* Effect.yieldNow
  }
  return true
})

const sortBucket = (source: TextVector, rows: Int32Array): SortedKeys => {
  const count = rows.length
  const keys = gatherText(source, rows, 0, count)
  // Distinct keys need no positions.
  const order = sortRows(keys, new Float64Array(count), count)
  return { keys: gatherText(keys, order, 0, count), rows: order.map((row) => rows[row]) }
}

/** Buckets of rows; all keys of one come before all keys of the next. */
const dealOut = Effect.fnUntraced(function*(source: TextVector, rows: Int32Array) {
  const count = Math.ceil(rows.length / bucketKeys)
  if (count <= 1) return [rows]
  const sampled = count * sampledPerBucket
  const sample = sortBucket(
    source,
    Int32Array.from({ length: sampled }, (_, i) => rows[Math.floor(i * rows.length / sampled)])
  )
  const bucketOf = new Uint16Array(rows.length)
  const sizes = new Int32Array(count)
  for (let i = 0; i < rows.length; i++) {
    // The last bucket whose first key is not above the key; the first one begins with everything.
    let low = 0
    let high = count
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (compareKeys(sample.keys, middle * sampledPerBucket, source, rows[i]) <= 0) low = middle
      else high = middle
    }
    bucketOf[i] = low
    sizes[low]++
    if (i % bucketKeys === 0) yield* Effect.yieldNow
  }
  const buckets = Array.from(sizes, (size) => new Int32Array(size))
  sizes.fill(0)
  for (let i = 0; i < rows.length; i++) buckets[bucketOf[i]][sizes[bucketOf[i]]++] = rows[i]
  return buckets
})
