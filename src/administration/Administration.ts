/**
 * The administration service: tenants and schemas. Every change is an event in the log, decided in order like any
 * other write.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Caller } from "../base/caller.ts"
import type { Position } from "../base/position.ts"
import type { Reason } from "../base/reason.ts"

/** A tenant, as clients see it. */
export interface TenantInfo {
  readonly tenant: string
  /** A name for people; empty where none was given. */
  readonly name: string
  /** Microseconds since 1970. */
  readonly createdAt: number
  readonly tables: number
}

/** One version of a table's schema, as clients see it. */
export interface SchemaInfo {
  readonly tenant: string
  readonly table: string
  readonly version: number
  /** The schema document: see docs/schemas.md. */
  readonly definition: string
  /** Where it was registered. */
  readonly position: Position
  /** Microseconds since 1970. */
  readonly registeredAt: number
}

/** Why a request was refused or failed. */
export class AdministrationError extends Schema.TaggedError<AdministrationError>()("AdministrationError", {
  reason: Schema.declare((u): u is Reason => typeof u === "string"),
  message: Schema.String,
  /** The field's path where one is to blame, else empty. */
  field: Schema.String
}) {}

export interface AdministrationService {
  /** Fails with TENANT_EXISTS where the id is taken. */
  readonly createTenant: (
    request: { readonly tenant: string; readonly name: string },
    caller: Caller
  ) => Effect.Effect<TenantInfo, AdministrationError>
  /** Sorted by id. */
  readonly listTenants: (caller: Caller) => Effect.Effect<ReadonlyArray<TenantInfo>, AdministrationError>
  /**
   * Registers a schema version; the first one makes the table, and the tenant too where it does not exist. The same
   * document as the latest version is answered with that version and `created: false`.
   */
  readonly registerSchema: (
    request: { readonly tenant: string; readonly table: string; readonly definition: string },
    caller: Caller
  ) => Effect.Effect<SchemaInfo & { readonly created: boolean }, AdministrationError>
  /** The latest version of each table of a tenant; of one table, every version. */
  readonly listSchemas: (
    request: { readonly tenant: string; readonly table: string | undefined },
    caller: Caller
  ) => Effect.Effect<ReadonlyArray<SchemaInfo>, AdministrationError>
  /** One version; the latest where `version` is 0. */
  readonly getSchema: (
    request: { readonly tenant: string; readonly table: string; readonly version: number },
    caller: Caller
  ) => Effect.Effect<SchemaInfo, AdministrationError>
}

/** Tenants and schemas. */
export class Administration extends Context.Service<Administration, AdministrationService>()(
  "varve/administration/Administration"
) {}
