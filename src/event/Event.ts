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
import * as tables from "./v1/tables.ts"

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
  /** Whether a snapshot sees all of them or none. */
  readonly transactional: boolean
  readonly idempotency: rows.Idempotency | undefined
}

/** A table has these settings from here on. */
export interface TableConfigured extends Schema.Schema.Type<typeof tables.TableConfigured> {
  readonly kind: "TableConfigured"
}

/** A table's rows lie in other files from here on. */
export interface SegmentsPublished extends Schema.Schema.Type<typeof tables.SegmentsPublished> {
  readonly kind: "SegmentsPublished"
}

/** Rows with earlier event times are gone from here on. */
export interface RowsExpired extends Schema.Schema.Type<typeof tables.RowsExpired> {
  readonly kind: "RowsExpired"
}

/** What a user may choose for a table. */
export type TableSettings = Schema.Schema.Type<typeof tables.TableSettings>

/** A segment as the catalog knows it. */
export type SegmentEntry = Schema.Schema.Type<typeof tables.Segment>

/** What a segment holds in one column, as the catalog knows it. */
export type SegmentColumnEntry = Schema.Schema.Type<typeof tables.SegmentColumn>

/** A smallest or largest value, as the catalog keeps it. */
export type BoundEntry = Schema.Schema.Type<typeof tables.Bound>

/** Something that happened. */
export type Event = TenantCreated | SchemaRegistered | RowsWritten | TableConfigured | SegmentsPublished | RowsExpired

/** On disk: do not change. */
export const frameKinds = {
  TenantCreated: 1,
  SchemaRegistered: 2,
  RowsWritten: 3,
  TableConfigured: 4,
  SegmentsPublished: 5,
  RowsExpired: 6
} as const

/** How many positions an event takes: one a row, and one for any other event. */
export const spanOf = (event: Event): number =>
  event.kind === "RowsWritten" ? event.batches.reduce((rows, batch) => rows + batch.count, 0) : 1

const jsonOf = <S extends Schema.Codec<unknown, unknown>>(schema: S) => {
  const text = Schema.fromJsonString(schema)
  const encode = Schema.encodeSync(text)
  const decode = Schema.decodeUnknownSync(text)
  return {
    encode: (writer: ByteWriter, event: S["Type"]): void => writer.bytes(encodeUtf8(encode(event))),
    decode: (payload: Uint8Array): S["Type"] => {
      try {
        return decode(decodeUtf8(payload))
      } catch (cause) {
        throw new FormatError(`event is not readable: ${String(cause)}`)
      }
    }
  }
}

const tenantCreated = jsonOf(catalog.TenantCreated)
const schemaRegistered = jsonOf(catalog.SchemaRegistered)
const tableConfigured = jsonOf(tables.TableConfigured)
const segmentsPublished = jsonOf(tables.SegmentsPublished)
const rowsExpired = jsonOf(tables.RowsExpired)

/** Appends an event's payload to the writer. */
export const encodeEvent = (writer: ByteWriter, event: Event): void => {
  switch (event.kind) {
    case "TenantCreated":
      return tenantCreated.encode(writer, event)
    case "SchemaRegistered":
      return schemaRegistered.encode(writer, event)
    case "TableConfigured":
      return tableConfigured.encode(writer, event)
    case "SegmentsPublished":
      return segmentsPublished.encode(writer, event)
    case "RowsExpired":
      return rowsExpired.encode(writer, event)
    case "RowsWritten": {
      rows.encodeHead(writer, event.batches.length, event.transactional, event.idempotency)
      for (const batch of event.batches) rows.encodeSection(writer, batch)
    }
  }
}

/** Reads a frame's payload. Rows are views of it. Throws `FormatError` for what this version cannot read. */
export const decodeEvent = (frameKind: number, payload: Uint8Array<ArrayBuffer>): Event => {
  switch (frameKind) {
    case frameKinds.TenantCreated:
      return { kind: "TenantCreated", ...tenantCreated.decode(payload) }
    case frameKinds.SchemaRegistered:
      return { kind: "SchemaRegistered", ...schemaRegistered.decode(payload) }
    case frameKinds.RowsWritten:
      return { kind: "RowsWritten", ...rows.decode(payload) }
    case frameKinds.TableConfigured:
      return { kind: "TableConfigured", ...tableConfigured.decode(payload) }
    case frameKinds.SegmentsPublished:
      return { kind: "SegmentsPublished", ...segmentsPublished.decode(payload) }
    case frameKinds.RowsExpired:
      return { kind: "RowsExpired", ...rowsExpired.decode(payload) }
    default:
      throw new FormatError(`event kind ${frameKind} is unknown: the log was written by a newer version of Varve`)
  }
}

/** The bytes that an idempotency key's content is compared by: the sections, whatever wrote them. */
export const encodeContent = (writer: ByteWriter, batches: ReadonlyArray<RowBatch>): void => {
  for (const batch of batches) rows.encodeSection(writer, batch)
}
