/**
 * The catalog's state: tenants, their tables and every version of each table's schema. It is a fold of the log and is
 * never changed in place: a reader keeps the state it took for as long as it likes.
 */
import type { Position } from "../base/position.ts"
import type { BatchShape } from "../event/rowBatch.ts"
import { type TableSchema, vectorKind } from "../schema/types.ts"

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
  readonly position: Position
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

/** How rows of a schema lie in memory. */
export const shapeOf = (table: number, schemaVersion: number, schema: TableSchema): BatchShape => ({
  table,
  schemaVersion,
  columns: schema.columns.map((column) => vectorKind(column.type))
})
