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
    const slices = slicesOf(rows)
    const areSorted = yield* ascend(source, slices)
    const sorted = { keys: new TextVector(rows.length), rows: new Int32Array(rows.length) }
    let count = 0
    for (const bucket of areSorted ? slices : yield* dealOut(source, rows, slices)) {
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

/** Rows, as many at a time as are gone through in one go. */
const slicesOf = (rows: Int32Array): ReadonlyArray<Int32Array> =>
  Array.from(
    { length: Math.ceil(rows.length / bucketKeys) },
    (_, i) => rows.subarray(i * bucketKeys, (i + 1) * bucketKeys)
  )

/** Whether keys ascend already. */
const ascend = Effect.fnUntraced(function*(source: TextVector, slices: ReadonlyArray<Int32Array>) {
  let last: number | undefined
  for (const slice of slices) {
    if (last !== undefined) yield* Effect.yieldNow
    if (!ascendFrom(source, last ?? slice[0], slice)) return false
    last = slice[slice.length - 1]
  }
  return true
})

const ascendFrom = (source: TextVector, last: number, rows: Int32Array): boolean => {
  let before = last
  for (const row of rows) {
    if (compareKeys(source, before, source, row) > 0) return false
    before = row
  }
  return true
}

const sortBucket = (source: TextVector, rows: Int32Array): SortedKeys => {
  const count = rows.length
  const keys = gatherText(source, rows, 0, count)
  // Distinct keys need no positions.
  const order = sortRows(keys, new Float64Array(count), count)
  const sorted = { keys: gatherText(keys, order, 0, count), rows: new Int32Array(count) }
  for (let i = 0; i < count; i++) sorted.rows[i] = rows[order[i]]
  return sorted
}

/** Buckets of rows; all keys of one come before all keys of the next. */
const dealOut = Effect.fnUntraced(
  function*(source: TextVector, rows: Int32Array, slices: ReadonlyArray<Int32Array>) {
    const count = slices.length
    if (count === 1) return slices
    const sampled = count * sampledPerBucket
    const sample = Int32Array.from({ length: sampled }, (_, i) => rows[Math.floor(i * rows.length / sampled)])
    // Every bucket but the first begins with a key of the sample.
    const begins = gatherText(
      sortBucket(source, sample).keys,
      Int32Array.from({ length: count }, (_, i) => i * sampledPerBucket),
      0,
      count
    )
    const bucketOf = new Int32Array(rows.length)
    const sizes = new Int32Array(count)
    for (let i = 0; i < count; i++) {
      findBuckets(source, slices[i], begins, count, bucketOf.subarray(i * bucketKeys), sizes)
      yield* Effect.yieldNow
    }
    const buckets = Array.from(sizes, (size) => new Int32Array(size))
    sizes.fill(0)
    for (let i = 0; i < rows.length; i++) buckets[bucketOf[i]][sizes[bucketOf[i]]++] = rows[i]
    return buckets
  }
)

/** For each row, the last of `count` buckets that does not begin above its key; counts them in `sizes`. */
const findBuckets = (
  source: TextVector,
  rows: Int32Array,
  begins: TextVector,
  count: number,
  bucketOf: Int32Array,
  sizes: Int32Array
): void => {
  for (let i = 0; i < rows.length; i++) {
    let low = 0
    let high = count
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (compareKeys(begins, middle, source, rows[i]) <= 0) low = middle
      else high = middle
    }
    bucketOf[i] = low
    sizes[low]++
  }
}
