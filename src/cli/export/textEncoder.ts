/**
 * Rows as text: newline-delimited JSON, and CSV as RFC 4180 has it. Numbers keep every digit: an int64 beyond 2^53 is a
 * string in JSON, whose readers would round it.
 */
import type { NumberVector, Vector } from "../../event/vector.ts"
import { type ColumnType, isNested } from "../../schema/types.ts"
import type { Encoder } from "./Encoder.ts"
import type { ExportColumn } from "./exportColumns.ts"
import type { RowVectors } from "./RowVectors.ts"
import { TextOutput } from "./TextOutput.ts"

/** Rows that are gathered: enough for a large write, few enough to be made in a moment. */
const rowsMax = 8192

const lineFeed = 0x0a
const carriageReturn = 0x0d
const quote = 0x22
const comma = 0x2c

/** Writes the value of a row, which is not null. */
type WriteValue = (output: TextOutput, vector: Vector, row: number) => void

/** How a format writes what is no number. */
interface Texts {
  readonly text: (output: TextOutput, heap: Uint8Array, start: number, end: number) => void
  readonly nested: (output: TextOutput, heap: Uint8Array, start: number, end: number) => void
  readonly instant: (output: TextOutput, micros: number | bigint) => void
  /** ASCII without quotes and commas. */
  readonly bare: (output: TextOutput, text: string) => void
  readonly wide: (output: TextOutput, digits: string) => void
}

/** A double with all its digits; the sign of a zero too. */
const digitsOf = (value: number): string => Object.is(value, -0) ? "-0" : String(value)

const writerOf = (type: ColumnType, texts: Texts): WriteValue => {
  if (isNested(type)) return textWriter(texts.nested)
  switch (type) {
    case "bool":
      return (output, vector, row) => output.ascii((vector as NumberVector).values[row] === 1 ? "true" : "false")
    case "int32":
    case "float32":
    case "float64":
      return (output, vector, row) => output.ascii(digitsOf((vector as NumberVector).values[row]))
    case "int64":
      return (output, vector, row) => {
        if (vector.kind !== "int64") return
        const value = vector.get(row)
        if (typeof value === "number") output.ascii(String(value))
        else texts.wide(output, String(value))
      }
    case "timestamp":
      return (output, vector, row) => {
        if (vector.kind === "int64") texts.instant(output, vector.get(row))
      }
    case "bytes":
      return (output, vector, row) => {
        if (vector.kind !== "text") return
        const { heap, offsets } = vector
        texts.bare(output, Buffer.from(heap.buffer, offsets[row], offsets[row + 1] - offsets[row]).toString("base64"))
      }
    default:
      return textWriter(texts.text)
  }
}

const textWriter = (write: Texts["text"]): WriteValue => (output, vector, row) => {
  if (vector.kind === "text") write(output, vector.heap, vector.offsets[row], vector.offsets[row + 1])
}

const jsonTexts: Texts = {
  text: (output, heap, start, end) => output.jsonString(heap, start, end),
  nested: (output, heap, start, end) => output.raw(heap, start, end),
  instant: (output, micros) => {
    output.byte(quote)
    output.instant(micros)
    output.byte(quote)
  },
  bare: (output, text) => {
    output.byte(quote)
    output.ascii(text)
    output.byte(quote)
  },
  wide: (output, digits) => jsonTexts.bare(output, digits)
}

/** An object on each line. Nulls are written, since what is absent becomes its column's default; no metadata is left out. */
export const ndjsonEncoder = (columns: ReadonlyArray<ExportColumn>): Encoder => {
  const output = new TextOutput()
  const cells = columns.map((column) => ({
    column,
    name: Buffer.from(`${JSON.stringify(column.name)}:`),
    isLeftOut: column.name === "_metadata",
    write: writerOf(column.type, jsonTexts)
  }))
  const addRow = (vectors: ReadonlyArray<Vector>, row: number): void => {
    let separator = 0x7b
    for (let i = 0; i < cells.length; i++) {
      const { isLeftOut, name, write } = cells[i]
      const vector = vectors[i]
      const isNull = vector.hasNulls && vector.nulls[row] === 1
      if (isNull && isLeftOut) continue
      output.byte(separator)
      separator = comma
      output.raw(name, 0, name.length)
      if (isNull) output.ascii("null")
      else write(output, vector, row)
    }
    output.ascii(separator === comma ? "}\n" : "{}\n")
  }
  return {
    rowsMax,
    add: (rows) => {
      eachRow(columns, rows, addRow)
      return [output.take()]
    },
    end: () => []
  }
}

const eachRow = (
  columns: ReadonlyArray<ExportColumn>,
  rows: RowVectors,
  addRow: (vectors: ReadonlyArray<Vector>, row: number) => void
): void => {
  const vectors = columns.map(({ vector }) => vector(rows))
  for (let row = 0; row < rows.count; row++) addRow(vectors, row)
}

const needsQuotes = (heap: Uint8Array, start: number, end: number): boolean => {
  for (let i = start; i < end; i++) {
    const byte = heap[i]
    if (byte === comma || byte === quote || byte === lineFeed || byte === carriageReturn) return true
  }
  // Two quotes with nothing between are an empty text, and nothing at all is a null.
  return start === end
}

const csvText = (output: TextOutput, heap: Uint8Array, start: number, end: number): void => {
  if (needsQuotes(heap, start, end)) output.quoted(heap, start, end)
  else output.raw(heap, start, end)
}

const csvTexts: Texts = {
  text: csvText,
  nested: csvText,
  instant: (output, micros) => output.instant(micros),
  bare: (output, text) => output.ascii(text === "" ? "\"\"" : text),
  wide: (output, digits) => output.ascii(digits)
}

/** A header with the columns' names, and a record on each line. */
export const csvEncoder = (columns: ReadonlyArray<ExportColumn>): Encoder => {
  const output = new TextOutput()
  const writers = columns.map(({ type }) => writerOf(type, csvTexts))
  for (let i = 0; i < columns.length; i++) {
    if (i > 0) output.byte(comma)
    const name = Buffer.from(columns[i].name)
    csvText(output, name, 0, name.length)
  }
  output.byte(lineFeed)
  const addRow = (vectors: ReadonlyArray<Vector>, row: number): void => {
    for (let i = 0; i < writers.length; i++) {
      if (i > 0) output.byte(comma)
      const vector = vectors[i]
      if (!vector.hasNulls || vector.nulls[row] === 0) writers[i](output, vector, row)
    }
    output.byte(lineFeed)
  }
  return {
    rowsMax,
    add: (rows) => {
      eachRow(columns, rows, addRow)
      return [output.take()]
    },
    // The header of no rows.
    end: () => [output.take()]
  }
}
