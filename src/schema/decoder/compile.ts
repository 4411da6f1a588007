/**
 * Row decoders: from the wire bytes of a record's payload into the columns of a batch. Compiled once for each schema
 * version, then bound to each batch that the pool makes.
 */
import { isUtf8 } from "node:buffer"
import { encodeUtf8, equalRanges, hashRange } from "../../base/bytes.ts"
import * as wire from "../../base/protobufWire.ts"
import type { RowBatch } from "../../event/rowBatch.ts"
import { setNull, type TextVector, type Vector } from "../../event/vector.ts"
import type { Problem } from "../problem.ts"
import type { Column, TableSchema } from "../types.ts"
import { nameList } from "../value.ts"
import { generateStructDecoder } from "./generate.ts"
import { absentValue, storeStructValue, storeText, storeValue } from "./store.ts"
import * as structValue from "./structValue.ts"
import { timestampInBytes } from "./timestampBytes.ts"
import { typedRowDecoder } from "./typedRow.ts"

/** A decoder bound to one batch. A call that returns false leaves the row uncounted and says why in `problem`. */
export interface RowDecoder {
  /** The batch that it writes to. */
  readonly batch: RowBatch
  /** Why the last call refused its row. */
  readonly problem: Problem
  /** Decodes a `google.protobuf.Struct` in bytes[start, end) as row `row`, for which the batch has room. */
  readonly struct: (bytes: Uint8Array, view: DataView, start: number, end: number, row: number) => boolean
  /** Decodes a `varve.v1.Row`. */
  readonly typed: (bytes: Uint8Array, view: DataView, start: number, end: number, row: number) => boolean
  /** Writes a row without a payload: every column null. */
  readonly empty: (row: number) => void
  /** To be called when the batch was given more room. */
  readonly rebind: () => void
  /** Whether every string of the batch's first `count` rows is valid UTF-8. */
  readonly isTextValid: (count: number) => boolean
  /** From here on each string is checked by itself: finds the row that makes `isTextValid` false. */
  setCareful: (careful: boolean) => void
}

/** A compiled decoder, and its generated source for people to read. */
export interface CompiledDecoder {
  readonly source: string
  readonly bind: (batch: RowBatch) => RowDecoder
}

/** A column that no version has. */
const unknown = -1

/** A column of the written version that the stored one has no more: its values are passed over. */
const dropped = -2

const unknownColumn: Problem = { reason: "UNKNOWN_FIELD", field: "", message: "" }

/**
 * Compiles the decoder that stores rows in the form of `stored`. Rows may be written in an older version, `written`:
 * only that version's columns are known then. Those that came later take their defaults, those that went are passed
 * over, and those whose type was widened take what the older type takes.
 */
export const compileDecoder = (stored: TableSchema, written: TableSchema = stored): CompiledDecoder => {
  const { columns } = stored
  const source = generateStructDecoder(columns)
  const instantiate = new Function("vectors", "runtime", source) as (
    vectors: ReadonlyArray<Vector>,
    runtime: object
  ) => { rebind: () => void; struct: RowDecoder["struct"] }
  const numbers = new Map(columns.map((column, i) => [column.name, i]))
  const targets = written.columns.map((column) => numbers.get(column.name) ?? dropped)
  const find = nameFinder(written.columns, targets)
  // Each stored column as it was written; columns that came later never meet a value.
  const sources = columns.map((column) => written.columns.find(({ name }) => name === column.name) ?? column)
  const absentValues = columns.map((column, i) => absentValue(column, sources[i]))
  const textColumns = columns.flatMap((column, i) => column.type === "string" ? [i] : [])

  const bind = (batch: RowBatch): RowDecoder => {
    const vectors = batch.columns
    let problem = unknownColumn
    let careful = false
    const refuse = (next: Problem): false => {
      problem = next
      return false
    }
    const absent = (i: number, row: number): boolean => {
      const value = absentValues[i]
      if (value === undefined) {
        return refuse({
          reason: "MISSING_FIELD",
          field: columns[i].name,
          message: "missing; the column is not nullable and has no default"
        })
      }
      storeValue(columns[i], vectors[i], row, value)
      return true
    }
    const runtime = {
      order: new Int32Array(Math.max(64, columns.length + 1)).fill(-1),
      valueStart: 0,
      valueEnd: 0,
      timestampInBytes,
      absent,
      other: (i: number, bytes: Uint8Array, view: DataView, start: number, end: number, row: number) =>
        storeText(columns[i], vectors[i], bytes, start, end, row) ||
        storeStructValue(columns[i], vectors[i], bytes, view, start, end, row, refuse, sources[i]),
      malformed: () =>
        refuse({ reason: "MALFORMED_MESSAGE", field: "", message: "the bytes are no google.protobuf.Struct" }),
      readEntry: (bytes: Uint8Array, start: number, end: number): number => {
        if (wire.readVarint32(bytes, start, end) !== 0x0a) return -1
        const length = wire.readLength(bytes, wire.cursor, end)
        if (length < 0) return -1
        const from = wire.cursor
        if (!structValue.readEntry(bytes, from, from + length)) return -1
        runtime.valueStart = structValue.entry.valueStart
        runtime.valueEnd = structValue.entry.valueEnd
        return from + length
      },
      lookUp: (bytes: Uint8Array): number => {
        const { keyStart, keyEnd } = structValue.entry
        const i = find(bytes, keyStart, keyEnd)
        if (i !== unknown) return i
        const name = bytes.subarray(keyStart, keyEnd)
        refuse({
          reason: "UNKNOWN_FIELD",
          field: isUtf8(name) ? Buffer.from(name).toString() : Buffer.from(name).toString("latin1"),
          message: `no such column; the schema has ${nameList(written.columns)}`
        })
        return unknown
      }
    }
    const generated = instantiate(vectors, runtime)
    const typed = typedRowDecoder(columns, written.columns, targets, vectors, absent, refuse)
    const eachTextValid = (row: number): boolean => {
      for (const i of textColumns) {
        if (!isUtf8((vectors[i] as TextVector).get(row))) {
          return refuse({ reason: "INVALID_UTF8", field: columns[i].name, message: "the string is not valid UTF-8" })
        }
      }
      return true
    }
    return {
      batch,
      get problem() {
        return problem
      },
      struct: (bytes, view, start, end, row) =>
        generated.struct(bytes, view, start, end, row) && (!careful || eachTextValid(row)),
      typed: (bytes, view, start, end, row) => {
        const isStored = typed(bytes, view, start, end, row)
        generated.rebind()
        return isStored && (!careful || eachTextValid(row))
      },
      empty: (row) => {
        for (const vector of vectors) setNull(vector, row)
      },
      rebind: generated.rebind,
      isTextValid: (count) =>
        textColumns.every((i) => {
          const { heap, offsets } = vectors[i] as TextVector
          return isUtf8(heap.subarray(0, offsets[count]))
        }),
      setCareful: (next) => {
        careful = next
      }
    }
  }
  return { source, bind }
}

/** Looks a written column up by its name's bytes: returns its stored number, `dropped` or `unknown`. */
const nameFinder = (columns: ReadonlyArray<Column>, targets: ReadonlyArray<number>) => {
  const buckets = new Map<number, Array<{ readonly name: Uint8Array; readonly target: number }>>()
  columns.forEach((column, i) => {
    const name = encodeUtf8(column.name)
    const hash = hashRange(name, 0, name.length)
    buckets.set(hash, [...buckets.get(hash) ?? [], { name, target: targets[i] }])
  })
  return (bytes: Uint8Array, start: number, end: number): number => {
    for (const { name, target } of buckets.get(hashRange(bytes, start, end)) ?? []) {
      if (name.length === end - start && equalRanges(name, 0, bytes, start, name.length)) return target
    }
    return unknown
  }
}
