/** Makes answers' rows out of vectors: the last step, for the rows that are answered and no others. */
import type { Position } from "../base/position.ts"
import type { Column } from "../schema/types.ts"
import { commitTimeColumn, keyColumn, positionColumn, timestampColumn } from "./columns.ts"
import type { RecordRow, Value } from "./result.ts"
import { type NumberRead, valueReader } from "./scan/readVector.ts"
import type { ScanSource } from "./scan/ScanSource.ts"
import type { TableView } from "./tableView.ts"

type ReadRow = (row: number) => RecordRow

/** Reads rows as records with the columns of a projection. */
export class RecordReader {
  private readonly view: TableView
  private readonly columns: ReadonlyArray<Column>
  private readonly readers: Array<ReadRow | undefined> = []

  constructor(view: TableView, columns: ReadonlyArray<Column>) {
    this.view = view
    this.columns = columns
  }

  /** The row of a source, by the source's number. */
  read(source: number, row: number): RecordRow {
    const reader = this.readers[source] ??= readerOf(this.view, this.view.sources[source], this.columns)
    return reader(row)
  }
}

const readerOf = (view: TableView, source: ScanSource, columns: ReadonlyArray<Column>): ReadRow => {
  const keyOf = valueReader(keyColumn, source.vector(keyColumn)) as (row: number) => string
  const positions = (source.vector(positionColumn) as NumberRead).values
  const timestampOf = source.timestamp
  const values = columns.map((column): (row: number, record: Omit<RecordRow, "values">) => Value => {
    // These are there already; their vectors would be made for every row of the source.
    if (column === commitTimeColumn) return (_, record) => record.commitTime
    if (column === timestampColumn) return (_, record) => record.timestamp
    const read = valueReader(column, source.vector(column))
    return column.id < 0 ? read : (row, record) => record.deleted ? null : read(row)
  })
  return (row) => {
    const position = positions[row] as Position
    const commitTime = view.commitTime(position)
    const record = {
      key: keyOf(row),
      position,
      commitTime,
      timestamp: timestampOf(row) ?? commitTime,
      metadata: source.metadata(row),
      schemaVersion: source.schemaVersion,
      deleted: source.isDeletion(row)
    }
    return { ...record, values: values.map((value) => value(row, record)) }
  }
}
