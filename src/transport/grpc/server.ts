/**
 * A gRPC server without a port of its own: connections are handed to it. It knows its services from the start and what
 * handles them once the engine is there; until then, and when the program stops, it answers UNAVAILABLE.
 */
import type { DescService } from "@bufbuild/protobuf"
import * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { HealthImplementation, type ServingStatusMap } from "grpc-health-check"
import type * as net from "node:net"
import { messageBytesMax } from "../../base/limits.ts"
import type { ReadinessService, State } from "../readiness.ts"
import { type Bound, definitionOf, handlerOf, type Observer } from "./bridge.ts"
import { addReflection } from "./reflection.ts"
import { makeSessions } from "./sessions.ts"

/** What to serve. */
export interface GrpcServerOptions {
  readonly services: ReadonlyArray<DescService>
  readonly readiness: ReadinessService
  readonly observer: Observer
}

/** A gRPC server. */
export interface GrpcServer {
  /** Serves a connection from its first byte on. */
  readonly accept: (socket: net.Socket) => void
  /** Hands the calls of services to what handles them. The calls of other services are UNAVAILABLE until then. */
  readonly bind: (bounds: ReadonlyArray<Bound>) => void
}

const options: grpc.ServerOptions = {
  "grpc.max_receive_message_length": messageBytesMax,
  // A client opens further connections for more calls at once than this.
  "grpc.max_concurrent_streams": 1000,
  // Connections whose peer is gone without a word are found and closed.
  "grpc.keepalive_time_ms": 60_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.enable_channelz": 0
}

const servingStatus = (state: State) => (state === "ready" ? "SERVING" : "NOT_SERVING")

/** `grpc.health.v1.Health` of each service, and of the server as a whole under the empty name. */
const addHealth = Effect.fnUntraced(function*(server: grpc.Server, { readiness, services }: GrpcServerOptions) {
  const names = ["", ...services.map((service) => service.typeName)]
  const statuses: ServingStatusMap = {}
  for (const name of names) statuses[name] = servingStatus(readiness.state())
  const health = new HealthImplementation(statuses)
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      readiness.subscribe((state) => {
        for (const name of names) health.setStatus(name, servingStatus(state))
      })
    ),
    (unsubscribe) => Effect.sync(unsubscribe)
  )
  health.addToServer(server)
})

/** How long clients may take to go when they are told, in milliseconds. */
const farewellMillis = 1000

/** Makes a server, until the scope closes; then its clients are told to go. */
export const makeGrpcServer = Effect.fnUntraced(
  function*(given: GrpcServerOptions): Effect.fn.Return<GrpcServer, never, Scope.Scope> {
    const bounds = new Map<string, Bound>()
    const sessions = yield* makeSessions
    const server = yield* Effect.acquireRelease(
      Effect.sync(() => new grpc.Server(options)),
      (server) =>
        Effect.andThen(
          Effect.timeoutOption(sessions.farewell, farewellMillis),
          Effect.sync(() => server.forceShutdown())
        )
    )
    for (const service of given.services) {
      const bridge = { ...given, bound: () => bounds.get(service.typeName) }
      const definition: Record<string, grpc.MethodDefinition<Buffer, Buffer>> = {}
      const handlers: Record<string, grpc.UntypedHandleCall> = {}
      for (const method of service.methods) {
        definition[method.name] = definitionOf(method)
        handlers[method.name] = handlerOf(bridge, method)
      }
      server.addService(definition, handlers)
    }
    yield* addHealth(server, given)
    addReflection(server, given.services)
    const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure())
    return {
      accept: (socket) => {
        sessions.mark(socket)
        injector.injectConnection(socket)
      },
      bind: (bound) => {
        for (const one of bound) bounds.set(one.implementation.service.typeName, one)
      }
    }
  }
)
