/** `varve tenant create` and `varve tenant list`. */
import * as Effect from "effect/Effect"
import { AdminService, type Tenant } from "../../transport/grpc/generated/varve/v1/admin_pb.ts"
import { unary } from "../client/call.ts"
import { connect } from "../client/Connection.ts"
import { plainTimestamp } from "../client/records.ts"
import type { CommandFailure } from "../failure.ts"
import { printRows, write } from "../output/print.ts"
import type { Settings } from "../settings.ts"

const columns = [
  { name: "tenant", isNumber: false },
  { name: "name", isNumber: false },
  { name: "tables", isNumber: true },
  { name: "created_at", isNumber: false }
]

const rowOf = ({ createdAt, name, tables, tenantId }: Tenant) => [tenantId, name, tables, plainTimestamp(createdAt)]

const open = ({ queryUrl, token }: Settings) => connect({ service: "query", url: queryUrl, token })

/** Makes a tenant. */
export const createTenant = (
  settings: Settings,
  request: { readonly tenant: string; readonly name: string }
): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const connection = yield* open(settings)
    const { tenant } = yield* unary(connection, AdminService.method.createTenant, {
      tenantId: request.tenant,
      name: request.name
    })
    if (settings.format === "table") return yield* write(`created tenant ${request.tenant}\n`)
    yield* printRows(settings.format, columns, tenant === undefined ? [] : [rowOf(tenant)])
  }).pipe(Effect.scoped)

/** Prints the tenants that the caller may see. */
export const listTenants = (settings: Settings): Effect.Effect<void, CommandFailure> =>
  Effect.gen(function*() {
    const connection = yield* open(settings)
    const { tenants } = yield* unary(connection, AdminService.method.listTenants, {})
    if (tenants.length === 0 && settings.format === "table") {
      return yield* write("there are no tenants; make one with `varve tenant create ID`\n")
    }
    yield* printRows(settings.format, columns, tenants.map(rowOf))
  }).pipe(Effect.scoped)
