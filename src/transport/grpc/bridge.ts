/**
 * From Effects and Streams to grpc-js handlers.
 *
 * A call runs as one fiber. A client that cancels, disconnects or runs out of time interrupts it; a handler that must
 * not be cut short says so itself. The end of a client's stream means nothing: a cancel arrives as just that
 * (grpc-node issue 2583).
 */
import type { DescMethod } from "@bufbuild/protobuf"
import type * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { type Caller, unrestricted } from "../../base/caller.ts"
import type { ReadinessService } from "../readiness.ts"
import type { Refusal } from "../status.ts"
import { draining, notSupported, refusalFor, starting, type Status, statusFor } from "./answer.ts"
import { requestsOf, writeAll } from "./calls.ts"
import type { Bidirectional, Encoded, Implementation, ServerStreaming, Unary } from "./method.ts"

/** Runs the calls of a server as fibers that its scope owns. */
export type Run = <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>

/** What a server does with the calls of one service, once the engine is there. */
export interface Bound {
  readonly implementation: Implementation
  readonly run: Run
}

/** Sees each call from its beginning to its end. */
export interface Observer {
  /** Called when a call of a method begins; the result is called with the gRPC code with which it ends. */
  readonly begin: (method: DescMethod) => (code: number) => void
}

/** What the handlers of a service need. `bound` is asked at each call: the port opens before the engine is there. */
export interface Bridge {
  readonly readiness: ReadinessService
  readonly bound: () => Bound | undefined
  readonly observer: Observer
}

/** The code of a call that the client gave up. */
const codeCancelled = 1

const identity = (bytes: Buffer): Buffer => bytes

/** `/varve.v1.IngestionService/IngestBatch` */
export const pathOf = (method: DescMethod): string => `/${method.parent.typeName}/${method.name}`

/** Who calls. Nothing restricts anybody while there is no authentication; credentials will be read here. */
const callerOf = (_metadata: grpc.Metadata): Caller => unrestricted

/** The handler of a call, or why there is none. Health is told at any time. */
const admit = (bridge: Bridge, method: DescMethod): { readonly handler: Encoded; readonly run: Run } | Refusal => {
  const state = bridge.readiness.state()
  const bound = bridge.bound()
  if (state === "draining" && (bound === undefined || method.localName !== "healthCheck")) return draining
  if (bound === undefined || state === "starting") return starting
  const handler = bound.implementation.handlers.get(method.localName)
  return handler === undefined ? notSupported(pathOf(method)) : { handler, run: bound.run }
}

/** How a handler ended: undefined for well. */
const settle = (effect: Effect.Effect<void, Refusal>, method: DescMethod): Effect.Effect<Status | undefined> =>
  Effect.matchCauseEffect(effect, {
    onFailure: (cause) => Effect.map(refusalFor(cause, pathOf(method)), statusFor),
    onSuccess: () => Effect.undefined
  })

/** Runs a call to its end: interrupted when the client goes, finished with a status otherwise. */
const conduct = (
  bridge: Bridge,
  method: DescMethod,
  call: { readonly cancelled: boolean; readonly once: (event: "cancelled", listener: () => void) => unknown },
  run: Run,
  effect: Effect.Effect<void, Refusal>,
  finish: (status: Status | undefined) => void
): void => {
  const end = bridge.observer.begin(method)
  const fiber = run(settle(effect, method))
  call.once("cancelled", () => fiber.interruptUnsafe())
  fiber.addObserver((exit) => {
    if (call.cancelled) return end(codeCancelled)
    // Without a cancel, only the end of the program interrupts.
    const status = Exit.isSuccess(exit) ? exit.value : statusFor(draining)
    end(status?.code ?? 0)
    finish(status)
  })
}

const refuse = (bridge: Bridge, method: DescMethod, refusal: Refusal): Status => {
  const status = statusFor(refusal)
  bridge.observer.begin(method)(status.code)
  return status
}

const unary = (bridge: Bridge, method: DescMethod): grpc.handleUnaryCall<Buffer, Buffer> => (call, callback) => {
  const admitted = admit(bridge, method)
  if ("reason" in admitted) return callback(refuse(bridge, method, admitted))
  const handle = admitted.handler.handle as Unary<Uint8Array, Buffer>
  let answer: Buffer | undefined
  const effect = Effect.suspend(() =>
    Effect.map(handle(call.request, callerOf(call.metadata)), (buffer) => {
      answer = buffer
    })
  )
  conduct(
    bridge,
    method,
    call,
    admitted.run,
    effect,
    (status) => status === undefined ? callback(null, answer) : callback(status)
  )
}

/** Ends a stream; grpc-js sends the status of an `error` event once everything written before it is sent. */
const finishStream =
  (call: { end(): unknown; emit(event: "error", status: Status): unknown }) => (status: Status | undefined): void => {
    if (status === undefined) call.end()
    else call.emit("error", status)
  }

const serverStreaming =
  (bridge: Bridge, method: DescMethod): grpc.handleServerStreamingCall<Buffer, Buffer> => (call) => {
    const admitted = admit(bridge, method)
    if ("reason" in admitted) return finishStream(call)(refuse(bridge, method, admitted))
    const handle = admitted.handler.handle as ServerStreaming<Uint8Array, Buffer>
    const effect = Effect.suspend(() =>
      Stream.runForEachArray(handle(call.request, callerOf(call.metadata)), (answers) => writeAll(call, answers))
    )
    conduct(bridge, method, call, admitted.run, effect, finishStream(call))
  }

const bidirectional = (bridge: Bridge, method: DescMethod): grpc.handleBidiStreamingCall<Buffer, Buffer> => (call) => {
  const admitted = admit(bridge, method)
  if ("reason" in admitted) return finishStream(call)(refuse(bridge, method, admitted))
  const handle = admitted.handler.handle as Bidirectional<Uint8Array, Buffer>
  const requests = requestsOf(call)
  // A program that stops ends the requests, so that what was taken is still answered, and then says why.
  let stopped = false
  const unsubscribe = bridge.readiness.subscribe((state) => {
    if (state !== "draining") return
    stopped = true
    requests.stop()
  })
  call.once("cancelled", unsubscribe)
  const effect = Effect.suspend(() =>
    Stream.runForEachArray(handle(requests.stream, callerOf(call.metadata)), (answers) => writeAll(call, answers))
  )
  conduct(bridge, method, call, admitted.run, effect, (status) => {
    unsubscribe()
    finishStream(call)(status ?? (stopped ? statusFor(draining) : undefined))
  })
}

/** The grpc-js definition of a method. Requests and answers are bytes to grpc-js: what is wrong in them is ours to say. */
export const definitionOf = (method: DescMethod): grpc.MethodDefinition<Buffer, Buffer> => ({
  path: pathOf(method),
  requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
  responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
  requestSerialize: identity,
  requestDeserialize: identity,
  responseSerialize: identity,
  responseDeserialize: identity
})

/** The grpc-js handler of a method. */
export const handlerOf = (bridge: Bridge, method: DescMethod): grpc.UntypedHandleCall => {
  switch (method.methodKind) {
    case "unary":
      return unary(bridge, method)
    case "server_streaming":
      return serverStreaming(bridge, method)
    case "bidi_streaming":
      return bidirectional(bridge, method)
    case "client_streaming":
      throw new Error(`${pathOf(method)}: no service of ours streams requests to a single answer`)
  }
}
