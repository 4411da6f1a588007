/** The outside of the ingestion requests on the wire: their options, and where their records lie. */
import * as Effect from "effect/Effect"
import { isUtf8 } from "node:buffer"
import { decodeUtf8 } from "../base/bytes.ts"
import * as wire from "../base/protobufWire.ts"
import type { Durability } from "../mvcc/intent.ts"
import { IngestionError } from "./Ingestion.ts"

/** Thrown for bytes that are no request; `field` and `message` say where and why. */
class MalformedRequest extends Error {
  readonly field: string
  constructor(field: string, message: string) {
    super(message)
    this.field = field
  }
}

/** An `IngestRecordRequest` or `IngestBatchRequest`. */
export interface IngestRequest {
  /** Start and end of each record, one after another. */
  readonly records: ReadonlyArray<number>
  readonly tenant: string
  readonly table: string
  readonly idempotencyKey: string
  readonly transactional: boolean
  /** `undefined` where the request leaves it to the server. */
  readonly durability: Durability | undefined
  /** `undefined` = any. A bigint, since a client may send what no position can be. */
  readonly expectedVersion: bigint | undefined
}

/** A message of an ingest stream. */
export type StreamMessage =
  | {
    readonly kind: "init"
    readonly tenant: string
    readonly table: string
    readonly durability: Durability | undefined
  }
  | { readonly kind: "records"; readonly records: ReadonlyArray<number> }
  | { readonly kind: "commit" }

const durabilities: ReadonlyArray<Durability | undefined> = [undefined, "MEMORY", "FSYNCED", "REPLICATED"]

type FieldVisitor = (field: number, start: number, end: number, varint: number) => void

/** Calls `visit` for each field of a message, with the range of its value; varints are read. */
const walk = (bytes: Uint8Array, start: number, end: number, message: string, visit: FieldVisitor): void => {
  let at = start
  while (at < end) {
    const tag = wire.readTag(bytes, at, end)
    const from = wire.cursor
    const next = tag < 0 || tag >> 3 === 0 ? -1 : wire.skipValue(bytes, tag, from, end)
    if (next < 0) throw new MalformedRequest("", `the bytes are no varve.v1.${message}`)
    if ((tag & 7) === wire.lengthDelimited) {
      wire.readVarint32(bytes, from, end)
      visit(tag >>> 3, wire.cursor, next, 0)
    } else visit(tag >>> 3, from, next, (tag & 7) === wire.varint ? wire.readVarint32(bytes, from, end) : 0)
    at = next
  }
}

const text = (bytes: Uint8Array, start: number, end: number, field: string): string => {
  const slice = bytes.subarray(start, end)
  if (!isUtf8(slice)) throw new MalformedRequest(field, `${field}: the string is not valid UTF-8`)
  return decodeUtf8(slice)
}

const durability = (value: number): Durability | undefined => {
  if (value >= durabilities.length) {
    throw new MalformedRequest("durability", `durability: ${value} is no Durability; use MEMORY, FSYNCED or REPLICATED`)
  }
  return durabilities[value]
}

/** Reads an `IngestRecordRequest`. */
export const readRecordRequest = (bytes: Uint8Array): IngestRequest => {
  const request = {
    records: [] as Array<number>,
    tenant: "",
    table: "",
    idempotencyKey: "",
    transactional: true,
    durability: undefined as Durability | undefined,
    expectedVersion: undefined as bigint | undefined
  }
  walk(bytes, 0, bytes.length, "IngestRecordRequest", (field, start, end, value) => {
    if (field === 1) request.records = [start, end]
    else if (field === 2) request.idempotencyKey = text(bytes, start, end, "idempotency_key")
    else if (field === 3) {
      const low = wire.readVarint64(bytes, start, end)
      request.expectedVersion = (BigInt(wire.high) << 32n) | BigInt(low)
    } else if (field === 4) request.durability = durability(value)
  })
  if (request.records.length === 0) throw new MalformedRequest("record", "record: missing")
  return request
}

/** Reads an `IngestBatchRequest`. */
export const readBatchRequest = (bytes: Uint8Array): IngestRequest => {
  const records: Array<number> = []
  const request = {
    records,
    tenant: "",
    table: "",
    idempotencyKey: "",
    transactional: false,
    durability: undefined as Durability | undefined,
    expectedVersion: undefined
  }
  walk(bytes, 0, bytes.length, "IngestBatchRequest", (field, start, end, value) => {
    if (field === 1) records.push(start, end)
    else if (field === 2) request.transactional = value !== 0
    else if (field === 3) request.idempotencyKey = text(bytes, start, end, "idempotency_key")
    else if (field === 4) request.durability = durability(value)
    else if (field === 5) request.tenant = text(bytes, start, end, "tenant_id")
    else if (field === 6) request.table = text(bytes, start, end, "table")
  })
  return request
}

/** Reads an `IngestStreamRequest`. */
export const readStreamMessage = (bytes: Uint8Array): StreamMessage => {
  let message: StreamMessage | undefined
  walk(bytes, 0, bytes.length, "IngestStreamRequest", (field, start, end) => {
    if (field === 1) message = readInit(bytes, start, end)
    else if (field === 2) {
      const records: Array<number> = []
      walk(bytes, start, end, "IngestStreamRecords", (inner, from, to) => {
        if (inner === 1) records.push(from, to)
      })
      message = { kind: "records", records }
    } else if (field === 3) message = { kind: "records", records: [start, end] }
    else if (field === 4) message = { kind: "commit" }
  })
  if (message === undefined) {
    throw new MalformedRequest("message", "message: none set; send init, records, record or commit")
  }
  return message
}

const readInit = (bytes: Uint8Array, start: number, end: number): StreamMessage => {
  const init = { kind: "init" as const, tenant: "", table: "", durability: undefined as Durability | undefined }
  walk(bytes, start, end, "IngestStreamInit", (field, from, to, value) => {
    if (field === 1) init.tenant = text(bytes, from, to, "init.tenant_id")
    else if (field === 2) init.table = text(bytes, from, to, "init.table")
    else if (field === 3) init.durability = durability(value)
  })
  return init
}

/** Reads a request, or fails with what is wrong with its bytes. */
export const read = <A>(parse: () => A): Effect.Effect<A, IngestionError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(parse())
    } catch (error) {
      if (!(error instanceof MalformedRequest)) throw error
      return Effect.fail(
        new IngestionError({ reason: "MALFORMED_MESSAGE", field: error.field, message: error.message })
      )
    }
  })
