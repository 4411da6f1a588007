/** What every port answers to HTTP/1.1: health, liveness, readiness and metrics. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import type * as net from "node:net"
import type { Health } from "../health.ts"
import type { ReadinessService } from "../readiness.ts"

/** What to answer with. */
export interface HttpOptions {
  /** `ingestion` or `query`. */
  readonly name: string
  readonly version: string
  readonly readiness: ReadinessService
  readonly health: Effect.Effect<Health>
  /** Brings the metrics up to date. */
  readonly refresh: Effect.Effect<void>
}

/** An idle connection is closed after this time, in milliseconds. */
const idleMillis = 120_000

/** The paths, as a request for another one is told them. */
const paths = {
  "/health": "the service's health with that of each dependency, as JSON",
  "/live": "200 while the process runs",
  "/ready": "200 while requests are taken, else 503",
  "/metrics": "metrics in the Prometheus text format"
}

/** Answers must not be kept by anything between: they are about this moment. */
const headers = { "cache-control": "no-store" }

const json = (body: unknown, status = 200): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(`${JSON.stringify(body)}\n`, { status, contentType: "application/json", headers })

const routes = ({ health, name, readiness, refresh, version }: HttpOptions) =>
  HttpRouter.use(Effect.fnUntraced(function*(router) {
    yield* router.add(
      "GET",
      "/health",
      Effect.map(
        health,
        (report) => json({ service: name, version, ...report }, report.status === "not_serving" ? 503 : 200)
      )
    )
    yield* router.add("GET", "/live", Effect.sync(() => json({ service: name, live: true })))
    yield* router.add(
      "GET",
      "/ready",
      Effect.sync(() => {
        const state = readiness.state()
        return json({ service: name, state }, state === "ready" ? 200 : 503)
      })
    )
    yield* router.add(
      "GET",
      "/metrics",
      Effect.map(
        Effect.andThen(refresh, PrometheusMetrics.format()),
        (body) => HttpServerResponse.text(body, { contentType: "text/plain; version=0.0.4; charset=utf-8", headers })
      )
    )
  }))

/** The answer where there is no route: what there is instead. */
const unknown = Effect.map(HttpServerRequest.HttpServerRequest, ({ method, url }) => {
  const path = url.split("?", 1)[0]
  // A path that is there takes other methods than this one.
  const known = Object.hasOwn(paths, path)
  return json({
    error: known ? "METHOD_NOT_ALLOWED" : "NOT_FOUND",
    message: known ? `${path} takes GET, not ${method}` : `there is no ${path.slice(0, 200)} here`,
    paths
  }, known ? 405 : 404)
})

/** Makes what takes the HTTP/1.1 connections of a port. Its requests are interrupted when the scope closes. */
export const makeHttpServer = Effect.fnUntraced(
  function*(options: HttpOptions): Effect.fn.Return<(socket: net.Socket) => void, never, Scope.Scope> {
    const scope = yield* Effect.scope
    const app = Effect.catch(
      yield* HttpRouter.toHttpEffect(routes(options)),
      (error) => error.reason._tag === "RouteNotFound" ? unknown : Effect.fail(error)
    )
    const handler = yield* NodeHttpServer.makeHandler(app, { scope })
    const server = http.createServer(handler)
    // The server does not listen by itself, so its own watch over slow headers does not run: idleness ends them.
    server.timeout = idleMillis
    return (socket) => {
      server.emit("connection", socket)
    }
  }
)
