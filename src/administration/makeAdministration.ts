/** The administration service over the commit pipeline. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { identifierProblem } from "../base/names.ts"
import { Catalog } from "../catalog/Catalog.ts"
import {
  type CatalogState,
  latest,
  type SchemaVersion,
  settingsDefault,
  type Table,
  type Tenant,
  versionOf
} from "../catalog/state.ts"
import type { SchemaRegistered, TableSettings } from "../event/Event.ts"
import { CommitPipeline } from "../mvcc/CommitPipeline.ts"
import { type CatalogIntent, type Refusal, refuse } from "../mvcc/intent.ts"
import { incompatibility } from "../schema/compatibility.ts"
import { canonicalDocument, parseDocument } from "../schema/document.ts"
import type { AdministrationService, IndexInfo, IndexRequest, SchemaInfo, TenantInfo } from "./Administration.ts"
import { checkNames, failure, findTable, findTenant, fromEngine, openTable, quote, selectTables } from "./requests.ts"
import { changeProblem, proposeDrop, proposeIndex, proposeRebuild, proposeSettings } from "./tableSettings.ts"

/** What new tables keep of their history, where nobody has said otherwise for them. */
export const HistoryDefault = Context.Reference<TableSettings["history"]>("varve/administration/HistoryDefault", {
  defaultValue: () => settingsDefault.history
})

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

const indexInfo = (table: Table, index: TableSettings["indexes"][number]): IndexInfo => {
  const files = table.segments.flatMap(({ indexes }) =>
    indexes.filter((file) => file.index === index.name && file.version === index.version)
  )
  return {
    tenant: table.tenant,
    table: table.name,
    name: index.name,
    column: latest(table).schema.columns.find(({ id }) => id === index.columnId)?.name ?? `(column ${index.columnId})`,
    version: index.version,
    segmentsCovered: files.length,
    segments: table.segments.length,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0)
  }
}

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
  const history = yield* HistoryDefault

  const change = (propose: CatalogIntent["propose"]) =>
    Effect.mapError(
      pipeline.commit({ kind: "catalog", propose }),
      fromEngine
    )

  const indexOf = (request: IndexRequest) =>
    Effect.flatMap(Effect.suspend(() => findTable(catalog.state(), request.tenant, request.table)), (table) => {
      const index = table.settings.indexes.find(({ name }) => name === request.name)
      return index === undefined
        ? Effect.fail(failure("INDEX_NOT_FOUND", "name", `${quote(request.name)} was dropped at the same time`))
        : Effect.succeed(indexInfo(table, index))
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
      const isNew = catalog.table(request.tenant, request.table) === undefined
      const { outcome } = yield* change((state) => proposeSchema(state, request))
      if (isNew && outcome === "committed" && history.keep !== "all") {
        yield* change((state) => proposeSettings(state, request, { history }))
      }
      const table = catalog.table(request.tenant, request.table)!
      return { ...schemaInfo(table, latest(table)), created: outcome === "committed" }
    }),

    listSchemas: Effect.fnUntraced(function*({ table, tenant }, caller) {
      yield* checkNames(caller, tenant, table)
      if (table !== undefined) {
        const found = yield* findTable(catalog.state(), tenant, table)
        return found.versions.map((version) => schemaInfo(found, version))
      }
      const { tables } = yield* findTenant(catalog.state(), tenant)
      return [...tables.values()]
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map((found) => schemaInfo(found, latest(found)))
    }),

    getSchema: Effect.fnUntraced(function*({ table, tenant, version }, caller) {
      yield* checkNames(caller, tenant, table)
      const found = yield* findTable(catalog.state(), tenant, table)
      const wanted = versionOf(found, version)
      return wanted === undefined
        ? yield* failure(
          "SCHEMA_VERSION_NOT_FOUND",
          "version",
          `${version} is not there; table ${quote(table)} has versions 1 to ${latest(found).version}`
        )
        : schemaInfo(found, wanted)
    }),

    selectTables: (selection, caller) => Effect.suspend(() => selectTables(catalog.state(), selection, caller)),

    getTable: (target, caller) => Effect.suspend(() => openTable(catalog.state(), target, caller)),

    configureTable: Effect.fnUntraced(function*(request, caller) {
      yield* openTable(catalog.state(), request, caller)
      const problem = changeProblem(request)
      if (problem !== undefined) return yield* fromEngine(problem)
      const { outcome } = yield* change((state) => proposeSettings(state, request, request))
      return { table: catalog.table(request.tenant, request.table)!, changed: outcome === "committed" }
    }),

    createIndex: Effect.fnUntraced(function*(request, caller) {
      yield* openTable(catalog.state(), request, caller)
      const problem = identifierProblem(request.name)
      if (problem !== undefined) return yield* failure("INVALID_NAME", "name", problem)
      yield* change((state) => proposeIndex(state, request, request.name, request.column))
      return yield* indexOf(request)
    }),

    dropIndex: Effect.fnUntraced(function*(request, caller) {
      yield* openTable(catalog.state(), request, caller)
      yield* change((state) => proposeDrop(state, request, request.name))
    }),

    rebuildIndex: Effect.fnUntraced(function*(request, caller) {
      yield* openTable(catalog.state(), request, caller)
      yield* change((state) => proposeRebuild(state, request, request.name))
      return yield* indexOf(request)
    }),

    listIndexes: (selection, caller) =>
      Effect.map(
        Effect.suspend(() => selectTables(catalog.state(), selection, caller)),
        (tables) => tables.flatMap((table) => table.settings.indexes.map((index) => indexInfo(table, index)))
      )
  }
  return service
})
