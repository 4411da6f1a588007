/**
 * Records of answers with typed values. Those of a stream are read straight off the wire, since generated messages cost
 * ten times as much and a whole table may be on its way.
 */
import { fromBinary, toBinary, toJson } from "@bufbuild/protobuf"
import { type Timestamp, ValueSchema } from "@bufbuild/protobuf/wkt"
import * as wire from "../../base/protobufWire.ts"
import { readTimestamp } from "../../schema/decoder/typedRow.ts"
import { exact, formatTimestamp } from "../../schema/timestamp.ts"
import type { Json } from "../../schema/types.ts"
import { QueryStreamBatchSchema, QueryStreamResponseSchema } from "../../transport/grpc/generated/varve/v1/query_pb.ts"
import type { QueryStreamHeader, QueryStreamSummary } from "../../transport/grpc/generated/varve/v1/query_pb.ts"
import type { DataRecord, TypedValue } from "../../transport/grpc/generated/varve/v1/record_pb.ts"

/** A value in a form for people and JSON: an int64 beyond 2^53 as its digits, timestamps in RFC 3339, bytes in base64. */
export type Plain = Json

/** A version of a record. */
export interface ReadRecord {
  key: string
  position: Plain
  /** Microseconds since 1970; `undefined` where the answer does not say. */
  timestamp: number | bigint | undefined
  commitTime: number | bigint | undefined
  /** Null for none. */
  metadata: Plain
  deleted: boolean
  /** In the order of the answer's columns; none for a deletion. */
  values: ReadonlyArray<Plain>
}

const microsPerDay = 86_400_000_000

const twoDigits = Array.from({ length: 60 }, (_, i) => String(i).padStart(2, "0"))

/** The date of the last instant: those of neighbours are often the same. */
let lastDay = 0
let lastDate = "1970-01-01"

/** Microseconds since 1970 in RFC 3339; as `formatTimestamp`, but for many. */
export const plainInstant = (micros: number | bigint): string => {
  if (typeof micros === "bigint") return formatTimestamp(micros)
  const day = Math.floor(micros / microsPerDay)
  if (day !== lastDay) {
    lastDate = new Date(day * (microsPerDay / 1000)).toISOString().slice(0, 10)
    lastDay = day
  }
  const within = micros - day * microsPerDay
  const seconds = Math.floor(within / 1_000_000)
  const fraction = within - seconds * 1_000_000
  const minutes = Math.floor(seconds / 60)
  const time = `${twoDigits[Math.floor(minutes / 60)]}:${twoDigits[minutes % 60]}:${twoDigits[seconds % 60]}`
  if (fraction === 0) return `${lastDate}T${time}Z`
  const digits = fraction % 1000 === 0 ? String(fraction / 1000).padStart(3, "0") : String(fraction).padStart(6, "0")
  return `${lastDate}T${time}.${digits}Z`
}

/** Microseconds of a timestamp message. */
const microsOf = ({ nanos, seconds }: Timestamp): number | bigint =>
  exact(seconds * 1_000_000n + BigInt(Math.floor(nanos / 1000)))

/** A timestamp message; null where there is none. */
export const plainTimestamp = (timestamp: Timestamp | undefined): Plain =>
  timestamp === undefined ? null : plainInstant(microsOf(timestamp))

/** A whole number: as a number where that is exact, else its digits. */
export const plainInteger = (value: bigint | number): Plain => {
  const number = typeof value === "number" ? value : exact(value)
  return typeof number === "number" ? number : String(number)
}

/** A typed value. */
export const plainValue = ({ kind }: TypedValue): Plain => {
  switch (kind.case) {
    case undefined:
      return null
    case "intValue":
      return plainInteger(kind.value)
    case "timestampValue":
      return plainTimestamp(kind.value)
    case "bytesValue":
      return Buffer.from(kind.value).toString("base64")
    case "jsonValue":
      return toJson(ValueSchema, kind.value) as Json
    default:
      return kind.value
  }
}

/** A record that was decoded as a message. */
export const plainRecord = (record: DataRecord): ReadRecord => ({
  key: record.key,
  position: plainInteger(record.position),
  timestamp: record.timestamp && microsOf(record.timestamp),
  commitTime: record.commitTime && microsOf(record.commitTime),
  metadata: Object.keys(record.metadata).length === 0 ? null : record.metadata,
  deleted: record.deleted,
  values: record.payload.case === "row" ? record.payload.value.values.map(plainValue) : []
})

/** A message of a stream of records, of which each batch was read as an `A`. */
export type StreamMessage<A> =
  | { readonly kind: "header"; readonly header: QueryStreamHeader }
  | { readonly kind: "batch"; readonly batch: A }
  | { readonly kind: "summary"; readonly summary: QueryStreamSummary }
  | { readonly kind: "unknown" }

/** Thrown for bytes that are no message. */
export const malformed = (): never => {
  throw new Error("the answer's bytes are no varve.v1.QueryStreamResponse")
}

/** A length that is followed by as many bytes; it ends at `wire.cursor`. */
export const lengthAt = (bytes: Buffer, at: number, end: number): number => {
  const length = wire.readLength(bytes, at, end)
  return length < 0 ? malformed() : length
}

/**
 * Makes a reader of `QueryStreamResponse`s, which throws on bytes that are none. `readBatch` reads the bytes from
 * `start` to the end, which are a `QueryStreamBatch`.
 */
export const streamMessageReader =
  <A>(readBatch: (bytes: Buffer, start: number) => A) => (bytes: Buffer): StreamMessage<A> => {
    if (bytes.length > 0 && bytes[0] === 0x12) {
      const length = lengthAt(bytes, 1, bytes.length)
      if (wire.cursor + length === bytes.length) return { kind: "batch", batch: readBatch(bytes, wire.cursor) }
    }
    const { message } = fromBinary(QueryStreamResponseSchema, bytes)
    switch (message.case) {
      case "header":
        return { kind: "header", header: message.value }
      case "batch":
        // Not in the form that the server writes, as a proxy might leave it: once more in that form.
        return { kind: "batch", batch: readBatch(Buffer.from(toBinary(QueryStreamBatchSchema, message.value)), 0) }
      case "summary":
        return { kind: "summary", summary: message.value }
      case undefined:
        return { kind: "unknown" }
    }
  }

/** Reads the records of a `QueryStreamBatch`: the bytes from `start` to the end. Throws on bytes that are none. */
export const readBatch = (bytes: Buffer, start: number): ReadonlyArray<ReadRecord> => {
  const records: Array<ReadRecord> = []
  for (let at = start; at < bytes.length;) {
    const tag = wire.readVarint32(bytes, at, bytes.length)
    if (tag !== 0x0a) {
      at = skip(bytes, tag, wire.cursor, bytes.length)
      continue
    }
    const length = lengthAt(bytes, wire.cursor, bytes.length)
    const from = wire.cursor
    at = from + length
    records.push(readRecord(bytes, from, at))
  }
  return records
}

/** Where the value of a field ends. */
export const skip = (bytes: Buffer, tag: number, at: number, end: number): number => {
  const next = tag < 0 ? -1 : wire.skipValue(bytes, tag, at, end)
  return next < 0 ? malformed() : next
}

const readRecord = (bytes: Buffer, start: number, end: number): ReadRecord => {
  const record: ReadRecord = {
    key: "",
    position: 0,
    timestamp: undefined,
    commitTime: undefined,
    metadata: null,
    deleted: false,
    values: []
  }
  for (let at = start; at < end;) {
    const tag = wire.readVarint32(bytes, at, end)
    at = wire.cursor
    const next = skip(bytes, tag, at, end)
    switch (tag) {
      case 0x1a:
        record.key = stringAt(bytes, at, next)
        break
      case 0x2a:
        record.values = readRow(bytes, next - lengthAt(bytes, at, next), next)
        break
      case 0x32:
        record.timestamp = microsAt(bytes, at, next)
        break
      case 0x3a:
        record.metadata = readMetadata(bytes, next - lengthAt(bytes, at, next), next, record.metadata)
        break
      case 0x48:
        record.position = integerAt(bytes, at, next)
        break
      case 0x52:
        record.commitTime = microsAt(bytes, at, next)
        break
      case 0x58:
        record.deleted = bytes[at] !== 0
    }
    at = next
  }
  return record
}

const stringAt = (bytes: Buffer, at: number, end: number): string =>
  bytes.toString("utf8", end - lengthAt(bytes, at, end), end)

const microsAt = (bytes: Buffer, at: number, end: number): number | bigint =>
  readTimestamp(bytes, end - lengthAt(bytes, at, end), end) ?? malformed()

const integerAt = (bytes: Buffer, at: number, end: number): Plain => {
  const low = wire.readVarint64(bytes, at, end)
  return low < 0 ? malformed() : plainInteger(wire.toInt64(low, wire.high))
}

const readMetadata = (bytes: Buffer, start: number, end: number, before: Plain): Plain => {
  const pair = ["", ""]
  for (let at = start; at < end;) {
    const tag = wire.readVarint32(bytes, at, end)
    at = wire.cursor
    const next = skip(bytes, tag, at, end)
    if (tag === 0x0a || tag === 0x12) pair[tag === 0x0a ? 0 : 1] = stringAt(bytes, at, next)
    at = next
  }
  return { ...(before as object), [pair[0]]: pair[1] }
}

const readRow = (bytes: Buffer, start: number, end: number): ReadonlyArray<Plain> => {
  const values: Array<Plain> = []
  for (let at = start; at < end;) {
    const tag = wire.readVarint32(bytes, at, end)
    at = wire.cursor
    const next = skip(bytes, tag, at, end)
    if (tag === 0x0a) values.push(readTypedValue(bytes, next - lengthAt(bytes, at, next), next))
    at = next
  }
  return values
}

const readTypedValue = (bytes: Buffer, start: number, end: number): Plain => {
  if (start === end) return null
  const tag = wire.readVarint32(bytes, start, end)
  const at = wire.cursor
  // One field and nothing behind it: a value can only be one kind.
  if (skip(bytes, tag, at, end) !== end) return malformed()
  switch (tag) {
    case 0x08:
      return bytes[at] !== 0
    case 0x10:
      return integerAt(bytes, at, end)
    case 0x19:
      return bytes.readDoubleLE(at)
    case 0x22:
      return stringAt(bytes, at, end)
    case 0x2a:
      return bytes.toString("base64", end - lengthAt(bytes, at, end), end)
    case 0x32:
      return plainInstant(microsAt(bytes, at, end))
    case 0x3a:
      return toJson(ValueSchema, fromBinary(ValueSchema, bytes.subarray(end - lengthAt(bytes, at, end), end))) as Json
    default:
      return null
  }
}
