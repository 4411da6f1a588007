/** Makes answers' rows out of vectors: the last step, for the rows that are answered and no others. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Position } from "../base/position.ts"
import type { Column } from "../schema/types.ts"
import { commitTimeColumn, keyColumn, positionColumn, timestampColumn } from "./columns.ts"
import { millisOf, type Timings } from "./drain.ts"
import type { OrderedRows } from "./order/TopRows.ts"
import type { QueryError } from "./Query.ts"
import type { RecordRow, Value } from "./result.ts"
import { type NumberRead, valueReader } from "./scan/readVector.ts"
import type { RecordBlock, Source } from "./scan/Source.ts"

/** Rows that are made between two turns of the event loop. */
const stepRows = 4096

/** Pages that are read at the same time. */
const concurrency = 4

/** Makes a block's rows into records with the columns of a projection. */
export const recordReader = (block: RecordBlock, columns: ReadonlyArray<Column>): (row: number) => RecordRow => {
  const keyOf = valueReader(keyColumn, block.vector(keyColumn)) as (row: number) => string
  const positions = (block.vector(positionColumn) as NumberRead).values
  const values = columns.map((column): (row: number, record: Omit<RecordRow, "values">) => Value => {
    // These are there already; their vectors would be made for every row of the block.
    if (column === commitTimeColumn) return (_, record) => record.commitTime
    if (column === timestampColumn) return (_, record) => record.timestamp
    const read = valueReader(column, block.vector(column))
    return column.id < 0 ? read : (row, record) => record.deleted ? null : read(row)
  })
  return (row) => {
    const commitTime = block.commitTime(row)
    const record = {
      key: keyOf(row),
      position: positions[row] as Position,
      commitTime,
      timestamp: block.timestamp(row) ?? commitTime,
      metadata: block.metadata(row),
      schemaVersion: block.schemaVersion,
      deleted: block.isDeletion(row)
    }
    return { ...record, values: values.map((value) => value(row, record)) }
  }
}

/** Makes rows of a block into records, in steps; `put` is given each with its place in the list of rows. */
export const makeRecords = Effect.fnUntraced(function*(
  block: RecordBlock,
  columns: ReadonlyArray<Column>,
  rows: ArrayLike<number>,
  timings: Timings,
  put: (place: number, record: RecordRow) => void
) {
  const clock = yield* Clock.clockWith(Effect.succeed)
  const read = recordReader(block, columns)
  for (let from = 0; from < rows.length; from += stepRows) {
    if (from > 0) yield* Effect.yieldNow
    const started = millisOf(clock)
    const end = Math.min(from + stepRows, rows.length)
    for (let i = from; i < end; i++) put(i, read(rows[i]))
    timings.makeMillis += millisOf(clock) - started
  }
})

/** Fetches rows of several sources, page by page, and makes them into records in the order that they are given in. */
export const fetchRecords = Effect.fnUntraced(function*(
  sources: ReadonlyArray<Source>,
  { rows, sources: numbers }: OrderedRows,
  columns: ReadonlyArray<Column>,
  timings: Timings
): Effect.fn.Return<Array<RecordRow>, QueryError> {
  const records = new Array<RecordRow>(rows.length)
  const places: Array<Array<number>> = sources.map(() => [])
  for (let i = 0; i < rows.length; i++) places[numbers[i]].push(i)
  for (let number = 0; number < sources.length; number++) {
    const wanted = places[number]
    if (wanted.length === 0) continue
    wanted.sort((left, right) => rows[left] - rows[right])
    const groups = yield* sources[number].records(wanted.map((place) => rows[place]), columns)
    yield* Effect.forEach(groups, ({ end, first, load }) =>
      Effect.flatMap(load, (block) => {
        const inBlock = wanted.slice(first, end).map((place) => rows[place] - block.base)
        return makeRecords(block, columns, inBlock, timings, (i, record) => records[wanted[first + i]] = record)
      }), { concurrency: groups.length > 1 ? concurrency : 1, discard: true })
  }
  return records
})
