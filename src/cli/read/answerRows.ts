/** Answers of the query service as rows to print. */
import type { QueryStats, ResultColumn } from "../../transport/grpc/generated/varve/v1/query_pb.ts"
import { plainInstant, type ReadRecord } from "../client/records.ts"
import { type Cell, isNumberType, type OutputColumn, type Row } from "../output/cell.ts"
import { countOf, formatCount } from "../output/numbers.ts"

/** The columns of an answer. */
export const outputColumns = (columns: ReadonlyArray<ResultColumn>): ReadonlyArray<OutputColumn> =>
  columns.map(({ name, type }) => ({ name, isNumber: isNumberType(type) }))

/** What stands before the columns of the table: a part of the record itself. */
export interface RecordPart {
  readonly column: OutputColumn
  readonly cell: (record: ReadRecord) => Cell
}

const part = (name: string, cell: RecordPart["cell"], isNumber = false): RecordPart => ({
  column: { name, isNumber },
  cell
})

/** The record's key. */
export const keyPart: RecordPart = part("_key", ({ key }) => key)

/** Where and when the version was written, and what it says of its time. */
export const versionParts: ReadonlyArray<RecordPart> = [
  part("_position", ({ position }) => position, true),
  part("_commit_time", ({ commitTime }) => commitTime === undefined ? null : plainInstant(commitTime)),
  part("_timestamp", ({ timestamp }) => timestamp === undefined ? null : plainInstant(timestamp))
]

/** Whether the version deletes its key. */
export const deletedPart: RecordPart = part("_deleted", ({ deleted }) => deleted)

/** The string pairs that travel with the record. */
export const metadataPart: RecordPart = part("_metadata", ({ metadata }) => metadata)

/** Records as rows of `parts` and then `columns`. A deletion has nulls for its columns. */
export const recordRows = (
  parts: ReadonlyArray<RecordPart>,
  columns: ReadonlyArray<ResultColumn>,
  records: ReadonlyArray<ReadRecord>
): ReadonlyArray<Row> =>
  records.map((record) => {
    const values = record.values.length === columns.length ? record.values : columns.map(() => null)
    return parts.length === 0 ? values : [...parts.map(({ cell }) => cell(record)), ...values]
  })

/** What a read cost, in one line. */
export const footer = (rows: number, position: bigint, stats: QueryStats | undefined): string => {
  const cost = stats === undefined
    ? ""
    : `, ${formatCount(Number(stats.rowsScanned))} scanned in ${
      stats.elapsedMs.toFixed(stats.elapsedMs < 10 ? 2 : 0)
    } ms`
  return `${countOf(rows, "row")} at position ${formatCount(Number(position))}${cost}\n`
}
