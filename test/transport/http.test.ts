/** What a port answers to HTTP/1.1, with the real engine behind it. */
/* oxlint-disable vitest/no-standalone-expect -- the rule does not know that it.live and it.effect are tests */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { AdminService } from "../../src/transport/grpc/generated/varve/v1/admin_pb.ts"
import { IngestionService } from "../../src/transport/grpc/generated/varve/v1/ingestion_pb.ts"
import { QueryService } from "../../src/transport/grpc/generated/varve/v1/query_pb.ts"
import { checkHealth, type Dependency } from "../../src/transport/health.ts"
import { otherTenants, TenantTotals } from "../../src/transport/metrics/tenantTotals.ts"
import * as Readiness from "../../src/transport/readiness.ts"
import { call, connect, encodeRequest, openServerStream, pathOf, statusOfStream } from "./support/bridge.ts"
import { serveEngine } from "./support/engine.ts"

const get = (port: number, path: string, init: RequestInit = {}) =>
  Effect.promise(async () => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
    return { status: response.status, headers: response.headers, body: await response.text() }
  })

describe("HTTP", () => {
  it.live("tells health, liveness and readiness on every port", () =>
    Effect.gen(function*() {
      const { ingestionPort, processorPort, queryPort } = yield* serveEngine()
      for (
        const [service, port] of [
          ["ingestion", ingestionPort],
          ["query", queryPort],
          ["processor", processorPort]
        ] as const
      ) {
        const health = yield* get(port, "/health")
        expect(health.status).toBe(200)
        expect(health.headers.get("content-type")).toBe("application/json")
        expect(health.headers.get("cache-control")).toBe("no-store")
        expect(JSON.parse(health.body)).toMatchObject({
          service,
          status: "serving",
          state: "ready",
          dependencies: [{ name: "log", status: "serving" }, { name: "commit pipeline" }, { name: "memory" }, {
            name: "processor"
          }]
        })
        expect(JSON.parse((yield* get(port, "/live")).body)).toEqual({ service, live: true })
        expect(JSON.parse((yield* get(port, "/ready")).body)).toEqual({ service, state: "ready" })
      }
    }))

  it.live("answers other paths and methods with JSON that says what there is", () =>
    Effect.gen(function*() {
      const { queryPort } = yield* serveEngine()
      for (const path of ["/", "/nothing", "/nothing?x=1", "/%00", "//", `/${"x".repeat(5000)}`]) {
        const answer = yield* get(queryPort, path)
        expect([path.slice(0, 20), answer.status]).toEqual([path.slice(0, 20), 404])
        expect(JSON.parse(answer.body)).toMatchObject({ error: "NOT_FOUND", paths: { "/health": expect.any(String) } })
      }
      const posted = yield* get(queryPort, "/health?x", { method: "POST", body: "x".repeat(100_000) })
      expect(posted.status).toBe(405)
      expect(JSON.parse(posted.body).message).toBe("/health takes GET, not POST")
      const head = yield* get(queryPort, "/live", { method: "HEAD" })
      expect([head.status, head.body]).toEqual([200, ""])
    }))
})

describe("/metrics", () => {
  /** The value of a series; its labels in any order. */
  const value = (metrics: string, name: string, labels: Record<string, string> = {}): number | undefined => {
    const line = metrics.split("\n").find((line) =>
      (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) &&
      Object.entries(labels).every(([label, text]) => line.includes(`${label}="${text}"`))
    )
    return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(" ") + 1))
  }

  it.live("counts records by tenant, calls by method and code, and tells memory, log and process", () =>
    Effect.gen(function*() {
      const server = yield* serveEngine()
      const definition = JSON.stringify({ columns: [{ name: "n", type: "int64" }] })
      for (const tenantId of ["one", "two"]) {
        yield* call(server.query, AdminService.method.registerSchema, { tenantId, table: "x", definition })
      }
      const send = (tenantId: string, values: ReadonlyArray<number | string>) =>
        call(server.ingestion, IngestionService.method.ingestBatch, {
          tenantId,
          table: "x",
          records: values.map((n, i) => ({ key: String(i), payload: { case: "data" as const, value: { n } } }))
        })
      const before = (yield* get(server.queryPort, "/metrics")).body
      yield* send("one", [1, 2, "three"])
      yield* send("two", [1])
      yield* send("one", [4])
      const { body, headers, status } = yield* get(server.ingestionPort, "/metrics")
      expect(status).toBe(200)
      expect(headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8")
      expect(value(body, "varve_ingested_records_total", { tenant: "one" })).toBe(3)
      expect(value(body, "varve_ingested_records_total", { tenant: "two" })).toBe(1)
      expect(value(body, "varve_rejected_records_total", { tenant: "one" })).toBe(1)
      expect(value(body, "varve_rejected_records_total", { tenant: "two" })).toBe(0)
      expect(value(body, "varve_ingested_bytes_total", { tenant: "one" })).toBeGreaterThan(10)
      const batches = { service: "varve.v1.IngestionService", method: "IngestBatch" }
      const calls = (metrics: string) => value(metrics, "varve_grpc_calls_total", { ...batches, code: "OK" }) ?? 0
      expect(calls(body) - calls(before)).toBe(3)
      expect(value(body, "varve_grpc_call_duration_seconds_count", batches)).toBe(calls(body))
      expect(value(body, "varve_grpc_active_calls", batches)).toBe(0)
      expect(value(body, "varve_connections", { port: "ingestion" })).toBeGreaterThan(0)
      expect(value(body, "varve_position")).toBe(6)
      expect(value(body, "varve_log_durable_position")).toBe(6)
      for (
        const name of [
          "varve_log_bytes",
          "varve_log_syncs_total",
          "varve_memtable_bytes",
          "varve_process_resident_memory_bytes",
          "varve_process_cpu_seconds_total",
          "varve_process_uptime_seconds",
          "varve_build_info"
        ]
      ) expect([name, value(body, name)! > 0]).toEqual([name, true])
      expect(value(body, "varve_event_loop_delay_seconds", { percentile: "99" })).toBeGreaterThanOrEqual(0)
    }))

  it.live("tells of segments by level, flushes, merges, checkpoints and the cache, on the processor's port too", () =>
    Effect.gen(function*() {
      const server = yield* serveEngine()
      const target = { tenantId: "t", table: "x" }
      const definition = JSON.stringify({ columns: [{ name: "n", type: "int64" }] })
      yield* call(server.query, AdminService.method.registerSchema, { ...target, definition })
      const metrics = Effect.map(get(server.processorPort, "/metrics"), ({ body }) => body)
      const before = yield* metrics
      expect(value(before, "varve_flushes_total")).toBe(0)
      expect(value(before, "varve_segments", { level: "0" })).toBe(undefined)
      for (let round = 0; round < 2; round++) {
        yield* call(server.ingestion, IngestionService.method.ingestBatch, {
          ...target,
          records: Array.from({ length: 100 }, (_, n) => ({
            key: `k${n}`,
            payload: { case: "data" as const, value: { n: n + round } }
          }))
        })
        yield* call(server.query, AdminService.method.flush, target)
      }
      const flushed = yield* metrics
      expect(value(flushed, "varve_flushes_total")).toBe(2)
      expect(value(flushed, "varve_flushed_rows_total")).toBe(200)
      expect(value(flushed, "varve_flush_seconds_total")).toBeGreaterThan(0)
      expect(value(flushed, "varve_segments", { level: "0" })).toBe(2)
      expect(value(flushed, "varve_segment_rows", { level: "0" })).toBe(200)
      expect(value(flushed, "varve_segment_bytes", { level: "0" })).toBe(value(flushed, "varve_flushed_bytes_total"))
      expect(value(flushed, "varve_checkpoint_age_seconds")).toBe(0)

      const client = yield* connect(server.queryPort)
      const stream = openServerStream(
        client,
        pathOf(AdminService.method.compact),
        encodeRequest(AdminService.method.compact, { ...target, full: true })
      )
      stream.resume()
      expect((yield* Effect.promise(() => statusOfStream(stream))).code).toBe(0)
      yield* call(server.query, AdminService.method.writeCheckpoint, {})
      yield* call(server.query, QueryService.method.getRecord, { ...target, key: "k5" })
      const merged = yield* metrics
      expect(value(merged, "varve_compactions_total")).toBe(1)
      expect(value(merged, "varve_compaction_rows_total")).toBe(200)
      expect(value(merged, "varve_compaction_seconds_total")).toBeGreaterThan(0)
      expect(value(merged, "varve_segments_removed_total")).toBe(2)
      expect(value(merged, "varve_segments", { level: "0" })).toBe(0)
      expect(value(merged, "varve_checkpoints_total")).toBe(1)
      expect(value(merged, "varve_checkpoint_position")).toBe(value(merged, "varve_position"))
      expect(value(merged, "varve_cache_misses_total")).toBeGreaterThan(0)
      expect(value(merged, "varve_cache_bytes")).toBeGreaterThan(0)
      expect(value(merged, "varve_processor_failing")).toBe(0)
    }))

  it.live("are in the format of Prometheus: each series described once, with our prefix and a unit", () =>
    Effect.gen(function*() {
      const { queryPort } = yield* serveEngine()
      const lines = (yield* get(queryPort, "/metrics")).body.trimEnd().split("\n")
      const described = lines.flatMap((line) => /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line)?.[1] ?? [])
      expect(new Set(described).size).toBe(described.length)
      for (const line of lines) {
        if (line.startsWith("# HELP ")) continue
        const name = line.startsWith("# TYPE ") ? line.split(" ")[2] : /^[a-z_]+/.exec(line)![0]
        expect(name).toMatch(/^varve_/)
        expect(described).toContain(name.replace(/_(?:bucket|sum|count)$/, ""))
        if (!line.startsWith("#")) expect(line).toMatch(/^\w+(?:\{(?:\w+="[^"]*",?)+\})? (?:[\d.e+-]+|\+Inf|NaN)$/)
      }
    }))
})

describe("totals by tenant", () => {
  const totals = (records: number) => ({ records, bytes: records * 10, rejected: 0 })

  it("keep a label for the first tenants, and add up the others", () => {
    const tenants = new TenantTotals(2)
    expect([...tenants.label(["a", "b"])]).toEqual(["a", "b"])
    expect(tenants.update(totals(3), [["a", totals(1)], ["b", totals(2)]])).toEqual(["a", "b"])
    expect(tenants.of(otherTenants)).toEqual(totals(0))
    expect([...tenants.label(["0", "a", "b", "c"])]).toEqual(["a", "b"])
    expect(tenants.update(totals(16), [["a", totals(1)], ["b", totals(3)]])).toEqual([otherTenants])
    expect([tenants.of("a"), tenants.of("b"), tenants.of(otherTenants)]).toEqual([totals(1), totals(3), totals(12)])
    expect(tenants.update(totals(17), [["a", totals(1)], ["b", totals(3)]])).toEqual([])
    expect(tenants.of(otherTenants)).toEqual(totals(13))
  })
})

describe("health", () => {
  const dependency = (name: string, check: Dependency["check"]): Dependency => ({ name, check })
  const serving = { status: "serving", message: "" } as const

  it.effect("is as its worst dependency", () =>
    Effect.gen(function*() {
      const readiness = yield* Readiness.make
      yield* readiness.ready
      const statusOf = (...dependencies: ReadonlyArray<Dependency>) =>
        Effect.map(checkHealth(readiness, dependencies), ({ status }) => status)
      const good = dependency("a", Effect.succeed(serving))
      const poor = dependency("b", Effect.succeed({ status: "degraded", message: "slow" }))
      const dead = dependency("c", Effect.die("a bug"))
      expect(yield* statusOf()).toBe("serving")
      expect(yield* statusOf(good, good)).toBe("serving")
      expect(yield* statusOf(good, poor)).toBe("degraded")
      expect(yield* statusOf(good, poor, dead)).toBe("not_serving")
      yield* readiness.drain
      expect(yield* statusOf(good)).toBe("not_serving")
    }))

  it.live("does not wait for a dependency that hangs", () =>
    Effect.gen(function*() {
      const readiness = yield* Readiness.make
      yield* readiness.ready
      const health = yield* Effect.timeout(checkHealth(readiness, [dependency("a", Effect.never)]), 3000)
      expect(health).toMatchObject({
        status: "not_serving",
        dependencies: [{ name: "a", message: "no answer within 1000 ms" }]
      })
    }))
})
