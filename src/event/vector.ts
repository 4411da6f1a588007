/**
 * Vectors: one column of a batch of rows, as typed arrays that grow.
 *
 * A vector has no length of its own; the batch or memtable that owns it counts the rows. Rows at and beyond that count
 * hold garbage, which is what makes undoing a row free: it is simply not counted.
 *
 * Nulls are a byte for each row (1 = null). The value under a null is 0 for numbers and empty for text, so that equal
 * rows are equal bytes, whatever a reused vector held before.
 */
import { compareBytes } from "../base/bytes.ts"

/** How values lie in memory. Logical types (string, timestamp, json, ...) map onto these in the schema. */
export type VectorKind = "bool" | "int32" | "int64" | "float32" | "float64" | "text"

/** A typed array that holds one number a row. */
export type NumberArray =
  | Uint8Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>

const growTo = (capacity: number, atLeast: number): number => {
  let next = Math.max(capacity, 16)
  while (next < atLeast) next *= 2
  return next
}

const resized = <A extends NumberArray | Uint32Array | BigInt64Array>(array: A, length: number, kept: number): A => {
  const next = new (array.constructor as new(length: number) => A)(length)
  next.set(array.subarray(0, Math.min(kept, array.length)) as never)
  return next
}

const copyNulls = (
  { hasNulls, nulls }: { readonly hasNulls: boolean; readonly nulls: Uint8Array<ArrayBuffer> },
  count: number
): Uint8Array<ArrayBuffer> => hasNulls ? nulls.slice(0, count) : new Uint8Array(count)

/** Numbers of at most 53 bits: bool (0 or 1), int32, float32 and float64 columns. */
export class NumberVector {
  readonly kind: "bool" | "int32" | "float32" | "float64"
  values: NumberArray
  nulls: Uint8Array<ArrayBuffer>
  hasNulls = false

  constructor(kind: NumberVector["kind"], capacity: number) {
    this.kind = kind
    this.values = kind === "bool"
      ? new Uint8Array(capacity)
      : kind === "int32"
      ? new Int32Array(capacity)
      : kind === "float32"
      ? new Float32Array(capacity)
      : new Float64Array(capacity)
    this.nulls = new Uint8Array(capacity)
  }

  /** Makes room for rows [0, capacity), keeping the first `count`. */
  reserve(capacity: number, count: number): void {
    if (capacity <= this.values.length) return
    const next = growTo(this.values.length, capacity)
    this.values = resized(this.values, next, count)
    this.nulls = resized(this.nulls, next, count)
  }

  /** Forgets what was written, keeping the memory. */
  reset(): void {
    this.hasNulls = false
  }

  /** Copies `count` rows of `source`, which is of the same kind, to `at`. */
  append(at: number, source: NumberVector, from: number, count: number): void {
    this.reserve(at + count, at)
    this.values.set(source.values.subarray(from, from + count) as never, at)
    if (source.hasNulls) {
      this.nulls.set(source.nulls.subarray(from, from + count), at)
      this.hasNulls = true
    } else if (this.hasNulls) {
      this.nulls.fill(0, at, at + count)
    }
  }

  /** Rows [0, count) in memory of their own. */
  copy(count: number): NumberVector {
    const copy = new NumberVector(this.kind, 0)
    copy.values = this.values.slice(0, count)
    copy.nulls = copyNulls(this, count)
    copy.hasNulls = this.hasNulls
    return copy
  }

  /** Bytes that `count` rows take. */
  usedBytes(count: number): number {
    return count * (this.values.BYTES_PER_ELEMENT + 1)
  }

  /** Bytes of memory that the vector holds, room for more rows included. */
  get byteLength(): number {
    return this.values.byteLength + this.nulls.byteLength
  }
}

/**
 * 64-bit integers: int64 columns, and timestamps in microseconds.
 *
 * `values` holds them as doubles. That is exact until a value beyond 2^53 arrives; from then on `wide` holds every
 * value exactly and `values` their nearest doubles. Loops over the common case never meet a bigint.
 */
export class Int64Vector {
  readonly kind = "int64"
  values: Float64Array<ArrayBuffer>
  wide: BigInt64Array<ArrayBuffer> | undefined
  nulls: Uint8Array<ArrayBuffer>
  hasNulls = false

  constructor(capacity: number) {
    this.values = new Float64Array(capacity)
    this.nulls = new Uint8Array(capacity)
  }

  reserve(capacity: number, count: number): void {
    if (capacity <= this.values.length) return
    const next = growTo(this.values.length, capacity)
    this.values = resized(this.values, next, count)
    this.nulls = resized(this.nulls, next, count)
    if (this.wide !== undefined) this.wide = resized(this.wide, next, count)
  }

  reset(): void {
    this.hasNulls = false
    this.wide = undefined
  }

  /** Writes a number that is a safe integer. */
  setNumber(row: number, value: number): void {
    this.values[row] = value
    if (this.wide !== undefined) this.wide[row] = BigInt(value)
  }

  /** Writes any 64-bit value, widening the vector where a double cannot hold it. */
  setBigInt(row: number, value: bigint): void {
    const near = Number(value)
    this.values[row] = near
    if (!Number.isSafeInteger(near)) this.widen(row)
    if (this.wide !== undefined) this.wide[row] = value
  }

  /** The exact value of a row: a number where it is safe, else a bigint. */
  get(row: number): number | bigint {
    if (this.wide === undefined) return this.values[row]
    const value = this.wide[row]
    return Number.isSafeInteger(Number(value)) ? Number(value) : value
  }

  append(at: number, source: Int64Vector, from: number, count: number): void {
    this.reserve(at + count, at)
    this.values.set(source.values.subarray(from, from + count), at)
    if (source.wide !== undefined) {
      this.widen(at)
      this.wide!.set(source.wide.subarray(from, from + count), at)
    } else if (this.wide !== undefined) {
      for (let row = 0; row < count; row++) this.wide[at + row] = BigInt(source.values[from + row])
    }
    if (source.hasNulls) {
      this.nulls.set(source.nulls.subarray(from, from + count), at)
      this.hasNulls = true
    } else if (this.hasNulls) {
      this.nulls.fill(0, at, at + count)
    }
  }

  /** Rows [0, count) in memory of their own. */
  copy(count: number): Int64Vector {
    const copy = new Int64Vector(0)
    copy.values = this.values.slice(0, count)
    copy.wide = this.wide?.slice(0, count)
    copy.nulls = copyNulls(this, count)
    copy.hasNulls = this.hasNulls
    return copy
  }

  usedBytes(count: number): number {
    return count * (this.wide === undefined ? 9 : 17)
  }

  get byteLength(): number {
    return this.values.byteLength + this.nulls.byteLength + (this.wide?.byteLength ?? 0)
  }

  private widen(count: number): void {
    if (this.wide !== undefined) return
    this.wide = new BigInt64Array(this.values.length)
    for (let row = 0; row < count; row++) {
      this.wide[row] = BigInt(this.values[row])
    }
  }
}

/** Strings, bytes and json as one heap of bytes: row r is heap[offsets[r], offsets[r + 1]). */
export class TextVector {
  readonly kind = "text"
  offsets: Uint32Array<ArrayBuffer>
  heap: Uint8Array<ArrayBuffer>
  nulls: Uint8Array<ArrayBuffer>
  hasNulls = false

  constructor(capacity: number, heapBytes = capacity * 16) {
    this.offsets = new Uint32Array(capacity + 1)
    this.heap = new Uint8Array(heapBytes)
    this.nulls = new Uint8Array(capacity)
  }

  reserve(capacity: number, count: number): void {
    if (capacity <= this.nulls.length) return
    const next = growTo(this.nulls.length, capacity)
    this.offsets = resized(this.offsets, next + 1, count + 1)
    this.nulls = resized(this.nulls, next, count)
  }

  /** Makes room for heap bytes [0, length), keeping the first `used`. */
  reserveHeap(length: number, used: number): void {
    if (length <= this.heap.length) return
    this.heap = resized(this.heap, growTo(this.heap.length, length), used)
  }

  reset(): void {
    this.hasNulls = false
    this.offsets[0] = 0
  }

  /** Writes the bytes of the next row. Rows are written in order; writing the same row again replaces it. */
  set(row: number, bytes: Uint8Array): void {
    const at = this.offsets[row]
    this.reserveHeap(at + bytes.length, at)
    this.heap.set(bytes, at)
    this.offsets[row + 1] = at + bytes.length
  }

  /** A view of one row's bytes, valid until the vector next grows. */
  get(row: number): Uint8Array<ArrayBuffer> {
    return this.heap.subarray(this.offsets[row], this.offsets[row + 1])
  }

  append(at: number, source: TextVector, from: number, count: number): void {
    this.reserve(at + count, at)
    const start = source.offsets[from]
    const length = source.offsets[from + count] - start
    const used = this.offsets[at]
    this.reserveHeap(used + length, used)
    this.heap.set(source.heap.subarray(start, start + length), used)
    const shift = used - start
    for (let row = 1; row <= count; row++) this.offsets[at + row] = source.offsets[from + row] + shift
    if (source.hasNulls) {
      this.nulls.set(source.nulls.subarray(from, from + count), at)
      this.hasNulls = true
    } else if (this.hasNulls) {
      this.nulls.fill(0, at, at + count)
    }
  }

  /** Orders two rows by their bytes. */
  compare(left: number, right: number): number {
    return compareBytes(this.get(left), this.get(right))
  }

  /** Rows [0, count) in memory of their own. */
  copy(count: number): TextVector {
    const copy = new TextVector(0)
    copy.offsets = this.offsets.slice(0, count + 1)
    copy.heap = this.heap.slice(0, this.offsets[count])
    copy.nulls = copyNulls(this, count)
    copy.hasNulls = this.hasNulls
    return copy
  }

  usedBytes(count: number): number {
    return count * 5 + this.offsets[count]
  }

  get byteLength(): number {
    return this.offsets.byteLength + this.heap.byteLength + this.nulls.byteLength
  }
}

/** A column of a batch. */
export type Vector = NumberVector | Int64Vector | TextVector

/** Makes an empty vector with room for `capacity` rows. */
export const makeVector = (kind: VectorKind, capacity: number): Vector =>
  kind === "text"
    ? new TextVector(capacity)
    : kind === "int64"
    ? new Int64Vector(capacity)
    : new NumberVector(kind, capacity)

/** Copies rows between vectors of one kind; see each class's `append`. */
export const appendVector = (target: Vector, at: number, source: Vector, from: number, count: number): void => {
  if (target.kind === "text") target.append(at, source as TextVector, from, count)
  else if (target.kind === "int64") target.append(at, source as Int64Vector, from, count)
  else target.append(at, source as NumberVector, from, count)
}

/** Marks a row null. Text stays addressable: its bytes become empty. */
export const setNull = (vector: Vector, row: number): void => {
  vector.nulls[row] = 1
  vector.hasNulls = true
  if (vector.kind === "text") vector.offsets[row + 1] = vector.offsets[row]
  else if (vector.kind === "int64") vector.setNumber(row, 0)
  else vector.values[row] = 0
}
