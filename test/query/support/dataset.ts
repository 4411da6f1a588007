/**
 * A table beside its model: every write goes into the engine's own state, the fold of the log, and into a plain list of
 * versions. Memtables become segments, and segments others, when a test says so.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { encodeUtf8 } from "../../../src/base/bytes.ts"
import { unrestricted } from "../../../src/base/caller.ts"
import * as Position from "../../../src/base/position.ts"
import { Catalog } from "../../../src/catalog/Catalog.ts"
import { makeCatalog } from "../../../src/catalog/makeCatalog.ts"
import { latest, type Table } from "../../../src/catalog/state.ts"
import type { SegmentEntry } from "../../../src/event/Event.ts"
import { type BatchShape, RowBatch } from "../../../src/event/rowBatch.ts"
import { setNull, type Vector } from "../../../src/event/vector.ts"
import { Engine, EngineService } from "../../../src/mvcc/Engine.ts"
import { EngineState } from "../../../src/mvcc/engineState.ts"
import { makeMvcc } from "../../../src/mvcc/makeMvcc.ts"
import type { Memtable } from "../../../src/mvcc/memtable.ts"
import { Mvcc, type MvccService } from "../../../src/mvcc/Mvcc.ts"
import { makeSegmentFiles, SegmentFiles, type SegmentFilesService } from "../../../src/mvcc/SegmentFiles.ts"
import { segmentEntry } from "../../../src/processor/segmentEntry.ts"
import { makeQuery } from "../../../src/query/makeQuery.ts"
import type { QueryService } from "../../../src/query/Query.ts"
import type { Value } from "../../../src/query/result.ts"
import { canonicalDocument, parseDocument } from "../../../src/schema/document.ts"
import type { Column } from "../../../src/schema/types.ts"
import { sortRows } from "../../../src/segment/sortRows.ts"
import { storeSegment } from "../../../src/segment/storeSegment.ts"
import type { SegmentRows } from "../../../src/segment/write/SegmentRows.ts"
import { BlockStorage } from "../../../src/storage/BlockStorage.ts"
import { makeMemoryStorage, type MemoryStorage } from "../../../src/storage/memoryStorage.ts"

export const tenant = "acme"
export const tableName = "events"

/** A row to write. Absent values are null. */
export interface NewRow {
  readonly key: string
  readonly deleted?: boolean
  /** Microseconds; absent = the commit time. */
  readonly timestamp?: number
  readonly metadata?: Readonly<Record<string, string>>
  readonly values?: Readonly<Record<string, Value>>
}

/** One version, in the model. */
export interface ModelVersion extends NewRow {
  readonly position: number
  readonly commitTime: number
  readonly schemaVersion: number
}

export class Dataset {
  readonly state: EngineState
  readonly versions: Array<ModelVersion> = []
  readonly storage: MemoryStorage
  readonly files: SegmentFilesService
  /** When rows expired: from a position on, those with an event time before. */
  private readonly expirations: Array<{ readonly position: number; readonly before: number }> = []
  private readonly engine: EngineService
  private time = 1_700_000_000_000_000
  private segmentsMade = 0

  constructor(memtableBytesMax: number, cacheBytesMax = 1 << 22) {
    this.storage = Effect.runSync(makeMemoryStorage)
    this.files = Effect.runSync(
      makeSegmentFiles({ cacheBytesMax }).pipe(
        Effect.provideService(BlockStorage, BlockStorage.of(this.storage)),
        Effect.provideServiceEffect(Scope.Scope, Scope.make())
      )
    )
    this.state = new EngineState(memtableBytesMax)
    this.engine = new EngineService(this.state, { checkpoint: undefined, replayedBytes: 0 })
  }

  get table(): Table {
    return this.state.catalog.tenants.get(tenant)!.tables.get(tableName)!
  }

  get columns(): ReadonlyArray<Column> {
    return latest(this.table).schema.columns
  }

  get memtables(): number {
    return this.state.tables.get(this.table.id)?.memtables.length ?? 0
  }

  /** Registers the next version of the table's schema. */
  register(document: unknown): void {
    const earlier = this.state.catalog.tenants.get(tenant)?.tables.get(tableName)?.versions ?? []
    const parsed = parseDocument(JSON.stringify(document), earlier.map(({ schema }) => schema))
    if (parsed.problem !== undefined) throw new Error(parsed.problem.message)
    this.state.fold(
      {
        kind: "SchemaRegistered",
        tenant,
        table: tableName,
        tableId: 1,
        version: earlier.length + 1,
        definition: canonicalDocument(parsed.schema)
      },
      this.nextPosition(),
      ++this.time
    )
  }

  /** Writes rows as one batch of the latest schema version, or of another. */
  write(rows: ReadonlyArray<NewRow>, schemaVersion = this.table.versions.length): void {
    const { schema, shape } = this.table.versions[schemaVersion - 1]
    const batch = batchOf(rows, schema.columns, shape)
    const first = this.nextPosition()
    const commitTime = this.time += 1000
    rows.forEach((row, i) => this.versions.push({ ...row, position: first + i, commitTime, schemaVersion }))
    this.state.fold(
      { kind: "RowsWritten", transactional: true, batches: [batch], idempotency: undefined },
      first,
      commitTime
    )
    this.engine.publish()
  }

  /** The newest memtable takes no more rows. */
  seal(): void {
    this.state.tableVersions(this.table.id).seal()
  }

  /** Writes the oldest sealed memtable into a segment of level 0 whose row groups have so many rows. */
  flush(rowGroupRows: number): boolean {
    const [memtable] = this.state.tableVersions(this.table.id).sealed
    if (memtable === undefined) return false
    const rows = rowsOfMemtable(memtable, (position) => this.state.commitTimes.timeOf(Position.make(position)))
    const entry = this.store(rows, memtable.shape.schemaVersion, 0, rowGroupRows)
    this.publish(memtable.lastPosition, [], [entry])
    return true
  }

  /**
   * Merges all segments, which are of one schema version, into segments of level 1 of about so many rows. No key is in
   * two of them, and no version is dropped.
   */
  merge(segmentRows: number, rowGroupRows: number): void {
    const { flushedThrough, segments } = this.table
    const [first] = segments
    if (first === undefined || segments.some(({ schemaVersion }) => schemaVersion !== first.schemaVersion)) return
    const versions = this.versions
      .filter(({ position }) => position <= flushedThrough)
      .sort((left, right) => Buffer.compare(Buffer.from(left.key), Buffer.from(right.key)))
    const added: Array<SegmentEntry> = []
    for (let from = 0; from < versions.length;) {
      let to = Math.min(versions.length, from + segmentRows)
      while (to < versions.length && versions[to].key === versions[to - 1].key) to++
      const rows = this.rowsOf(versions.slice(from, to), first.schemaVersion)
      added.push(this.store(rows, first.schemaVersion, 1, rowGroupRows))
      from = to
    }
    this.publish(flushedThrough, segments.map(({ name }) => name), added)
  }

  /** Rows with an event time before this, in microseconds, are gone from here on. */
  expire(before: number): void {
    const position = this.nextPosition()
    this.state.fold({ kind: "RowsExpired", tableId: this.table.id, before }, position, ++this.time)
    this.expirations.push({ position, before })
  }

  /** Snapshots of memtables and segments. */
  mvcc(): MvccService {
    return Effect.runSync(
      makeMvcc.pipe(Effect.provideService(Engine, this.engine), Effect.provideService(SegmentFiles, this.files))
    )
  }

  /** The query service over memtables and segments. */
  query(mvcc: MvccService = this.mvcc()): QueryService {
    return Effect.runSync(
      makeQuery.pipe(
        Effect.provideService(Mvcc, Mvcc.of(mvcc)),
        Effect.provideService(Catalog, makeCatalog(() => this.state.catalog))
      )
    )
  }

  /** The newest version of each key at a position, deletions left out, by key. */
  rowsAt(position: number): Array<ModelVersion> {
    const newest = new Map<string, ModelVersion>()
    for (const version of this.versions) {
      if (version.position <= position) newest.set(version.key, version)
    }
    const expired = this.expirations.findLast((expiration) => expiration.position <= position)?.before ?? -Infinity
    return [...newest.values()]
      .filter(({ commitTime, deleted, timestamp }) => deleted !== true && (timestamp ?? commitTime) >= expired)
  }

  /** Versions that no snapshot at or above the position sees may be gone from here on. */
  raiseHorizon(horizon: number): void {
    const { flushedThrough, segments } = this.table
    this.publish(flushedThrough, segments.map(({ name }) => name), segments, horizon)
  }

  private publish(
    through: Position.Position,
    removed: ReadonlyArray<string>,
    added: ReadonlyArray<SegmentEntry>,
    horizon = 0
  ): void {
    this.state.fold(
      { kind: "SegmentsPublished", tableId: this.table.id, through, horizon, removed, added },
      this.nextPosition(),
      ++this.time
    )
  }

  private store(rows: SegmentRows, schemaVersion: number, level: number, rowGroupRows: number): SegmentEntry {
    const name = `segments/${this.table.id}/${++this.segmentsMade}.parquet`
    const { schema } = this.table.versions[schemaVersion - 1]
    const order = sortRows(rows.keys, rows.positions, rows.positions.length)
    let from = 0
    const next = Effect.sync(() => {
      if (from === order.length) return undefined
      const to = Math.min(order.length, from + rowGroupRows)
      const piece = { rows, order: order.slice(from, to) }
      from = to
      return piece
    })
    const owner = { table: this.table.id, schemaVersion, schema }
    return segmentEntry(name, level, schemaVersion, Effect.runSync(storeSegment(this.storage, name, owner, next)))
  }

  private rowsOf(versions: ReadonlyArray<ModelVersion>, schemaVersion: number): SegmentRows {
    const { schema, shape } = this.table.versions[schemaVersion - 1]
    const { columns, deleted, keys, metadata, timestamps } = batchOf(versions, schema.columns, shape)
    return {
      keys,
      metadata,
      timestamps,
      columns,
      deleted,
      positions: Float64Array.from(versions, ({ position }) => position),
      commitTimes: Float64Array.from(versions, ({ commitTime }) => commitTime)
    }
  }

  private nextPosition(): Position.Position {
    return Position.advance(this.state.position, 1)
  }
}

const batchOf = (rows: ReadonlyArray<NewRow>, columns: ReadonlyArray<Column>, shape: BatchShape): RowBatch => {
  const batch = new RowBatch(shape, rows.length)
  rows.forEach((row, i) => {
    batch.keys.set(i, encodeUtf8(row.key))
    if (row.timestamp === undefined) setNull(batch.timestamps, i)
    else batch.timestamps.setNumber(i, row.timestamp)
    if (row.metadata === undefined) setNull(batch.metadata, i)
    else batch.metadata.set(i, encodeUtf8(JSON.stringify(row.metadata)))
    if (row.deleted === true) {
      batch.deleted[i] = 1
      batch.hasDeleted = true
    }
    columns.forEach((column, c) => setValue(batch.columns[c], i, row.values?.[column.name] ?? null))
  })
  batch.count = rows.length
  return batch
}

const rowsOfMemtable = (memtable: Memtable, timeOf: (position: number) => number): SegmentRows => {
  const positions = memtable.positions.slice(0, memtable.count)
  return {
    keys: memtable.keys,
    positions,
    commitTimes: positions.map(timeOf),
    timestamps: memtable.timestamps,
    deleted: memtable.hasDeleted ? memtable.deleted : undefined,
    metadata: memtable.metadata,
    columns: memtable.columns
  }
}

/** Writes one value of a row of a batch. */
export const setValue = (vector: Vector, row: number, value: Value): void => {
  if (value === null) {
    setNull(vector, row)
  } else if (vector.kind === "text") {
    vector.set(row, value instanceof Uint8Array ? value : encodeUtf8(value as string))
  } else if (vector.kind === "int64") {
    if (typeof value === "bigint") vector.setBigInt(row, value)
    else vector.setNumber(row, value as number)
  } else {
    vector.values[row] = Number(value)
  }
}

/** What most requests of the tests have in common. */
export const read = {
  tenant,
  table: tableName,
  asOf: { kind: "latest" },
  minPosition: Position.zero
} as const

/** Runs a read to its answer. */
export const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)

/** Runs a read that must be refused, to its error. */
export const refused = <A, E>(effect: Effect.Effect<A, E>): Promise<E> => Effect.runPromise(Effect.flip(effect))

/** Nobody in particular. */
export const anyone = unrestricted
