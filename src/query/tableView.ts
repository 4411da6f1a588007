/** A table at a snapshot: what every read begins with. */
import * as Effect from "effect/Effect"
import type { Caller } from "../base/caller.ts"
import type { CatalogService } from "../catalog/Catalog.ts"
import { latest, type Table } from "../catalog/state.ts"
import type { AsOf, MvccService, Snapshot } from "../mvcc/Mvcc.ts"
import { type ColumnScope, tableScope } from "./columns.ts"
import { nearestNames } from "./nearestNames.ts"
import type { ReadRequest } from "./Query.ts"
import { mvccReads, refusals } from "./refusals.ts"
import { refuse } from "./refuse.ts"

/** The services that reads are made of. */
export interface Foundation {
  readonly catalog: CatalogService
  readonly mvcc: MvccService
}

/** One table at one snapshot: what a read is planned by. Its rows are opened when the plan is run; see `openSources`. */
export interface TableView {
  readonly table: Table
  /** What names in the request can stand for. */
  readonly scope: ColumnScope
  readonly snapshot: Snapshot
}

/**
 * Takes the snapshot, then looks for the table: whoever waits for a position sees what was registered by then. `asOf`
 * stands in for the request's where a cursor has said which snapshot it reads.
 */
export const openTable = Effect.fnUntraced(function*(
  { catalog, mvcc }: Foundation,
  request: ReadRequest,
  caller: Caller,
  asOf: AsOf = request.asOf
) {
  const tenant = yield* refusals(() => tenantOf(request, caller))
  const snapshot = yield* mvccReads(mvcc.snapshot({ asOf, minPosition: request.minPosition }))
  return yield* refusals((): TableView => {
    const table = findTable(catalog, tenant, request.table)
    return { table, scope: tableScope(table.name, latest(table).schema.columns), snapshot }
  })
})

/** Whom the request is for. Another tenant is refused before anything is looked for: whether it exists is not told. */
const tenantOf = (request: ReadRequest, caller: Caller): string => {
  const tenant = request.tenant === "" ? caller.tenant ?? "" : request.tenant
  if (tenant === "") refuse("MISSING_ARGUMENT", "tenant_id", "name the tenant to read from")
  if (request.table === "") refuse("MISSING_ARGUMENT", "table", "name the table to read from")
  if (caller.tenant !== undefined && caller.tenant !== tenant) {
    refuse("TENANT_FORBIDDEN", "tenant_id", `the credential is not for tenant ${JSON.stringify(tenant)}`)
  }
  return tenant
}

const findTable = (catalog: CatalogService, tenantId: string, name: string): Table => {
  const tenant = catalog.state().tenants.get(tenantId)
  if (tenant === undefined) {
    return refuse("TENANT_NOT_FOUND", "tenant_id", `there is no tenant ${JSON.stringify(tenantId)}; create it first`)
  }
  const table = tenant.tables.get(name)
  if (table !== undefined) return table
  return refuse(
    "TABLE_NOT_FOUND",
    "table",
    `tenant ${tenantId} has no table ${JSON.stringify(name)}; there is ${nearestNames(name, [...tenant.tables.keys()])}`
  )
}
