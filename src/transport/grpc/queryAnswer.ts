/** The engine's answers as messages of `varve.v1.QueryService`. */
import { fromJson, type JsonObject, type JsonValue, type MessageInitShape } from "@bufbuild/protobuf"
import { ValueSchema } from "@bufbuild/protobuf/wkt"
import type * as Query from "../../query/Query.ts"
import type * as Result from "../../query/result.ts"
import { rowJson, valueJson } from "../../query/valueJson.ts"
import { type ColumnType, formatType, isNested } from "../../schema/types.ts"
import { timestampOf } from "./convert.ts"
import type * as Wire from "./generated/varve/v1/query_pb.ts"
import type { TypedValueSchema } from "./generated/varve/v1/record_pb.ts"

/** A column as a message. */
export const columnOf = ({ name, type }: Result.ResultColumn): MessageInitShape<typeof Wire.ResultColumnSchema> => ({
  name,
  type: formatType(type)
})

/** A read's cost as a message. */
export const statsOf = (stats: Result.QueryStats): MessageInitShape<typeof Wire.QueryStatsSchema> => ({
  rowsScanned: BigInt(stats.rowsScanned),
  rowsReturned: BigInt(stats.rowsReturned),
  segments: stats.segments,
  memtables: stats.memtables,
  pages: stats.pages,
  index: stats.index,
  elapsedMs: stats.elapsedMillis
})

/** What every answer says of itself. */
export const readAnswer = ({ columns, position, stats }: Query.ReadAnswer) => ({
  columns: columns.map(columnOf),
  position: BigInt(position),
  stats: statsOf(stats)
})

/** Values in the order of the columns. */
export const typedRow = (columns: ReadonlyArray<Result.ResultColumn>, values: ReadonlyArray<Result.Value>) => ({
  values: values.map((value, i) => typedValue(columns[i].type, value))
})

const typedValue = (type: ColumnType, value: Result.Value): MessageInitShape<typeof TypedValueSchema> => {
  if (value === null) return {}
  if (isNested(type)) {
    const json = fromJson(ValueSchema, valueJson({ type }, value) as JsonValue)
    return { kind: { case: "jsonValue", value: json } }
  }
  switch (type) {
    case "bool":
      return { kind: { case: "boolValue", value: value as boolean } }
    case "int32":
    case "int64": {
      // Sums can be beyond what an int64 holds.
      const exact = BigInt(value as number | bigint)
      return BigInt.asIntN(64, exact) === exact
        ? { kind: { case: "intValue", value: exact } }
        : { kind: { case: "stringValue", value: String(exact) } }
    }
    case "float32":
    case "float64":
      return { kind: { case: "doubleValue", value: value as number } }
    case "bytes":
      return { kind: { case: "bytesValue", value: value as Uint8Array<ArrayBuffer> } }
    case "timestamp":
      return { kind: { case: "timestampValue", value: timestampOf(Number(value)) } }
    default:
      return { kind: { case: "stringValue", value: value as string } }
  }
}

/** Rows of an aggregate. */
export const aggregateAnswer = (
  answer: Query.AggregateAnswer,
  typedRows: boolean
): MessageInitShape<typeof Wire.AggregateResponseSchema> => ({
  ...readAnswer(answer),
  groups: BigInt(answer.groups),
  ...(typedRows
    ? { typedRows: answer.rows.map((values) => typedRow(answer.columns, values)) }
    : { rows: answer.rows.map((values) => rowJson(answer.columns, values) as JsonObject) })
})

/** A plan as a message. */
export const explainAnswer = (
  { position, stats, steps, text }: Query.ExplainAnswer
): MessageInitShape<typeof Wire.ExplainQueryResponseSchema> => ({
  steps: steps.map(({ actualRows, columns, detail, elapsedMillis, estimatedRows, name }) => ({
    name,
    detail,
    columns: [...columns],
    estimatedRows: BigInt(estimatedRows),
    ...(actualRows === undefined ? {} : { actualRows: BigInt(actualRows) }),
    ...(elapsedMillis === undefined ? {} : { elapsedMs: elapsedMillis })
  })),
  text,
  position: BigInt(position),
  ...(stats === undefined ? {} : { stats: statsOf(stats) })
})
