/** Metrics of the engine, read when somebody asks: ingestion by tenant, the log, the memory of versions. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { Administration } from "../../administration/Administration.ts"
import { unrestricted } from "../../base/caller.ts"
import { Ingestion, type IngestionStatus } from "../../ingestion/Ingestion.ts"
import { Wal, type WalStatus } from "../../wal/Wal.ts"
import { register, type Series } from "./gauges.ts"
import { TenantTotals, type Totals } from "./tenantTotals.ts"

const totalsOf = (status: IngestionStatus): Totals => ({
  records: status.recordsTotal,
  bytes: status.bytesTotal,
  rejected: status.rejectedTotal
})

/** Shows the engine's metrics until the scope closes; the effect that it gives brings them up to date. */
export const registerEngine: Effect.Effect<
  Effect.Effect<void>,
  never,
  Scope.Scope | Ingestion | Administration | Wal
> = Effect.gen(function*() {
  const ingestion = yield* Ingestion
  const administration = yield* Administration
  const wal = yield* Wal
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const tenants = new TenantTotals()
  let status: IngestionStatus | undefined
  let log: WalStatus | undefined

  const series = (
    type: Series["type"],
    name: string,
    description: string,
    read: () => number | undefined,
    labels = {}
  ): Series => ({ type, name, description, read: () => read() ?? 0, labels })

  yield* register([
    series("gauge", "varve_ingest_streams", "Ingest streams that are open.", () => status?.activeStreams),
    series("gauge", "varve_pending_records", "Records decoded and not yet committed.", () => status?.pendingRecords),
    series("gauge", "varve_memtable_bytes", "Memory that versions hold.", () => status?.memtableBytes),
    series("gauge", "varve_memtables", "Tables in memory, sealed ones included.", () => status?.memtableCount),
    series("gauge", "varve_position", "The newest position that readers see.", () => status?.lastPosition),
    series("gauge", "varve_log_bytes", "Bytes of the log's frames and file headers.", () => log?.bytes),
    series("gauge", "varve_log_files", "Files of the log.", () => log?.files),
    series(
      "gauge",
      "varve_log_durable_position",
      "The last position that survives a loss of power.",
      () => log?.durablePosition
    ),
    series(
      "gauge",
      "varve_log_poisoned",
      "1 where the log takes no more until it is reopened.",
      () => log?.poisoned === undefined ? 0 : 1
    ),
    series("counter", "varve_log_appended_bytes_total", "Bytes appended to the log.", () => log?.bytesAppended),
    series(
      "counter",
      "varve_log_appended_groups_total",
      "Groups of requests appended at once.",
      () => log?.groupsAppended
    ),
    series("counter", "varve_log_syncs_total", "Syncs of the log to disk.", () => log?.syncs),
    series(
      "counter",
      "varve_log_sync_seconds_total",
      "Time that syncs of the log took.",
      () => (log?.syncMicrosTotal ?? 0) / 1e6
    )
  ])

  const perTenant = (tenant: string): ReadonlyArray<Series> => [
    series("counter", "varve_ingested_records_total", "Records committed.", () => tenants.of(tenant).records, {
      tenant
    }),
    series(
      "counter",
      "varve_ingested_bytes_total",
      "Bytes of the requests committed.",
      () => tenants.of(tenant).bytes,
      {
        tenant
      }
    ),
    series("counter", "varve_rejected_records_total", "Records refused.", () => tenants.of(tenant).rejected, { tenant })
  ]

  const refresh = Effect.gen(function*() {
    status = yield* ingestion.status(undefined)
    log = yield* wal.status
    const known = yield* administration.listTenants(unrestricted)
    const labelled = tenants.label(known.map(({ tenant }) => tenant))
    const each = yield* Effect.forEach(
      labelled,
      (tenant) => Effect.map(ingestion.status(tenant), (one) => [tenant, totalsOf(one)] as const)
    )
    yield* register(tenants.update(totalsOf(status), each).flatMap(perTenant))
  }).pipe(
    Effect.provideContext(context),
    Effect.provideService(Scope.Scope, scope)
  )
  // Metrics that cannot be read keep their last values: whoever scrapes still learns everything else.
  return Effect.catch(refresh, (error) => Effect.logWarning(`metrics are not up to date: ${error.message}`))
})
