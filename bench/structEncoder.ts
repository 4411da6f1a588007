/**
 * Encodes requests straight to the wire, without a message object for each record: what a client does that cares for
 * speed. The benchmark's test holds it against the generated code.
 */
import { keyOf, type Row } from "./workload.ts"

const buffer = Buffer.allocUnsafe(64 * 1024 * 1024)

/** Writes a varint and returns the offset behind it. */
const varint = (at: number, value: number): number => {
  let rest = value
  while (rest > 127) {
    buffer[at++] = (rest & 127) | 128
    rest >>>= 7
  }
  buffer[at++] = rest
  return at
}

const text = (tag: number, at: number, value: string): number => {
  buffer[at++] = tag
  // All texts of the workload are ASCII and shorter than 128 bytes.
  buffer[at++] = value.length
  return at + buffer.write(value, at, "latin1")
}

const entry = (at: number, name: string, value: string | number | boolean): number => {
  const length = typeof value === "string" ? 2 + value.length : typeof value === "number" ? 9 : 2
  buffer[at] = 0x0a
  buffer[at + 1] = 4 + name.length + length
  at = text(0x0a, at + 2, name)
  buffer[at++] = 0x12
  buffer[at++] = length
  if (typeof value === "string") return text(0x1a, at, value)
  if (typeof value === "number") {
    buffer[at] = 0x11
    return buffer.writeDoubleLE(value, at + 1)
  }
  buffer[at] = 0x20
  buffer[at + 1] = value ? 1 : 0
  return at + 2
}

const struct = (at: number, row: Row): number => {
  at = entry(at, "carrier", row.carrier)
  at = entry(at, "origin", row.origin)
  at = entry(at, "flight", row.flight)
  at = entry(at, "delay", row.delay)
  at = entry(at, "distance", row.distance)
  at = entry(at, "seats", row.seats)
  at = entry(at, "serial", row.serial)
  at = entry(at, "departed", row.departed)
  return entry(at, "cancelled", row.cancelled)
}

/** Room for a length that is written when what it counts is there: two bytes hold up to 16,383. */
const patch = (at: number, end: number): void => {
  const length = end - at - 2
  buffer[at] = (length & 127) | 128
  buffer[at + 1] = length >>> 7
}

/** Appends one `DataRecord` as field 1, with its payload as a Struct. */
const record = (at: number, tenant: string, table: string, n: number, row: Row): number => {
  buffer[at] = 0x0a
  const recordLength = at + 1
  at = text(0x0a, at + 3, tenant)
  at = text(0x12, at, table)
  at = text(0x1a, at, keyOf(n))
  buffer[at] = 0x22
  const dataLength = at + 1
  at = struct(at + 3, row)
  patch(dataLength, at)
  patch(recordLength, at)
  return at
}

/** An `IngestBatchRequest`, which is also the body of `IngestStreamRecords`. Rows are numbered from `first` on. */
export const encodeBatch = (tenant: string, table: string, first: number, rows: ReadonlyArray<Row>): Buffer => {
  let at = 0
  for (let i = 0; i < rows.length; i++) at = record(at, tenant, table, first + i, rows[i])
  return Buffer.from(buffer.subarray(0, at))
}

/** An `IngestRecordRequest`. */
export const encodeRecord = (tenant: string, table: string, n: number, row: Row): Buffer =>
  Buffer.from(buffer.subarray(0, record(0, tenant, table, n, row)))

/** An `IngestStreamRequest` with records. */
export const encodeStreamMessage = (batch: Buffer): Buffer => {
  buffer[0] = 0x12
  const at = varint(1, batch.length)
  return Buffer.concat([buffer.subarray(0, at), batch])
}
