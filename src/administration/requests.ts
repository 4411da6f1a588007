/** What every request to the administration goes through: who may ask for what, and whether it is there. */
import * as Effect from "effect/Effect"
import type { Caller } from "../base/caller.ts"
import { identifierProblem } from "../base/names.ts"
import type { Reason } from "../base/reason.ts"
import type { CatalogState, Table, Tenant } from "../catalog/state.ts"
import { AdministrationError, type Selection } from "./Administration.ts"

/** An error that names the field to blame. */
export const failure = (reason: Reason, field: string, message: string): AdministrationError =>
  new AdministrationError({ reason, field, message: field === "" ? message : `${field}: ${message}` })

/** The name of something, for messages. */
export const quote = (name: string): string => JSON.stringify(name)

/** An error of the engine as one of the administration. */
export const fromEngine = (
  { field, message, reason }: { readonly reason: Reason; readonly field: string; readonly message: string }
): AdministrationError => failure(reason, field, message)

/** Fails unless the caller may act for the tenant and the names are possible ones. */
export const checkNames = (
  caller: Caller,
  tenant: string,
  table?: string
): Effect.Effect<void, AdministrationError> =>
  Effect.suspend(() => {
    const tenantProblem = identifierProblem(tenant)
    if (tenantProblem !== undefined) return Effect.fail(failure("INVALID_NAME", "tenant_id", tenantProblem))
    if (caller.tenant !== undefined && caller.tenant !== tenant) {
      return Effect.fail(failure("TENANT_FORBIDDEN", "tenant_id", `the credential is not for tenant ${quote(tenant)}`))
    }
    const tableProblem = table === undefined ? undefined : identifierProblem(table)
    return tableProblem === undefined ? Effect.void : Effect.fail(failure("INVALID_NAME", "table", tableProblem))
  })

/** A tenant that is there. */
export const findTenant = (state: CatalogState, tenant: string): Effect.Effect<Tenant, AdministrationError> => {
  const found = state.tenants.get(tenant)
  return found === undefined
    ? Effect.fail(failure("TENANT_NOT_FOUND", "tenant_id", `there is no tenant ${quote(tenant)}; create it first`))
    : Effect.succeed(found)
}

const findTableOf = (tenant: Tenant, name: string): Effect.Effect<Table, AdministrationError> => {
  const table = tenant.tables.get(name)
  return table === undefined
    ? Effect.fail(failure("TABLE_NOT_FOUND", "table", `tenant ${quote(tenant.id)} has no table ${quote(name)}`))
    : Effect.succeed(table)
}

/** A table that is there. */
export const findTable = (
  state: CatalogState,
  tenant: string,
  name: string
): Effect.Effect<Table, AdministrationError> =>
  Effect.flatMap(findTenant(state, tenant), (found) => findTableOf(found, name))

/** A table that the caller may act on. */
export const openTable = (
  state: CatalogState,
  { table, tenant }: { readonly tenant: string; readonly table: string },
  caller: Caller
): Effect.Effect<Table, AdministrationError> =>
  Effect.andThen(checkNames(caller, tenant, table), Effect.suspend(() => findTable(state, tenant, table)))

/** The tables that a selection means, by tenant and name. */
export const selectTables = Effect.fnUntraced(function*(
  state: CatalogState,
  { table, ...selection }: Selection,
  caller: Caller
): Effect.fn.Return<ReadonlyArray<Table>, AdministrationError> {
  const tenant = selection.tenant ?? caller.tenant
  if (tenant === undefined) {
    if (table !== undefined) {
      return yield* failure("MISSING_ARGUMENT", "tenant_id", `is empty; whose table ${quote(table)} is meant?`)
    }
    return [...state.tables.values()].sort((a, b) =>
      a.tenant === b.tenant ? compareNames(a.name, b.name) : compareNames(a.tenant, b.tenant)
    )
  }
  yield* checkNames(caller, tenant, table)
  const found = yield* findTenant(state, tenant)
  if (table !== undefined) return [yield* findTableOf(found, table)]
  return [...found.tables.values()].sort((a, b) => compareNames(a.name, b.name))
})

const compareNames = (left: string, right: string): number => left < right ? -1 : left > right ? 1 : 0
