/** Versions of rows as plain objects, segments of them, and what a merge makes of them, told naively. */
import * as Effect from "effect/Effect"
import { encodeUtf8 } from "../../../src/base/bytes.ts"
import { DictionaryVector } from "../../../src/event/dictionary.ts"
import { type Int64Vector, makeVector, setNull, type TextVector } from "../../../src/event/vector.ts"
import { type Column, type ColumnType, type TableSchema, vectorKind } from "../../../src/schema/types.ts"
import { BlockCache } from "../../../src/segment/BlockCache.ts"
import { firstSchemaColumn } from "../../../src/segment/columns.ts"
import type { MergePolicy } from "../../../src/segment/merge/Merge.ts"
import { openSegment, type Segment } from "../../../src/segment/Segment.ts"
import { sortRows } from "../../../src/segment/sortRows.ts"
import { type SegmentPiece, storeSegment } from "../../../src/segment/storeSegment.ts"
import { verifySegment } from "../../../src/segment/verifySegment.ts"
import type { SegmentRows, SegmentVector } from "../../../src/segment/write/SegmentRows.ts"
import type { BlockStorageService } from "../../../src/storage/BlockStorage.ts"
import { type PlainValue, valueAt } from "../support.ts"

/** A version of a row. Text is what `valueAt` makes of it: hexadecimal bytes. */
export interface Version {
  readonly key: string
  readonly position: number
  readonly commitTime: number
  readonly timestamp: bigint | null
  readonly deleted: boolean
  readonly metadata: string | null
  /** By the column's id; a deletion has none. */
  readonly values: ReadonlyMap<number, PlainValue>
}

export const hexOf = (text: string | Uint8Array): string =>
  Buffer.from(typeof text === "string" ? encodeUtf8(text) : text).toString("hex")

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"))

/** A version with values for tests that need no more than a key and a position. */
export const version = (key: string, position: number, more: Partial<Version> = {}): Version => ({
  key: hexOf(key),
  position,
  commitTime: 1_000 * position,
  timestamp: null,
  deleted: false,
  metadata: null,
  values: more.deleted === true ? new Map() : new Map([[1, hexOf(`${key} at ${position}`)]]),
  ...more
})

/** A schema version and its number. */
export interface SchemaVersion {
  readonly version: number
  readonly schema: TableSchema
}

export const column = (id: number, type: ColumnType, more: Partial<Column> = {}): Column => ({
  id,
  name: `column ${id}`,
  type,
  nullable: true,
  default: undefined,
  ...more
})

/** One column of text. */
export const simple: SchemaVersion = { version: 1, schema: { columns: [column(1, "string")], key: undefined } }

const vectorOf = (type: ColumnType, values: ReadonlyArray<PlainValue>, isCoded: boolean): SegmentVector => {
  const vector = makeVector(vectorKind(type), values.length)
  values.forEach((value, row) => {
    if (value === null) setNull(vector, row)
    else if (vector.kind === "text") vector.set(row, bytesOf(value as string))
    else if (vector.kind === "int64") vector.setBigInt(row, value as bigint)
    else vector.values[row] = Number(value)
  })
  if (vector.kind !== "text" || !isCoded) return vector
  const coded = new DictionaryVector(values.length)
  coded.append(0, vector, 0, values.length)
  return coded
}

/** The versions as columns, in the order in which they are given. `isCoded` says which columns have a dictionary. */
const rowsOf = (
  versions: ReadonlyArray<Version>,
  { columns }: TableSchema,
  isCoded: (column: number) => boolean
): SegmentRows => ({
  keys: vectorOf("string", versions.map(({ key }) => key), false) as TextVector,
  positions: Float64Array.from(versions, ({ position }) => position),
  commitTimes: Float64Array.from(versions, ({ commitTime }) => commitTime),
  timestamps: vectorOf("timestamp", versions.map(({ timestamp }) => timestamp), false) as Int64Vector,
  deleted: Uint8Array.from(versions, ({ deleted }) => Number(deleted)),
  metadata: vectorOf("json", versions.map(({ metadata }) => metadata), isCoded(-1)) as TextVector,
  columns: columns.map(({ id, type }, i) =>
    vectorOf(type, versions.map(({ values }) => values.get(id) ?? null), isCoded(i))
  )
})

/** In the order of a segment. */
export const sorted = (versions: ReadonlyArray<Version>): ReadonlyArray<Version> =>
  [...versions].sort((left, right) =>
    left.key < right.key ? -1 : left.key > right.key ? 1 : right.position - left.position
  )

const cache = new BlockCache(2 ** 20)

export const open = (storage: BlockStorageService, name: string) =>
  Effect.flatMap(storage.open(name, { readOnly: true }), (file) => openSegment(file, cache))

/** Stores versions as a segment whose row groups have so many rows, the last one the rest. */
export const store = Effect.fnUntraced(function*(
  storage: BlockStorageService,
  name: string,
  { schema, version }: SchemaVersion,
  versions: ReadonlyArray<Version>,
  groupRows: (group: number) => number = () => versions.length,
  isCoded: (column: number) => boolean = () => false
) {
  const rows = rowsOf(versions, schema, isCoded)
  const order = sortRows(rows.keys, rows.positions, versions.length)
  let at = 0
  let group = 0
  const next = Effect.sync((): SegmentPiece | undefined => {
    if (at === order.length) return undefined
    const end = Math.min(order.length, at + groupRows(group++))
    const piece = { rows, order: order.subarray(at, end) }
    at = end
    return piece
  })
  yield* storeSegment(storage, name, { table: 7, schemaVersion: version, schema }, next)
  return yield* open(storage, name)
})

/** All versions that a segment holds, which is verified too. */
export const versionsOf = Effect.fnUntraced(function*(segment: Segment) {
  yield* verifySegment(segment)
  const versions: Array<Version> = []
  const { columns } = segment.metadata.schema
  for (let group = 0; group < segment.metadata.rowGroups.length; group++) {
    const vectors = yield* Effect.forEach(segment.metadata.columns, (_, i) => segment.readColumn(group, i))
    const [key, position, commitTime, timestamp, deleted, metadata] = vectors
    for (let row = 0; row < segment.metadata.rowGroups[group].rows; row++) {
      const values = columns.map(({ id }, i) => [id, valueAt(vectors[firstSchemaColumn + i], row)] as const)
      versions.push({
        key: valueAt(key, row) as string,
        position: Number(valueAt(position, row)),
        commitTime: Number(valueAt(commitTime, row)),
        timestamp: valueAt(timestamp, row) as bigint | null,
        deleted: valueAt(deleted, row) as boolean,
        metadata: valueAt(metadata, row) as string | null,
        values: new Map(values.filter(([, value]) => value !== null))
      })
    }
  }
  return versions
})

/** A default in the form that `valueAt` gives values. */
export type PlainDefaults = ReadonlyMap<number, PlainValue>

/** A value of one schema version as another, later one has it. */
const valueAs = (
  column: Column,
  stored: Column | undefined,
  value: PlainValue,
  defaults: PlainDefaults
): PlainValue => {
  if (stored === undefined) return defaults.get(column.id) ?? null
  if (value === null) return stored.nullable && !column.nullable ? defaults.get(column.id) ?? null : null
  const kind = vectorKind(column.type)
  if (kind === "int64") return BigInt(value as number | bigint)
  return kind === "float64" && typeof value === "bigint" ? Number(value) : value
}

/** An input of a merge: its versions, the schema that they are in, and the marks of some, by position. */
export interface NaiveInput {
  readonly schema: TableSchema
  readonly versions: ReadonlyArray<Version>
  readonly marks: ReadonlyMap<number, number>
}

/** What a merge must make of its inputs: everything that it keeps, in order. Positions are the names of versions. */
export const naiveMerge = (
  inputs: ReadonlyArray<NaiveInput>,
  policy: MergePolicy,
  owner: TableSchema,
  defaults: PlainDefaults
): ReadonlyArray<Version> => {
  const kept: Array<Version> = []
  const all = inputs.flatMap((input) => input.versions.map((version) => ({ input, version })))
  for (const { input, version } of all) {
    const { commitTime, deleted, key, position, timestamp } = version
    const isOld = position <= policy.horizon
    const isNewest = !all.some(({ version: other }) =>
      other.key === key && other.position > position && other.position <= policy.horizon
    )
    if (isOld && (!isNewest || (input.marks.get(position) ?? Infinity) <= policy.horizon)) continue
    const isExpired = isOld && Number(timestamp ?? commitTime) < policy.expiredBefore
    if (isOld && (deleted || isExpired) && policy.dropsDeletions) continue
    const values = owner.columns.map((column) => {
      const stored = input.schema.columns.find(({ id }) => id === column.id)
      return [column.id, valueAs(column, stored, version.values.get(column.id) ?? null, defaults)] as const
    })
    kept.push({
      ...version,
      deleted: deleted || isExpired,
      metadata: isExpired && !deleted ? null : version.metadata,
      values: new Map(deleted || isExpired ? [] : values.filter(([, value]) => value !== null))
    })
  }
  return sorted(kept)
}
