/** One table with real segments in memory, beside a model of every version that was ever written to it. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { compareBytes } from "../../src/base/bytes.ts"
import type { Position } from "../../src/base/position.ts"
import { byAge } from "../../src/catalog/state.ts"
import type { SegmentEntry } from "../../src/event/Event.ts"
import { RowBatch } from "../../src/event/rowBatch.ts"
import { Int64Vector, NumberVector, setNull, TextVector } from "../../src/event/vector.ts"
import type { HandOver } from "../../src/mvcc/handOver.ts"
import { makeSegmentFiles, type SegmentFilesService } from "../../src/mvcc/SegmentFiles.ts"
import { settleMarks } from "../../src/mvcc/settleMarks.ts"
import { TableSegment } from "../../src/mvcc/tableSegment.ts"
import { TableVersions } from "../../src/mvcc/tableVersions.ts"
import { parseDocument } from "../../src/schema/document.ts"
import type { SegmentError } from "../../src/segment/SegmentError.ts"
import { sortRows } from "../../src/segment/sortRows.ts"
import { storeSegment } from "../../src/segment/storeSegment.ts"
import type { SegmentRows } from "../../src/segment/write/SegmentRows.ts"
import { BlockStorage } from "../../src/storage/BlockStorage.ts"
import { makeMemoryStorage, type MemoryStorage } from "../../src/storage/memoryStorage.ts"

const parsed = parseDocument(JSON.stringify({ columns: [{ name: "flag", type: "bool", nullable: true }] }))
if (parsed.problem !== undefined) throw new Error(parsed.problem.message)
const owner = { table: 1, schemaVersion: 1, schema: parsed.schema }

/** A version as the model has it. */
export interface ModelRow {
  readonly key: string
  readonly position: number
  readonly deleted: boolean
}

/** What is to be written: keys, of which some are deleted. */
export type ModelWrite = Pick<ModelRow, "key" | "deleted">

/** Rows as columns, for a segment. */
const columnsOf = (rows: ReadonlyArray<ModelRow>): SegmentRows => {
  const count = rows.length
  const columns: SegmentRows = {
    keys: new TextVector(count),
    positions: Float64Array.from(rows, ({ position }) => position),
    commitTimes: Float64Array.from(rows, ({ position }) => position),
    timestamps: new Int64Vector(count),
    deleted: Uint8Array.from(rows, ({ deleted }) => deleted ? 1 : 0),
    metadata: new TextVector(count),
    columns: [new NumberVector("bool", count)]
  }
  rows.forEach(({ key }, row) => {
    columns.keys.set(row, Buffer.from(key))
    for (const vector of [columns.timestamps, columns.metadata, columns.columns[0]]) {
      if (vector.kind !== "dictionary") setNull(vector, row)
    }
  })
  return columns
}

/** Segments that are to become others. */
export interface ModelMerge {
  readonly inputs: ReadonlyArray<string>
  readonly level: number
  /** Rows of each output, about; a key is in one of them only. */
  readonly outputRows: number
  /** Versions that nobody at or above this position sees are dropped. */
  readonly horizon: number
  /** Whether no older segment holds any of the keys: then deletions at or below the horizon go as well. */
  readonly isDeepest: boolean
  /** Whether rows are handed over that are not the newest of their key. */
  readonly mapsAll: boolean
}

export class SegmentTable {
  versions: TableVersions
  readonly files: SegmentFilesService
  position = 0
  flushedThrough = 0
  horizon = 0
  /** Rows of the segments by name, in their order. */
  readonly contents = new Map<string, ReadonlyArray<ModelRow>>()
  /** Rows in each row group of what is written from now on. */
  rowGroupRows = 1_000_000
  private readonly storage: MemoryStorage
  private readonly memtableBytesMax: number
  private readonly history = new Map<string, Array<ModelRow>>()
  private readonly log: Array<{ readonly first: number; readonly batch: RowBatch }> = []
  private segmentsMade = 0

  constructor(storage: MemoryStorage, files: SegmentFilesService, memtableBytesMax: number) {
    this.storage = storage
    this.files = files
    this.memtableBytesMax = memtableBytesMax
    this.versions = new TableVersions(1, memtableBytesMax)
  }

  get entries(): ReadonlyArray<SegmentEntry> {
    return this.versions.segments.map(({ entry }) => entry)
  }

  append(writes: ReadonlyArray<ModelWrite>): void {
    const batch = new RowBatch({ table: 1, schemaVersion: 1, columns: ["bool"] }, writes.length)
    const first = this.position + 1
    writes.forEach(({ deleted, key }, row) => {
      batch.keys.set(row, Buffer.from(key))
      for (const vector of [batch.timestamps, batch.metadata, batch.columns[0]]) setNull(vector, row)
      batch.deleted[row] = deleted ? 1 : 0
      batch.hasDeleted ||= deleted
      this.history.set(key, [...this.history.get(key) ?? [], { key, position: first + row, deleted }])
    })
    batch.count = writes.length
    this.versions.append(batch, first as Position)
    this.log.push({ first, batch })
    this.position += writes.length
  }

  /** Everything as it is after a restart: segments of which nothing is known, and the log's rows behind them. */
  restart(): void {
    const { entries } = this
    this.versions = new TableVersions(1, this.memtableBytesMax)
    this.versions.publish(entries, this.flushedThrough as Position)
    for (const { batch, first } of this.log) {
      if (first > this.flushedThrough) this.versions.append(batch, first as Position)
    }
  }

  readonly settle: Effect.Effect<void, SegmentError> = Effect.suspend(() =>
    this.versions.segmentsLock.withPermit(settleMarks(this.files, this.versions))
  )

  /** Writes the oldest memtable into a segment; `meanwhile` runs before it is published. */
  flush(isHandedOver: boolean, meanwhile: () => void = () => {}): Effect.Effect<void, SegmentError> {
    return Effect.gen({ self: this }, function*() {
      if (this.versions.memtables.length === 1) this.versions.seal()
      const memtable = this.versions.memtables.at(0)
      if (memtable === undefined) return
      const order = sortRows(memtable.keys, memtable.positions, memtable.count)
      const rows = Array.from(order, (row): ModelRow => ({
        key: Buffer.from(memtable.keys.get(row)).toString(),
        position: memtable.positions[row],
        deleted: memtable.deleted[row] === 1
      }))
      const entry = yield* this.store(rows, 0)
      meanwhile()
      const through = memtable.lastPosition
      const handOver: HandOver = { kind: "flush", memtable, order, segment: entry.name }
      yield* this.publish([...this.entries, entry], through, isHandedOver ? handOver : undefined)
    })
  }

  /** Merges segments. */
  merge(merge: ModelMerge, isHandedOver: boolean): Effect.Effect<void, SegmentError> {
    return Effect.gen({ self: this }, function*() {
      const { horizon, inputs, isDeepest, level, mapsAll, outputRows } = merge
      const rows = inputs.flatMap((input) => this.contents.get(input)!.map((row, at) => ({ row, input, at })))
      rows.sort((left, right) =>
        compareBytes(Buffer.from(left.row.key), Buffer.from(right.row.key)) || right.row.position - left.row.position
      )
      const rowMaps = new Map(inputs.map((input) => [input, new Int32Array(this.contents.get(input)!.length).fill(-1)]))
      const outputs: Array<Array<ModelRow>> = [[]]
      let kept = 0
      rows.forEach(({ at, input, row }, i) => {
        const isNewest = i === 0 || rows[i - 1].row.key !== row.key
        const newer = isNewest ? Infinity : rows[i - 1].row.position
        if (newer <= horizon || (isDeepest && row.deleted && row.position <= horizon)) return
        if (isNewest && outputs.at(-1)!.length >= outputRows) outputs.push([])
        outputs.at(-1)!.push(row)
        if (isNewest || mapsAll) rowMaps.get(input)![at] = kept
        kept++
      })
      const added: Array<SegmentEntry> = []
      for (const output of outputs) if (output.length > 0) added.push(yield* this.store(output, level))
      this.horizon = Math.max(this.horizon, horizon)
      const left = this.entries.filter(({ name }) => !inputs.includes(name))
      const handOver: HandOver = { kind: "merge", outputs: added.map(({ name }) => name), rowMaps }
      yield* this.publish([...left, ...added], this.flushedThrough, isHandedOver ? handOver : undefined)
    })
  }

  /** Moves a segment to another level. */
  move(name: string, level: number): Effect.Effect<void> {
    return this.publish(
      this.entries.map((entry) => entry.name === name ? { ...entry, level } : entry),
      this.flushedThrough,
      undefined
    )
  }

  /** Asserts that a reader at a position finds what the model has, without settling anything. */
  check(position: number): void {
    const expected = new Map<string, number>()
    for (const [key, all] of this.history) {
      const newest = all.findLast((row) => row.position <= position)
      if (newest !== undefined && !newest.deleted) expected.set(key, newest.position)
    }
    const visible = new Map<string, number>()
    const see = ({ deleted, key, position }: ModelRow) => {
      if (deleted) return
      assert.isFalse(visible.has(key), `two versions of ${key} are visible`)
      visible.set(key, position)
    }
    for (const { entry, marks } of this.versions.segments) {
      const rows = this.contents.get(entry.name)!
      rows.forEach((row, i) => {
        const isBehindNewer = i > 0 && rows[i - 1].key === row.key && rows[i - 1].position <= position
        if (row.position <= position && !isBehindNewer && marks.of(i) > position) see(row)
      })
    }
    for (const memtable of this.versions.memtables) {
      for (let row = 0; row < memtable.count; row++) {
        if (memtable.positions[row] > position || memtable.superseded[row] <= position) continue
        const key = Buffer.from(memtable.keys.get(row)).toString()
        see({ key, position: memtable.positions[row], deleted: memtable.deleted[row] === 1 })
      }
    }
    assert.deepStrictEqual(Object.fromEntries(visible), Object.fromEntries(expected), `at ${position}`)
  }

  /**
   * Asserts that all marks are those that would be found if nothing were known; the table has to be settled. Below the
   * horizon it makes no difference where a row ends.
   */
  get checkMarks(): Effect.Effect<void, SegmentError> {
    return Effect.gen({ self: this }, function*() {
      const { memtables, segments } = this.versions
      const fresh = new TableVersions(1, this.memtableBytesMax)
      fresh.segments = segments.map(({ entry }) => new TableSegment(entry))
      fresh.memtables.push(...memtables)
      for (const memtable of memtables) memtable.settled = 0
      yield* settleMarks(this.files, fresh)
      segments.forEach(({ entry, marks }, i) => {
        const rows = this.contents.get(entry.name)!
        const ends = (of: TableSegment["marks"]) =>
          rows.map((row, at) =>
            at > 0 && rows[at - 1].key === row.key ? 0 : Math.max(row.position, this.horizon, of.of(at))
          )
        assert.deepStrictEqual(ends(marks), ends(fresh.segments[i].marks), `marks of ${entry.name}`)
      })
    })
  }

  private publish(entries: ReadonlyArray<SegmentEntry>, through: number, handOver: HandOver | undefined) {
    return this.versions.segmentsLock.withPermit(Effect.sync(() => {
      this.flushedThrough = through
      this.versions.publish([...entries].sort(byAge), through as Position, handOver)
    }))
  }

  /** Writes sorted rows. */
  private store(rows: ReadonlyArray<ModelRow>, level: number): Effect.Effect<SegmentEntry, SegmentError> {
    return Effect.gen({ self: this }, function*() {
      const name = `segments/1/${++this.segmentsMade}.parquet`
      const columns = columnsOf(rows)
      let from = 0
      const next = Effect.sync(() => {
        if (from === rows.length) return undefined
        const end = Math.min(rows.length, from + this.rowGroupRows)
        const order = Int32Array.from({ length: end - from }, (_, i) => from + i)
        from = end
        return { rows: columns, order }
      })
      const summary = yield* storeSegment(this.storage, name, owner, next)
      this.contents.set(name, rows)
      return {
        name,
        level,
        schemaVersion: 1,
        bytes: summary.bytes,
        plainBytes: summary.plainBytes,
        rows: summary.rows,
        keys: summary.keys,
        deletions: summary.deletions,
        firstKey: summary.minKey,
        lastKey: summary.maxKey,
        firstPosition: summary.minPosition,
        lastPosition: summary.maxPosition,
        firstTime: summary.minPosition,
        firstEventTime: summary.minPosition,
        lastEventTime: summary.maxPosition,
        lastTime: summary.maxPosition,
        columns: [],
        indexes: []
      } as SegmentEntry
    })
  }
}

/** A table without rows. `memtableBytesMax`: see `TableVersions`. */
export const makeSegmentTable = Effect.fnUntraced(
  function*(memtableBytesMax: number): Effect.fn.Return<SegmentTable, never, Scope.Scope> {
    const storage = yield* makeMemoryStorage
    const files = yield* Effect.provideService(
      makeSegmentFiles({ cacheBytesMax: 1 << 24 }),
      BlockStorage,
      BlockStorage.of(storage)
    )
    return new SegmentTable(storage, files, memtableBytesMax)
  }
)
