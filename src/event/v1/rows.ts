/**
 * RowsWritten, version 1: rows as columns. On disk: do not change; a new layout is a new frame kind.
 *
 * All numbers are little-endian. Every part starts at a multiple of 8 from the start of the payload, so that recovery
 * reads columns in place.
 *
 * ```text
 * payload   0  u32  sections
 *           4  u32  flags: 1 = written under an idempotency key
 *           8  if so:  u16 tenant bytes, u16 key bytes, u32 0, 32 bytes content hash, tenant, key, zeros to 8
 *              sections
 *
 * section   0  u32  table            4  u32  schema version
 *           8  u32  rows            12  u32  columns
 *          16  u32  flags: 1 = event times, 2 = deletions, 4 = metadata         20  u32  0
 *          24  vectors: keys, then those of the flags in the order above (deletions as bool), then the columns
 *
 * vector    0  u8   kind: 1 bool, 2 int32, 3 int64, 4 float32, 5 float64, 6 text
 *           1  u8   flags: 1 = has nulls, 2 = wide (int64 as i64; otherwise as f64, all values being safe integers)
 *           2  u16  0                4  u32  bytes of data
 *           8  nulls, if any: a bit a row, lowest bit first, 1 = null, zeros to 8
 *              data: one value a row; of text u32 offsets [rows + 1], zeros to 8, then the heap; zeros to 8
 * ```
 */
import { ByteReader, type ByteWriter, FormatError } from "../../base/byteCursor.ts"
import { decodeUtf8, encodeUtf8 } from "../../base/bytes.ts"
import { RowBatch } from "../rowBatch.ts"
import { Int64Vector, NumberVector, setNull, TextVector, type Vector, type VectorKind } from "../vector.ts"

/** The idempotency key that rows were written under. */
export interface Idempotency {
  readonly tenant: string
  readonly key: string
  /** SHA-256 of the sections as they are encoded. */
  readonly contentHash: Uint8Array
}

const kindCodes: Record<VectorKind, number> = { bool: 1, int32: 2, int64: 3, float32: 4, float64: 5, text: 6 }
const kindNames: ReadonlyArray<VectorKind | undefined> = [
  undefined,
  "bool",
  "int32",
  "int64",
  "float32",
  "float64",
  "text"
]

const hasIdempotency = 1
const hasTimestamps = 1
const hasDeletions = 2
const hasMetadata = 4
const vectorHasNulls = 1
const vectorIsWide = 2

/** Writes the payload's head; the sections follow. */
export const encodeHead = (writer: ByteWriter, sections: number, idempotency: Idempotency | undefined): void => {
  writer.u32(sections)
  writer.u32(idempotency === undefined ? 0 : hasIdempotency)
  if (idempotency === undefined) return
  const tenant = encodeUtf8(idempotency.tenant)
  const key = encodeUtf8(idempotency.key)
  writer.u16(tenant.length)
  writer.u16(key.length)
  writer.u32(0)
  writer.bytes(idempotency.contentHash)
  writer.bytes(tenant)
  writer.bytes(key)
  writer.align()
}

/** Writes one section. */
export const encodeSection = (writer: ByteWriter, batch: RowBatch): void => {
  const { count } = batch
  const timestamps = !allNull(batch.timestamps, count)
  const metadata = !allNull(batch.metadata, count)
  writer.u32(batch.shape.table)
  writer.u32(batch.shape.schemaVersion)
  writer.u32(count)
  writer.u32(batch.columns.length)
  writer.u32((timestamps ? hasTimestamps : 0) | (batch.hasDeleted ? hasDeletions : 0) | (metadata ? hasMetadata : 0))
  writer.u32(0)
  encodeText(writer, batch.keys, count)
  if (timestamps) encodeInt64(writer, batch.timestamps, count)
  if (batch.hasDeleted) {
    vectorHead(writer, "bool", 0, count)
    writer.array(batch.deleted.subarray(0, count))
    writer.align()
  }
  if (metadata) encodeText(writer, batch.metadata, count)
  for (const column of batch.columns) encodeVector(writer, column, count)
}

// Equal rows must be equal bytes, since an idempotency key's content is compared by them. So what a vector has is looked
// for in the rows themselves: its flags may come from a row that was refused.

const allNull = (vector: Vector, count: number): boolean =>
  vector.hasNulls && !vector.nulls.subarray(0, count).includes(0)

const anyNull = (vector: Vector, count: number): boolean =>
  vector.hasNulls && vector.nulls.subarray(0, count).includes(1)

const anyWide = ({ values }: Int64Vector, count: number): boolean => {
  for (let row = 0; row < count; row++) if (!Number.isSafeInteger(values[row])) return true
  return false
}

const encodeVector = (writer: ByteWriter, vector: Vector, count: number): void => {
  if (vector.kind === "text") return encodeText(writer, vector, count)
  if (vector.kind === "int64") return encodeInt64(writer, vector, count)
  const hasNulls = anyNull(vector, count)
  vectorHead(writer, vector.kind, hasNulls ? vectorHasNulls : 0, count * vector.values.BYTES_PER_ELEMENT)
  if (hasNulls) encodeNulls(writer, vector, count)
  writer.array(vector.values.subarray(0, count))
  writer.align()
}

const encodeInt64 = (writer: ByteWriter, vector: Int64Vector, count: number): void => {
  const hasNulls = anyNull(vector, count)
  const wide = vector.wide !== undefined && anyWide(vector, count) ? vector.wide : undefined
  vectorHead(writer, "int64", (hasNulls ? vectorHasNulls : 0) | (wide === undefined ? 0 : vectorIsWide), count * 8)
  if (hasNulls) encodeNulls(writer, vector, count)
  writer.array((wide ?? vector.values).subarray(0, count))
}

const encodeText = (writer: ByteWriter, vector: TextVector, count: number): void => {
  const heapBytes = vector.offsets[count]
  const hasNulls = anyNull(vector, count)
  vectorHead(writer, "text", hasNulls ? vectorHasNulls : 0, heapBytes)
  if (hasNulls) encodeNulls(writer, vector, count)
  writer.array(vector.offsets.subarray(0, count + 1))
  writer.align()
  writer.bytes(vector.heap.subarray(0, heapBytes))
  writer.align()
}

const vectorHead = (writer: ByteWriter, kind: VectorKind, flags: number, bytes: number): void => {
  writer.u8(kindCodes[kind])
  writer.u8(flags)
  writer.u16(0)
  writer.u32(bytes)
}

const encodeNulls = (writer: ByteWriter, vector: Vector, count: number): void => {
  const { nulls } = vector
  for (let row = 0; row < count; row += 8) {
    let bits = 0
    const end = Math.min(8, count - row)
    for (let bit = 0; bit < end; bit++) bits |= nulls[row + bit] << bit
    writer.u8(bits)
  }
  writer.align()
}

/** Reads a whole payload. The batches are views of it. Throws `FormatError`. */
export const decode = (
  payload: Uint8Array<ArrayBuffer>
): { readonly batches: ReadonlyArray<RowBatch>; readonly idempotency: Idempotency | undefined } => {
  const reader = new ByteReader(payload.byteOffset % 8 === 0 ? payload : payload.slice())
  const sections = reader.u32()
  const flags = reader.u32()
  let idempotency: Idempotency | undefined
  if ((flags & hasIdempotency) !== 0) {
    const tenantBytes = reader.u16()
    const keyBytes = reader.u16()
    reader.u32()
    const contentHash = reader.view8(32)
    idempotency = {
      contentHash,
      tenant: decodeUtf8(reader.view8(tenantBytes)),
      key: decodeUtf8(reader.view8(keyBytes))
    }
    reader.align()
  }
  const batches: Array<RowBatch> = []
  for (let section = 0; section < sections; section++) batches.push(decodeSection(reader))
  return { batches, idempotency }
}

const decodeSection = (reader: ByteReader): RowBatch => {
  const table = reader.u32()
  const schemaVersion = reader.u32()
  const count = reader.u32()
  // Each row has at least an offset of its key: nothing is allocated for rows that cannot be there.
  if (count * 4 > reader.bytes.length) throw new FormatError(`${count} rows in ${reader.bytes.length} bytes`)
  const columnCount = reader.u32()
  const flags = reader.u32()
  reader.u32()
  const keys = decodeText(reader, count)
  const timestamps = (flags & hasTimestamps) !== 0 ? decodeInt64(reader, count) : nulls(new Int64Vector(count), count)
  const deleted = (flags & hasDeletions) !== 0 ? (decodeVector(reader, count) as NumberVector).values : undefined
  const metadata = (flags & hasMetadata) !== 0 ? decodeText(reader, count) : nulls(new TextVector(count, 0), count)
  const columns: Array<Vector> = []
  for (let column = 0; column < columnCount; column++) columns.push(decodeVector(reader, count))
  return RowBatch.of(
    { table, schemaVersion, columns: columns.map((column) => column.kind) },
    count,
    { keys, timestamps, metadata, columns, deleted: deleted as Uint8Array<ArrayBuffer> | undefined }
  )
}

const nulls = <V extends Int64Vector | TextVector>(vector: V, count: number): V => {
  for (let row = 0; row < count; row++) setNull(vector, row)
  return vector
}

const decodeVector = (reader: ByteReader, count: number): Vector => {
  const code = reader.bytes[reader.at]
  const kind = kindNames[code]
  if (kind === undefined) throw new FormatError(`unknown vector kind ${code}`)
  if (kind === "text") return decodeText(reader, count)
  if (kind === "int64") return decodeInt64(reader, count)
  const { hasNulls } = readHead(reader, kind)
  const vector = new NumberVector(kind, 0)
  decodeNulls(reader, vector, count, hasNulls)
  vector.values = kind === "bool"
    ? reader.array(Uint8Array<ArrayBuffer>, 1, count)
    : kind === "int32"
    ? reader.array(Int32Array<ArrayBuffer>, 4, count)
    : kind === "float32"
    ? reader.array(Float32Array<ArrayBuffer>, 4, count)
    : reader.array(Float64Array<ArrayBuffer>, 8, count)
  reader.align()
  return vector
}

const decodeInt64 = (reader: ByteReader, count: number): Int64Vector => {
  const { hasNulls, isWide } = readHead(reader, "int64")
  const vector = new Int64Vector(0)
  decodeNulls(reader, vector, count, hasNulls)
  if (isWide) {
    vector.wide = reader.array(BigInt64Array<ArrayBuffer>, 8, count)
    vector.values = Float64Array.from(vector.wide, Number)
  } else vector.values = reader.array(Float64Array<ArrayBuffer>, 8, count)
  return vector
}

const decodeText = (reader: ByteReader, count: number): TextVector => {
  const { hasNulls, bytes } = readHead(reader, "text")
  const vector = new TextVector(0, 0)
  decodeNulls(reader, vector, count, hasNulls)
  vector.offsets = reader.array(Uint32Array<ArrayBuffer>, 4, count + 1)
  reader.align()
  vector.heap = reader.view8(bytes)
  reader.align()
  return vector
}

const readHead = (reader: ByteReader, expected: VectorKind) => {
  const code = reader.u8()
  if (code !== kindCodes[expected]) throw new FormatError(`vector kind ${code} where ${expected} is expected`)
  const flags = reader.u8()
  reader.u16()
  return { hasNulls: (flags & vectorHasNulls) !== 0, isWide: (flags & vectorIsWide) !== 0, bytes: reader.u32() }
}

const decodeNulls = (reader: ByteReader, vector: Vector, count: number, hasNulls: boolean): void => {
  vector.nulls = new Uint8Array(count)
  vector.hasNulls = hasNulls
  if (!hasNulls) return
  const bits = reader.view8((count + 7) >> 3)
  for (let row = 0; row < count; row++) vector.nulls[row] = (bits[row >> 3] >> (row & 7)) & 1
  reader.align()
}
