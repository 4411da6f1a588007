/** Requests of `varve.v1.QueryService` as the engine takes them. What no request can mean is refused here. */
import type { Timestamp, Value } from "@bufbuild/protobuf/wkt"
import * as Position from "../../base/position.ts"
import type { AsOf as EngineAsOf } from "../../mvcc/Mvcc.ts"
import { type Comparison, type Filter, filterDepthMax, type Literal, type Operator } from "../../query/filter.ts"
import type * as Query from "../../query/Query.ts"
import { refuse } from "../../query/refuse.ts"
import * as Wire from "./generated/varve/v1/query_pb.ts"
import type { TypedValue } from "./generated/varve/v1/record_pb.ts"

const positionOf = (value: bigint, field: string): Position.Position =>
  Position.fromBigInt(value) ?? refuse("VALUE_OUT_OF_RANGE", field, `${value} is beyond every position`)

const countOf = (value: bigint, field: string): number =>
  value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : refuse("VALUE_OUT_OF_RANGE", field, `${value} is beyond every number of rows`)

const microsOf = ({ nanos, seconds }: Timestamp): number | bigint => {
  const micros = seconds * 1_000_000n + BigInt(Math.floor(nanos / 1000))
  return Number.isSafeInteger(Number(micros)) ? Number(micros) : micros
}

const asOf = (wire: Wire.AsOf | undefined): EngineAsOf => {
  switch (wire?.moment.case) {
    case "position":
      return { kind: "position", position: positionOf(wire.moment.value, "as_of.position") }
    case "time":
      return { kind: "time", time: Number(microsOf(wire.moment.value)) }
    case undefined:
      return { kind: "latest" }
  }
}

const read = (request: {
  readonly tenantId: string
  readonly table: string
  readonly asOf?: Wire.AsOf | undefined
  readonly minPosition: bigint
}): Query.ReadRequest => ({
  tenant: request.tenantId,
  table: request.table,
  asOf: asOf(request.asOf),
  minPosition: positionOf(request.minPosition, "min_position")
})

const operators: Readonly<Record<Wire.ComparisonOperator, Operator | undefined>> = {
  [Wire.ComparisonOperator.UNSPECIFIED]: undefined,
  [Wire.ComparisonOperator.EQ]: "eq",
  [Wire.ComparisonOperator.NE]: "ne",
  [Wire.ComparisonOperator.GT]: "gt",
  [Wire.ComparisonOperator.GTE]: "gte",
  [Wire.ComparisonOperator.LT]: "lt",
  [Wire.ComparisonOperator.LTE]: "lte",
  [Wire.ComparisonOperator.IN]: "in",
  [Wire.ComparisonOperator.NOT_IN]: "not_in",
  [Wire.ComparisonOperator.CONTAINS]: "contains",
  [Wire.ComparisonOperator.STARTS_WITH]: "starts_with",
  [Wire.ComparisonOperator.IS_NULL]: "is_null"
}

const literalOf = (value: Value, field: string): Literal => {
  switch (value.kind.case) {
    case "boolValue":
    case "numberValue":
    case "stringValue":
      return value.kind.value
    case "nullValue":
    case undefined:
      return null
    case "structValue":
    case "listValue":
      return refuse("INVALID_FILTER", field, "lists and objects cannot be compared with; lists are for IN and NOT_IN")
  }
}

const typedLiteralOf = ({ kind }: TypedValue, field: string): Literal => {
  switch (kind.case) {
    case undefined:
      return null
    case "timestampValue":
      return { micros: microsOf(kind.value) }
    case "jsonValue":
      return literalOf(kind.value, field)
    default:
      return kind.value
  }
}

const literalsOf = ({ operand }: Wire.Comparison, isList: boolean, field: string): ReadonlyArray<Literal> => {
  switch (operand.case) {
    case undefined:
      return []
    case "value": {
      const { kind } = operand.value
      return isList && kind.case === "listValue"
        ? kind.value.values.map((value) => literalOf(value, field))
        : [literalOf(operand.value, field)]
    }
    case "typedValue":
      return [typedLiteralOf(operand.value, field)]
    case "typedValues":
      return operand.value.values.map((value) => typedLiteralOf(value, field))
  }
}

const comparisonOf = (wire: Wire.Comparison, field: string): Comparison => {
  const operator = operators[wire.operator]
  if (operator === undefined) {
    return refuse(
      "INVALID_FILTER",
      `${field}.operator`,
      "is missing or not known; name one like COMPARISON_OPERATOR_EQ"
    )
  }
  const isList = operator === "in" || operator === "not_in"
  return { kind: "comparison", column: wire.column, operator, values: literalsOf(wire, isList, field) }
}

const filterOf = (wire: Wire.Filter, field: string, depth = 0): Filter => {
  if (depth > filterDepthMax) refuse("INVALID_FILTER", "filter", `nested deeper than ${filterDepthMax} levels`)
  const { expression } = wire
  switch (expression.case) {
    case "comparison":
      return comparisonOf(expression.value, `${field}.comparison`)
    case "not":
      return { kind: "not", filter: filterOf(expression.value, `${field}.not`, depth + 1) }
    case "and":
    case "or": {
      const filters = expression.value.filters.map((part, i) =>
        filterOf(part, `${field}.${expression.case}.filters[${i}]`, depth + 1)
      )
      return { kind: expression.case, filters }
    }
    case undefined:
      return refuse("INVALID_FILTER", field, "is empty; set comparison, and, or, or not")
  }
}

const rows = (
  request: Parameters<typeof read>[0] & { readonly filter?: Wire.Filter | undefined; readonly where: string }
) => ({
  ...read(request),
  filter: request.filter === undefined ? undefined : filterOf(request.filter, "filter"),
  where: request.where
})

/** A `GetRecordRequest`. */
export const getRecordRequest = (request: Wire.GetRecordRequest): Query.GetRecordRequest => ({
  ...read(request),
  key: request.key,
  select: request.select
})

/** A `GetRecordsRequest`. */
export const getRecordsRequest = (request: Wire.GetRecordsRequest): Query.GetRecordsRequest => ({
  ...read(request),
  keys: request.keys,
  select: request.select
})

/** A `GetHistoryRequest`. */
export const getHistoryRequest = (request: Wire.GetHistoryRequest): Query.GetHistoryRequest => ({
  ...read(request),
  key: request.key,
  select: request.select,
  limit: request.limit,
  cursor: request.cursor
})

/** A `QueryRequest`. */
export const queryRequest = (request: Wire.QueryRequest): Query.QueryRequest => ({
  ...rows(request),
  select: request.select,
  orderBy: request.orderBy,
  limit: request.limit,
  offset: countOf(request.offset, "offset"),
  cursor: request.cursor
})

/** A `QueryStreamRequest`. */
export const queryStreamRequest = (request: Wire.QueryStreamRequest): Query.QueryStreamRequest => ({
  ...rows(request),
  select: request.select,
  orderBy: request.orderBy,
  limit: countOf(request.limit, "limit"),
  batchRows: request.batchRows
})

const functions: Readonly<Record<Wire.AggregateFunction, Query.AggregateFunction | undefined>> = {
  [Wire.AggregateFunction.UNSPECIFIED]: undefined,
  [Wire.AggregateFunction.COUNT]: "count",
  [Wire.AggregateFunction.SUM]: "sum",
  [Wire.AggregateFunction.AVG]: "avg",
  [Wire.AggregateFunction.MIN]: "min",
  [Wire.AggregateFunction.MAX]: "max",
  [Wire.AggregateFunction.DISTINCT_COUNT]: "distinct_count"
}

/** An `AggregateRequest`. */
export const aggregateRequest = (request: Wire.AggregateRequest): Query.AggregateRequest => ({
  ...rows(request),
  aggregates: request.aggregates.map(({ alias, column, function: number }, i) => ({
    function: functions[number] ??
      refuse("MISSING_ARGUMENT", `aggregates[${i}].function`, "is missing or not known; name one like COUNT"),
    column,
    alias
  })),
  groupBy: request.groupBy,
  having: request.having,
  orderBy: request.orderBy,
  limit: request.limit
})

/** An `ExplainQueryRequest`. */
export const explainRequest = ({ analyze, subject }: Wire.ExplainQueryRequest): Query.ExplainRequest => {
  switch (subject.case) {
    case "query":
      return { subject: { kind: "query", query: queryRequest(subject.value) }, analyze }
    case "aggregate":
      return { subject: { kind: "aggregate", aggregate: aggregateRequest(subject.value) }, analyze }
    case undefined:
      return refuse("MISSING_ARGUMENT", "subject", "set query or aggregate: what is to be explained")
  }
}
