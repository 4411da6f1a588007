/** A real port with real gRPC and HTTP servers, and grpc-js clients for it. */
import type { DescMethod, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf"
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as http2 from "node:http2"
import { decodeErrorDetails, type ErrorDetails, trailer } from "../../../src/transport/grpc/errorDetails.ts"
import type { Implementation } from "../../../src/transport/grpc/method.ts"
import { makeGrpcServer } from "../../../src/transport/grpc/server.ts"
import { makeHttpServer } from "../../../src/transport/http/handler.ts"
import { makeObserver } from "../../../src/transport/metrics/calls.ts"
import { makeSockets, openPort } from "../../../src/transport/port.ts"
import * as Readiness from "../../../src/transport/readiness.ts"

/** How the port behaves. */
export interface PortOverrides {
  readonly connectionsMax?: number
  readonly firstBytesMillis?: number
}

/** Serves implementations on an ephemeral port of this machine until the scope closes. */
export const servePort = Effect.fnUntraced(function*(
  services: ReadonlyArray<DescService>,
  implementations: ReadonlyArray<Implementation>,
  overrides: PortOverrides = {}
) {
  const readiness = yield* Readiness.make
  const observer = yield* makeObserver
  const sockets = yield* makeSockets
  const grpcServer = yield* makeGrpcServer({ services, readiness, observer })
  const onHttp1 = yield* makeHttpServer({
    name: "ingestion",
    version: "0.0.0",
    readiness,
    health: Effect.succeed({ status: "serving", state: "ready", dependencies: [] }),
    refresh: Effect.void
  })
  const port = yield* openPort({
    host: "127.0.0.1",
    port: 0,
    key: "server.ingestion.port",
    sockets,
    connectionsMax: overrides.connectionsMax ?? 100,
    firstBytesMillis: overrides.firstBytesMillis ?? 10_000,
    onHttp2: grpcServer.accept,
    onHttp1
  })
  const run = yield* FiberSet.makeRuntime()
  const bind = () =>
    grpcServer.bind(implementations.map((implementation) => ({ implementation, run: (effect) => run(effect) })))
  return { port: port.port, readiness, bind, connections: () => sockets.size }
})

/** A grpc-js client until the scope closes. */
export const connect = (port: number, options: grpc.ClientOptions = {}) =>
  Effect.acquireRelease(
    Effect.sync(() => new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), options)),
    (client) => Effect.sync(() => client.close())
  )

/** Where a method is found. */
export const pathOf = (method: DescMethod): string => `/${method.parent.typeName}/${method.name}`

/** Encodes a request. */
export const encodeRequest = <Method extends DescMethod>(
  method: Method,
  request: MessageInitShape<Method["input"]>
): Buffer => Buffer.from(toBinary(method.input, create(method.input, request)))

const identity = (bytes: Buffer): Buffer => bytes

/** What a call came to. */
export interface Outcome<Answer> {
  readonly code: number
  readonly message: string
  readonly answer: Answer | undefined
  /** Of the trailer, where there is one. */
  readonly details: ErrorDetails | undefined
}

/** The details of a status. */
export const detailsOf = (metadata: grpc.Metadata): ErrorDetails | undefined => {
  const [bytes] = metadata.get(trailer)
  return Buffer.isBuffer(bytes) ? decodeErrorDetails(bytes) : undefined
}

/** Calls a unary method with bytes; never fails. */
export const callRaw = (
  client: grpc.Client,
  path: string,
  request: Buffer,
  options: grpc.CallOptions = {}
): Effect.Effect<Outcome<Buffer>> =>
  Effect.callback((resume) => {
    const call = client.makeUnaryRequest(path, identity, identity, request, new grpc.Metadata(), options, (
      error,
      answer
    ) =>
      resume(Effect.succeed(
        error === null
          ? { code: 0, message: "", answer, details: undefined }
          : { code: error.code, message: error.details, answer: undefined, details: detailsOf(error.metadata) }
      )))
    return Effect.sync(() => call.cancel())
  })

/** Calls a unary method; never fails. */
export const call = <Method extends DescMethod>(
  client: grpc.Client,
  method: Method,
  request: MessageInitShape<Method["input"]>,
  options: grpc.CallOptions = {}
): Effect.Effect<Outcome<MessageShape<Method["output"]>>> =>
  Effect.map(callRaw(client, pathOf(method), encodeRequest(method, request), options), (outcome) => ({
    ...outcome,
    answer: outcome.answer === undefined
      ? undefined
      : fromBinary(method.output, outcome.answer) as MessageShape<Method["output"]>
  }))

/** Opens a stream both ways, of bytes. */
export const openBidi = (client: grpc.Client, path: string, options: grpc.CallOptions = {}) =>
  client.makeBidiStreamRequest(path, identity, identity, new grpc.Metadata(), options)

/** Opens a stream of answers, of bytes. */
export const openServerStream = (client: grpc.Client, path: string, request: Buffer, options: grpc.CallOptions = {}) =>
  client.makeServerStreamRequest(path, identity, identity, request, new grpc.Metadata(), options)

/** How a stream ended. Errors are statuses too: nothing is thrown. */
export const statusOfStream = (
  stream: grpc.ClientDuplexStream<Buffer, Buffer> | grpc.ClientReadableStream<Buffer>
): Promise<Outcome<never>> =>
  new Promise((resolve) => {
    stream.on("error", () => {})
    stream.on("status", (status: grpc.StatusObject) =>
      resolve({
        code: status.code,
        message: status.details,
        answer: undefined,
        details: detailsOf(status.metadata)
      }))
  })

/** A bare HTTP/2 connection until the scope closes. */
export const openSession = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => http2.connect(`http://127.0.0.1:${port}`).on("error", () => {})),
    (session) => Effect.sync(() => session.destroy())
  )

/** A gRPC call on it, whose body is written by hand. */
export const requestOn = (session: http2.ClientHttp2Session, path: string) =>
  session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" })
    .on("error", () => {})
