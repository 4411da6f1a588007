/** Tenants, schemas, and the log's figures. */
import * as Effect from "effect/Effect"
import { Administration, type SchemaInfo, type TenantInfo } from "../../../administration/Administration.ts"
import { Wal } from "../../../wal/Wal.ts"
import { timestampOf } from "../convert.ts"
import type { AdminService } from "../generated/varve/v1/admin_pb.ts"
import type { HandlersOf } from "../method.ts"

const tenantOf = (info: TenantInfo) => ({
  tenantId: info.tenant,
  name: info.name,
  createdAt: timestampOf(info.createdAt),
  tables: info.tables
})

const schemaOf = (info: SchemaInfo) => ({
  tenantId: info.tenant,
  table: info.table,
  version: info.version,
  definition: info.definition,
  position: BigInt(info.position),
  registeredAt: timestampOf(info.registeredAt)
})

/** The handlers. */
export const makeTenantHandlers = Effect.gen(function*() {
  const administration = yield* Administration
  const wal = yield* Wal
  return {
    createTenant: ({ name, tenantId }, caller) =>
      Effect.map(administration.createTenant({ tenant: tenantId, name }, caller), (info) => ({
        tenant: tenantOf(info)
      })),
    listTenants: (_request, caller) =>
      Effect.map(administration.listTenants(caller), (infos) => ({ tenants: infos.map(tenantOf) })),
    registerSchema: ({ definition, table, tenantId }, caller) =>
      Effect.map(administration.registerSchema({ tenant: tenantId, table, definition }, caller), (info) => ({
        schema: schemaOf(info),
        created: info.created
      })),
    listSchemas: ({ table, tenantId }, caller) =>
      Effect.map(
        administration.listSchemas({ tenant: tenantId, table: table === "" ? undefined : table }, caller),
        (infos) => ({ schemas: infos.map(schemaOf) })
      ),
    getSchema: ({ table, tenantId, version }, caller) =>
      Effect.map(administration.getSchema({ tenant: tenantId, table, version }, caller), (info) => ({
        schema: schemaOf(info)
      })),
    getLogStatus: () =>
      Effect.map(wal.status, (status) => ({
        files: status.files,
        bytes: BigInt(status.bytes),
        firstPosition: BigInt(status.firstPosition),
        writtenPosition: BigInt(status.writtenPosition),
        durablePosition: BigInt(status.durablePosition),
        ...(status.lastCommitTime > 0 ? { lastCommitTime: timestampOf(status.lastCommitTime) } : {}),
        poisoned: status.poisoned ?? "",
        groupsAppended: BigInt(status.groupsAppended),
        bytesAppended: BigInt(status.bytesAppended),
        syncs: BigInt(status.syncs),
        syncMeanMs: status.syncs > 0 ? status.syncMicrosTotal / status.syncs / 1000 : 0
      }))
  } satisfies HandlersOf<typeof AdminService["method"]>
})
