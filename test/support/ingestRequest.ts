/** Ingestion requests as bytes. */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire"
import { fieldBytes, recordBytes, structBytes, type WireValue } from "./wireRecord.ts"

/** What a request may say beside its records. */
export interface RequestOptions {
  readonly transactional?: boolean
  readonly key?: string
  /** The number of a Durability. */
  readonly durability?: number
  readonly tenant?: string
  readonly table?: string
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const varintField = (field: number, value: number | bigint): Uint8Array =>
  new BinaryWriter().tag(field, WireType.Varint).uint64(BigInt(value)).finish()

/** The bytes of an `IngestBatchRequest`. */
export const batchRequest = (records: ReadonlyArray<Uint8Array>, options: RequestOptions = {}): Uint8Array =>
  Buffer.concat([
    ...records.map((record) => fieldBytes(1, record)),
    ...(options.transactional === undefined ? [] : [varintField(2, options.transactional ? 1 : 0)]),
    ...(options.key === undefined ? [] : [fieldBytes(3, utf8(options.key))]),
    ...(options.durability === undefined ? [] : [varintField(4, options.durability)]),
    ...(options.tenant === undefined ? [] : [fieldBytes(5, utf8(options.tenant))]),
    ...(options.table === undefined ? [] : [fieldBytes(6, utf8(options.table))])
  ])

/** The bytes of an `IngestRecordRequest`. */
export const recordRequest = (
  record: Uint8Array,
  options: { readonly key?: string; readonly expectedVersion?: bigint; readonly durability?: number } = {}
): Uint8Array =>
  Buffer.concat([
    fieldBytes(1, record),
    ...(options.key === undefined ? [] : [fieldBytes(2, utf8(options.key))]),
    ...(options.expectedVersion === undefined ? [] : [varintField(3, options.expectedVersion)]),
    ...(options.durability === undefined ? [] : [varintField(4, options.durability)])
  ])

/** The bytes of the messages of an `IngestStreamRequest`. */
export const streamMessages = {
  init: (options: Pick<RequestOptions, "tenant" | "table" | "durability"> = {}): Uint8Array =>
    fieldBytes(
      1,
      Buffer.concat([
        ...(options.tenant === undefined ? [] : [fieldBytes(1, utf8(options.tenant))]),
        ...(options.table === undefined ? [] : [fieldBytes(2, utf8(options.table))]),
        ...(options.durability === undefined ? [] : [varintField(3, options.durability)])
      ])
    ),
  records: (records: ReadonlyArray<Uint8Array>): Uint8Array =>
    fieldBytes(2, Buffer.concat(records.map((record) => fieldBytes(1, record)))),
  record: (record: Uint8Array): Uint8Array => fieldBytes(3, record),
  commit: (): Uint8Array => fieldBytes(4, new Uint8Array())
}

/** A record of table `x` whose column `v` is a text; `null` deletes the key. */
export const put = (
  key: string,
  value: WireValue,
  place: { readonly tenant?: string; readonly table?: string; readonly version?: number } = {}
): Uint8Array =>
  recordBytes({
    table: "x",
    tenant: "t",
    key,
    ...place,
    ...(value === null ? { deleted: true } : { data: structBytes([["v", value]]) })
  })
