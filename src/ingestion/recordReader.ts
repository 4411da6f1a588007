/**
 * The outside of a `varve.v1.DataRecord` on the wire: where its parts lie. The payload is passed over in one step; the
 * table's decoder walks it.
 */
import * as wire from "../base/protobufWire.ts"

/** How a record carries its columns. */
export type PayloadKind = "none" | "struct" | "row"

/** Offsets of a record's parts in the message's bytes; start = end = 0 where a part is absent. */
export interface RecordParts {
  tenantStart: number
  tenantEnd: number
  tableStart: number
  tableEnd: number
  keyStart: number
  keyEnd: number
  payload: PayloadKind
  payloadStart: number
  payloadEnd: number
  /** Of the `google.protobuf.Timestamp`; -1 where there is none. */
  timestampStart: number
  timestampEnd: number
  /** Start and end of each metadata entry, one after another. */
  readonly metadata: Array<number>
  schemaVersion: number
  deleted: boolean
}

/** Parts to be filled by `readRecord`, over and over. */
export const makeRecordParts = (): RecordParts => ({
  tenantStart: 0,
  tenantEnd: 0,
  tableStart: 0,
  tableEnd: 0,
  keyStart: 0,
  keyEnd: 0,
  payload: "none",
  payloadStart: 0,
  payloadEnd: 0,
  timestampStart: -1,
  timestampEnd: -1,
  metadata: [],
  schemaVersion: 0,
  deleted: false
})

/** Fields below this number are known; one of another wire type than its own is no DataRecord's. */
const fieldsKnown = 12

/** Reads the record in bytes[start, end). False where the bytes are no DataRecord. */
export const readRecord = (bytes: Uint8Array, start: number, end: number, parts: RecordParts): boolean => {
  parts.tenantStart =
    parts.tenantEnd =
    parts.tableStart =
    parts.tableEnd =
    parts.keyStart =
    parts.keyEnd =
      0
  parts.payload = "none"
  parts.timestampStart = parts.timestampEnd = -1
  if (parts.metadata.length > 0) parts.metadata.length = 0
  parts.schemaVersion = 0
  parts.deleted = false
  let at = start
  while (at < end) {
    let tag = bytes[at++]
    if (tag >= 0x80) {
      tag = wire.readTag(bytes, at - 1, end)
      if (tag < 0) return false
      at = wire.cursor
    }
    if ((tag & 7) !== wire.lengthDelimited) {
      const next = wire.skipValue(bytes, tag, at, end)
      if (next < 0) return false
      if (tag === 0x40) parts.schemaVersion = wire.readVarint32(bytes, at, end)
      else if (tag === 0x58) parts.deleted = wire.readVarint32(bytes, at, end) !== 0
      else if (tag >>> 3 < fieldsKnown && tag !== 0x48) return false
      at = next
      continue
    }
    let length = bytes[at]
    if (length < 0x80) {
      at++
      if (length > end - at) return false
    } else {
      length = wire.readLength(bytes, at, end)
      if (length < 0) return false
      at = wire.cursor
    }
    const next = at + length
    switch (tag) {
      case 0x0a:
        parts.tenantStart = at
        parts.tenantEnd = next
        break
      case 0x12:
        parts.tableStart = at
        parts.tableEnd = next
        break
      case 0x1a:
        parts.keyStart = at
        parts.keyEnd = next
        break
      case 0x22:
      case 0x2a:
        // Sent twice it would have to be merged, which no client means.
        if (parts.payload !== "none") return false
        parts.payload = tag === 0x22 ? "struct" : "row"
        parts.payloadStart = at
        parts.payloadEnd = next
        break
      case 0x32:
        if (parts.timestampStart >= 0) return false
        parts.timestampStart = at
        parts.timestampEnd = next
        break
      case 0x3a:
        parts.metadata.push(at, next)
        break
      default:
        if (tag < 8 || tag === 0x42 || tag === 0x4a || tag === 0x5a) return false
    }
    at = next
  }
  return true
}
