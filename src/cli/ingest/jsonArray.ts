/** A JSON document: an array of records, read element by element, or one record alone. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as JsonArray from "effect/encoding/JsonArray"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import { messageBytesMax } from "../../base/limits.ts"
import { JsonInference } from "../../schema/inference/JsonInference.ts"
import { type CommandFailure, failure } from "../failure.ts"
import type { ByteFeed } from "./ByteFeed.ts"
import { type Input, type RowBatch, sampleBytesMax, sampleRecordsMax } from "./Input.ts"
import { noRecords } from "./ndjson.ts"
import { makeReadJsonRow, type ReadJsonRow } from "./readJsonRow.ts"
import { progressWithin } from "./textBlocks.ts"

/** Elements that became complete together. */
interface Elements {
  readonly values: ReadonlyArray<unknown>
  /** The number of the first one, from 1. */
  readonly first: number
  /** Bytes that were read before, and by then. */
  readonly start: number
  readonly end: number
}

/** The elements of the array that a feed holds. */
const elementsOf = (feed: ByteFeed, name: string): Stream.Stream<Elements, CommandFailure> =>
  Stream.suspend(() => {
    const decoder = new TextDecoder("utf-8", { fatal: true })
    let end = 0
    let taken = 0
    let first = 1
    const decode = (piece: Buffer | undefined): Effect.Effect<string, CommandFailure> =>
      Effect.try({
        try: () => piece === undefined ? decoder.decode() : decoder.decode(piece, { stream: true }),
        catch: () => failure(`${name}: not valid UTF-8 within ${piece?.length ?? 0} bytes behind offset ${end}`)
      })
    const texts: Pull.Pull<readonly [string], CommandFailure> = Effect.gen(function*() {
      const piece = yield* feed.next
      const text = yield* decode(piece)
      if (piece === undefined) return yield* Cause.done()
      end += piece.length
      return [text] as const
    })
    return Stream.fromPull(Effect.succeed(texts)).pipe(
      Stream.pipeThroughChannel(JsonArray.decodeString<CommandFailure>({ maxElementSize: messageBytesMax })),
      Stream.mapError((error) => JsonArray.isJsonArrayError(error) ? notJson(name, error) : error),
      Stream.chunks,
      Stream.map((values) => {
        const elements = { values, first, start: taken, end }
        first += values.length
        taken = end
        return elements
      })
    )
  })

const notJson = (name: string, error: JsonArray.JsonArrayError): CommandFailure =>
  failure(
    `${name}: not a JSON array: ${error.message}${error.offset === undefined ? "" : `, at offset ${error.offset}`}`
  )

const batchOf = ({ end, first, start, values }: Elements, readRow: ReadJsonRow): RowBatch => ({
  count: values.length,
  progress: progressWithin({ start, end }, values.length),
  line: (index) => first + index,
  text: (index) => JSON.stringify(values[index]),
  read: (index, row) => readRow(values[index], row, undefined)
})

const input = (
  feed: ByteFeed,
  name: string,
  elements: Stream.Stream<Elements, CommandFailure>
): Input => ({
  name,
  unit: "record",
  measure: "bytes",
  total: feed.size,
  infer: Effect.gen(function*() {
    const inference = new JsonInference()
    const sample = Stream.takeUntil(elements, ({ end, values }) => {
      for (const value of values) {
        if (typeof value === "object" && value !== null && !Array.isArray(value)) inference.add(value)
        if (inference.count === sampleRecordsMax) return true
      }
      return end >= sampleBytesMax
    })
    yield* feed.lookAhead(Stream.runDrain(sample))
    if (inference.count === 0) return yield* noRecords(name)
    return inference.columns
  }),
  rows: (schema) => {
    const readRow = makeReadJsonRow(schema)
    return Stream.map(elements, (some) => batchOf(some, readRow))
  }
})

/** The records of a JSON array. */
export const openJsonArray = (feed: ByteFeed, name: string): Input => input(feed, name, elementsOf(feed, name))

/** A record over several lines, alone in its file. */
export const openJsonRecord = (feed: ByteFeed, name: string): Input =>
  input(
    feed,
    name,
    Stream.fromEffect(Effect.gen(function*() {
      const pieces: Array<Buffer> = []
      let end = 0
      for (let piece = yield* feed.next; piece !== undefined; piece = yield* feed.next) {
        pieces.push(piece)
        end += piece.length
        if (end > messageBytesMax)
          return yield* failure(`${name}: neither an array of records nor one record on each line`)
      }
      const value = yield* Effect.try({
        try: (): unknown => JSON.parse(Buffer.concat(pieces).toString("utf8")),
        catch: (error) => failure(`${name}: not JSON: ${(error as Error).message}`)
      })
      return { values: [value], first: 1, start: 0, end }
    }))
  )
