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

  /**
   * Takes a row group, of at least one row: its sorted keys, and the positions of their rows, which are those at
   * order[from], order[from + 1], ...
   */
  scan(keys: TextVector, count: number, positions: Float64Array, order: Int32Array, from: number): ScannedKeys {
    const continues = this.follows(keys.get(0), positions[order[from]])
    let begun = continues ? 0 : 1
    // A key that began in the row group before is in this one's filter too.
    const begins = new Uint8Array(count)
    begins[0] = 1
    for (let i = 1; i < count; i++) {
      const difference = compareWithNext(keys, i - 1)
      invariant(
        difference < 0 || (difference === 0 && positions[order[from + i - 1]] > positions[order[from + i]]),
        "rows of a segment are sorted by key, versions of one key newest first"
      )
      if (difference < 0) {
        begins[i] = 1
        begun++
      }
    }
    const bloom = makeBloom(begun + (continues ? 1 : 0))
    const { heap, offsets } = keys
    for (let i = 0; i < count; i++) {
      if (begins[i] === 0) continue
      xxhash64(heap, offsets[i], offsets[i + 1], this.hash)
      addToBloom(bloom, this.hash)
    }
    this.lastKey = keys.get(count - 1).slice()
    this.lastPosition = positions[order[from + count - 1]]
    return { keys: begun, bloom }
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

/** Orders a key and the one after it. */
const compareWithNext = ({ heap, offsets }: TextVector, row: number): number => {
  const start = offsets[row]
  const next = offsets[row + 1]
  const length = Math.min(next - start, offsets[row + 2] - next)
  for (let i = 0; i < length; i++) {
    const difference = heap[start + i] - heap[next + i]
    if (difference !== 0) return difference
  }
  return 2 * next - start - offsets[row + 2]
}
