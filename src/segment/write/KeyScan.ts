/**
 * Goes through the sorted keys of a segment, row group by row group: checks that they are sorted, counts them, and
 * makes the bloom filters.
 */
import { compareBytes } from "../../base/bytes.ts"
import { invariant } from "../../base/invariant.ts"
import type { TextVector } from "../../event/vector.ts"
import { addToBloom, makeBloom } from "../encoding/bloom.ts"
import { type Hash64, xxhash64 } from "../encoding/xxhash64.ts"

/** What the keys of a row group came to. */
export interface ScannedKeys {
  /** Rows that begin a new key. */
  readonly keys: number
  /** The words of the bloom filter. */
  readonly bloom: Uint32Array<ArrayBuffer>
}

const none = new Uint8Array(0)

export class KeyScan {
  private readonly hash: Hash64 = { high: 0, low: 0 }
  /** The row before the row group's first. */
  private lastKey: Uint8Array = none
  private lastPosition = -1
  /** The smallest key of the segment. */
  minKey: Uint8Array = none
  /** The largest key so far. */
  get maxKey(): Uint8Array {
    return this.lastKey
  }

  /** Takes the rows order[from, to), at least one, which become a row group. */
  scan(keys: TextVector, positions: Float64Array, order: Int32Array, from: number, to: number): ScannedKeys {
    const first = order[from]
    const continues = this.follows(keys.get(first), positions[first])
    let count = continues ? 0 : 1
    // A key that began in the row group before is in this one's filter too.
    const begins = new Uint8Array(to - from)
    begins[0] = 1
    for (let i = from + 1; i < to; i++) {
      const difference = compareKeys(keys, order[i - 1], order[i])
      invariant(
        difference < 0 || (difference === 0 && positions[order[i - 1]] > positions[order[i]]),
        "rows of a segment are sorted by key, versions of one key newest first"
      )
      if (difference < 0) {
        begins[i - from] = 1
        count++
      }
    }
    const bloom = makeBloom(count + (continues ? 1 : 0))
    const { heap, offsets } = keys
    for (let i = from; i < to; i++) {
      if (begins[i - from] === 0) continue
      const row = order[i]
      xxhash64(heap, offsets[row], offsets[row + 1], this.hash)
      addToBloom(bloom, this.hash)
    }
    this.lastKey = keys.get(order[to - 1]).slice()
    this.lastPosition = positions[order[to - 1]]
    return { keys: count, bloom }
  }

  /** Whether a row group's first row is of the key that the one before ended with. */
  private follows(key: Uint8Array, position: number): boolean {
    if (this.lastPosition < 0) {
      this.minKey = key.slice()
      return false
    }
    const difference = compareBytes(this.lastKey, key)
    invariant(
      difference < 0 || (difference === 0 && this.lastPosition > position),
      "row groups of a segment follow one another by key, versions of one key newest first"
    )
    return difference === 0
  }
}

const compareKeys = ({ heap, offsets }: TextVector, left: number, right: number): number => {
  const leftStart = offsets[left]
  const rightStart = offsets[right]
  const leftLength = offsets[left + 1] - leftStart
  const rightLength = offsets[right + 1] - rightStart
  const length = Math.min(leftLength, rightLength)
  for (let i = 0; i < length; i++) {
    const difference = heap[leftStart + i] - heap[rightStart + i]
    if (difference !== 0) return difference
  }
  return leftLength - rightLength
}
