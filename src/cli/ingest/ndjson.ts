/**
 * Newline-delimited JSON. Read line by line here, and not by `effect/encoding/Ndjson`, because that ends at the first
 * line that is no JSON, and keeps neither its number nor its text.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { JsonInference } from "../../schema/inference/JsonInference.ts"
import type { Problem } from "../../schema/problem.ts"
import { type CommandFailure, failure } from "../failure.ts"
import type { ByteFeed } from "./ByteFeed.ts"
import { type Input, type RowBatch, sampleBytesMax, sampleRecordsMax } from "./Input.ts"
import { makeReadJsonRow, type ReadJsonRow } from "./readJsonRow.ts"
import { utf8Problem } from "./rowProblem.ts"
import { progressWithin, type TextBlock, textBlocks } from "./textBlocks.ts"

/** Lines of a block that are not blank. */
interface Lines {
  readonly texts: ReadonlyArray<string>
  /** Counted from 0 within the block. */
  readonly numbers: ReadonlyArray<number>
}

const linesOf = (block: TextBlock): Lines => {
  const texts: Array<string> = []
  const numbers: Array<number> = []
  const all = block.text.split("\n")
  for (let i = 0; i < all.length; i++) {
    const line = all[i]
    if (line === "" || line.trim() === "") continue
    texts.push(line)
    numbers.push(i)
  }
  return { texts, numbers }
}

const parseLine = (text: string): { readonly record: unknown } | { readonly problem: Problem } => {
  try {
    return { record: JSON.parse(text) }
  } catch (error) {
    return { problem: { reason: "INVALID_VALUE", field: "", message: `not JSON: ${(error as Error).message}` } }
  }
}

const batchOf = (block: TextBlock, readRow: ReadJsonRow): RowBatch => {
  const { numbers, texts } = linesOf(block)
  return {
    count: texts.length,
    progress: progressWithin(block, texts.length),
    line: (index) => block.firstLine + numbers[index],
    text: (index) => texts[index].replace(/\r$/, ""),
    read: (index, values) => {
      if (block.broken?.has(numbers[index]) === true) return utf8Problem
      const parsed = parseLine(texts[index])
      return "problem" in parsed ? parsed.problem : readRow(parsed.record, values, texts[index])
    }
  }
}

/** Adds the records of a block; lines that are none do not count. */
const addRecords = (block: TextBlock, inference: JsonInference): void => {
  for (const text of linesOf(block).texts) {
    if (inference.count === sampleRecordsMax) return
    const parsed = parseLine(text)
    if ("problem" in parsed) continue
    const { record } = parsed
    if (typeof record === "object" && record !== null && !Array.isArray(record)) inference.add(record)
  }
}

/** Records, one on each line. */
export const openNdjson = (feed: ByteFeed, name: string): Input => ({
  name,
  unit: "line",
  measure: "bytes",
  total: feed.size,
  infer: Effect.gen(function*() {
    const inference = new JsonInference()
    const sample = Stream.takeUntil(
      textBlocks(feed, name),
      (block) => {
        addRecords(block, inference)
        return inference.count === sampleRecordsMax || block.end >= sampleBytesMax
      }
    )
    yield* feed.lookAhead(Stream.runDrain(sample))
    if (inference.count === 0) return yield* noRecords(name)
    return inference.columns
  }),
  rows: (schema) => {
    const readRow = makeReadJsonRow(schema)
    return Stream.map(textBlocks(feed, name), (block) => batchOf(block, readRow))
  }
})

/** There is nothing to infer a schema from. */
export const noRecords = (name: string): CommandFailure => failure(`${name}: no records to infer a schema from`)
