/** Tables and their schemas, as the administration service knows them. */
import * as Effect from "effect/Effect"
import { parseDocument } from "../../schema/document.ts"
import type { TableSchema } from "../../schema/types.ts"
import { AdminService } from "../../transport/grpc/generated/varve/v1/admin_pb.ts"
import { type CommandFailure, failure } from "../failure.ts"
import { unary } from "./call.ts"
import type { Connection } from "./Connection.ts"

/** A table. */
export interface Target {
  readonly tenant: string
  readonly table: string
}

/** One version of a table's schema. */
export interface RegisteredSchema {
  readonly version: number
  readonly schema: TableSchema
}

const read = (version: number, definition: string): Effect.Effect<RegisteredSchema, CommandFailure> => {
  const parsed = parseDocument(definition)
  return parsed.problem === undefined
    ? Effect.succeed({ version, schema: parsed.schema })
    : Effect.fail(failure(
      `the server's schema cannot be read by this version of Varve: ${parsed.problem.field}: ${parsed.problem.message}`
    ))
}

/** The newest version of a table's schema. */
export const latestSchema = (
  connection: Connection,
  target: Target
): Effect.Effect<RegisteredSchema, CommandFailure> =>
  Effect.flatMap(
    unary(connection, AdminService.method.getSchema, { tenantId: target.tenant, table: target.table }),
    ({ schema }) => read(schema?.version ?? 0, schema?.definition ?? "")
  )

/** Registers a schema document. */
export const registerSchema = (
  connection: Connection,
  target: Target,
  definition: string
): Effect.Effect<RegisteredSchema & { readonly created: boolean }, CommandFailure> =>
  Effect.flatMap(
    unary(connection, AdminService.method.registerSchema, { tenantId: target.tenant, table: target.table, definition }),
    ({ created, schema }) =>
      Effect.map(read(schema?.version ?? 0, schema?.definition ?? ""), (registered) => ({ ...registered, created }))
  )
