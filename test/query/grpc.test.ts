/** The query service as clients of any language meet it: real ports, the real engine. */
/* oxlint-disable vitest/no-standalone-expect -- the rule does not know that it.live is a test */
import type { MessageInitShape } from "@bufbuild/protobuf"
import { fromBinary, fromJson } from "@bufbuild/protobuf"
import { ValueSchema } from "@bufbuild/protobuf/wkt"
import { describe, expect, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import { AdminService } from "../../src/transport/grpc/generated/varve/v1/admin_pb.ts"
import { IngestionService } from "../../src/transport/grpc/generated/varve/v1/ingestion_pb.ts"
import {
  AggregateFunction,
  ComparisonOperator,
  type Filter,
  type FilterSchema,
  QueryService,
  type QueryStreamResponse,
  QueryStreamResponseSchema
} from "../../src/transport/grpc/generated/varve/v1/query_pb.ts"
import { call, encodeRequest, openServerStream, pathOf, statusOfStream } from "../transport/support/bridge.ts"
import { serveEngine } from "../transport/support/engine.ts"

const query = QueryService.method

const definition = JSON.stringify({
  columns: [
    { name: "id", type: "string" },
    { name: "origin", type: "string" },
    { name: "delay", type: "int32", nullable: true },
    { name: "serial", type: "int64" },
    { name: "raw", type: "bytes", nullable: true },
    { name: "at", type: "timestamp" },
    { name: "tags", type: { array: "string" }, nullable: true }
  ],
  key: "id"
})

const where = { tenantId: "acme", table: "flights" }
const origins = ["SFO", "LAX", "JFK"]
const rows = 100

const dataOf = (n: number) => ({
  id: `f${String(n).padStart(3, "0")}`,
  origin: origins[n % 3],
  delay: n % 10 === 0 ? null : n,
  serial: String(9_007_199_254_740_990n + BigInt(n)),
  raw: Buffer.from([n]).toString("base64"),
  at: `2024-01-01T00:00:00.${String(n).padStart(6, "0")}Z`,
  tags: n % 2 === 0 ? ["even"] : null
})

const setUp = Effect.gen(function*() {
  const server = yield* serveEngine()
  const registered = yield* call(server.query, AdminService.method.registerSchema, { ...where, definition })
  expect(registered.message).toBe("")
  const ingested = yield* call(server.ingestion, IngestionService.method.ingestBatch, {
    ...where,
    records: Array.from({ length: rows }, (_, n) => ({ payload: { case: "data", value: dataOf(n) } } as const))
  })
  expect(ingested.answer?.errors).toEqual([])
  expect(ingested.answer?.accepted).toBe(rows)
  return { ...server, last: ingested.answer!.lastPosition }
})

type FilterInit = MessageInitShape<typeof FilterSchema>

const comparison = (column: string, operator: ComparisonOperator, value: unknown): FilterInit => ({
  expression: {
    case: "comparison",
    value: { column, operator, operand: { case: "value", value: fromJson(ValueSchema, value as string) } }
  }
})

describe("QueryService", () => {
  it.live("gets a record, as it is and as it was", () =>
    Effect.gen(function*() {
      const server = yield* setUp
      const { answer } = yield* call(server.query, query.getRecord, { ...where, key: "f005" })
      expect(answer?.record?.payload).toEqual({ case: "data", value: { ...dataOf(5) } })
      expect(answer?.record).toMatchObject({ key: "f005", tenantId: "acme", table: "flights", schemaVersion: 1 })
      expect(answer?.columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
        "id string",
        "origin string",
        "delay int32",
        "serial int64",
        "raw bytes",
        "at timestamp",
        "tags array<string>"
      ])
      const first = answer!.record!.position

      const written = yield* call(server.ingestion, IngestionService.method.ingestRecord, {
        record: { ...where, payload: { case: "data", value: { ...dataOf(5), delay: 500 } } }
      })
      const position = written.answer!.position
      const get = (as: bigint | undefined) =>
        Effect.map(
          call(server.query, query.getRecord, {
            ...where,
            key: "f005",
            select: ["delay", "_position"],
            typedRows: true,
            minPosition: position,
            ...(as === undefined ? {} : { asOf: { moment: { case: "position", value: as } } })
          }),
          ({ answer }) => answer?.record?.payload.value
        )
      expect(yield* get(undefined)).toMatchObject({
        values: [{ kind: { case: "intValue", value: 500n } }, { kind: { case: "intValue", value: position } }]
      })
      expect(yield* get(server.last)).toMatchObject({
        values: [{ kind: { case: "intValue", value: 5n } }, { kind: { case: "intValue", value: first } }]
      })
      const deleted = yield* call(server.ingestion, IngestionService.method.ingestRecord, {
        record: { ...where, key: "f005", deleted: true }
      })
      expect(deleted.message).toBe("")
      const history = yield* call(server.query, query.getHistory, { ...where, key: "f005", limit: 2 })
      expect(history.answer?.versions.map(({ deleted, payload }) => [deleted, payload.case])).toEqual([
        [true, undefined],
        [false, "data"]
      ])
      const { nextCursor } = history.answer!
      const rest = yield* call(server.query, query.getHistory, { ...where, key: "f005", limit: 2, cursor: nextCursor })
      expect([rest.answer?.versions.map(({ position }) => position), rest.answer?.nextCursor]).toEqual([[first], ""])
      const gone = yield* call(server.query, query.getRecord, { ...where, key: "f005" })
      expect([gone.code, gone.details?.reason, gone.details?.field])
        .toEqual([grpc.status.NOT_FOUND, "KEY_NOT_FOUND", "key"])
      const several = yield* call(server.query, query.getRecords, { ...where, keys: ["f009", "f005", "f001", "no"] })
      expect(several.answer?.records.map(({ key }) => key)).toEqual(["f009", "f001"])
      expect(several.answer?.missingKeys).toEqual(["f005", "no"])
    }))

  it.live("finds by filters of every form, page by page", () =>
    Effect.gen(function*() {
      const server = yield* setUp
      const find = (filter: FilterInit | undefined, text: string) =>
        Effect.map(
          call(server.query, query.query, { ...where, ...(filter === undefined ? {} : { filter }), where: text }),
          ({ answer, message }) => {
            expect(message).toBe("")
            return answer?.records.map(({ key }) => Number(key.slice(1)))
          }
        )
      const matching = (test: (n: number) => boolean) => Array.from({ length: rows }, (_, n) => n).filter(test)
      const delayed = matching((n) => n % 10 !== 0 && n > 30 && n % 3 < 2)
      const tree: FilterInit = {
        expression: {
          case: "and",
          value: {
            filters: [
              comparison("delay", ComparisonOperator.GT, 30),
              { expression: { case: "not", value: comparison("origin", ComparisonOperator.NOT_IN, ["SFO", "LAX"]) } }
            ]
          }
        }
      }
      expect(yield* find(tree, "")).toEqual(delayed)
      expect(yield* find(undefined, "delay > 30 and origin in ('SFO', 'LAX')")).toEqual(delayed)
      expect(yield* find(tree, "delay < 40")).toEqual(delayed.filter((n) => n < 40))
      const typed: FilterInit = {
        expression: {
          case: "comparison",
          value: {
            column: "serial",
            operator: ComparisonOperator.IN,
            operand: {
              case: "typedValues",
              value: {
                values: [7n, 3n].map((n) => ({ kind: { case: "intValue", value: 9_007_199_254_740_990n + n } }))
              }
            }
          }
        }
      }
      expect(yield* find(typed, "")).toEqual([3, 7])
      expect(yield* find(comparison("serial", ComparisonOperator.EQ, "9007199254740993"), "")).toEqual([3])
      expect(yield* find(comparison("at", ComparisonOperator.LTE, "2024-01-01T00:00:00.000002Z"), "")).toEqual([
        0,
        1,
        2
      ])
      expect(yield* find(comparison("raw", ComparisonOperator.EQ, "CQ=="), "")).toEqual([9])
      const isNull: FilterInit = {
        expression: { case: "comparison", value: { column: "delay", operator: ComparisonOperator.IS_NULL } }
      }
      expect(yield* find(isNull, "tags is not null and _key < 'f050'")).toEqual([0, 10, 20, 30, 40])

      const pages: Array<ReadonlyArray<number>> = []
      let cursor = ""
      do {
        const { answer } = yield* call(server.query, query.query, {
          ...where,
          orderBy: [{ column: "origin", descending: true }, { column: "delay", descending: true }],
          select: ["delay"],
          limit: 30,
          cursor
        })
        pages.push(answer!.records.map(({ key }) => Number(key.slice(1))))
        expect([answer?.position, Number(answer?.stats?.rowsScanned)]).toEqual([server.last, rows])
        cursor = answer!.nextCursor
      } while (cursor !== "")
      const order = (n: number) => [-(n % 3 === 0 ? 2 : n % 3 === 1 ? 1 : 0), n % 10 === 0 ? 1000 + n : -n]
      const sorted = matching(() => true).sort((a, b) => order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1])
      expect(pages.map((page) => page.length)).toEqual([30, 30, 30, 10])
      expect(pages.flat()).toEqual(sorted)
    }))

  it.live("aggregates, and explains", () =>
    Effect.gen(function*() {
      const server = yield* setUp
      const aggregate = {
        ...where,
        aggregates: [
          { function: AggregateFunction.COUNT },
          { function: AggregateFunction.SUM, column: "serial" },
          { function: AggregateFunction.AVG, column: "delay" },
          { function: AggregateFunction.DISTINCT_COUNT, column: "origin", alias: "origins" }
        ],
        groupBy: ["origin"],
        having: "count > 33",
        where: "_position > 0"
      }
      const numbers = Array.from({ length: rows }, (_, n) => n).filter((n) => n % 3 === 0)
      const sum = numbers.reduce((sum, n) => sum + 9_007_199_254_740_990n + BigInt(n), 0n)
      const delays = numbers.filter((n) => n % 10 !== 0)
      const average = delays.reduce((sum, n) => sum + n, 0) / delays.length
      const { answer } = yield* call(server.query, query.aggregate, aggregate)
      expect(answer?.rows).toEqual([
        { origin: "SFO", count: 34, sum_serial: String(sum), avg_delay: average, origins: 1 }
      ])
      expect(answer?.groups).toBe(1n)
      const typed = yield* call(server.query, query.aggregate, { ...aggregate, typedRows: true })
      expect(typed.answer?.typedRows[0].values.map(({ kind }) => kind.value)).toEqual(["SFO", 34n, sum, average, 1n])

      const explained = yield* call(server.query, query.explainQuery, {
        subject: { case: "query", value: { ...where, where: "id = 'f007'" } },
        analyze: true
      })
      expect(explained.answer?.steps[0]).toMatchObject({ name: "key lookup", actualRows: 1n })
      expect(explained.answer?.stats?.index).toBe("key")
      const plan = yield* call(server.query, query.explainQuery, {
        subject: { case: "aggregate", value: aggregate }
      })
      expect(plan.answer?.steps.map(({ name }) => name)).toEqual(["scan", "filter", "group", "having", "order"])
    }))

  it.live("streams everything, and ends with what it cost", () =>
    Effect.gen(function*() {
      const server = yield* setUp
      const request = encodeRequest(query.queryStream, { ...where, batchRows: 7, orderBy: [{ column: "_key" }] })
      const stream = openServerStream(server.query, pathOf(query.queryStream), request)
      const answers: Array<QueryStreamResponse> = []
      stream.on("data", (bytes: Buffer) => answers.push(fromBinary(QueryStreamResponseSchema, bytes)))
      const { code } = yield* Effect.promise(() => statusOfStream(stream))
      expect(code).toBe(0)
      const keys = answers.flatMap(({ message }) =>
        message.case === "batch" ? message.value.records.map(({ key }) => key) : []
      )
      expect(keys).toEqual(Array.from({ length: rows }, (_, n) => dataOf(n).id))
      expect(answers[0].message).toMatchObject({ case: "header", value: { position: server.last } })
      expect(answers.at(-1)?.message).toMatchObject({
        case: "summary",
        value: { stats: { rowsReturned: BigInt(rows) } }
      })
    }))

  it.live("refuses what means nothing, with the field and the way out", () =>
    Effect.gen(function*() {
      const server = yield* setUp
      const list = comparison("origin", ComparisonOperator.EQ, ["SFO"])
      const unspecified = comparison("origin", ComparisonOperator.UNSPECIFIED, "SFO")
      let deep: FilterInit = comparison("origin", ComparisonOperator.EQ, "SFO")
      for (let depth = 0; depth < 70; depth++) deep = { expression: { case: "not", value: deep as Filter } }
      const cases: ReadonlyArray<[MessageInitShape<typeof query.query.input>, number, string, string]> = [
        [{ where: "delay >" }, grpc.status.INVALID_ARGUMENT, "INVALID_FILTER", "where"],
        [{ where: "delai > 3" }, grpc.status.INVALID_ARGUMENT, "COLUMN_NOT_FOUND", "where"],
        [{ filter: list }, grpc.status.INVALID_ARGUMENT, "INVALID_FILTER", "filter.comparison"],
        [{ filter: unspecified }, grpc.status.INVALID_ARGUMENT, "INVALID_FILTER", "filter.comparison.operator"],
        [{ filter: {} }, grpc.status.INVALID_ARGUMENT, "INVALID_FILTER", "filter"],
        [{ filter: deep }, grpc.status.INVALID_ARGUMENT, "INVALID_FILTER", "filter"],
        [{ limit: 100_001 }, grpc.status.INVALID_ARGUMENT, "VALUE_OUT_OF_RANGE", "limit"],
        [{ offset: 2n ** 60n }, grpc.status.INVALID_ARGUMENT, "VALUE_OUT_OF_RANGE", "offset"],
        [{ minPosition: 2n ** 60n }, grpc.status.INVALID_ARGUMENT, "VALUE_OUT_OF_RANGE", "min_position"],
        [{ cursor: "x" }, grpc.status.INVALID_ARGUMENT, "INVALID_CURSOR", "cursor"],
        [{ select: ["wrong"] }, grpc.status.INVALID_ARGUMENT, "COLUMN_NOT_FOUND", "select[0]"],
        [{ table: "wrong" }, grpc.status.NOT_FOUND, "TABLE_NOT_FOUND", "table"],
        [{ tenantId: "wrong" }, grpc.status.NOT_FOUND, "TENANT_NOT_FOUND", "tenant_id"]
      ]
      for (const [request, code, reason, field] of cases) {
        const outcome = yield* call(server.query, query.query, { ...where, ...request })
        expect([outcome.code, outcome.details?.reason, outcome.details?.field]).toEqual([code, reason, field])
        expect(outcome.message).toMatch(new RegExp(`^${field.replaceAll(/[[\].]/g, "\\$&")}`))
      }
      const subject = yield* call(server.query, query.explainQuery, {})
      expect([subject.code, subject.details?.reason]).toEqual([grpc.status.INVALID_ARGUMENT, "MISSING_ARGUMENT"])
      const aggregation = yield* call(server.query, query.aggregate, { ...where, aggregates: [{ column: "delay" }] })
      expect([aggregation.details?.reason, aggregation.details?.field])
        .toEqual(["MISSING_ARGUMENT", "aggregates[0].function"])
    }))
})
