/** Copies runs of rows of a column behind those that a column already has. */
import { type Dictionary, DictionaryVector } from "../../event/dictionary.ts"
import {
  type Int64Vector,
  makeVector,
  type NumberArray,
  type NumberVector,
  type TextVector
} from "../../event/vector.ts"
import { dictionaryValuesMax } from "../format.ts"
import type { SegmentVector } from "../write/SegmentRows.ts"
import type { Runs } from "./Runs.ts"

/** Shorter runs are faster value by value. */
const shortRun = 24

/** Codes of a dictionary as those of another one, by code; -1 where none was needed yet. */
type Translations = Map<Dictionary, Int32Array>

/**
 * A column that is put together from those of several row groups. It has codes as long as all of these do, and few
 * values; else it is plain.
 */
export class GatheredColumn {
  private readonly capacity: number
  private readonly translations: Translations = new Map()
  private gathered: SegmentVector | undefined

  /** For at most `capacity` rows. */
  constructor(capacity: number) {
    this.capacity = capacity
  }

  /** What was gathered; the column must have had rows. */
  get vector(): SegmentVector {
    return this.gathered!
  }

  /** Appends runs of rows; `at` rows are there. */
  append(at: number, source: SegmentVector, runs: Runs): void {
    this.gathered ??= source.kind === "dictionary"
      ? new DictionaryVector(this.capacity)
      : makeVector(source.kind, this.capacity)
    const target = this.gathered
    switch (target.kind) {
      case "dictionary":
        if (source.kind === "dictionary") appendCodes(target, at, source, runs, this.translations)
        else if (target.dictionary.count + runs.rows <= dictionaryValuesMax)
          codeTexts(target, at, source as TextVector, runs)
        else {
          const text = target.toText(at)
          this.gathered = text
          appendTexts(text, at, source as TextVector, runs)
        }
        break
      case "text":
        if (source.kind === "dictionary") decodeTexts(target, at, source, runs)
        else appendTexts(target, at, source as TextVector, runs)
        break
      case "int64":
        appendInt64(target, at, source as Int64Vector, runs)
        break
      default:
        copyRuns(target.values, at, (source as NumberVector).values, runs)
    }
    if (!source.hasNulls) return
    copyRuns(this.gathered.nulls, at, source.nulls, runs)
    this.gathered.hasNulls = true
  }
}

/** Copies runs of numbers to `at`. */
export const copyRuns = <A extends NumberArray | Uint32Array>(
  target: A,
  at: number,
  source: A,
  { bounds, count }: Runs
): void => {
  for (let i = 0; i < 2 * count; i += 2) {
    const from = bounds[i]
    const to = bounds[i + 1]
    if (to - from < shortRun) { for (let row = from; row < to; row++) target[at + row - from] = source[row] }
    else target.set(source.subarray(from, to) as never, at)
    at += to - from
  }
}

const appendInt64 = (target: Int64Vector, at: number, source: Int64Vector, runs: Runs): void => {
  if (source.wide === undefined && target.wide === undefined) return copyRuns(target.values, at, source.values, runs)
  const { bounds, count } = runs
  for (let i = 0; i < 2 * count; i += 2) {
    for (let row = bounds[i]; row < bounds[i + 1]; row++) target.setBigInt(at++, BigInt(source.get(row)))
  }
}

const appendTexts = (target: TextVector, at: number, source: TextVector, { bounds, count }: Runs): void => {
  const { heap, offsets } = source
  let used = target.offsets[at]
  let bytes = 0
  for (let i = 0; i < 2 * count; i += 2) bytes += offsets[bounds[i + 1]] - offsets[bounds[i]]
  target.reserveHeap(used + bytes, used)
  const { heap: targetHeap, offsets: targetOffsets } = target
  for (let i = 0; i < 2 * count; i += 2) {
    const from = bounds[i]
    const to = bounds[i + 1]
    const start = offsets[from]
    const end = offsets[to]
    if (end - start < 2 * shortRun) {
      for (let byte = start; byte < end; byte++) targetHeap[used + byte - start] = heap[byte]
    } else targetHeap.set(heap.subarray(start, end), used)
    const shift = used - start
    for (let row = from + 1; row <= to; row++) targetOffsets[++at] = offsets[row] + shift
    used += end - start
  }
}

/** The value under a null is skipped: it may mean nothing. */
const appendCodes = (
  target: DictionaryVector,
  at: number,
  source: DictionaryVector,
  { bounds, count }: Runs,
  translations: Translations
): void => {
  const { codes, dictionary, hasNulls, nulls } = source
  const { heap, offsets } = dictionary.values
  let translation = translations.get(dictionary)
  if (translation === undefined) {
    translation = new Int32Array(Math.max(1, dictionary.count)).fill(-1)
    translations.set(dictionary, translation)
  }
  const targetCodes = target.codes
  for (let i = 0; i < 2 * count; i += 2) {
    const to = bounds[i + 1]
    for (let row = bounds[i]; row < to; row++, at++) {
      if (hasNulls && nulls[row] === 1) continue
      const code = codes[row]
      if (translation[code] < 0) translation[code] = target.dictionary.code(heap, offsets[code], offsets[code + 1])
      targetCodes[at] = translation[code]
    }
  }
}

const codeTexts = (target: DictionaryVector, at: number, source: TextVector, { bounds, count }: Runs): void => {
  const { hasNulls, heap, nulls, offsets } = source
  for (let i = 0; i < 2 * count; i += 2) {
    for (let row = bounds[i]; row < bounds[i + 1]; row++, at++) {
      if (hasNulls && nulls[row] === 1) continue
      target.codes[at] = target.dictionary.code(heap, offsets[row], offsets[row + 1])
    }
  }
}

const decodeTexts = (target: TextVector, at: number, source: DictionaryVector, { bounds, count }: Runs): void => {
  for (let i = 0; i < 2 * count; i += 2) {
    for (let row = bounds[i]; row < bounds[i + 1]; row++) target.set(at++, source.get(row))
  }
}
