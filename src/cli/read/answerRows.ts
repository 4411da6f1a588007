/** Answers of the query service as rows to print. */
import { toJson } from "@bufbuild/protobuf"
import { type Timestamp, ValueSchema } from "@bufbuild/protobuf/wkt"
import { exact, formatTimestamp } from "../../schema/timestamp.ts"
import type { Json } from "../../schema/types.ts"
import type { QueryStats, ResultColumn } from "../../transport/grpc/generated/varve/v1/query_pb.ts"
import type { DataRecord, TypedValue } from "../../transport/grpc/generated/varve/v1/record_pb.ts"
import { type Cell, isNumberType, type OutputColumn, type Row } from "../output/cell.ts"
import { countOf, formatCount } from "../output/numbers.ts"

/** A timestamp in RFC 3339. */
export const timestampCell = (timestamp: Timestamp | undefined): Cell =>
  timestamp === undefined
    ? null
    : formatTimestamp(exact(timestamp.seconds * 1_000_000n + BigInt(Math.floor(timestamp.nanos / 1000))))

/** A whole number: as a number where that is exact, else its digits. */
export const integerCell = (value: bigint): Cell => {
  const number = exact(value)
  return typeof number === "number" ? number : String(number)
}

const cellOf = ({ kind }: TypedValue): Cell => {
  switch (kind.case) {
    case undefined:
      return null
    case "intValue":
      return integerCell(kind.value)
    case "timestampValue":
      return timestampCell(kind.value)
    case "bytesValue":
      return Buffer.from(kind.value).toString("base64")
    case "jsonValue":
      return toJson(ValueSchema, kind.value) as Json
    default:
      return kind.value
  }
}

/** Typed values as cells. */
export const cellsOf = (values: ReadonlyArray<TypedValue>): Row => values.map(cellOf)

/** The columns of an answer. */
export const outputColumns = (columns: ReadonlyArray<ResultColumn>): ReadonlyArray<OutputColumn> =>
  columns.map(({ name, type }) => ({ name, isNumber: isNumberType(type) }))

/** What stands before the columns of the table: parts of the record itself. */
export interface RecordPart {
  readonly column: OutputColumn
  readonly cell: (record: DataRecord) => Cell
}

/** The record's key. */
export const keyPart: RecordPart = { column: { name: "_key", isNumber: false }, cell: ({ key }) => key }

/** Where and when the version was written, and what it says of its time. */
export const versionParts: ReadonlyArray<RecordPart> = [
  { column: { name: "_position", isNumber: true }, cell: ({ position }) => integerCell(position) },
  { column: { name: "_commit_time", isNumber: false }, cell: ({ commitTime }) => timestampCell(commitTime) },
  { column: { name: "_timestamp", isNumber: false }, cell: ({ timestamp }) => timestampCell(timestamp) }
]

/** Whether the version deletes its key. */
export const deletedPart: RecordPart = { column: { name: "_deleted", isNumber: false }, cell: ({ deleted }) => deleted }

/** The string pairs that travel with the record; null for none. */
export const metadataPart: RecordPart = {
  column: { name: "_metadata", isNumber: false },
  cell: ({ metadata }) => Object.keys(metadata).length === 0 ? null : metadata
}

/** Records as rows of `parts` and then `columns`. A deletion has nulls for its columns. */
export const recordRows = (
  parts: ReadonlyArray<RecordPart>,
  columns: ReadonlyArray<ResultColumn>,
  records: ReadonlyArray<DataRecord>
): ReadonlyArray<Row> =>
  records.map((record) => [
    ...parts.map((part) => part.cell(record)),
    ...(record.payload.case === "row" ? cellsOf(record.payload.value.values) : columns.map(() => null))
  ])

/** What a read cost, in one line. */
export const footer = (rows: number, position: bigint, stats: QueryStats | undefined): string => {
  const cost = stats === undefined
    ? ""
    : `, ${formatCount(Number(stats.rowsScanned))} scanned in ${
      stats.elapsedMs.toFixed(stats.elapsedMs < 10 ? 2 : 0)
    } ms`
  return `${countOf(rows, "row")} at position ${formatCount(Number(position))}${cost}\n`
}
