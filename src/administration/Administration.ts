/**
 * The administration service: tenants, schemas, and what is chosen for tables. Every change is an event in the log,
 * decided in order like any other write.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Caller } from "../base/caller.ts"
import type { Position } from "../base/position.ts"
import type { Reason } from "../base/reason.ts"
import type { Table } from "../catalog/state.ts"
import type { TableSettings } from "../event/Event.ts"

/** One table, those of a tenant, or all that the caller may see. */
export interface Selection {
  readonly tenant: string | undefined
  /** Only with a tenant, be it the caller's. */
  readonly table: string | undefined
}

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

/** What to change of a table's settings; what is `undefined` stays. */
export interface SettingsChange {
  readonly history?: TableSettings["history"] | undefined
  /** `null` = rows never expire. */
  readonly ttlMicros?: TableSettings["ttlMicros"] | undefined
  readonly compaction?: TableSettings["compaction"] | undefined
}

/** An index of a table and how far it is built. */
export interface IndexInfo {
  readonly tenant: string
  readonly table: string
  readonly name: string
  /** The column's name. */
  readonly column: string
  readonly version: number
  /** Segments that have a file of this version, and all of the table. */
  readonly segmentsCovered: number
  readonly segments: number
  /** Of those files. */
  readonly bytes: number
}

/** Names one index. */
export interface IndexRequest {
  readonly tenant: string
  readonly table: string
  readonly name: string
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
  /**
   * Tables by tenant and name: one, those of a tenant, or all that the caller may see. Whoever acts on tables asks for
   * them here.
   */
  readonly selectTables: (
    selection: Selection,
    caller: Caller
  ) => Effect.Effect<ReadonlyArray<Table>, AdministrationError>
  readonly getTable: (
    request: { readonly tenant: string; readonly table: string },
    caller: Caller
  ) => Effect.Effect<Table, AdministrationError>
  /** Gives the table as it is then. Fails with VALUE_OUT_OF_RANGE where a duration makes no sense. */
  readonly configureTable: (
    request: SettingsChange & { readonly tenant: string; readonly table: string },
    caller: Caller
  ) => Effect.Effect<{ readonly table: Table; readonly changed: boolean }, AdministrationError>
  /** Declares an index, to be built in the background. Fails with INDEX_EXISTS, COLUMN_NOT_FOUND, NOT_SUPPORTED. */
  readonly createIndex: (
    request: IndexRequest & { readonly column: string },
    caller: Caller
  ) => Effect.Effect<IndexInfo, AdministrationError>
  /** Fails with INDEX_NOT_FOUND. */
  readonly dropIndex: (request: IndexRequest, caller: Caller) => Effect.Effect<void, AdministrationError>
  /** Raises the index's version, so that it is built anew. Fails with INDEX_NOT_FOUND. */
  readonly rebuildIndex: (request: IndexRequest, caller: Caller) => Effect.Effect<IndexInfo, AdministrationError>
  /** By table, in the order in which they were declared. */
  readonly listIndexes: (
    selection: Selection,
    caller: Caller
  ) => Effect.Effect<ReadonlyArray<IndexInfo>, AdministrationError>
}

/** Tenants, schemas and what is chosen for tables. */
export class Administration extends Context.Service<Administration, AdministrationService>()(
  "varve/administration/Administration"
) {}
