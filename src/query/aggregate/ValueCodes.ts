/**
 * Values of a column as small numbers, the same for a value wherever it lies: what groups are made of. Codes are given
 * in the order of arrival, and null has one like any other value.
 */
import { Dictionary } from "../../event/dictionary.ts"
import type { DictionaryRead, NumberRead, ReadVector, TextRead } from "../scan/readVector.ts"

/** The codes of one column's values. */
export interface ValueCodes {
  /** How many codes there are. */
  readonly count: number
  /** Writes the codes of rows[0, count) of a vector, which is not kept. */
  readonly code: (vector: ReadVector, rows: Int32Array, count: number, codes: Int32Array) => void
  /** The values of codes, as a vector whose row i has the value of codes[i]. */
  readonly vector: (codes: Int32Array, count: number) => ReadVector
}

/** Codes of text, or of numbers. */
export const makeValueCodes = (isText: boolean): ValueCodes => isText ? new TextCodes() : new NumberCodes()

class TextCodes implements ValueCodes {
  private readonly dictionary = new Dictionary()
  /** The code of each text of the dictionary. They differ once a null, which is no text, has taken a code. */
  private readonly codeOf: Array<number> = []
  /** The text of each code. */
  private readonly texts: Array<number> = []
  private nullCode = -1
  /**
   * This column's code of each of a dictionary's own codes, or -1 while it has not been met. By the dictionary's offsets,
   * as long as someone else holds them: parts are let go when they have been read.
   */
  private readonly translations = new WeakMap<Uint32Array, Int32Array>()
  count = 0

  code(vector: ReadVector, rows: Int32Array, count: number, codes: Int32Array): void {
    if (vector.kind === "dictionary") this.codeDictionary(vector, rows, count, codes)
    else this.codeText(vector as TextRead, rows, count, codes)
  }

  vector(codes: Int32Array, count: number): ReadVector {
    const { count: distinct, values } = this.dictionary
    const texts = new Uint32Array(count)
    const nulls = this.nullCode < 0 ? undefined : new Uint8Array(count)
    for (let i = 0; i < count; i++) {
      if (codes[i] === this.nullCode) nulls![i] = 1
      else texts[i] = this.texts[codes[i]]
    }
    const { heap, offsets } = values
    return {
      kind: "dictionary",
      codes: texts,
      distinct,
      texts: { kind: "text", heap, offsets, nulls: undefined },
      nulls
    }
  }

  private codeDictionary(
    { codes: own, distinct, nulls, texts }: DictionaryRead,
    rows: Int32Array,
    count: number,
    codes: Int32Array
  ): void {
    let translation = this.translations.get(texts.offsets)
    if (translation === undefined || translation.length < distinct) {
      translation = new Int32Array(distinct).fill(-1)
      this.translations.set(texts.offsets, translation)
    }
    for (let i = 0; i < count; i++) {
      const code = translation[own[rows[i]]]
      if (code < 0 || nulls !== undefined) return this.codeSlowly(i, own, nulls, texts, translation, rows, count, codes)
      codes[i] = code
    }
  }

  /** From row `from` on: with nulls, or until every text of the slice has been met. */
  private codeSlowly(
    from: number,
    own: Uint32Array,
    nulls: Uint8Array | undefined,
    { heap, offsets }: TextRead,
    translation: Int32Array,
    rows: Int32Array,
    count: number,
    codes: Int32Array
  ): void {
    for (let i = from; i < count; i++) {
      const row = rows[i]
      if (nulls !== undefined && nulls[row] === 1) {
        codes[i] = this.codeOfNull()
        continue
      }
      const text = own[row]
      if (translation[text] < 0) translation[text] = this.codeOfText(heap, offsets[text], offsets[text + 1])
      codes[i] = translation[text]
    }
  }

  private codeText({ heap, nulls, offsets }: TextRead, rows: Int32Array, count: number, codes: Int32Array): void {
    for (let i = 0; i < count; i++) {
      const row = rows[i]
      codes[i] = nulls !== undefined && nulls[row] === 1
        ? this.codeOfNull()
        : this.codeOfText(heap, offsets[row], offsets[row + 1])
    }
  }

  private codeOfText(heap: Uint8Array, start: number, end: number): number {
    const text = this.dictionary.code(heap, start, end)
    if (text === this.codeOf.length) {
      this.codeOf.push(this.count)
      this.texts[this.count++] = text
    }
    return this.codeOf[text]
  }

  private codeOfNull(): number {
    if (this.nullCode < 0) this.nullCode = this.count++
    return this.nullCode
  }
}

/** Whole numbers from here on, `smallCount` of them, are coded by a table. */
const smallFrom = -32_768
const smallCount = 131_072

class NumberCodes implements ValueCodes {
  /** Code + 1 of a small number; 0 = not met. */
  private readonly small = new Int32Array(smallCount)
  /** Codes of larger numbers: open addressing, code + 1; 0 = free. At most half full. */
  private slots = new Int32Array(2048)
  private slotsUsed = 0
  /** By code. */
  private values = new Float64Array(1024)
  /** Codes of numbers that a double does not hold, and these by their code. */
  private readonly wideCodes = new Map<bigint, number>()
  private readonly wide = new Map<number, bigint>()
  private nullCode = -1
  count = 0

  code(vector: ReadVector, rows: Int32Array, count: number, codes: Int32Array): void {
    const { nulls, values, wide } = vector as NumberRead
    const { small } = this
    for (let i = 0; i < count; i++) {
      const row = rows[i]
      if (nulls !== undefined && nulls[row] === 1) {
        codes[i] = this.codeOfNull()
        continue
      }
      const value = values[row]
      const at = value - smallFrom
      if (at >= 0 && at < smallCount && (at | 0) === at) {
        let code = small[at]
        if (code === 0) code = small[at] = this.add(value) + 1
        codes[i] = code - 1
      } else codes[i] = wide === undefined || Number.isSafeInteger(value)
          ? this.codeOf(value)
          : this.codeOfWide(wide[row])
    }
  }

  vector(codes: Int32Array, count: number): ReadVector {
    const values = new Float64Array(count)
    const nulls = this.nullCode < 0 ? undefined : new Uint8Array(count)
    const wide = this.wide.size === 0 ? undefined : new BigInt64Array(count)
    for (let i = 0; i < count; i++) {
      const code = codes[i]
      if (code === this.nullCode) {
        nulls![i] = 1
        continue
      }
      values[i] = this.values[code]
      if (wide !== undefined) wide[i] = this.wide.get(code) ?? BigInt(values[i])
    }
    return { kind: "number", values, wide, nulls }
  }

  private codeOf(value: number): number {
    const mask = this.slots.length - 1
    for (let slot = hashNumber(value) & mask;; slot = (slot + 1) & mask) {
      const code = this.slots[slot] - 1
      if (code >= 0) {
        if (this.values[code] === value) return code
        continue
      }
      const added = this.add(value)
      this.slots[slot] = added + 1
      if (++this.slotsUsed * 2 > mask) this.rehash()
      return added
    }
  }

  private codeOfWide(value: bigint): number {
    let code = this.wideCodes.get(value)
    if (code === undefined) {
      code = this.add(Number(value))
      this.wideCodes.set(value, code)
      this.wide.set(code, value)
    }
    return code
  }

  private rehash(): void {
    const old = this.slots
    const slots = new Int32Array(old.length * 2)
    const mask = slots.length - 1
    for (const entry of old) {
      if (entry === 0) continue
      let slot = hashNumber(this.values[entry - 1]) & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = entry
    }
    this.slots = slots
  }

  private codeOfNull(): number {
    if (this.nullCode < 0) this.nullCode = this.add(0)
    return this.nullCode
  }

  private add(value: number): number {
    if (this.count === this.values.length) {
      const values = new Float64Array(this.count * 2)
      values.set(this.values)
      this.values = values
    }
    // A zero has no sign here: -0 and 0 are one value.
    this.values[this.count] = value + 0
    return this.count++
  }
}

const double = new Float64Array(1)
const words = new Int32Array(double.buffer)

const hashNumber = (value: number): number => {
  double[0] = value
  let hash = Math.imul(words[0], 0x9e3779b1) ^ Math.imul(words[1], 0x85ebca6b)
  hash ^= hash >>> 15
  hash = Math.imul(hash, 0x2c1b3c6d)
  return hash ^ (hash >>> 13)
}
