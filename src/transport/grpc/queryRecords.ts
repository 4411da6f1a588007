/**
 * Records of answers as bytes, straight from the engine's rows. An answer has up to 100,000 of them, and the general
 * encoder takes five times as long for each: it makes an object of every value first.
 */
import { fromJson, type JsonValue, type Message, toBinary } from "@bufbuild/protobuf"
import { ValueSchema } from "@bufbuild/protobuf/wkt"
import type { RecordRow, ResultColumn, Value } from "../../query/result.ts"
import { valueJson } from "../../query/valueJson.ts"
import { formatTimestamp } from "../../schema/timestamp.ts"
import { type ColumnType, isNested } from "../../schema/types.ts"
import { PrependWriter } from "./queryWriter.ts"

/** What the request says of how records are answered. */
export interface RecordForm {
  readonly tenantId: string
  readonly table: string
  /** Typed values in place of a Struct. */
  readonly typedRows: boolean
}

/** Tags: a field's number times 8, and 2 for what has a length, 1 for eight bytes, 0 for a varint. */
const recordTags = {
  tenantId: 0x0a,
  table: 0x12,
  key: 0x1a,
  data: 0x22,
  row: 0x2a,
  timestamp: 0x32,
  metadata: 0x3a,
  schemaVersion: 0x40,
  position: 0x48,
  commitTime: 0x52,
  deleted: 0x58
} as const

const lengthDelimited = 2

/** The first field of a message. */
const firstTag = 0x0a
/** The second field of a message. */
const secondTag = 0x12

/**
 * The records as field `fieldNumber` of a message, for the message to be encoded with. protobuf-es writes the fields of
 * `$unknown` as they are, which is how it takes a part that is encoded already.
 */
export const encodedRecords = (
  fieldNumber: number,
  form: RecordForm,
  columns: ReadonlyArray<ResultColumn>,
  rows: ReadonlyArray<RecordRow>
): Message["$unknown"] & object => {
  if (rows.length === 0) return []
  const writer = new PrependWriter(rows.length * (64 + 32 * columns.length))
  const names = columns.map(({ name }) => Buffer.from(name))
  const tag = fieldNumber << 3 | lengthDelimited
  for (let i = rows.length - 1; i >= 0; i--) {
    const before = writer.written
    writeRecord(writer, form, columns, names, rows[i])
    writer.varint(writer.written - before)
    // The first record's tag is written by whoever writes the field.
    if (i > 0) writer.byte(tag)
  }
  return [{ no: fieldNumber, wireType: lengthDelimited, data: writer.finish() }]
}

const writeRecord = (
  writer: PrependWriter,
  form: RecordForm,
  columns: ReadonlyArray<ResultColumn>,
  names: ReadonlyArray<Uint8Array>,
  row: RecordRow
): void => {
  if (row.deleted) {
    writer.byte(1)
    writer.byte(recordTags.deleted)
  }
  writeTimestamp(writer, recordTags.commitTime, row.commitTime)
  writer.varint(row.position)
  writer.byte(recordTags.position)
  writer.varint(row.schemaVersion)
  writer.byte(recordTags.schemaVersion)
  if (row.metadata !== undefined) writeMetadata(writer, row.metadata)
  writeTimestamp(writer, recordTags.timestamp, row.timestamp)
  if (!row.deleted) {
    const before = writer.written
    for (let i = columns.length - 1; i >= 0; i--) {
      if (form.typedRows) writeTyped(writer, columns[i].type, row.values[i])
      else writeEntry(writer, names[i], columns[i].type, row.values[i])
    }
    writer.enclose(form.typedRows ? recordTags.row : recordTags.data, before)
  }
  writer.textField(recordTags.key, row.key)
  writer.textField(recordTags.table, form.table)
  writer.textField(recordTags.tenantId, form.tenantId)
}

/** A `google.protobuf.Timestamp`. */
const writeTimestamp = (writer: PrependWriter, tag: number, micros: number | bigint): void => {
  const before = writer.written
  const seconds = typeof micros === "number" ? Math.floor(micros / 1e6) : floorSeconds(micros)
  const rest = typeof micros === "number" ? micros - seconds * 1e6 : Number(micros - BigInt(seconds) * 1_000_000n)
  if (rest !== 0) {
    writer.varint(rest * 1000)
    writer.byte(0x10)
  }
  if (seconds !== 0) {
    writer.int64(seconds)
    writer.byte(0x08)
  }
  writer.enclose(tag, before)
}

const floorSeconds = (micros: bigint): number => {
  const seconds = micros / 1_000_000n
  return Number(seconds * 1_000_000n > micros ? seconds - 1n : seconds)
}

const writeMetadata = (writer: PrependWriter, json: string): void => {
  const entries = Object.entries(JSON.parse(json) as Record<string, string>)
  for (let i = entries.length - 1; i >= 0; i--) {
    const before = writer.written
    writer.textField(secondTag, entries[i][1])
    writer.textField(firstTag, entries[i][0])
    writer.enclose(recordTags.metadata, before)
  }
}

/** An entry of a Struct: a name and a `google.protobuf.Value`. */
const writeEntry = (writer: PrependWriter, name: Uint8Array, type: ColumnType, value: Value): void => {
  const entry = writer.written
  writeStructValue(writer, type, value)
  writer.enclose(secondTag, entry)
  const before = writer.written
  writer.bytes(name)
  writer.enclose(firstTag, before)
  writer.enclose(firstTag, entry)
}

const valueTags = { null: 0x08, number: 0x11, text: 0x1a, bool: 0x20 } as const

const writeStructValue = (writer: PrependWriter, type: ColumnType, value: Value): void => {
  if (value === null) {
    writer.byte(0)
    writer.byte(valueTags.null)
  } else if (typeof value === "number" && type !== "timestamp" && Number.isFinite(value)) {
    writer.double(value)
    writer.byte(valueTags.number)
  } else if (typeof value === "boolean") {
    writer.byte(Number(value))
    writer.byte(valueTags.bool)
  } else if (isNested(type)) {
    writer.bytes(nestedValue(type, value))
  } else {
    const before = writer.written
    writer.text(
      type === "timestamp" ? timestampText(value as number | bigint) : valueJson({ type }, value) as string
    )
    writer.enclose(valueTags.text, before)
  }
}

const nestedValue = (type: ColumnType, value: Value): Uint8Array =>
  toBinary(ValueSchema, fromJson(ValueSchema, valueJson({ type }, value) as JsonValue))

const typedTags = { bool: 0x08, int: 0x10, double: 0x19, text: 0x22, bytes: 0x2a, timestamp: 0x32, json: 0x3a } as const

/** A `TypedValue` of a Row. */
const writeTyped = (writer: PrependWriter, type: ColumnType, value: Value): void => {
  const before = writer.written
  if (value !== null) writeKind(writer, type, value)
  writer.enclose(firstTag, before)
}

const writeKind = (writer: PrependWriter, type: ColumnType, value: Exclude<Value, null>): void => {
  const before = writer.written
  switch (type) {
    case "bool":
      writer.byte(Number(value))
      return writer.byte(typedTags.bool)
    case "int32":
    case "int64":
      writer.int64(value as number | bigint)
      return writer.byte(typedTags.int)
    case "float32":
    case "float64":
      writer.double(value as number)
      return writer.byte(typedTags.double)
    case "timestamp":
      return writeTimestamp(writer, typedTags.timestamp, value as number | bigint)
    case "bytes":
      writer.bytes(value as Uint8Array)
      return writer.enclose(typedTags.bytes, before)
    case "string":
      writer.text(value as string)
      return writer.enclose(typedTags.text, before)
    default:
      writer.bytes(nestedValue(type, value))
      return writer.enclose(typedTags.json, before)
  }
}

const dayMicros = 86_400_000_000
let knownDay = Number.NaN
let knownDate = ""

/** As `formatTimestamp`, which it asks for the date only, and not again for times of the same day. */
const timestampText = (micros: number | bigint): string => {
  if (typeof micros !== "number") return formatTimestamp(micros)
  const day = Math.floor(micros / dayMicros)
  if (day !== knownDay) {
    knownDate = formatTimestamp(day * dayMicros).slice(0, -"00:00:00Z".length)
    knownDay = day
  }
  let rest = micros - day * dayMicros
  const fraction = rest % 1_000_000
  rest = (rest - fraction) / 1_000_000
  const second = rest % 60
  const minute = (rest - second) / 60 % 60
  const hour = (rest - second - minute * 60) / 3600
  const time = `${knownDate}${two(hour)}:${two(minute)}:${two(second)}`
  if (fraction === 0) return `${time}Z`
  const digits = String(fraction).padStart(6, "0")
  return `${time}.${digits.endsWith("000") ? digits.slice(0, 3) : digits}Z`
}

const two = (value: number): string => value < 10 ? `0${value}` : String(value)
