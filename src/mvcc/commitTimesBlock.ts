/**
 * Blocks of commit times: entries that no longer change, in 3 to 4 bytes each where they would take 17. In memory they
 * are decoded when somebody asks for one of them; checkpoints hold them as they are.
 */
import { FormatError } from "../base/byteCursor.ts"
import { invariant } from "../base/invariant.ts"

/** Entries of a block: all but the newest have as many. */
export const blockEntries = 1024

/** Entries in a row, oldest first. One stands for the positions behind the entry before it, up to its own `last`. */
export class TimeEntries {
  count = 0
  /** Last position of each. */
  readonly lasts = new Float64Array(blockEntries)
  /** Microseconds since 1970. */
  readonly times = new Float64Array(blockEntries)
  /** 1 where the entry is a transaction. */
  readonly whole = new Uint8Array(blockEntries)

  /** The entry that holds a position, or the count where it is behind all. */
  find(position: number): number {
    const { lasts } = this
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (lasts[middle] < position) low = middle + 1
      else high = middle
    }
    return low
  }

  /** How many entries were committed at or before a time. */
  countThrough(time: number): number {
    const { times } = this
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (times[middle] <= time) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Entries that are packed. */
export interface TimesBlock {
  readonly count: number
  /** Last position of its last entry. */
  readonly last: number
  /** Time of its last entry. */
  readonly time: number
  readonly bytes: Uint8Array
}

// The bytes of a block. On disk in checkpoints: do not change.
//
// For each entry two numbers: twice the difference of its last position and that of the entry before, plus one for a
// transaction; then the difference of their times. The block before gives what the first entry is compared with, 0 and 0
// where there is none. A number takes 7 bits a byte, lowest first; the highest bit says that another byte follows.

/** Most bytes of an entry: two numbers below 2^54. */
const entryBytesMax = 16

const scratch = new Uint8Array(blockEntries * entryBytesMax)

/** Packs entries that follow the block before. */
export const packBlock = (entries: TimeEntries, before: TimesBlock | undefined): TimesBlock => {
  const { count, lasts, times, whole } = entries
  let last = before?.last ?? 0
  let time = before?.time ?? 0
  let at = 0
  for (let i = 0; i < count; i++) {
    at = putNumber(at, (lasts[i] - last) * 2 + whole[i])
    at = putNumber(at, times[i] - time)
    last = lasts[i]
    time = times[i]
  }
  return { count, last, time, bytes: scratch.slice(0, at) }
}

const putNumber = (start: number, value: number): number => {
  let at = start
  let rest = value
  while (rest >= 0x80) {
    scratch[at++] = rest % 0x80 | 0x80
    rest = Math.floor(rest / 0x80)
  }
  scratch[at++] = rest
  return at
}

/** Unpacks a block that follows another into `entries`. Throws `FormatError` where it is none. */
export const unpackBlock = (block: TimesBlock, before: TimesBlock | undefined, entries: TimeEntries): void => {
  const { bytes, count } = block
  invariant(count <= blockEntries, "a block fits")
  const { lasts, times, whole } = entries
  let last = before?.last ?? 0
  let time = before?.time ?? 0
  let at = 0
  const number = (): number => {
    let value = 0
    for (let factor = 1;; factor *= 0x80) {
      const byte = bytes[at++]
      // Nothing is behind the end: comparing with `undefined` is false.
      if (!(byte >= 0x80)) return value + byte * factor
      value += (byte - 0x80) * factor
    }
  }
  for (let i = 0; i < count; i++) {
    const step = number()
    whole[i] = step % 2
    last += (step - whole[i]) / 2
    time += number()
    lasts[i] = last
    times[i] = time
  }
  entries.count = count
  if (at !== bytes.length || last !== block.last || time !== block.time) {
    throw new FormatError(`a block of ${count} commit times does not end at position ${block.last}`)
  }
}
