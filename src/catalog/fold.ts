/** The catalog's fold: the state after an event, from the state before it. Pure, so that every node comes to the same. */
import { invariant } from "../base/invariant.ts"
import type { Position } from "../base/position.ts"
import type { SchemaRegistered, TenantCreated } from "../event/Event.ts"
import { readCanonical } from "../schema/document.ts"
import { type CatalogState, shapeOf, type Table, type Tenant } from "./state.ts"

/** An event that changes the catalog. */
export type CatalogEvent = TenantCreated | SchemaRegistered

/** Folds one event. `position` and `commitTime` (microseconds) are those of its frame. */
export const foldCatalog = (
  state: CatalogState,
  event: CatalogEvent,
  position: Position,
  commitTime: number
): CatalogState =>
  event.kind === "TenantCreated"
    ? withTenant(state, { id: event.tenant, name: event.name, createdAt: commitTime, tables: new Map() })
    : registerSchema(state, event, position, commitTime)

const registerSchema = (
  state: CatalogState,
  event: SchemaRegistered,
  position: Position,
  commitTime: number
): CatalogState => {
  const tenant = state.tenants.get(event.tenant) ??
    { id: event.tenant, name: "", createdAt: commitTime, tables: new Map<string, Table>() }
  const before = tenant.tables.get(event.table)
  const versions = before?.versions ?? []
  invariant(event.version === versions.length + 1, `schema versions of a table count up from 1 (${event.table})`)
  const schema = readCanonical(event.definition)
  const table: Table = {
    id: event.tableId,
    tenant: event.tenant,
    name: event.table,
    versions: [...versions, {
      version: event.version,
      schema,
      definition: event.definition,
      position,
      registeredAt: commitTime,
      shape: shapeOf(event.tableId, event.version, schema)
    }]
  }
  return {
    tenants: withTenant(state, { ...tenant, tables: new Map(tenant.tables).set(table.name, table) }).tenants,
    tables: new Map(state.tables).set(table.id, table)
  }
}

const withTenant = (state: CatalogState, tenant: Tenant): CatalogState => ({
  ...state,
  tenants: new Map(state.tenants).set(tenant.id, tenant)
})
