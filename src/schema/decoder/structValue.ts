/**
 * `google.protobuf.Value` and `Struct` from the wire to JSON values: the general way, for nested columns and for
 * whatever the compiled decoder does not meet every day.
 */
import { isUtf8 } from "node:buffer"
import { decodeUtf8 } from "../../base/bytes.ts"
import { nestingDepthMax } from "../../base/limits.ts"
import * as wire from "../../base/protobufWire.ts"
import type { Json } from "../types.ts"

/** The bytes are no valid message, or hold what JSON cannot. */
export class ValueError extends Error {
  readonly reason: "MALFORMED_MESSAGE" | "INVALID_UTF8" | "NOT_FINITE" | "INVALID_VALUE"
  constructor(reason: ValueError["reason"], message: string) {
    super(message)
    this.reason = reason
  }
}

const malformed = (): never => {
  throw new ValueError("MALFORMED_MESSAGE", "the bytes are no google.protobuf.Value")
}

/** The string in bytes[start, end). */
export const readString = (bytes: Uint8Array, start: number, end: number): string => {
  const slice = bytes.subarray(start, end)
  if (!isUtf8(slice)) throw new ValueError("INVALID_UTF8", "the string is not valid UTF-8")
  return decodeUtf8(slice)
}

/** A `Value` message in bytes[start, end). No kind set is null. Throws `ValueError`. */
export const readValue = (bytes: Uint8Array, view: DataView, start: number, end: number, depth = 0): Json => {
  if (depth > nestingDepthMax) throw new ValueError("INVALID_VALUE", `nested deeper than ${nestingDepthMax} levels`)
  let value: Json = null
  for (let at = start; at < end;) {
    const tag = wire.readTag(bytes, at, end)
    if (tag < 0) return malformed()
    at = wire.cursor
    const next = wire.skipValue(bytes, tag, at, end)
    if (next < 0) return malformed()
    switch (tag) {
      case 0x08:
        value = null
        break
      case 0x11:
        value = view.getFloat64(at, true)
        if (!Number.isFinite(value)) throw new ValueError("NOT_FINITE", `${value} is not a finite number`)
        break
      case 0x1a:
        value = readString(bytes, next - wire.readLength(bytes, at, end), next)
        break
      case 0x20:
        value = (wire.readVarint64(bytes, at, end) | wire.high) !== 0
        break
      case 0x2a:
        value = readStruct(bytes, view, next - wire.readLength(bytes, at, end), next, depth + 1)
        break
      case 0x32:
        value = readList(bytes, view, next - wire.readLength(bytes, at, end), next, depth + 1)
        break
      default:
        if (tag >>> 3 <= 6) return malformed()
    }
    at = next
  }
  return value
}

/** Where the last `readEntry` found the entry's key and value. */
export const entry = { keyStart: 0, keyEnd: 0, valueStart: 0, valueEnd: 0 }

/**
 * One entry of a string map in bytes[start, end), both of whose fields are length-delimited. Fills `entry`; false for
 * what is no entry.
 */
export const readEntry = (bytes: Uint8Array, start: number, end: number): boolean => {
  entry.keyStart =
    entry.keyEnd =
    entry.valueStart =
    entry.valueEnd =
      start
  let seen = 0
  for (let at = start; at < end;) {
    const tag = wire.readTag(bytes, at, end)
    if (tag < 0) return false
    at = wire.cursor
    if (tag === 0x0a || tag === 0x12) {
      const length = wire.readLength(bytes, at, end)
      if (length < 0 || (seen & tag) === tag) return false
      seen |= tag
      at = wire.cursor
      if (tag === 0x0a) {
        entry.keyStart = at
        entry.keyEnd = at + length
      } else {
        entry.valueStart = at
        entry.valueEnd = at + length
      }
      at += length
    } else {
      at = tag >>> 3 <= 2 ? -1 : wire.skipValue(bytes, tag, at, end)
      if (at < 0) return false
    }
  }
  return true
}

const readStruct = (bytes: Uint8Array, view: DataView, start: number, end: number, depth: number): Json => {
  const fields: Record<string, Json> = Object.create(null)
  for (let at = start; at < end;) {
    const tag = wire.readTag(bytes, at, end)
    if (tag !== 0x0a) return malformed()
    const length = wire.readLength(bytes, wire.cursor, end)
    if (length < 0) return malformed()
    at = wire.cursor
    if (!readEntry(bytes, at, at + length)) return malformed()
    const { keyStart, keyEnd, valueStart, valueEnd } = entry
    fields[readString(bytes, keyStart, keyEnd)] = readValue(bytes, view, valueStart, valueEnd, depth)
    at += length
  }
  return fields
}

const readList = (bytes: Uint8Array, view: DataView, start: number, end: number, depth: number): Json => {
  const values: Array<Json> = []
  for (let at = start; at < end;) {
    const tag = wire.readTag(bytes, at, end)
    if (tag !== 0x0a) return malformed()
    const length = wire.readLength(bytes, wire.cursor, end)
    if (length < 0) return malformed()
    at = wire.cursor
    values.push(readValue(bytes, view, at, at + length, depth))
    at += length
  }
  return values
}
