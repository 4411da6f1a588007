/**
 * Messages as another client's library would write them, byte by byte: by @bufbuild/protobuf where an object is
 * enough, by its plain writer where the order, repetition or absence of fields is the point.
 */
import { create, toBinary } from "@bufbuild/protobuf"
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire"
import { type Value as StructValue, ValueSchema } from "@bufbuild/protobuf/wkt"
import type { Json } from "../../src/schema/types.ts"
import { type TypedValue, TypedValueSchema } from "../../src/transport/grpc/generated/varve/v1/record_pb.ts"

/** A value of a Struct: JSON, or a number that JSON does not have, or no kind at all. */
export type WireValue = Json | typeof noKind

/** A `google.protobuf.Value` of which no kind is set. */
export const noKind = Symbol("no kind")

const valueMessage = (value: WireValue): StructValue => {
  if (value === noKind) return create(ValueSchema)
  if (value === null) return create(ValueSchema, { kind: { case: "nullValue", value: 0 } })
  if (typeof value === "boolean") return create(ValueSchema, { kind: { case: "boolValue", value } })
  if (typeof value === "number") return create(ValueSchema, { kind: { case: "numberValue", value } })
  if (typeof value === "string") return create(ValueSchema, { kind: { case: "stringValue", value } })
  if (Array.isArray(value)) {
    return create(ValueSchema, { kind: { case: "listValue", value: { values: value.map(valueMessage) } } })
  }
  const fields: Record<string, StructValue> = {}
  for (const [name, part] of Object.entries(value)) {
    Object.defineProperty(fields, name, {
      value: valueMessage(part),
      enumerable: true,
      configurable: true,
      writable: true
    })
  }
  return create(ValueSchema, { kind: { case: "structValue", value: { fields } } })
}

/** The bytes of a `google.protobuf.Value`. */
export const valueBytes = (value: WireValue): Uint8Array => toBinary(ValueSchema, valueMessage(value))

/** The bytes of a `google.protobuf.Struct` whose entries are exactly these, in this order, repetitions included. */
export const structBytes = (entries: ReadonlyArray<readonly [string, WireValue]>): Uint8Array => {
  const writer = new BinaryWriter()
  for (const [name, value] of entries) {
    writer.tag(1, WireType.LengthDelimited).fork()
    writer.tag(1, WireType.LengthDelimited).string(name)
    writer.tag(2, WireType.LengthDelimited).bytes(valueBytes(value))
    writer.join()
  }
  return writer.finish()
}

/** The bytes of a Struct entry whose name and value may be anything. */
export const entryBytes = (name: string | Uint8Array, value: Uint8Array): Uint8Array => {
  const writer = new BinaryWriter()
  writer.tag(1, WireType.LengthDelimited).fork()
  writer.tag(1, WireType.LengthDelimited).bytes(Buffer.from(name))
  writer.tag(2, WireType.LengthDelimited).bytes(value)
  writer.join()
  return writer.finish()
}

/** The bytes of a message of one length-delimited field. */
export const fieldBytes = (field: number, value: Uint8Array): Uint8Array =>
  new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(value).finish()

/** The kind of a typed value, as @bufbuild/protobuf has it; `undefined` = none set. */
export type Kind =
  | Exclude<TypedValue["kind"], { readonly case: undefined } | { readonly case: "jsonValue" }>
  | { readonly case: "jsonValue"; readonly value: WireValue }
  | undefined

/** The bytes of a `varve.v1.Row`. */
export const rowBytes = (kinds: ReadonlyArray<Kind>): Uint8Array => {
  const writer = new BinaryWriter()
  for (const kind of kinds) {
    const value = create(TypedValueSchema)
    if (kind !== undefined) {
      value.kind = kind.case === "jsonValue" ? { case: "jsonValue", value: valueMessage(kind.value) } : kind
    }
    writer.tag(1, WireType.LengthDelimited).bytes(toBinary(TypedValueSchema, value))
  }
  return writer.finish()
}

/** What a `varve.v1.DataRecord` may hold; what is left out is not written. */
export interface RecordParts {
  readonly tenant?: string
  readonly table?: string
  readonly key?: string | Uint8Array
  /** Bytes of the Struct in `data`. */
  readonly data?: Uint8Array
  /** Bytes of the Row in `row`. */
  readonly row?: Uint8Array
  readonly timestamp?: { readonly seconds: bigint; readonly nanos: number }
  readonly metadata?: ReadonlyArray<readonly [string, string]>
  readonly version?: number
  readonly deleted?: boolean
}

const timestampBytes = ({ nanos, seconds }: NonNullable<RecordParts["timestamp"]>): Uint8Array => {
  const writer = new BinaryWriter()
  if (seconds !== 0n) writer.tag(1, WireType.Varint).int64(seconds)
  if (nanos !== 0) writer.tag(2, WireType.Varint).int32(nanos)
  return writer.finish()
}

/** The fields of a record, each with its tag, in the order of their numbers. */
export const recordFields = (parts: RecordParts): Array<Uint8Array> => {
  const fields: Array<Uint8Array> = []
  const field = (number: number, type: WireType, write: (writer: BinaryWriter) => void): void => {
    const writer = new BinaryWriter()
    writer.tag(number, type)
    write(writer)
    fields.push(writer.finish())
  }
  const { data, deleted, key, metadata, row, table, tenant, timestamp, version } = parts
  if (tenant !== undefined) field(1, WireType.LengthDelimited, (writer) => writer.string(tenant))
  if (table !== undefined) field(2, WireType.LengthDelimited, (writer) => writer.string(table))
  if (key !== undefined) {
    field(3, WireType.LengthDelimited, (writer) => typeof key === "string" ? writer.string(key) : writer.bytes(key))
  }
  if (data !== undefined) field(4, WireType.LengthDelimited, (writer) => writer.bytes(data))
  if (row !== undefined) field(5, WireType.LengthDelimited, (writer) => writer.bytes(row))
  if (timestamp !== undefined) field(6, WireType.LengthDelimited, (writer) => writer.bytes(timestampBytes(timestamp)))
  for (const [name, value] of metadata ?? []) {
    field(7, WireType.LengthDelimited, (writer) => {
      const entry = new BinaryWriter()
      entry.tag(1, WireType.LengthDelimited).string(name)
      entry.tag(2, WireType.LengthDelimited).string(value)
      writer.bytes(entry.finish())
    })
  }
  if (version !== undefined) field(8, WireType.Varint, (writer) => writer.uint32(version))
  if (deleted !== undefined) field(11, WireType.Varint, (writer) => writer.bool(deleted))
  return fields
}

/** The bytes of a record. */
export const recordBytes = (parts: RecordParts): Uint8Array => Buffer.concat(recordFields(parts))

/** A field with a number that no version of the message has. */
export const unknownField = (number: number, type: WireType): Uint8Array => {
  const writer = new BinaryWriter()
  writer.tag(number, type)
  if (type === WireType.Varint) writer.uint64(0xffff_ffff_ffff_ffffn)
  else if (type === WireType.Bit64) writer.fixed64(7n)
  else if (type === WireType.Bit32) writer.fixed32(7)
  else writer.bytes(new Uint8Array([8, 1, 18, 0]))
  return writer.finish()
}
