/** A table at a snapshot: what every read begins with. */
import * as Effect from "effect/Effect"
import type { Caller } from "../base/caller.ts"
import type { Position } from "../base/position.ts"
import type { CatalogService } from "../catalog/Catalog.ts"
import { latest, type Table } from "../catalog/state.ts"
import type { AsOf, MvccService, Snapshot } from "../mvcc/Mvcc.ts"
import { type ColumnScope, tableScope } from "./columns.ts"
import { nearestNames } from "./nearestNames.ts"
import { QueryError, type ReadRequest } from "./Query.ts"
import { refusals } from "./refusals.ts"
import { refuse } from "./refuse.ts"
import { memtableSource } from "./scan/memtableSource.ts"
import type { ScanSource } from "./scan/ScanSource.ts"

/** The services that reads are made of. */
export interface Foundation {
  readonly catalog: CatalogService
  readonly mvcc: MvccService
}

/** One table as one snapshot sees it. */
export interface TableView {
  readonly table: Table
  /** What names in the request can stand for. */
  readonly scope: ColumnScope
  readonly snapshot: Snapshot
  /** Oldest first. */
  readonly sources: ReadonlyArray<ScanSource>
  /** When the row at a position was committed, in microseconds. */
  readonly commitTime: (position: Position) => number
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
  const snapshot = yield* Effect.mapError(
    mvcc.snapshot({ asOf, minPosition: request.minPosition }),
    ({ field, message, reason }) => new QueryError({ reason, field, message })
  )
  return yield* refusals((): TableView => {
    const table = findTable(catalog, tenant, request.table)
    const memtables = mvcc.versions(table.id)?.memtables ?? []
    return {
      table,
      scope: tableScope(table.name, latest(table).schema.columns),
      snapshot,
      sources: memtables
        .filter((memtable) => memtable.firstPosition <= snapshot.position)
        .map((memtable) => memtableSource(memtable, table, snapshot.position, mvcc.commitTime)),
      commitTime: mvcc.commitTime
    }
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
