/**
 * The catalog's state: tenants, their tables and every version of each table's schema. It is a fold of the log and is
 * never changed in place: a reader keeps the state it took for as long as it likes.
 */
import { compareBytes } from "../base/bytes.ts"
import * as Position from "../base/position.ts"
import type { SegmentEntry, TableSettings } from "../event/Event.ts"
import type { BatchShape } from "../event/rowBatch.ts"
import { readCanonical } from "../schema/document.ts"
import { type Column, type TableSchema, vectorKind } from "../schema/types.ts"

/** A tenant. */
export interface Tenant {
  readonly id: string
  /** For people; may be empty. */
  readonly name: string
  /** Microseconds since 1970. */
  readonly createdAt: number
  /** By name. */
  readonly tables: ReadonlyMap<string, Table>
}

/** One registered version of a table's schema. */
export interface SchemaVersion {
  /** From 1. */
  readonly version: number
  readonly schema: TableSchema
  /** The document as it was registered, in canonical form. */
  readonly definition: string
  /** Its place in the log. */
  readonly position: Position.Position
  /** Microseconds since 1970. */
  readonly registeredAt: number
  /** How rows of this version lie in memory. */
  readonly shape: BatchShape
}

/** A table of a tenant. */
export interface Table {
  /** Given in the order of creation, from 1, never reused. */
  readonly id: number
  readonly tenant: string
  readonly name: string
  /** Version v is at v - 1. */
  readonly versions: ReadonlyArray<SchemaVersion>
  readonly settings: TableSettings
  /** Oldest first, as `byAge` orders them. Rows in memory are newer than all of them. */
  readonly segments: ReadonlyArray<SegmentEntry>
  /** Every row up to this position is in segments. */
  readonly flushedThrough: Position.Position
  /** Snapshots below this position may miss versions, and are refused. */
  readonly horizon: Position.Position
  /** Oldest first; both parts grow. */
  readonly expirations: ReadonlyArray<Expiration>
}

/** From a position on, rows with an event time before `before` (microseconds) are gone. */
export interface Expiration {
  readonly position: Position.Position
  readonly before: number
}

/** What a table has until someone chooses otherwise: nothing is ever forgotten. */
export const settingsDefault: TableSettings = {
  history: { keep: "all" },
  ttlMicros: null,
  compaction: { strategy: "leveled" },
  indexes: []
}

/** A table without rows. */
export const newTable = (id: number, tenant: string, name: string): Table => ({
  id,
  tenant,
  name,
  versions: [],
  settings: settingsDefault,
  segments: [],
  flushedThrough: Position.zero,
  horizon: Position.zero,
  expirations: []
})

/**
 * Orders segments from the oldest to the newest: deeper levels first, within level 0 by their positions. A key's
 * versions in a newer segment are all newer than those in an older one; segments of one level below 0 share no keys.
 */
export const byAge = (left: SegmentEntry, right: SegmentEntry): number =>
  right.level - left.level ||
  (left.level === 0 ? left.lastPosition - right.lastPosition : compareBytes(left.firstKey, right.firstKey))

/** The files that a segment consists of: its rows, and what finds them by a column's values. */
export const filesOf = ({ indexes, name }: SegmentEntry): ReadonlyArray<string> => [
  name,
  ...indexes.map((index) => index.name)
]

/** Rows with an event time before this, in microseconds, are gone for a snapshot at a position; -Infinity: none. */
export const expiredBefore = (table: Table, position: Position.Position): number => {
  const { expirations } = table
  for (let i = expirations.length - 1; i >= 0; i--) {
    if (expirations[i].position <= position) return expirations[i].before
  }
  return Number.NEGATIVE_INFINITY
}

export interface CatalogState {
  /** By id. */
  readonly tenants: ReadonlyMap<string, Tenant>
  /** By table id. */
  readonly tables: ReadonlyMap<number, Table>
}

/** Nothing exists. */
export const empty: CatalogState = { tenants: new Map(), tables: new Map() }

/** The version that new rows are stored in. */
export const latest = (table: Table): SchemaVersion => table.versions[table.versions.length - 1]

/** A version by its number, 0 = the latest. */
export const versionOf = (table: Table, version: number): SchemaVersion | undefined =>
  version === 0 ? latest(table) : table.versions[version - 1]

/** A version as its document says. Throws `FormatError` for a document that cannot be read. */
export const schemaVersionOf = (
  table: number,
  version: number,
  definition: string,
  position: Position.Position,
  registeredAt: number
): SchemaVersion => {
  const schema = readCanonical(definition)
  return { version, schema, definition, position, registeredAt, shape: shapeOf(table, version, schema) }
}

/**
 * The columns of a segment's file, in their order: those of its version of the schema, and behind them those that the
 * table had dropped by then and that were kept, since a later version may name them again.
 */
export const storedColumns = (table: Table, { columns, schemaVersion }: SegmentEntry): ReadonlyArray<Column> => {
  const version = new Map(versionOf(table, schemaVersion)?.schema.columns.map((column) => [column.id, column]))
  return columns.map(({ columnId }) => version.get(columnId) ?? droppedColumn(table, columnId))
}

/** A column that the table has no longer, as the newest version had it; any row may be without a value. */
export const droppedColumn = (table: Table, id: number): Column => {
  for (let i = table.versions.length - 1; i >= 0; i--) {
    const column = table.versions[i].schema.columns.find((found) => found.id === id)
    if (column !== undefined) return { ...column, nullable: true, default: undefined }
  }
  throw new TypeError(`no version of table ${table.name} has a column with id ${id}`)
}

/** How rows of a schema lie in memory. */
const shapeOf = (table: number, schemaVersion: number, schema: TableSchema): BatchShape => ({
  table,
  schemaVersion,
  columns: schema.columns.map((column) => vectorKind(column.type))
})
