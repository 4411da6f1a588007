/**
 * Everything that can be in the log. A frame's kind names the event and the version of its layout; layouts are frozen
 * once released, and an old log stays readable for ever.
 */
import * as Schema from "effect/Schema"
import { type ByteWriter, FormatError } from "../base/byteCursor.ts"
import { decodeUtf8, encodeUtf8 } from "../base/bytes.ts"
import type { RowBatch } from "./rowBatch.ts"
import * as catalog from "./v1/catalog.ts"
import * as rows from "./v1/rows.ts"

export type { Idempotency } from "./v1/rows.ts"

/** A tenant exists from here on. */
export interface TenantCreated extends Schema.Schema.Type<typeof catalog.TenantCreated> {
  readonly kind: "TenantCreated"
}

/** A table has this schema version from here on. */
export interface SchemaRegistered extends Schema.Schema.Type<typeof catalog.SchemaRegistered> {
  readonly kind: "SchemaRegistered"
}

/** Rows of one tenant, written together or not at all. */
export interface RowsWritten {
  readonly kind: "RowsWritten"
  /** Their rows take consecutive positions, batch after batch. */
  readonly batches: ReadonlyArray<RowBatch>
  readonly idempotency: rows.Idempotency | undefined
}

/** Something that happened. */
export type Event = TenantCreated | SchemaRegistered | RowsWritten

/** On disk: do not change. */
export const frameKinds = { TenantCreated: 1, SchemaRegistered: 2, RowsWritten: 3 } as const

/** How many positions an event takes: one a row, and one for any other event. */
export const spanOf = (event: Event): number =>
  event.kind === "RowsWritten" ? event.batches.reduce((rows, batch) => rows + batch.count, 0) : 1

const encodeTenantCreated = Schema.encodeSync(Schema.fromJsonString(catalog.TenantCreated))
const encodeSchemaRegistered = Schema.encodeSync(Schema.fromJsonString(catalog.SchemaRegistered))
const decodeTenantCreated = Schema.decodeUnknownSync(Schema.fromJsonString(catalog.TenantCreated))
const decodeSchemaRegistered = Schema.decodeUnknownSync(Schema.fromJsonString(catalog.SchemaRegistered))

/** Appends an event's payload to the writer. */
export const encodeEvent = (writer: ByteWriter, event: Event): void => {
  switch (event.kind) {
    case "TenantCreated":
      return writer.bytes(encodeUtf8(encodeTenantCreated(event)))
    case "SchemaRegistered":
      return writer.bytes(encodeUtf8(encodeSchemaRegistered(event)))
    case "RowsWritten": {
      rows.encodeHead(writer, event.batches.length, event.idempotency)
      for (const batch of event.batches) rows.encodeSection(writer, batch)
    }
  }
}

/** Reads a frame's payload. Rows are views of it. Throws `FormatError` for what this version cannot read. */
export const decodeEvent = (frameKind: number, payload: Uint8Array<ArrayBuffer>): Event => {
  switch (frameKind) {
    case frameKinds.TenantCreated:
      return { kind: "TenantCreated", ...decodeJson(decodeTenantCreated, payload) }
    case frameKinds.SchemaRegistered:
      return { kind: "SchemaRegistered", ...decodeJson(decodeSchemaRegistered, payload) }
    case frameKinds.RowsWritten:
      return { kind: "RowsWritten", ...rows.decode(payload) }
    default:
      throw new FormatError(`event kind ${frameKind} is unknown: the log was written by a newer version of Varve`)
  }
}

const decodeJson = <A>(decode: (text: unknown) => A, payload: Uint8Array): A => {
  try {
    return decode(decodeUtf8(payload))
  } catch (cause) {
    throw new FormatError(`event is not readable: ${String(cause)}`)
  }
}

/** The bytes that an idempotency key's content is compared by: the sections, whatever wrote them. */
export const encodeContent = (writer: ByteWriter, batches: ReadonlyArray<RowBatch>): void => {
  for (const batch of batches) rows.encodeSection(writer, batch)
}
