/**
 * Records of an answer as columns, read straight off the wire: every value exactly as it was stored, and no object or
 * string made for any but nested values and metadata.
 *
 * ```
 * QueryStreamBatch  0a LEN DataRecord, ...                                          field 1
 * DataRecord        1a LEN key  2a LEN Row  32 LEN Timestamp  3a LEN entry, ...     fields 3, 5, 6, 7
 * Row               0a LEN TypedValue, ...                                          field 1; an empty one is null
 * ```
 */
import { encodeUtf8 } from "../../base/bytes.ts"
import * as wire from "../../base/protobufWire.ts"
import { Int64Vector, makeVector, NumberVector, setNull, TextVector, type Vector } from "../../event/vector.ts"
import { readValue } from "../../schema/decoder/structValue.ts"
import { readTimestamp } from "../../schema/decoder/typedRow.ts"
import { type ColumnType, isNested, vectorKind } from "../../schema/types.ts"
import { lengthAt, malformed, skip } from "../client/records.ts"

// Tags of TypedValue.
const boolTag = 0x08
const intTag = 0x10
const doubleTag = 0x19
const stringTag = 0x22
const bytesTag = 0x2a
const timestampTag = 0x32
const jsonTag = 0x3a

const tagOf = (type: ColumnType): number => {
  if (isNested(type)) return jsonTag
  switch (type) {
    case "bool":
      return boolTag
    case "int32":
    case "int64":
      return intTag
    case "float32":
    case "float64":
      return doubleTag
    case "bytes":
      return bytesTag
    case "timestamp":
      return timestampTag
    default:
      return stringTag
  }
}

/** Texts up to this long are copied faster byte by byte. */
const shortBytes = 40

/** Rows as columns. They are emptied again and again, and keep their memory. */
export class RowVectors {
  count = 0
  readonly keys: TextVector
  /** Event times in microseconds. */
  readonly timestamps: Int64Vector
  /** JSON objects of strings; null = none. */
  readonly metadata: TextVector
  /** In the order of the answer's columns. */
  readonly columns: ReadonlyArray<Vector>
  private readonly tags: ReadonlyArray<number>
  private capacity: number

  /** `types` are those of the answer's columns. */
  constructor(types: ReadonlyArray<ColumnType>, capacity: number) {
    this.capacity = capacity
    this.keys = new TextVector(capacity)
    this.timestamps = new Int64Vector(capacity)
    this.metadata = new TextVector(capacity, 0)
    this.columns = types.map((type) => makeVector(vectorKind(type), capacity))
    this.tags = types.map(tagOf)
  }

  /** Bytes that the rows take. */
  get bytes(): number {
    const { columns, count, keys, metadata } = this
    return columns.reduce((bytes, column) => bytes + column.usedBytes(count), 0) + keys.usedBytes(count) +
      metadata.usedBytes(count)
  }

  /** Forgets the rows and keeps the memory. */
  reset(): void {
    this.count = 0
    for (const vector of [this.keys, this.timestamps, this.metadata, ...this.columns]) vector.reset()
  }

  /** Adds the records of a `QueryStreamBatch`: the bytes from `start` to the end. Throws on bytes that are none. */
  add(bytes: Buffer, start: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let at = start; at < bytes.length;) {
      const tag = wire.readTag(bytes, at, bytes.length)
      at = wire.cursor
      const next = skip(bytes, tag, at, bytes.length)
      if (tag === 0x0a) {
        if (this.count === this.capacity) this.grow()
        this.addRecord(bytes, view, contentOf(bytes, at, next), next)
        this.count++
      }
      at = next
    }
  }

  private grow(): void {
    const { capacity, count } = this
    for (const vector of [this.keys, this.timestamps, this.metadata, ...this.columns]) {
      vector.reserve(2 * capacity, count)
    }
    this.capacity = 2 * capacity
  }

  private addRecord(bytes: Buffer, view: DataView, start: number, end: number): void {
    const row = this.count
    let entries: Record<string, string> | undefined
    let values = -1
    let hasKey = false
    let hasTimestamp = false
    for (let at = start; at < end;) {
      const tag = wire.readTag(bytes, at, end)
      at = wire.cursor
      const next = skip(bytes, tag, at, end)
      switch (tag) {
        case 0x1a:
          setText(this.keys, row, bytes, contentOf(bytes, at, next), next)
          hasKey = true
          break
        case 0x2a:
          values = this.addRow(bytes, view, contentOf(bytes, at, next), next)
          break
        case 0x32:
          setInteger(this.timestamps, row, microsOf(bytes, contentOf(bytes, at, next), next))
          hasTimestamp = true
          break
        case 0x3a:
          entries ??= {}
          addEntry(entries, bytes, contentOf(bytes, at, next), next)
      }
      at = next
    }
    if (!hasKey || values !== this.columns.length) malformed()
    if (!hasTimestamp) setNull(this.timestamps, row)
    if (entries === undefined) setNull(this.metadata, row)
    else setJson(this.metadata, row, entries)
  }

  /** Adds the values of a record; returns how many there are. */
  private addRow(bytes: Buffer, view: DataView, start: number, end: number): number {
    const { columns, count: row, tags } = this
    let column = 0
    for (let at = start; at < end; column++) {
      if (bytes[at] !== 0x0a || column === columns.length) malformed()
      const length = lengthAt(bytes, at + 1, end)
      const from = wire.cursor
      at = from + length
      if (length === 0) setNull(columns[column], row)
      else setValue(columns[column], tags[column], row, bytes, view, from, at)
    }
    return column
  }
}

/** Where the content of a field with a length begins, the length standing at `at` and the content ending at `end`. */
const contentOf = (bytes: Buffer, at: number, end: number): number => end - lengthAt(bytes, at, end)

/** Adds a `TypedValue`, which is not null: one field, with nothing behind it. */
const setValue = (
  vector: Vector,
  tag: number,
  row: number,
  bytes: Buffer,
  view: DataView,
  start: number,
  end: number
): void => {
  if (bytes[start] !== tag) malformed()
  const at = start + 1
  switch (tag) {
    case boolTag:
    case intTag: {
      const low = wire.readVarint64(bytes, at, end)
      if (low < 0 || wire.cursor !== end) malformed()
      return setInteger(vector, row, wire.toInt64(low, wire.high))
    }
    case doubleTag:
      if (end - at !== 8 || !(vector instanceof NumberVector)) return malformed()
      vector.nulls[row] = 0
      vector.values[row] = view.getFloat64(at, true)
      return
  }
  const content = contentOf(bytes, at, end)
  // The content is the last thing there, so it begins behind its length.
  if (content !== wire.cursor) malformed()
  if (tag === timestampTag) return setInteger(vector, row, microsOf(bytes, content, end))
  if (!(vector instanceof TextVector)) return malformed()
  if (tag === jsonTag) setJson(vector, row, readValue(bytes, view, content, end))
  else setText(vector, row, bytes, content, end)
}

const setInteger = (vector: Vector, row: number, value: number | bigint): void => {
  vector.nulls[row] = 0
  if (vector instanceof Int64Vector) {
    if (typeof value === "number") vector.setNumber(row, value)
    else vector.setBigInt(row, value)
  } else if (vector instanceof NumberVector) vector.values[row] = Number(value)
}

const setText = (vector: TextVector, row: number, bytes: Uint8Array, start: number, end: number): void => {
  const length = end - start
  const at = vector.offsets[row]
  vector.nulls[row] = 0
  vector.reserveHeap(at + length, at)
  const { heap } = vector
  if (length > shortBytes) heap.set(bytes.subarray(start, end), at)
  else for (let i = 0; i < length; i++) heap[at + i] = bytes[start + i]
  vector.offsets[row + 1] = at + length
}

const setJson = (vector: TextVector, row: number, value: unknown): void => {
  vector.nulls[row] = 0
  vector.set(row, encodeUtf8(JSON.stringify(value)))
}

const microsOf = (bytes: Buffer, start: number, end: number): number | bigint =>
  readTimestamp(bytes, start, end) ?? malformed()

/** Adds an entry of a map of strings. */
const addEntry = (entries: Record<string, string>, bytes: Buffer, start: number, end: number): void => {
  let name = ""
  let value = ""
  for (let at = start; at < end;) {
    const tag = wire.readTag(bytes, at, end)
    at = wire.cursor
    const next = skip(bytes, tag, at, end)
    if (tag === 0x0a) name = bytes.toString("utf8", contentOf(bytes, at, next), next)
    else if (tag === 0x12) value = bytes.toString("utf8", contentOf(bytes, at, next), next)
    at = next
  }
  // An assignment to __proto__ would set the prototype.
  Object.defineProperty(entries, name, { value, enumerable: true, configurable: true, writable: true })
}
