/** `varve.v1.AdminService`. */
import * as Effect from "effect/Effect"
import { makeInspectionHandlers } from "./administration/inspection.ts"
import { makeProcessingHandlers } from "./administration/processing.ts"
import { makeTableHandlers } from "./administration/tables.ts"
import { makeTenantHandlers } from "./administration/tenants.ts"
import { AdminService } from "./generated/varve/v1/admin_pb.ts"
import { implement } from "./method.ts"

/** The handlers of the administration service. */
export const makeAdministrationHandlers = Effect.gen(function*() {
  return implement(AdminService, {
    ...yield* makeTenantHandlers,
    ...yield* makeTableHandlers,
    ...yield* makeInspectionHandlers,
    ...yield* makeProcessingHandlers
  })
})
