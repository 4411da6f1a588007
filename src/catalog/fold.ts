/** The catalog's fold: the state after an event, from the state before it. Pure, so that every node comes to the same. */
import { invariant } from "../base/invariant.ts"
import type { Position } from "../base/position.ts"
import type { Event, RowsWritten, SchemaRegistered, SegmentsPublished } from "../event/Event.ts"
import { byAge, type CatalogState, newTable, schemaVersionOf, type Table, type Tenant } from "./state.ts"

/** An event that changes the catalog: any but rows. */
export type CatalogEvent = Exclude<Event, RowsWritten>

/** Folds one event. `position` and `commitTime` (microseconds) are those of its frame. */
export const foldCatalog = (
  state: CatalogState,
  event: CatalogEvent,
  position: Position,
  commitTime: number
): CatalogState => {
  switch (event.kind) {
    case "TenantCreated":
      return withTenant(state, { id: event.tenant, name: event.name, createdAt: commitTime, tables: new Map() })
    case "SchemaRegistered":
      return registerSchema(state, event, position, commitTime)
    case "TableConfigured":
      return withTable(state, { ...tableOf(state, event.tableId), settings: event.settings })
    case "SegmentsPublished":
      return withTable(state, publishSegments(tableOf(state, event.tableId), event))
    case "RowsExpired": {
      const table = tableOf(state, event.tableId)
      // What no snapshot at or above the horizon looks at goes.
      const kept = table.expirations.filter((_, i, all) => i + 1 === all.length || all[i + 1].position > table.horizon)
      return withTable(state, { ...table, expirations: [...kept, { position, before: event.before }] })
    }
  }
}

/** Why segments cannot be published; `undefined` where they can. Of two that remove the same file, the first one can. */
export const publicationProblem = (table: Table, event: SegmentsPublished): string | undefined => {
  const missing = event.removed.find((name) => !table.segments.some((segment) => segment.name === name))
  if (missing !== undefined) return `${missing} is no segment of table ${table.name} any more`
  // What replaces no file comes from memory: its rows must not be in segments yet.
  const isFlush = event.removed.length === 0
  if (event.through < table.flushedThrough || (isFlush && event.through === table.flushedThrough)) {
    return `rows up to position ${table.flushedThrough} are in segments already`
  }
  return undefined
}

const publishSegments = (table: Table, event: SegmentsPublished): Table => {
  // Whoever was second with the same rows is ignored, by everyone who folds the log.
  if (publicationProblem(table, event) !== undefined) return table
  const removed = new Set(event.removed)
  return {
    ...table,
    segments: [...table.segments.filter(({ name }) => !removed.has(name)), ...event.added].sort(byAge),
    flushedThrough: Math.max(table.flushedThrough, event.through) as Position,
    horizon: Math.max(table.horizon, event.horizon) as Position
  }
}

const registerSchema = (
  state: CatalogState,
  event: SchemaRegistered,
  position: Position,
  commitTime: number
): CatalogState => {
  const tenant = state.tenants.get(event.tenant) ??
    { id: event.tenant, name: "", createdAt: commitTime, tables: new Map<string, Table>() }
  const before = tenant.tables.get(event.table) ?? newTable(event.tableId, event.tenant, event.table)
  const { versions } = before
  invariant(event.version === versions.length + 1, `schema versions of a table count up from 1 (${event.table})`)
  const table: Table = {
    ...before,
    versions: [...versions, schemaVersionOf(event.tableId, event.version, event.definition, position, commitTime)]
  }
  return withTable(withTenant(state, tenant), table)
}

const tableOf = (state: CatalogState, id: number): Table => {
  const table = state.tables.get(id)
  invariant(table !== undefined, `an event belongs to a table of the catalog (${id})`)
  return table
}

/** Puts a table into its tenant, which exists. */
const withTable = (state: CatalogState, table: Table): CatalogState => {
  const tenant = state.tenants.get(table.tenant)!
  return {
    tenants: withTenant(state, { ...tenant, tables: new Map(tenant.tables).set(table.name, table) }).tenants,
    tables: new Map(state.tables).set(table.id, table)
  }
}

const withTenant = (state: CatalogState, tenant: Tenant): CatalogState => ({
  ...state,
  tenants: new Map(state.tenants).set(tenant.id, tenant)
})
