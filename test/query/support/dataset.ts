/**
 * A table in memory beside its model: every write goes into the engine's own state, the fold of the log, and into a
 * plain list of versions.
 */
import * as Effect from "effect/Effect"
import { encodeUtf8 } from "../../../src/base/bytes.ts"
import { unrestricted } from "../../../src/base/caller.ts"
import * as Position from "../../../src/base/position.ts"
import { Catalog } from "../../../src/catalog/Catalog.ts"
import { makeCatalog } from "../../../src/catalog/makeCatalog.ts"
import { latest, type Table } from "../../../src/catalog/state.ts"
import { RowBatch } from "../../../src/event/rowBatch.ts"
import { setNull, type Vector } from "../../../src/event/vector.ts"
import { Engine, EngineService } from "../../../src/mvcc/Engine.ts"
import { EngineState } from "../../../src/mvcc/engineState.ts"
import { makeMvcc } from "../../../src/mvcc/makeMvcc.ts"
import { Mvcc } from "../../../src/mvcc/Mvcc.ts"
import { SegmentFiles } from "../../../src/mvcc/SegmentFiles.ts"
import { makeQuery } from "../../../src/query/makeQuery.ts"
import type { QueryService } from "../../../src/query/Query.ts"
import type { Value } from "../../../src/query/result.ts"
import { canonicalDocument, parseDocument } from "../../../src/schema/document.ts"
import type { Column } from "../../../src/schema/types.ts"
import { noSegments } from "../../support/segmentFiles.ts"

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
  private readonly engine: EngineService
  private time = 1_700_000_000_000_000

  constructor(memtableBytesMax: number) {
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
    const batch = new RowBatch(shape, rows.length)
    const first = this.nextPosition()
    const commitTime = this.time += 1000
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
      schema.columns.forEach((column, c) => setValue(batch.columns[c], i, row.values?.[column.name] ?? null))
      this.versions.push({ ...row, position: first + i, commitTime, schemaVersion })
    })
    batch.count = rows.length
    this.state.fold(
      { kind: "RowsWritten", transactional: true, batches: [batch], idempotency: undefined },
      first,
      commitTime
    )
    this.engine.publish()
  }

  /** The query service over what is in memory. */
  query(): QueryService {
    return Effect.runSync(
      Effect.flatMap(makeMvcc, (mvcc) => Effect.provideService(makeQuery, Mvcc, Mvcc.of(mvcc))).pipe(
        Effect.provideService(Engine, this.engine),
        Effect.provideService(SegmentFiles, noSegments),
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
    return [...newest.values()].filter(({ deleted }) => deleted !== true)
  }

  private nextPosition(): Position.Position {
    return Position.advance(this.state.position, 1)
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
