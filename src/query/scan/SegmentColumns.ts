/** How the columns of a segment are read as those of the table's latest schema: their vectors and their bounds. */
import type { Int64Vector } from "../../event/vector.ts"
import type { Column } from "../../schema/types.ts"
import { type Bounds, joinBounds } from "../../segment/bounds.ts"
import * as Stored from "../../segment/columns.ts"
import type { SegmentVector } from "../../segment/write/SegmentRows.ts"
import { commitTimeColumn, keyColumn, positionColumn, timestampColumn } from "../columns.ts"
import { bytesAt, type NumberRead, type ReadVector } from "./readVector.ts"
import { isFilled, readStored } from "./storedVector.ts"
import { withCommitTimes } from "./withCommitTimes.ts"

/** What a run of rows holds in a column of the file; `undefined` where nobody knows. */
export type BoundsOf = (column: number) => Bounds | undefined

export class SegmentColumns {
  private readonly columns: ReadonlyArray<Column>
  /** The column whose text is the key of each row. */
  private readonly keyName: string | undefined

  /** `columns` are those of the schema that the file was written in; `keyName` names the table's key column, if any. */
  constructor(columns: ReadonlyArray<Column>, keyName: string | undefined) {
    this.columns = columns
    this.keyName = keyName
  }

  /** The columns of the file that a column is made of, by their numbers. */
  partsOf(column: Column): ReadonlyArray<number> {
    switch (column) {
      case keyColumn:
        return [Stored.keyColumn]
      case positionColumn:
        return [Stored.positionColumn]
      case commitTimeColumn:
        return [Stored.commitTimeColumn]
      case timestampColumn:
        return [Stored.timestampColumn, Stored.commitTimeColumn]
    }
    const index = this.indexOf(column)
    return index < 0 ? [] : [Stored.firstSchemaColumn + index]
  }

  /** Whether the values of a column are those of the file, `nulls` of which are null: none is made up for a row. */
  isStored(column: Column, nulls: number): boolean {
    const index = this.indexOf(column)
    return index >= 0 && (nulls === 0 || !isFilled(column, this.columns[index]))
  }

  /** The vector of a column, from the file's own vectors of `count` rows. */
  vector(column: Column, count: number, storedOf: (column: number) => SegmentVector): ReadVector {
    switch (column) {
      case keyColumn:
        return readSystem(column, storedOf(Stored.keyColumn), count)
      case positionColumn:
        return readSystem(column, storedOf(Stored.positionColumn), count)
      case commitTimeColumn:
        return readSystem(column, storedOf(Stored.commitTimeColumn), count)
      case timestampColumn: {
        const given = readSystem(column, storedOf(Stored.timestampColumn), count) as NumberRead
        if (given.nulls === undefined) return given
        return withCommitTimes(given, (storedOf(Stored.commitTimeColumn) as Int64Vector).values.subarray(0, count))
      }
    }
    const index = this.indexOf(column)
    if (index < 0) return readStored(column, undefined, count)
    const stored = { column: this.columns[index], vector: storedOf(Stored.firstSchemaColumn + index) }
    return readStored(column, stored, count)
  }

  /** What `rows` rows hold in a column, from the bounds of the file's columns. */
  bounds(column: Column, rows: number, boundsOf: BoundsOf): Bounds | undefined {
    switch (column) {
      case keyColumn:
        return boundsOf(Stored.keyColumn)
      case positionColumn:
        return boundsOf(Stored.positionColumn)
      case commitTimeColumn:
        return boundsOf(Stored.commitTimeColumn)
      case timestampColumn:
        return timesOf(boundsOf(Stored.timestampColumn), boundsOf(Stored.commitTimeColumn), rows)
    }
    // Bounds of keys are whole, those of other text are cut.
    if (column.name === this.keyName && column.type === "string") return boundsOf(Stored.keyColumn)
    const index = this.indexOf(column)
    if (index < 0) return constantBounds(column, rows)
    const bounds = boundsOf(Stored.firstSchemaColumn + index)
    if (bounds === undefined) return undefined
    const stored = this.columns[index]
    const near = column.type === "float64" ? inDoubles(bounds) : bounds
    if (bounds.nulls === 0 || !isFilled(column, stored)) return near
    return { ...joinBounds({ ...near, nulls: 0 }, constantBounds(column, rows)), nulls: 0 }
  }

  private indexOf(column: Column): number {
    return this.columns.findIndex(({ id }) => id === column.id)
  }
}

const readSystem = (column: Column, vector: SegmentVector, count: number): ReadVector =>
  readStored(column, { column, vector }, count)

/** Where some rows have no event time, their commit times count. */
const timesOf = (given: Bounds | undefined, committed: Bounds | undefined, rows: number): Bounds | undefined => {
  if (given === undefined || given.nulls === 0) return given
  if (committed === undefined || given.nulls === rows) return committed
  return { ...joinBounds(given, committed), nulls: 0 }
}

/** An int64 that is read as a double is compared as the nearest one. */
const inDoubles = ({ max, min, nulls }: Bounds): Bounds => ({
  min: typeof min === "bigint" ? Number(min) : min,
  max: typeof max === "bigint" ? Number(max) : max,
  nulls
})

/** The bounds of rows that were written before there was the column. */
const constantBounds = (column: Column, rows: number): Bounds => {
  const vector = readStored(column, undefined, 1)
  if (vector.nulls !== undefined) return { min: undefined, max: undefined, nulls: rows }
  const value = vector.kind === "number" ? vector.wide?.[0] ?? vector.values[0] : bytesAt(vector, 0)
  return { min: value, max: value, nulls: 0 }
}
