/** Keys that are looked for in many segments: their bytes, and each key's hash, found once. */
import { compareBytes } from "../base/bytes.ts"
import type { TextVector } from "../event/vector.ts"
import { type Hash64, xxhash64 } from "./encoding/xxhash64.ts"

const hash: Hash64 = { high: 0, low: 0 }

export class HashedKeys {
  readonly keys: TextVector
  /** [high, low] of each key, once `hash` was called for it. */
  readonly hashes: Uint32Array<ArrayBuffer>
  /** 1 where the hash is there. */
  private readonly known: Uint8Array<ArrayBuffer>

  /** Rows [0, count) of `keys` may be looked for. */
  constructor(keys: TextVector, count: number) {
    this.keys = keys
    this.hashes = new Uint32Array(2 * count)
    this.known = new Uint8Array(count)
  }

  /** Sees to it that the hashes of keys order[from, end) are there. */
  hash(order: Int32Array, from: number, end: number): void {
    const { hashes, keys: { heap, offsets }, known } = this
    for (let i = from; i < end; i++) {
      const row = order[i]
      if (known[row] === 1) continue
      known[row] = 1
      xxhash64(heap, offsets[row], offsets[row + 1], hash)
      hashes[2 * row] = hash.high
      hashes[2 * row + 1] = hash.low
    }
  }

  /** Of order[from, end), whose keys ascend: the first whose key is at or above `key`; `end` where there is none. */
  firstAtOrAbove(order: Int32Array, from: number, end: number, key: Uint8Array): number {
    return this.search(order, from, end, key, 0)
  }

  /** Of order[from, end), whose keys ascend: the first whose key is above `key`; `end` where there is none. */
  firstAbove(order: Int32Array, from: number, end: number, key: Uint8Array): number {
    return this.search(order, from, end, key, 1)
  }

  /** The first whose key compares to `key` as `least` or more. */
  private search(order: Int32Array, from: number, end: number, key: Uint8Array, least: number): number {
    let low = from
    let high = end
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareBytes(this.keys.get(order[middle]), key) < least) low = middle + 1
      else high = middle
    }
    return low
  }
}
