/**
 * What a gRPC error says beside its code and message, in the form that clients of every language know: the trailer
 * `grpc-status-details-bin`, a `google.rpc.Status` of `google/rpc/status.proto` and `google/rpc/error_details.proto`.
 *
 * ```
 * Status       1 code  2 message  3 details*: Any { 1 type_url  2 value }
 * ErrorInfo    1 reason  2 domain  3 metadata*: { 1 key  2 value }      always: reason DRAINING, domain varve
 * BadRequest   1 field_violations*: { 1 field  2 description  3 reason }   where a field is to blame
 * RetryInfo    1 retry_delay: Duration { 1 seconds  2 nanos }              where sending it again may help
 * ```
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire"
import type { Refusal } from "../status.ts"
import { retryDelayMillis, statusOf } from "../status.ts"

/** The trailer's name. */
export const trailer = "grpc-status-details-bin"

/** The domain of every reason in `src/base/reason.ts`. */
export const domain = "varve"

const typeOf = (name: string): string => `type.googleapis.com/google.rpc.${name}`

const errorInfo = (refusal: Refusal): Uint8Array => {
  const writer = new BinaryWriter()
  writer.tag(1, WireType.LengthDelimited).string(refusal.reason)
  writer.tag(2, WireType.LengthDelimited).string(domain)
  if (refusal.field !== "") {
    writer.tag(3, WireType.LengthDelimited).fork()
    writer.tag(1, WireType.LengthDelimited).string("field")
    writer.tag(2, WireType.LengthDelimited).string(refusal.field)
    writer.join()
  }
  return writer.finish()
}

const badRequest = (refusal: Refusal): Uint8Array => {
  const writer = new BinaryWriter()
  writer.tag(1, WireType.LengthDelimited).fork()
  writer.tag(1, WireType.LengthDelimited).string(refusal.field)
  writer.tag(2, WireType.LengthDelimited).string(refusal.message)
  writer.tag(3, WireType.LengthDelimited).string(refusal.reason)
  writer.join()
  return writer.finish()
}

const retryInfo = (millis: number): Uint8Array => {
  const writer = new BinaryWriter()
  writer.tag(1, WireType.LengthDelimited).fork()
  writer.tag(1, WireType.Varint).int64(BigInt(Math.floor(millis / 1000)))
  writer.tag(2, WireType.Varint).int32((millis % 1000) * 1_000_000)
  writer.join()
  return writer.finish()
}

/** The `google.rpc.Status` of a refusal. */
export const encodeErrorDetails = (refusal: Refusal): Uint8Array => {
  const writer = new BinaryWriter()
  const add = (name: string, value: Uint8Array): void => {
    writer.tag(3, WireType.LengthDelimited).fork()
    writer.tag(1, WireType.LengthDelimited).string(typeOf(name))
    writer.tag(2, WireType.LengthDelimited).bytes(value)
    writer.join()
  }
  const status = statusOf(refusal.reason)
  const delay = retryDelayMillis(refusal.reason)
  writer.tag(1, WireType.Varint).int32(status.grpc)
  writer.tag(2, WireType.LengthDelimited).string(refusal.message)
  add("ErrorInfo", errorInfo(refusal))
  if (refusal.field !== "" && status.grpc === 3) add("BadRequest", badRequest(refusal))
  if (delay !== undefined) add("RetryInfo", retryInfo(delay))
  return writer.finish()
}

/** What a client learns from the trailer. */
export interface ErrorDetails {
  /** Empty where the error does not come from Varve. */
  readonly reason: string
  readonly field: string
  readonly retryDelayMillis: number | undefined
}

/** Calls `visit` for each field of a message; it reads the field or skips it. */
const eachField = (bytes: Uint8Array, visit: (field: number, reader: BinaryReader) => boolean): void => {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (!visit(field, reader)) reader.skip(type)
  }
}

const readPair = (bytes: Uint8Array): readonly [key: string, value: string] => {
  let key = ""
  let value = ""
  eachField(bytes, (field, reader) => {
    if (field === 1) key = reader.string()
    else if (field === 2) value = reader.string()
    else return false
    return true
  })
  return [key, value]
}

/** Reads a `google.rpc.Status`. Throws on bytes that are none. */
export const decodeErrorDetails = (bytes: Uint8Array): ErrorDetails => {
  let reason = ""
  let field = ""
  let millis: number | undefined
  const readDetail = (type: string, value: Uint8Array): void => {
    if (type === typeOf("ErrorInfo")) {
      eachField(value, (number, reader) => {
        if (number === 1) reason = reader.string()
        else if (number === 3) {
          const [key, text] = readPair(reader.bytes())
          if (key === "field") field = text
        } else return false
        return true
      })
    } else if (type === typeOf("RetryInfo")) {
      eachField(value, (number, reader) => {
        if (number !== 1) return false
        millis = 0
        eachField(reader.bytes(), (part, duration) => {
          if (part === 1) millis! += Number(duration.int64()) * 1000
          else if (part === 2) millis! += duration.int32() / 1_000_000
          else return false
          return true
        })
        return true
      })
    }
  }
  eachField(bytes, (number, reader) => {
    if (number !== 3) return false
    let type = ""
    let value: Uint8Array = new Uint8Array(0)
    eachField(reader.bytes(), (part, any) => {
      if (part === 1) type = any.string()
      else if (part === 2) value = any.bytes()
      else return false
      return true
    })
    readDetail(type, value)
    return true
  })
  return { reason, field, retryDelayMillis: millis }
}
