/**
 * The program's ports. They are open before the engine is there, so that whoever watches the program can see it start;
 * until it serves, calls are answered with UNAVAILABLE. When it stops, calls in flight finish, within a limit, before
 * the engine is closed.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { makeDependencies } from "./dependencies.ts"
import type { Observer, Run } from "./grpc/bridge.ts"
import { type GrpcServer, makeGrpcServer } from "./grpc/server.ts"
import { definitions, type Engine, makeHandlers, type PortName, portNames } from "./grpc/services.ts"
import { checkHealth, type Dependency } from "./health.ts"
import { makeHttpServer } from "./http/handler.ts"
import { makeObserver } from "./metrics/calls.ts"
import { registerEngine } from "./metrics/engine.ts"
import { register } from "./metrics/gauges.ts"
import { registerProcess } from "./metrics/process.ts"
import { registerSegments } from "./metrics/segments.ts"
import { makeSockets, openPort, type PortError } from "./port.ts"
import { Readiness } from "./readiness.ts"

/** Which ports to open, and how. */
export interface ServersOptions {
  readonly version: string
  readonly host: string
  /** By service; 0 takes any free port. */
  readonly ports: Readonly<Record<PortName, number>>
  /** Of one port. */
  readonly connectionsMax: number
}

/** An open port and what it serves. */
export interface OpenPort {
  readonly name: PortName
  readonly host: string
  readonly port: number
  /** Full names of its gRPC services. */
  readonly services: ReadonlyArray<string>
}

/** What serving needs to know of the engine beyond its services. */
export interface ServeOptions {
  /** The most memory that rows may take, in bytes. */
  readonly memoryBytesMax: number
  /** How long calls in flight may take to finish when the program stops, in milliseconds. */
  readonly drainMillis: number
}

export interface ServersService {
  readonly ports: ReadonlyArray<OpenPort>
  /** Serves an engine until the scope closes, which first drains. Once in a program's life. */
  readonly serve: (options: ServeOptions) => Effect.Effect<void, never, Engine | Scope.Scope>
}

/** The program's ports. */
export class Servers extends Context.Service<Servers, ServersService>()("varve/transport/Servers") {}

/** A connection that sends nothing is closed after this time, in milliseconds. */
const firstBytesMillis = 10_000

interface Serving {
  readonly dependencies: ReadonlyArray<Dependency>
  readonly refresh: Effect.Effect<void>
}

/** Opens one port with its gRPC and HTTP servers. */
const open = Effect.fnUntraced(function*(
  name: PortName,
  options: ServersOptions,
  observer: Observer,
  serving: () => Serving
) {
  const readiness = yield* Readiness
  const sockets = yield* makeSockets
  const grpc = yield* makeGrpcServer({ services: definitions[name], readiness, observer })
  const onHttp1 = yield* makeHttpServer({
    name,
    version: options.version,
    readiness,
    health: Effect.suspend(() => checkHealth(readiness, serving().dependencies)),
    refresh: Effect.suspend(() => serving().refresh)
  })
  const port = yield* openPort({
    host: options.host,
    port: options.ports[name],
    key: `server.${name}.port`,
    sockets,
    connectionsMax: options.connectionsMax,
    firstBytesMillis,
    onHttp2: grpc.accept,
    onHttp1
  })
  yield* register([{
    name: "varve_connections",
    description: "Connections that are open.",
    type: "gauge",
    labels: { port: name },
    read: () => sockets.size
  }])
  const opened: OpenPort = {
    name,
    host: port.host,
    port: port.port,
    services: definitions[name].map((service) => service.typeName)
  }
  return { grpc, opened }
})

const countOf = (calls: number): string => calls === 1 ? "1 call" : `${calls} calls`

/** Waits for calls to finish, and says how many did not. */
const drain = Effect.fnUntraced(function*(calls: FiberSet.FiberSet<unknown, unknown>, millis: number) {
  const running = yield* FiberSet.size(calls)
  if (running === 0) return
  yield* Effect.logInfo(
    `waiting for ${countOf(running)} to finish, ${Duration.format(Duration.millis(millis))} at most`
  )
  const finished = yield* Effect.timeoutOption(FiberSet.awaitEmpty(calls), millis)
  if (Option.isNone(finished)) {
    yield* Effect.logWarning(`${countOf(yield* FiberSet.size(calls))} did not finish in time`)
  }
})

/** Opens the ports until the scope closes; then their connections are cut. */
export const makeServers = Effect.fnUntraced(
  function*(options: ServersOptions): Effect.fn.Return<ServersService, PortError, Readiness | Scope.Scope> {
    const readiness = yield* Readiness
    const observer = yield* makeObserver
    yield* registerProcess(options.version)
    let serving: Serving = { dependencies: [], refresh: Effect.void }
    const opened: Array<{ readonly grpc: GrpcServer; readonly opened: OpenPort }> = []
    for (const name of portNames) opened.push(yield* open(name, options, observer, () => serving))

    return {
      ports: opened.map((port) => port.opened),
      serve: Effect.fnUntraced(function*({ drainMillis, memoryBytesMax }) {
        // Acquired before the drain's finalizer, so that what is left of the calls is interrupted after it.
        const calls = yield* FiberSet.make<unknown, unknown>()
        const runCall = yield* FiberSet.runtime(calls)()
        const run: Run = (effect) => runCall(effect)
        yield* Effect.addFinalizer(() => Effect.andThen(readiness.drain, drain(calls, drainMillis)))
        serving = {
          dependencies: yield* makeDependencies(memoryBytesMax),
          refresh: Effect.andThen(yield* registerEngine, yield* registerSegments)
        }
        const health = Effect.suspend(() => checkHealth(readiness, serving.dependencies))
        const bounds = (yield* makeHandlers(health)).map((implementation) => ({ implementation, run }))
        for (const { grpc } of opened) grpc.bind(bounds)
        yield* readiness.ready
      })
    }
  }
)
