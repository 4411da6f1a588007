/** The operator's side over the wire: every method against the real engine behind the real ports. */
/* oxlint-disable vitest/no-standalone-expect -- the rule does not know that it.live is a test */
import type { DescMethod, MessageInitShape, MessageShape } from "@bufbuild/protobuf"
import { fromBinary } from "@bufbuild/protobuf"
import { describe, expect, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { AdminService } from "../../src/transport/grpc/generated/varve/v1/admin_pb.ts"
import { UsageKind } from "../../src/transport/grpc/generated/varve/v1/admin_storage_pb.ts"
import { IngestionService } from "../../src/transport/grpc/generated/varve/v1/ingestion_pb.ts"
import { QueryService } from "../../src/transport/grpc/generated/varve/v1/query_pb.ts"
import { call, encodeRequest, openServerStream, pathOf, statusOfStream } from "./support/bridge.ts"
import { serveEngine } from "./support/engine.ts"

const admin = AdminService.method

const definition = JSON.stringify({
  columns: [
    { name: "n", type: "int64" },
    { name: "s", type: "string", nullable: true },
    { name: "at", type: "timestamp", nullable: true },
    { name: "tags", type: { array: "string" }, nullable: true }
  ]
})

const target = { tenantId: "t", table: "x" }

/** Calls a method that answers with a stream; gives the answers and how it ended. */
const stream = Effect.fnUntraced(function*<Method extends DescMethod>(
  client: grpc.Client,
  method: Method,
  request: MessageInitShape<Method["input"]>
) {
  const call = openServerStream(client, pathOf(method), encodeRequest(method, request))
  const answers: Array<MessageShape<Method["output"]>> = []
  call.on("data", (bytes: Buffer) => answers.push(fromBinary(method.output, bytes) as MessageShape<Method["output"]>))
  const { code, details, message } = yield* Effect.promise(() => statusOfStream(call))
  return { answers, code, message, details }
})

const setUp = Effect.fnUntraced(function*(...given: Parameters<typeof serveEngine>) {
  const server = yield* serveEngine(...given)
  expect((yield* call(server.query, admin.registerSchema, { ...target, definition })).message).toBe("")
  /** Writes n to each key, and flushes. */
  const write = Effect.fnUntraced(function*(keys: ReadonlyArray<string>, n: number, flush = true) {
    const { answer } = yield* call(server.ingestion, IngestionService.method.ingestBatch, {
      ...target,
      records: keys.map((key) => ({ key, payload: { case: "data" as const, value: { n, s: `s${n}` } } }))
    })
    expect(answer?.accepted).toBe(keys.length)
    if (flush) expect((yield* call(server.query, admin.flush, target)).answer?.segments).toHaveLength(1)
  })
  /** Calls a method that must succeed. */
  const ask = <Method extends DescMethod>(method: Method, request: MessageInitShape<Method["input"]>) =>
    Effect.map(call(server.query, method, request), ({ answer, message }) => {
      expect(message).toBe("")
      return answer!
    })
  /** Calls a method that must be refused; gives code, reason and field in words. */
  const refused = <Method extends DescMethod>(method: Method, request: MessageInitShape<Method["input"]>) =>
    Effect.map(call(server.query, method, request), ({ code, details, message }) => {
      const field = details?.field ?? ""
      expect(message.startsWith(field === "" ? "" : `${field}: `)).toBe(true)
      return `${grpc.status[code]} ${details?.reason} ${message}`
    })
  return { ...server, write, ask, refused }
})

const keys = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `k${String(from + i).padStart(4, "0")}`)

describe("a table's settings", () => {
  it.live("are changed part by part, and what was not named stays", () =>
    Effect.gen(function*() {
      const { ask } = yield* setUp()
      const { table } = yield* ask(admin.getTable, target)
      expect(table).toMatchObject({ ...target, schemaVersion: 1, historyHorizon: 0n })
      expect(table?.settings?.history?.keep.case).toBe("all")
      expect(table?.settings?.ttl).toBe(undefined)
      expect(table?.settings?.compaction?.strategy.case).toBe("leveled")

      const history = { keep: { case: "duration" as const, value: { seconds: 3600n, nanos: 500_000_000 } } }
      const first = yield* ask(admin.configureTable, { ...target, history })
      expect(first.changed).toBe(true)
      expect(first.table?.settings?.history).toMatchObject(history)
      const same = yield* ask(admin.configureTable, { ...target, history })
      expect(same.changed).toBe(false)

      yield* ask(admin.configureTable, { ...target, ttl: { seconds: 86_400n } })
      const compaction = { strategy: { case: "timeWindow" as const, value: { seconds: 7200n } } }
      const { table: all } = yield* ask(admin.configureTable, { ...target, compaction })
      expect(all?.settings).toMatchObject({ history, ttl: { seconds: 86_400n }, compaction })
      const { table: never } = yield* ask(admin.configureTable, { ...target, ttl: {} })
      expect(never?.settings?.ttl).toBe(undefined)
      expect((yield* ask(admin.listTables, {})).tables).toEqual([never])
    }))

  it.live("that make no sense are refused with their field", () =>
    Effect.gen(function*() {
      const { refused } = yield* setUp()
      const cases: ReadonlyArray<readonly [MessageInitShape<typeof admin.configureTable.input>, string]> = [
        [{ history: {} }, "MISSING_ARGUMENT history: says nothing"],
        [{ compaction: {} }, "MISSING_ARGUMENT compaction: says nothing"],
        [{ history: { keep: { case: "duration", value: {} } } }, "VALUE_OUT_OF_RANGE history.duration: is 0 s"],
        [
          { history: { keep: { case: "duration", value: { seconds: -5n } } } },
          "VALUE_OUT_OF_RANGE history.duration: is -5 s"
        ],
        [
          { history: { keep: { case: "duration", value: { seconds: 300_000_000_000n } } } },
          "VALUE_OUT_OF_RANGE history.duration: is more than 285 years"
        ],
        [{ ttl: { seconds: 59n } }, "VALUE_OUT_OF_RANGE ttl: is 59 s; records live a minute"],
        [{ ttl: { seconds: -1n } }, "VALUE_OUT_OF_RANGE ttl: is -1 s"],
        [
          { compaction: { strategy: { case: "timeWindow", value: { seconds: 1n } } } },
          "VALUE_OUT_OF_RANGE compaction.time_window: is 1 s; a minute"
        ]
      ]
      for (const [request, expected] of cases) {
        const found = yield* refused(admin.configureTable, { ...target, ...request })
        expect(found.slice(0, expected.length + 17)).toBe(`INVALID_ARGUMENT ${expected}`)
      }
      expect(yield* refused(admin.getTable, { ...target, table: "y" })).toContain("NOT_FOUND TABLE_NOT_FOUND")
      expect(yield* refused(admin.getTable, { tenantId: "", table: "y" })).toContain("INVALID_ARGUMENT INVALID_NAME")
      expect(yield* refused(admin.listSegments, { tenantId: "", table: "x" })).toContain(
        "INVALID_ARGUMENT MISSING_ARGUMENT tenant_id:"
      )
    }))

  it.live("begin with the history that the configuration names", () =>
    Effect.gen(function*() {
      const { ask } = yield* setUp({ "mvcc.history": { keep: "latest" } })
      expect((yield* ask(admin.getTable, target)).table?.settings?.history?.keep.case).toBe("latest")
      // A further version of the schema changes nothing of what was chosen since.
      yield* ask(admin.configureTable, { ...target, history: { keep: { case: "all", value: {} } } })
      const more = JSON.parse(definition) as { columns: Array<object> }
      more.columns.push({ name: "m", type: "int32", nullable: true })
      yield* ask(admin.registerSchema, { ...target, definition: JSON.stringify(more) })
      expect((yield* ask(admin.getTable, target)).table?.settings?.history?.keep.case).toBe("all")
    }))
})

describe("indexes", () => {
  it.live("are declared, rebuilt and dropped; their versions count up, and coverage is told", () =>
    Effect.gen(function*() {
      const { ask, refused, write } = yield* setUp()
      yield* write(["a"], 1)
      const name = { ...target, name: "by_n" }
      expect((yield* ask(admin.createIndex, { ...name, column: "n" })).index).toMatchObject({
        name: "by_n",
        column: "n",
        version: 1
      })
      expect(yield* refused(admin.createIndex, { ...name, column: "s" })).toContain("ALREADY_EXISTS INDEX_EXISTS")
      const other = { ...target, name: "other" }
      expect(yield* refused(admin.createIndex, { ...other, column: "n" })).toContain(
        "ALREADY_EXISTS INDEX_EXISTS column:"
      )
      expect(yield* refused(admin.createIndex, { ...other, column: "z" })).toContain(
        "INVALID_ARGUMENT COLUMN_NOT_FOUND"
      )
      expect(yield* refused(admin.createIndex, { ...other, column: "tags" })).toContain("UNIMPLEMENTED NOT_SUPPORTED")
      expect(yield* refused(admin.createIndex, { ...target, name: "a b", column: "s" })).toContain(
        "INVALID_ARGUMENT INVALID_NAME name:"
      )
      expect((yield* ask(admin.rebuildIndex, name)).index?.version).toBe(2)
      // The server builds it by itself.
      const { indexes } = yield* Effect.repeat(ask(admin.listIndexes, target), {
        schedule: Schedule.spaced("20 millis"),
        until: ({ indexes }) => indexes[0].segmentsCovered === 1
      })
      expect(indexes).toMatchObject([
        { ...target, index: { name: "by_n", column: "n", version: 2 }, segmentsCovered: 1, segments: 1 }
      ])
      expect(indexes[0].bytes).toBeGreaterThan(0n)
      yield* ask(admin.dropIndex, name)
      expect(yield* refused(admin.dropIndex, name)).toContain("NOT_FOUND INDEX_NOT_FOUND name:")
      expect(yield* refused(admin.rebuildIndex, name)).toContain("NOT_FOUND INDEX_NOT_FOUND name:")
      expect((yield* ask(admin.listIndexes, { tenantId: "t" })).indexes).toEqual([])
    }))
})

describe("what lies where", () => {
  it.live("segments, statistics by level and column, and usage agree", () =>
    Effect.gen(function*() {
      const { ask, write } = yield* setUp()
      yield* write(keys(0, 100), 1)
      yield* write(keys(50, 150), 2)
      yield* write(keys(0, 10), 3, false)
      const { segments } = yield* ask(admin.listSegments, target)
      expect(segments.map(({ firstKey, keys, lastKey, level, rows }) => [level, rows, keys, firstKey, lastKey]))
        .toEqual([
          [0, 100n, 100n, "k0000", "k0099"],
          [0, 100n, 100n, "k0050", "k0149"]
        ])
      const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0n)
      const { tables: [table] } = yield* ask(admin.getStatistics, { ...target, columns: true })
      expect(table).toMatchObject({ ...target, segments: 2, rows: 200n, bytes, rowsInMemory: 10n, memtables: 1 })
      expect(table.levels).toMatchObject([{ level: 0, segments: 2, rows: 200n, bytes }])
      expect(table.flushedPosition).toBe(segments[1].lastPosition)
      const columns = new Map(table.columns.map((column) => [column.name, column]))
      expect(columns.get("n")).toMatchObject({ type: "int64", nulls: 0n, distinct: 2n, min: "1", max: "2" })
      expect(columns.get("s")).toMatchObject({ type: "string", nulls: 0n, min: "s1", max: "s2" })
      expect(columns.get("at")).toMatchObject({ nulls: 200n, distinct: 0n })
      expect([columns.get("at")?.min, columns.get("at")?.max]).toEqual([undefined, undefined])
      expect(columns.get("tags")).toMatchObject({ type: "array<string>", nulls: 200n })
      expect(columns.get("tags")?.distinct).toBe(undefined)
      expect((yield* ask(admin.getStatistics, target)).tables[0].columns).toEqual([])

      const { usage } = yield* ask(admin.getUsage, {})
      const of = (kind: UsageKind) => usage.find((one) => one.kind === kind)
      expect(of(UsageKind.SEGMENTS)).toMatchObject({ ...target, bytes, files: 2 })
      expect(of(UsageKind.LOG)).toMatchObject({ tenantId: "", table: "", files: 1 })
      expect(Number(of(UsageKind.MEMORY)?.bytes)).toBeGreaterThan(0)
      // What all tenants share is no one's.
      const { usage: own } = yield* ask(admin.getUsage, { tenantId: "t" })
      expect(own.every(({ tenantId }) => tenantId === "t")).toBe(true)
      expect(yield* ask(admin.validateCatalog, {})).toMatchObject({
        tables: 1,
        segments: 2,
        bytes,
        problems: [],
        unnamedFiles: 0
      })
    }))

  it.live("a key's versions are found in memory and in every segment", () =>
    Effect.gen(function*() {
      const { ask, ingestion, query, refused, write } = yield* setUp()
      yield* write(keys(0, 3), 1)
      yield* write(keys(1, 2), 2, false)
      yield* write(keys(1, 2), 3)
      yield* call(ingestion, IngestionService.method.ingestRecord, {
        record: { ...target, key: "k0001", deleted: true }
      })
      const { position, truncated, versions } = yield* ask(admin.inspectKey, { ...target, key: "k0001" })
      expect(truncated).toBe(false)
      expect(versions.map(({ deleted, place }) => [deleted, place.case, place.value?.row])).toEqual([
        [true, "memtable", 0],
        [false, "segment", 0],
        [false, "segment", 1],
        [false, "segment", 1]
      ])
      expect(versions[0].position).toBe(position)
      expect(versions.map(({ supersededBy }) => supersededBy)).toEqual([
        undefined,
        ...versions.slice(0, -1).map(({ position }) => position)
      ])
      const history = yield* call(query, QueryService.method.getHistory, { ...target, key: "k0001" })
      const told = history.answer?.versions ?? []
      expect(versions.map(({ commitTime, position }) => [position, commitTime])).toEqual(
        told.map(({ commitTime, position }) => [position, commitTime])
      )
      const short = yield* ask(admin.inspectKey, { ...target, key: "k0001", limit: 2 })
      expect([short.versions.length, short.truncated]).toEqual([2, true])
      expect(yield* refused(admin.inspectKey, { ...target, key: "none" })).toContain("NOT_FOUND KEY_NOT_FOUND")
      expect(yield* refused(admin.inspectKey, { ...target, key: "" })).toContain("INVALID_ARGUMENT INVALID_KEY")
    }))
})

describe("upkeep", () => {
  it.live("flushing what is in memory, by table, tenant or all", () =>
    Effect.gen(function*() {
      const { ask, ingestion, query, write } = yield* setUp()
      yield* call(query, admin.registerSchema, { tenantId: "u", table: "y", definition })
      yield* write(["a"], 1, false)
      yield* call(ingestion, IngestionService.method.ingestBatch, {
        tenantId: "u",
        table: "y",
        records: [{ key: "b", payload: { case: "data", value: { n: 1 } } }]
      })
      const flushed = yield* ask(admin.flush, { tenantId: "u" })
      expect(flushed.segments.map(({ segment }) => [segment?.tenantId, segment?.table, segment?.rows])).toEqual([
        ["u", "y", 1n]
      ])
      expect((yield* ask(admin.flush, {})).segments).toMatchObject([{ segment: target }])
      expect((yield* ask(admin.flush, {})).segments).toEqual([])
    }))

  it.live("compaction tells what it would do, does it step by step, and keeps every answer", () =>
    Effect.gen(function*() {
      const { ask, query, write } = yield* setUp()
      for (let round = 1; round <= 3; round++) yield* write(keys(0, 50), round)
      const plan = yield* stream(query, admin.compact, { ...target, full: true, dryRun: true })
      expect(plan.answers.map(({ step }) => [step?.inputs.length, step?.outputs.length])).toEqual([[3, 0]])
      expect((yield* ask(admin.listSegments, target)).segments).toHaveLength(3)
      const done = yield* stream(query, admin.compact, { ...target, full: true })
      expect(done.code).toBe(0)
      expect(done.answers.length).toBeGreaterThan(0)
      const { segments } = yield* ask(admin.listSegments, target)
      expect(segments).toEqual(done.answers.at(-1)?.step?.outputs)
      expect(segments.map(({ keys, rows }) => [rows, keys])).toEqual([[150n, 50n]])
      const history = yield* call(query, QueryService.method.getHistory, { ...target, key: "k0007" })
      expect(history.answer?.versions).toHaveLength(3)
      const wrong = yield* stream(query, admin.compact, { ...target, table: "nope" })
      expect([wrong.code, wrong.details?.reason]).toEqual([grpc.status.NOT_FOUND, "TABLE_NOT_FOUND"])
    }))

  it.live("garbage is told as it is, and what was told goes", () =>
    Effect.gen(function*() {
      const { ask, ingestion, query, write } = yield* setUp()
      for (let round = 1; round <= 3; round++) yield* write(keys(0, 50), round)
      yield* call(ingestion, IngestionService.method.ingestRecord, {
        record: { ...target, key: "k0000", deleted: true }
      })
      const nothing = yield* ask(admin.previewRetention, target)
      expect(nothing.garbage).toMatchObject({ versions: 151n, superseded: 0n, deletions: 0n, expired: 0n, bytes: 0n })
      const latest = { history: { keep: { case: "latest" as const, value: {} } } }
      const { garbage } = yield* ask(admin.previewRetention, { ...target, ...latest })
      // Of 50 keys two older versions each, the last one of the deleted key, and its deletion.
      expect(garbage).toMatchObject({ versions: 151n, superseded: 101n, deletions: 1n, expired: 0n, heldByReaders: 0n })
      expect(Number(garbage?.bytes) / Number(garbage?.tableBytes)).toBeCloseTo(101 / 150, 1)
      const hour = { keep: { case: "duration" as const, value: { seconds: 3600n } } }
      expect((yield* ask(admin.previewRetention, { ...target, history: hour })).garbage?.superseded).toBe(0n)
      const expired = yield* ask(admin.previewRetention, { ...target, ttl: { seconds: 3600n } })
      expect(expired.garbage?.expired).toBe(0n)

      yield* ask(admin.configureTable, { ...target, ...latest })
      const dry = yield* stream(query, admin.collectGarbage, { ...target, dryRun: true })
      expect(dry.answers.map(({ event }) => event.case)).toEqual(["garbage"])
      const done = yield* stream(query, admin.collectGarbage, {})
      expect([done.code, done.answers[0]?.event.value]).toMatchObject([0, { superseded: 101n, deletions: 1n }])
      expect(done.answers.slice(1).every(({ event }) => event.case === "step")).toBe(true)
      const { tables: [table] } = yield* ask(admin.getStatistics, target)
      expect([table.rows, table.superseded, table.deletions]).toEqual([49n, 0n, 0n])
      expect((yield* ask(admin.previewRetention, target)).garbage).toMatchObject({ superseded: 0n, deletions: 0n })
      const past = yield* call(query, QueryService.method.getRecord, {
        ...target,
        key: "k0001",
        asOf: { moment: { case: "position", value: 5n } }
      })
      expect(past.details?.reason).toBe("BELOW_HORIZON")
    }))

  it.live("a checkpoint is written, and the status tells of everything", () =>
    Effect.gen(function*() {
      const { ask, write } = yield* setUp()
      yield* write(keys(0, 50), 1)
      const { position } = yield* ask(admin.writeCheckpoint, {})
      const status = yield* ask(admin.getStorageStatus, {})
      expect(status).toMatchObject({ position, tables: 1, segments: 1 })
      expect(status.processor).toMatchObject({
        flushes: 1n,
        rowsFlushed: 50n,
        checkpoints: 1n,
        checkpointPosition: position,
        lastFailure: ""
      })
      expect(status.processor?.checkpointTime).toBeDefined()
      expect(status.memory).toMatchObject({ rows: 0n, readers: 0, heldPositions: 0 })
      expect(status.memory?.oldestReadPosition).toBe(undefined)
    }))
})
