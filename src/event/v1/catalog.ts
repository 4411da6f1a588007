/**
 * TenantCreated and SchemaRegistered, version 1: JSON in UTF-8. On disk: do not change; a new layout is a new frame
 * kind.
 */
import * as Schema from "effect/Schema"

/** A tenant exists from here on. */
export const TenantCreated = Schema.Struct({
  tenant: Schema.String,
  name: Schema.String
})

/** A table has this schema version from here on. The first version makes the table, and its tenant if need be. */
export const SchemaRegistered = Schema.Struct({
  tenant: Schema.String,
  table: Schema.String,
  tableId: Schema.Int,
  version: Schema.Int,
  /** The schema document in canonical form, column ids included. */
  definition: Schema.String
})
