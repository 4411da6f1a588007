/**
 * Dictionary-coded text: a column with few distinct values holds a small number a row, and every scan, group and
 * comparison of it works on the numbers.
 */
import { equalRanges, hashRange } from "../base/bytes.ts"
import { doubleSlots } from "../base/hashSlots.ts"
import { TextVector } from "./vector.ts"

/** Distinct byte strings, numbered from 0 in the order of their arrival. Codes never change. */
export class Dictionary {
  count = 0
  /** The value of code c is row c. */
  values = new TextVector(16)
  /** Open addressing: [hash, code + 1] pairs; 0 = free. At most half full. */
  private slots = new Int32Array(64)

  /** The code of bytes[start, end), giving out a new one where the value is new. */
  code(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashRange(bytes, start, end)
    const mask = (this.slots.length >> 1) - 1
    let slot = hash & mask
    for (;;) {
      const entry = this.slots[2 * slot + 1]
      if (entry === 0) return this.insert(hash, slot, bytes, start, end)
      if (this.slots[2 * slot] === hash && this.equals(entry - 1, bytes, start, end)) return entry - 1
      slot = (slot + 1) & mask
    }
  }

  /** The code of a value, or -1 where the dictionary has never seen it. */
  find(value: Uint8Array): number {
    const hash = hashRange(value, 0, value.length)
    const mask = (this.slots.length >> 1) - 1
    for (let slot = hash & mask;; slot = (slot + 1) & mask) {
      const entry = this.slots[2 * slot + 1]
      if (entry === 0) return -1
      if (this.slots[2 * slot] === hash && this.equals(entry - 1, value, 0, value.length)) return entry - 1
    }
  }

  /** The same codes in memory of their own. */
  copy(): Dictionary {
    const copy = new Dictionary()
    copy.count = this.count
    copy.values = this.values.copy(this.count)
    copy.slots = this.slots.slice()
    return copy
  }

  get byteLength(): number {
    return this.values.byteLength + this.slots.byteLength
  }

  private equals(code: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.values.offsets[code]
    return this.values.offsets[code + 1] - from === end - start &&
      equalRanges(this.values.heap, from, bytes, start, end - start)
  }

  private insert(hash: number, slot: number, bytes: Uint8Array, start: number, end: number): number {
    const code = this.count++
    this.values.reserve(this.count, code)
    this.values.set(code, bytes.subarray(start, end))
    this.slots[2 * slot] = hash
    this.slots[2 * slot + 1] = code + 1
    if (this.count * 4 > this.slots.length) this.slots = doubleSlots(this.slots)
    return code
  }
}

/** A text column as codes into a dictionary. The code under a null is 0 and means nothing. */
export class DictionaryVector {
  readonly kind = "dictionary"
  readonly dictionary: Dictionary
  codes: Uint32Array<ArrayBuffer>
  nulls: Uint8Array<ArrayBuffer>
  hasNulls = false

  constructor(capacity: number, dictionary = new Dictionary()) {
    this.codes = new Uint32Array(capacity)
    this.nulls = new Uint8Array(capacity)
    this.dictionary = dictionary
  }

  reserve(capacity: number, count: number): void {
    if (capacity <= this.codes.length) return
    let next = Math.max(this.codes.length, 16)
    while (next < capacity) next *= 2
    const codes = new Uint32Array(next)
    codes.set(this.codes.subarray(0, count))
    this.codes = codes
    const nulls = new Uint8Array(next)
    nulls.set(this.nulls.subarray(0, count))
    this.nulls = nulls
  }

  /** Codes `count` rows of `source` from row `at` on. */
  append(at: number, source: TextVector, from: number, count: number): void {
    this.reserve(at + count, at)
    const { heap, offsets, nulls } = source
    const { codes, dictionary } = this
    for (let i = 0; i < count; i++) {
      const row = from + i
      codes[at + i] = source.hasNulls && nulls[row] === 1 ? 0 : dictionary.code(heap, offsets[row], offsets[row + 1])
    }
    if (source.hasNulls) {
      this.nulls.set(nulls.subarray(from, from + count), at)
      this.hasNulls = true
    } else if (this.hasNulls) {
      this.nulls.fill(0, at, at + count)
    }
  }

  /** A view of one row's bytes, empty for a null. */
  get(row: number): Uint8Array<ArrayBuffer> {
    return this.hasNulls && this.nulls[row] === 1 ? empty : this.dictionary.values.get(this.codes[row])
  }

  /** The same rows as plain text. */
  toText(count: number): TextVector {
    const text = new TextVector(this.codes.length)
    for (let row = 0; row < count; row++) text.set(row, this.get(row))
    text.nulls.set(this.nulls)
    text.hasNulls = this.hasNulls
    return text
  }

  /** Rows [0, count), and the dictionary, in memory of their own. */
  copy(count: number): DictionaryVector {
    const copy = new DictionaryVector(0, this.dictionary.copy())
    copy.codes = this.codes.slice(0, count)
    copy.nulls = this.nulls.slice(0, count)
    copy.hasNulls = this.hasNulls
    return copy
  }

  /** Bytes that `count` rows and the dictionary take. */
  usedBytes(count: number): number {
    return count * 5 + this.dictionary.byteLength
  }

  get byteLength(): number {
    return this.codes.byteLength + this.nulls.byteLength + this.dictionary.byteLength
  }
}

const empty = new Uint8Array(0)
