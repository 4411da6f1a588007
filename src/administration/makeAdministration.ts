/** The administration service over the commit pipeline. */
import * as Effect from "effect/Effect"
import type { Caller } from "../base/caller.ts"
import { identifierProblem } from "../base/names.ts"
import type { Reason } from "../base/reason.ts"
import { Catalog } from "../catalog/Catalog.ts"
import { type CatalogState, latest, type SchemaVersion, type Table, type Tenant, versionOf } from "../catalog/state.ts"
import type { SchemaRegistered } from "../event/Event.ts"
import { CommitPipeline } from "../mvcc/CommitPipeline.ts"
import { type CatalogIntent, type Refusal, refuse } from "../mvcc/intent.ts"
import { incompatibility } from "../schema/compatibility.ts"
import { canonicalDocument, parseDocument } from "../schema/document.ts"
import { AdministrationError, type AdministrationService, type SchemaInfo, type TenantInfo } from "./Administration.ts"

const failure = (reason: Reason, field: string, message: string): AdministrationError =>
  new AdministrationError({ reason, field, message: field === "" ? message : `${field}: ${message}` })

const quote = (name: string): string => JSON.stringify(name)

const tenantInfo = ({ createdAt, id, name, tables }: Tenant): TenantInfo => ({
  tenant: id,
  name,
  createdAt,
  tables: tables.size
})

const schemaInfo = (table: Table, version: SchemaVersion): SchemaInfo => ({
  tenant: table.tenant,
  table: table.name,
  version: version.version,
  definition: version.definition,
  position: version.position,
  registeredAt: version.registeredAt
})

/** Fails unless the caller may act for the tenant and the names are possible ones. */
const checkNames = (caller: Caller, tenant: string, table?: string) =>
  Effect.suspend(() => {
    const tenantProblem = identifierProblem(tenant)
    if (tenantProblem !== undefined) return Effect.fail(failure("INVALID_NAME", "tenant_id", tenantProblem))
    if (caller.tenant !== undefined && caller.tenant !== tenant) {
      return Effect.fail(failure("TENANT_FORBIDDEN", "tenant_id", `the credential is not for tenant ${quote(tenant)}`))
    }
    const tableProblem = table === undefined ? undefined : identifierProblem(table)
    return tableProblem === undefined ? Effect.void : Effect.fail(failure("INVALID_NAME", "table", tableProblem))
  })

/** The event that registers a document as the next version of a table; `undefined` where the latest is the same. */
const proposeSchema = (
  catalog: CatalogState,
  request: { readonly tenant: string; readonly table: string; readonly definition: string }
): SchemaRegistered | Refusal | undefined => {
  const table = catalog.tenants.get(request.tenant)?.tables.get(request.table)
  const versions = table?.versions ?? []
  const parsed = parseDocument(request.definition, versions.map((version) => version.schema))
  if (parsed.problem !== undefined) return refuse(parsed.problem.reason, parsed.problem.field, parsed.problem.message)
  const definition = canonicalDocument(parsed.schema)
  if (table !== undefined && latest(table).definition === definition) return undefined
  for (const version of versions) {
    const problem = incompatibility(version.schema, version.version, parsed.schema)
    if (problem !== undefined) return refuse(problem.reason, problem.field, problem.message)
  }
  return {
    kind: "SchemaRegistered",
    tenant: request.tenant,
    table: request.table,
    tableId: table?.id ?? catalog.tables.size + 1,
    version: versions.length + 1,
    definition
  }
}

/** Makes the service. */
export const makeAdministration = Effect.gen(function*() {
  const catalog = yield* Catalog
  const pipeline = yield* CommitPipeline

  const change = (propose: CatalogIntent["propose"]) =>
    Effect.mapError(
      pipeline.commit({ kind: "catalog", propose }),
      ({ field, message, reason }) => failure(reason, field, message)
    )

  const tenantOf = (tenant: string) =>
    Effect.suspend(() => {
      const found = catalog.state().tenants.get(tenant)
      return found === undefined
        ? Effect.fail(failure("TENANT_NOT_FOUND", "tenant_id", `there is no tenant ${quote(tenant)}; create it first`))
        : Effect.succeed(found)
    })

  const tableOf = (tenant: string, name: string) =>
    Effect.flatMap(tenantOf(tenant), (found) => {
      const table = found.tables.get(name)
      return table === undefined
        ? Effect.fail(failure("TABLE_NOT_FOUND", "table", `tenant ${quote(tenant)} has no table ${quote(name)}`))
        : Effect.succeed(table)
    })

  const service: AdministrationService = {
    createTenant: Effect.fnUntraced(function*({ name, tenant }, caller) {
      yield* checkNames(caller, tenant)
      yield* change((state) =>
        state.tenants.has(tenant)
          ? refuse("TENANT_EXISTS", "tenant_id", `tenant ${quote(tenant)} exists already`)
          : { kind: "TenantCreated", tenant, name }
      )
      return tenantInfo(catalog.state().tenants.get(tenant)!)
    }),

    listTenants: (caller) =>
      Effect.sync(() =>
        [...catalog.state().tenants.values()]
          .filter((tenant) => caller.tenant === undefined || caller.tenant === tenant.id)
          .sort((a, b) => (a.id < b.id ? -1 : 1))
          .map(tenantInfo)
      ),

    registerSchema: Effect.fnUntraced(function*(request, caller) {
      yield* checkNames(caller, request.tenant, request.table)
      const { outcome } = yield* change((state) => proposeSchema(state, request))
      const table = catalog.table(request.tenant, request.table)!
      return { ...schemaInfo(table, latest(table)), created: outcome === "committed" }
    }),

    listSchemas: Effect.fnUntraced(function*({ table, tenant }, caller) {
      yield* checkNames(caller, tenant, table)
      if (table !== undefined) {
        const found = yield* tableOf(tenant, table)
        return found.versions.map((version) => schemaInfo(found, version))
      }
      const { tables } = yield* tenantOf(tenant)
      return [...tables.values()]
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map((found) => schemaInfo(found, latest(found)))
    }),

    getSchema: Effect.fnUntraced(function*({ table, tenant, version }, caller) {
      yield* checkNames(caller, tenant, table)
      const found = yield* tableOf(tenant, table)
      const wanted = versionOf(found, version)
      return wanted === undefined
        ? yield* failure(
          "SCHEMA_VERSION_NOT_FOUND",
          "version",
          `${version} is not there; table ${quote(table)} has versions 1 to ${latest(found).version}`
        )
        : schemaInfo(found, wanted)
    })
  }
  return service
})
