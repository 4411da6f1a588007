/** Columns that a table has no longer, and that its rows still hold. */
import { droppedColumn, latest, type Table } from "../../catalog/state.ts"
import type { SegmentEntry } from "../../event/Event.ts"
import type { Column, TableSchema } from "../../schema/types.ts"

/**
 * The table's latest schema, and behind its columns those that it has dropped and that rows of the segments have values
 * in: a later version of the schema may name them again. A dropped column whose name another one has now is written under
 * a name that nobody else has.
 */
export const withKeptColumns = (table: Table, segments: ReadonlyArray<SegmentEntry>): TableSchema => {
  const { schema } = latest(table)
  const known = new Set(schema.columns.map(({ id }) => id))
  const names = new Set(schema.columns.map(({ name }) => name))
  const kept: Array<Column> = []
  for (const { columns, rows } of segments) {
    for (const { columnId, nulls } of columns) {
      if (nulls === rows || known.has(columnId)) continue
      known.add(columnId)
      const column = droppedColumn(table, columnId)
      const name = names.has(column.name) ? `${column.name}__${columnId}` : column.name
      names.add(name)
      kept.push({ ...column, name })
    }
  }
  return kept.length === 0 ? schema : { ...schema, columns: [...schema.columns, ...kept] }
}
