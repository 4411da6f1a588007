/** A table of which only keys, positions and sizes are real: what the picker does to it over a long life. */
import { compareBytes } from "../../../src/base/bytes.ts"
import type { TableSettings } from "../../../src/event/Event.ts"
import type { Candidate } from "../../../src/processor/compaction/candidates.ts"
import {
  type CompactionAim,
  type CompactionOptions,
  pickCompaction
} from "../../../src/processor/compaction/pickCompaction.ts"

/** A version of a key; keys are numbers. */
export interface Row {
  readonly key: number
  readonly position: number
  readonly deleted: boolean
}

interface File extends Candidate {
  readonly content: ReadonlyArray<Row>
  readonly firstTime: number
}

const rowBytes = 1000

const keyBytes = (key: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, key)
  return bytes
}

/** As catalog/state.ts orders segments. */
const byAge = (left: File, right: File): number =>
  right.level - left.level ||
  (left.level === 0 ? left.lastPosition - right.lastPosition : compareBytes(left.firstKey, right.firstKey))

export class Simulation {
  readonly strategy: TableSettings["compaction"]
  readonly options: CompactionOptions
  /** Microseconds that a position takes. */
  readonly positionMicros: number
  files: ReadonlyArray<File> = []
  position = 0
  /** -1: everything at or below the newest position may be forgotten but for the newest versions. */
  horizon = -1
  bytesFlushed = 0
  bytesMerged = 0
  merges = 0
  moves = 0
  filesMax = 0
  inputsMax = 0
  private readonly current = new Map<number, Row>()
  private names = 0

  constructor(strategy: TableSettings["compaction"], options: CompactionOptions, positionMicros = 1) {
    this.strategy = strategy
    this.options = options
    this.positionMicros = positionMicros
  }

  /** Rows that are to be there. */
  get live(): number {
    return [...this.current.values()].filter(({ deleted }) => !deleted).length
  }

  levels(): ReadonlyArray<number> {
    const counts: Array<number> = []
    for (const { level } of this.files) counts[level] = (counts[level] ?? 0) + 1
    return Array.from(counts, (count) => count ?? 0)
  }

  bytesOf(level: number): number {
    return this.files.filter((file) => file.level === level).reduce((bytes, file) => bytes + file.bytes, 0)
  }

  get writeAmplification(): number {
    return (this.bytesFlushed + this.bytesMerged) / this.bytesFlushed
  }

  /** Writes keys (a negative one is deleted), flushes them, and does all that is due. */
  flush(keys: ReadonlyArray<number>): void {
    const content = keys.map((key): Row => ({ key: Math.abs(key), position: ++this.position, deleted: key < 0 }))
    for (const row of content) this.current.set(row.key, row)
    const file = this.fileOf(content, 0)
    this.bytesFlushed += file.bytes
    this.files = [...this.files, file].sort(byAge)
    this.compact("due")
    this.filesMax = Math.max(this.filesMax, this.files.length)
  }

  /** Does what the picker says until it says nothing. */
  compact(aim: CompactionAim): ReadonlyArray<string> {
    const reasons: Array<string> = []
    for (;;) {
      const horizon = this.horizon < 0 ? this.position : this.horizon
      const now = this.position * this.positionMicros
      const pick = pickCompaction(this.withGarbage(horizon), this.strategy, this.options, aim, { horizon, now })
      if (pick === undefined) return reasons
      reasons.push(pick.reason)
      if (reasons.length > 100 + 2 * this.files.length) {
        throw new Error(`there is no end of it: ${reasons.slice(-4).join("; ")}`)
      }
      const inputs = pick.inputs.map(({ name }) => this.files.find((file) => file.name === name)!)
      const order = this.files.filter((file) => inputs.includes(file))
      if (order.some((file, i) => file !== inputs[i])) throw new Error("inputs are given oldest first")
      this.inputsMax = Math.max(this.inputsMax, inputs.filter(({ level }) => level === 0).length)
      const outputs = pick.kind === "move"
        ? inputs.map((file) => ({ ...file, level: pick.outputLevel }))
        : this.merge(inputs, pick.outputLevel, pick.dropsDeletions, horizon)
      if (pick.kind === "move") this.moves++
      else {
        this.merges++
        this.bytesMerged += outputs.reduce((bytes, file) => bytes + file.bytes, 0)
      }
      this.files = [...this.files.filter((file) => !inputs.includes(file)), ...outputs].sort(byAge)
      this.check()
    }
  }

  /** What must hold after each step: the order of versions, levels that do not overlap, and every answer. */
  check(): void {
    const newest = new Map<number, Row>()
    for (const { content } of this.files) {
      const own = new Set<number>()
      for (const row of content) {
        const before = newest.get(row.key)
        if (!own.has(row.key) && before !== undefined && before.position > row.position) {
          throw new Error(`key ${row.key}: version ${row.position} is in a newer file than version ${before.position}`)
        }
        own.add(row.key)
        if (before === undefined || before.position < row.position) newest.set(row.key, row)
      }
    }
    for (const [key, row] of this.current) {
      const found = newest.get(key)
      if (row.deleted ? found?.deleted === false : found?.position !== row.position) {
        throw new Error(`key ${key} reads as version ${found?.position}, not ${row.position}`)
      }
    }
    this.files.forEach((file, i) => {
      const before = this.files[i - 1]
      if (i === 0 || file.level === 0 || before.level !== file.level) return
      if (compareBytes(before.lastKey, file.firstKey) >= 0) throw new Error(`files of level ${file.level} overlap`)
    })
  }

  private fileOf(rows: ReadonlyArray<Row>, level: number): File {
    const content = [...rows].sort((left, right) => left.key - right.key || right.position - left.position)
    const positions = content.map(({ position }) => position)
    const [firstPosition, lastPosition] = [Math.min(...positions), Math.max(...positions)]
    return {
      name: `file ${++this.names}`,
      level,
      bytes: rowBytes * content.length,
      rows: content.length,
      keys: new Set(content.map(({ key }) => key)).size,
      deletions: content.filter(({ deleted }) => deleted).length,
      firstKey: keyBytes(content[0].key),
      lastKey: keyBytes(content.at(-1)!.key),
      firstPosition,
      lastPosition,
      firstTime: firstPosition * this.positionMicros,
      lastTime: lastPosition * this.positionMicros,
      garbage: 0,
      isExpired: false,
      content
    }
  }

  /** Files with the rows that versions in newer files hide, as marks would tell. */
  private withGarbage(horizon: number): ReadonlyArray<Candidate> {
    const newer = new Set<number>()
    return this.files.toReversed().map((file) => {
      const keys = new Set(file.content.map(({ key }) => key))
      const garbage = [...keys].filter((key) => newer.has(key)).length
      for (const { key, position } of file.content) if (position <= horizon) newer.add(key)
      return { ...file, garbage }
    }).toReversed()
  }

  private merge(
    inputs: ReadonlyArray<File>,
    level: number,
    dropsDeletions: boolean,
    horizon: number
  ): ReadonlyArray<File> {
    const rows = inputs.flatMap(({ content }) => content)
      .sort((left, right) => left.key - right.key || right.position - left.position)
    // What marks tell: keys with a newer version outside, at or below the horizon.
    const hidden = new Set(
      this.files.slice(this.files.indexOf(inputs.at(-1)!) + 1)
        .flatMap(({ content }) => content.filter(({ position }) => position <= horizon).map(({ key }) => key))
    )
    let last: Row | undefined
    const kept = rows.filter((row) => {
      const isOlder = last?.key === row.key && last.position <= horizon
      last = row
      if (row.position > horizon) return true
      return !isOlder && !(row.deleted && dropsDeletions) && !hidden.has(row.key)
    })
    const most = level === 0 ? Infinity : Math.max(1, Math.floor(this.options.fileBytesMax / rowBytes))
    const outputs: Array<File> = []
    for (let from = 0, end = 0; from < kept.length; from = end) {
      end = Math.min(kept.length, from + most)
      while (end < kept.length && kept[end].key === kept[end - 1].key) end++
      outputs.push(this.fileOf(kept.slice(from, end), level))
    }
    return outputs
  }
}
