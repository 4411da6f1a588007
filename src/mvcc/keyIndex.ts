/**
 * The memtable's index: from a key to the newest row that holds it.
 *
 * Open addressing over one Int32Array of [hash, row + 1] pairs, at most half full. A probe for a key that is not there
 * touches one cache line and, but for hash collisions, never a key's bytes; that is the common case of ingestion.
 * Growing needs no keys either, since the hashes are kept.
 */
import { equalRanges } from "../base/bytes.ts"
import { doubleSlots } from "../base/hashSlots.ts"
import type { TextVector } from "../event/vector.ts"

const slotsMin = 1024

export class KeyIndex {
  private slots: Int32Array<ArrayBuffer>
  private mask: number
  private used = 0

  /** `keys`: how many are expected; more make it grow. */
  constructor(keys: number) {
    let slots = slotsMin
    while (slots < keys * 2) slots *= 2
    this.slots = new Int32Array(2 * slots)
    this.mask = slots - 1
  }

  /** Distinct keys. */
  get size(): number {
    return this.used
  }

  get byteLength(): number {
    return this.slots.byteLength
  }

  /**
   * Reads the slots of `count` keys, for nothing but to have them in the processor's cache. The reads do not depend on
   * one another, so their cache misses overlap; looked up one after another, each miss is waited for. Returns what it
   * read, mixed, so that the loop is not dropped as useless.
   */
  touch(hashes: Int32Array, rows: Int32Array, count: number): number {
    const { slots, mask } = this
    let read = 0
    for (let i = 0; i < count; i++) read ^= slots[2 * (hashes[rows[i]] & mask)]
    return read
  }

  /**
   * The newest row of the key bytes[start, end), or -1. `keys` holds the keys of the rows that were put here.
   */
  find(hash: number, bytes: Uint8Array, start: number, end: number, keys: TextVector): number {
    const { slots, mask } = this
    for (let slot = hash & mask;; slot = (slot + 1) & mask) {
      const entry = slots[2 * slot + 1]
      if (entry === 0) return -1
      if (slots[2 * slot] === hash && sameKey(keys, entry - 1, bytes, start, end)) return entry - 1
    }
  }

  /** Makes `row` the newest row of its key, which `keys` already holds, and returns the row it replaces, or -1. */
  put(hash: number, row: number, keys: TextVector): number {
    const { slots, mask } = this
    const start = keys.offsets[row]
    const end = keys.offsets[row + 1]
    for (let slot = hash & mask;; slot = (slot + 1) & mask) {
      const entry = slots[2 * slot + 1]
      if (entry === 0) {
        slots[2 * slot] = hash
        slots[2 * slot + 1] = row + 1
        if (++this.used * 2 > mask) this.grow()
        return -1
      }
      if (slots[2 * slot] === hash && sameKey(keys, entry - 1, keys.heap, start, end)) {
        slots[2 * slot + 1] = row + 1
        return entry - 1
      }
    }
  }

  private grow(): void {
    this.mask = this.slots.length - 1
    this.slots = doubleSlots(this.slots)
  }
}

const sameKey = (keys: TextVector, row: number, bytes: Uint8Array, start: number, end: number): boolean => {
  const from = keys.offsets[row]
  return keys.offsets[row + 1] - from === end - start && equalRanges(keys.heap, from, bytes, start, end - start)
}
