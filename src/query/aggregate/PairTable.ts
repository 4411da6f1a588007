/**
 * Pairs of codes as one code each, in the order of arrival: two grouping columns become one, three by doing it twice.
 *
 * While the codes of both sides are few, a pair is a place in a table; beyond that it is found by hashing.
 */
import { checkGroups } from "../limits.ts"

/** Most places of the table, 4 bytes each. */
const placesMax = 1 << 20

/** Gives pairs their codes. Refuses with MEMORY_LIMIT more than `groupsMax` of them. */
export class PairTable {
  /** How many pairs there are. */
  count = 0
  /** The codes that each pair was made of. */
  lefts = new Int32Array(1024)
  rights = new Int32Array(1024)
  /** Code + 1 by left * rightCapacity + right; 0 = not met. */
  private places = new Int32Array(0)
  private leftCapacity = 0
  private rightCapacity = 0
  /** Open addressing, once the table would be too large: code + 1; 0 = free. At most half full. */
  private slots: Int32Array | undefined

  /**
   * Writes the codes of count pairs; `out` may be one of the inputs. Left codes are below `leftCount`, right ones below
   * `rightCount`.
   */
  combine(
    left: Int32Array,
    leftCount: number,
    right: Int32Array,
    rightCount: number,
    count: number,
    out: Int32Array
  ): void {
    if (this.slots === undefined && (leftCount > this.leftCapacity || rightCount > this.rightCapacity)) {
      this.resize(leftCount, rightCount)
    }
    if (this.slots !== undefined) {
      for (let i = 0; i < count; i++) out[i] = this.hashed(left[i], right[i])
      return
    }
    const { places, rightCapacity } = this
    for (let i = 0; i < count; i++) {
      const place = left[i] * rightCapacity + right[i]
      let code = places[place]
      if (code === 0) code = places[place] = this.add(left[i], right[i]) + 1
      out[i] = code - 1
    }
  }

  private resize(leftCount: number, rightCount: number): void {
    const leftCapacity = powerOfTwo(Math.max(leftCount, this.leftCapacity))
    const rightCapacity = powerOfTwo(Math.max(rightCount, this.rightCapacity))
    const { count, lefts, rights } = this
    if (leftCapacity * rightCapacity > placesMax) {
      this.places = new Int32Array(0)
      this.rehash(Math.max(powerOfTwo(count * 4), 1024))
      return
    }
    this.leftCapacity = leftCapacity
    this.rightCapacity = rightCapacity
    this.places = new Int32Array(leftCapacity * rightCapacity)
    for (let code = 0; code < count; code++) this.places[lefts[code] * rightCapacity + rights[code]] = code + 1
  }

  private hashed(left: number, right: number): number {
    const slots = this.slots!
    const mask = slots.length - 1
    for (let slot = hashPair(left, right) & mask;; slot = (slot + 1) & mask) {
      const code = slots[slot] - 1
      if (code < 0) {
        const added = this.add(left, right)
        slots[slot] = added + 1
        if (this.count * 2 > mask) this.rehash(slots.length * 2)
        return added
      }
      if (this.lefts[code] === left && this.rights[code] === right) return code
    }
  }

  private rehash(length: number): void {
    const slots = new Int32Array(length)
    const mask = length - 1
    for (let code = 0; code < this.count; code++) {
      let slot = hashPair(this.lefts[code], this.rights[code]) & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = code + 1
    }
    this.slots = slots
  }

  private add(left: number, right: number): number {
    checkGroups(this.count + 1)
    if (this.count === this.lefts.length) {
      this.lefts = grown(this.lefts)
      this.rights = grown(this.rights)
    }
    this.lefts[this.count] = left
    this.rights[this.count] = right
    return this.count++
  }
}

const grown = (array: Int32Array): Int32Array<ArrayBuffer> => {
  const next = new Int32Array(array.length * 2)
  next.set(array)
  return next
}

const powerOfTwo = (atLeast: number): number => {
  let power = 1
  while (power < atLeast) power *= 2
  return power
}

const hashPair = (left: number, right: number): number => {
  let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)
  hash ^= hash >>> 15
  hash = Math.imul(hash, 0x2c1b3c6d)
  return hash ^ (hash >>> 13)
}
