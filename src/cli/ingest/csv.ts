/** Rows of comma- or tab-separated values below a header with the columns' names. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { readCell, TextInference } from "../../schema/inference/TextInference.ts"
import type { Problem } from "../../schema/problem.ts"
import type { Column, TableSchema } from "../../schema/types.ts"
import type { Value } from "../../schema/value.ts"
import { type CommandFailure, failure } from "../failure.ts"
import type { ByteFeed } from "./ByteFeed.ts"
import { CsvParser, type CsvRecords } from "./CsvParser.ts"
import { checkColumns } from "./fileColumns.ts"
import { type Input, type RowBatch, sampleBytesMax, sampleRecordsMax } from "./Input.ts"
import { noRecords } from "./ndjson.ts"
import { readTimestamp } from "./readTimestamp.ts"
import { absentValues, missingProblem, utf8Problem } from "./rowProblem.ts"
import { progressWithin, type TextBlock, textBlocks } from "./textBlocks.ts"

/** An export leaves no quote open, and its records may be as large as records can be. */
const exportedRecordLengthMax = 64 * 1024 * 1024

/** Records with the block that they end in. */
interface ParsedBlock {
  readonly block: TextBlock
  readonly records: CsvRecords
}

/** The records of a feed, the header among them. */
const parsedBlocks = (
  feed: ByteFeed,
  name: string,
  delimiter: string,
  isExport: boolean
): Stream.Stream<ParsedBlock, CommandFailure> =>
  Stream.suspend(() => {
    const parser = new CsvParser(delimiter, isExport ? exportedRecordLengthMax : undefined)
    let last: TextBlock | undefined
    return Stream.concat(
      Stream.map(textBlocks(feed, name), (block) => {
        last = block
        return { block, records: parser.add(block.text, block.firstLine) }
      }),
      Stream.suspend(() =>
        last === undefined ? Stream.empty : Stream.succeed({ block: last, records: parser.finish() })
      )
    )
  })

const problem = (message: string): Problem => ({ reason: "INVALID_VALUE", field: "", message })

/** Takes the header off the first record, once. */
class Header {
  names: ReadonlyArray<string> | undefined
  private readonly file: string
  private readonly isExport: boolean

  constructor(file: string, isExport: boolean) {
    this.file = file
    this.isExport = isExport
  }

  /** How many of the records are the header: none but the first one of all. */
  take(records: CsvRecords): Effect.Effect<number, CommandFailure> {
    if (this.names !== undefined || records.cells.length === 0) return Effect.succeed(0)
    const wrong = records.problems.get(0)
    if (wrong !== undefined) return Effect.fail(failure(`${this.file}, line ${records.lines[0]}: ${wrong}`))
    const names = this.isExport ? records.cells[0] : records.cells[0].map((name) => name.trim())
    const twice = names.find((name, i) => names.indexOf(name) !== i)
    if (twice !== undefined) {
      return Effect.fail(
        failure(`${this.file}, line ${records.lines[0]}: column ${JSON.stringify(twice)} is there twice`)
      )
    }
    this.names = names
    return Effect.succeed(1)
  }
}

/** What an export wrote as two quotes with nothing between. */
const emptyValue = ({ type }: Column): Value | undefined =>
  type === "string" ? "" : type === "bytes" ? new Uint8Array(0) : undefined

/**
 * Makes the values of a row from its cells. An empty cell counts as absent, and as null in an export, where empty texts
 * stand in quotes.
 */
const makeReadRow = (schema: TableSchema, names: ReadonlyArray<string>, isExport: boolean) => {
  const { columns } = schema
  const absent = absentValues(schema).map((value, i) => isExport && columns[i].nullable ? null : value)
  const cellOf = columns.map(({ name }) => names.indexOf(name))
  return (
    cells: ReadonlyArray<string>,
    emptyTexts: ReadonlyArray<number> | undefined,
    values: Array<Value>
  ): Problem | undefined => {
    if (cells.length !== names.length) {
      return problem(`${cells.length} ${cells.length === 1 ? "cell" : "cells"}; the header has ${names.length}`)
    }
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i]
      const cell = cellOf[i] < 0 ? "" : cells[cellOf[i]]
      if (cell === "" || (column.type !== "string" && cell.trim() === "")) {
        const empty = isExport && emptyTexts?.includes(cellOf[i]) === true ? emptyValue(column) : undefined
        if (empty !== undefined) {
          values[i] = empty
          continue
        }
        const value = absent[i] === undefined && column.type === "string" ? cell : absent[i]
        if (value === undefined) return missingProblem(column)
        values[i] = value
        continue
      }
      const instant = column.type === "timestamp" ? readTimestamp(cell) : undefined
      if (instant !== undefined) {
        values[i] = instant
        continue
      }
      const read = readCell(column, cell)
      if (read.problem !== undefined) return read.problem
      values[i] = read.value
    }
    return undefined
  }
}

/** Opens rows whose fields are separated by `delimiter`. `isExport`: read them as what `varve export` wrote. */
export const openCsv = (feed: ByteFeed, name: string, delimiter: string, isExport: boolean): Input => ({
  name,
  unit: "line",
  measure: "bytes",
  total: feed.size,
  infer: Effect.gen(function*() {
    const header = new Header(name, isExport)
    let inference: TextInference | undefined
    const sample = parsedBlocks(feed, name, delimiter, isExport).pipe(
      Stream.mapEffect(({ block, records }) =>
        Effect.map(header.take(records), (first) => {
          if (header.names === undefined) return false
          inference ??= new TextInference(header.names)
          for (let i = first; i < records.cells.length && inference.count < sampleRecordsMax; i++) {
            if (records.cells[i].length === header.names.length) inference.add(records.cells[i])
          }
          return inference.count === sampleRecordsMax || block.end >= sampleBytesMax
        })
      ),
      Stream.takeUntil((isEnough) => isEnough)
    )
    yield* feed.lookAhead(Stream.runDrain(sample))
    if (inference === undefined || inference.count === 0) return yield* noRecords(name)
    return inference.columns
  }),
  rows: (schema) =>
    Stream.suspend(() => {
      const header = new Header(name, isExport)
      let readRow: ReturnType<typeof makeReadRow> | undefined
      return Stream.mapEffect(
        parsedBlocks(feed, name, delimiter, isExport),
        Effect.fnUntraced(function*({ block, records }): Effect.fn.Return<RowBatch, CommandFailure> {
          const first = yield* header.take(records)
          if (readRow === undefined && header.names !== undefined) {
            yield* checkColumns(name, header.names, schema)
            readRow = makeReadRow(schema, header.names, isExport)
          }
          const { cells, emptyTexts, lines, problems, texts } = records
          return {
            count: cells.length - first,
            progress: progressWithin(block, cells.length - first),
            line: (index) => lines[first + index],
            text: (index) => texts[first + index],
            read: (index, values) => {
              const wrong = problems.get(first + index)
              if (wrong !== undefined) return problem(wrong)
              if (block.broken?.has(lines[first + index] - block.firstLine) === true) return utf8Problem
              return readRow!(cells[first + index], emptyTexts.get(first + index), values)
            }
          }
        })
      )
    })
})
