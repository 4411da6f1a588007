/** Parts of read requests, from what people write on the command line. */
import { create } from "@bufbuild/protobuf"
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt"
import * as Effect from "effect/Effect"
import { parseTimestamp } from "../../schema/timestamp.ts"
import {
  AggregateFunction,
  type Aggregation,
  AggregationSchema,
  type AsOf,
  AsOfSchema,
  type OrderBy,
  OrderBySchema
} from "../../transport/grpc/generated/varve/v1/query_pb.ts"
import { type CommandFailure, usageFailure } from "../failure.ts"
import { CsvParser } from "../ingest/CsvParser.ts"

/** The names of a list like `a,b`; one with a comma in it stands in double quotes. */
export const parseList = (
  text: string | undefined,
  flag: string
): Effect.Effect<ReadonlyArray<string>, CommandFailure> => {
  if (text === undefined || text.trim() === "") return Effect.succeed([])
  const parser = new CsvParser(",")
  const { cells, problems } = parser.add(text, 1)
  const names = cells[0]?.map((name) => name.trim()) ?? []
  return problems.size > 0 || cells.length !== 1 || names.includes("")
    ? Effect.fail(usageFailure(`${flag} ${JSON.stringify(text)}: write names with commas between them, as in a,b`))
    : Effect.succeed(names)
}

const timestampOf = (micros: bigint): Timestamp => {
  const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n
  return create(TimestampSchema, { seconds: (micros - rest) / 1_000_000n, nanos: Number(rest) * 1000 })
}

/** A position, or a time in RFC 3339. */
export const parseAsOf = (text: string | undefined): Effect.Effect<AsOf | undefined, CommandFailure> => {
  if (text === undefined) return Effect.succeed(undefined)
  if (/^\d{1,19}$/.test(text)) {
    return Effect.succeed(create(AsOfSchema, { moment: { case: "position", value: BigInt(text) } }))
  }
  const micros = parseTimestamp(text)
  return micros === undefined
    ? Effect.fail(usageFailure(
      `--as-of ${JSON.stringify(text)}: write a position like 1200, or a time like 2026-01-31T12:00:00Z`
    ))
    : Effect.succeed(create(AsOfSchema, { moment: { case: "time", value: timestampOf(BigInt(micros)) } }))
}

/** Columns with an order each, as in `delay:desc,origin`. */
export const parseOrderBy = (text: string | undefined): Effect.Effect<ReadonlyArray<OrderBy>, CommandFailure> =>
  Effect.map(parseList(text, "--order-by"), (terms) =>
    terms.map((term) => {
      const direction = /:(asc|desc)$/i.exec(term)
      return create(OrderBySchema, {
        column: direction === null ? term : term.slice(0, direction.index),
        descending: direction?.[1].toLowerCase() === "desc"
      })
    }))

const functions: Readonly<Record<string, AggregateFunction>> = {
  count: AggregateFunction.COUNT,
  sum: AggregateFunction.SUM,
  avg: AggregateFunction.AVG,
  min: AggregateFunction.MIN,
  max: AggregateFunction.MAX,
  distinct_count: AggregateFunction.DISTINCT_COUNT
}

const parseAggregation = (term: string): Aggregation | string => {
  const colon = term.indexOf(":")
  const name = (colon < 0 ? term : term.slice(0, colon)).toLowerCase()
  const column = colon < 0 ? "" : term.slice(colon + 1)
  const known = Object.hasOwn(functions, name) ? functions[name] : undefined
  if (known === undefined) return `${name} is none of ${Object.keys(functions).join(", ")}`
  if (column === "" && known !== AggregateFunction.COUNT) return `${name} needs a column, as in ${name}:delay`
  return create(AggregationSchema, { function: known, column })
}

/** Figures of each group, as in `count,avg:delay`. */
export const parseAggregations = (text: string): Effect.Effect<ReadonlyArray<Aggregation>, CommandFailure> =>
  Effect.flatMap(
    parseList(text, "--agg"),
    (terms) =>
      Effect.forEach(terms, (term) => {
        const parsed = parseAggregation(term)
        return typeof parsed === "string"
          ? Effect.fail(usageFailure(`--agg ${term}: ${parsed}`))
          : Effect.succeed(parsed)
      })
  )
