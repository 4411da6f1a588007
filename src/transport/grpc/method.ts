/**
 * How a gRPC service of ours is written down: a handler per method, as Effects and Streams, over protobuf-es messages.
 * A handler marked `raw` takes the message's bytes as they came, for services that decode by themselves.
 */
import {
  create,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary
} from "@bufbuild/protobuf"
import type { GenService, GenServiceMethods } from "@bufbuild/protobuf/codegenv2"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Caller } from "../../base/caller.ts"
import type { Refusal } from "../status.ts"
import { malformed } from "./answer.ts"

/** One request, one answer. */
export type Unary<Request, Answer> = (request: Request, caller: Caller) => Effect.Effect<Answer, Refusal>

/** One request, a stream of answers. */
export type ServerStreaming<Request, Answer> = (request: Request, caller: Caller) => Stream.Stream<Answer, Refusal>

/**
 * Streams both ways. The end of the requests means nothing but that no more come: a cancelled call looks the same.
 * They fail where a request cannot be decoded, so never where they are bytes.
 */
export type Bidirectional<Request, Answer, E = never> = (
  requests: Stream.Stream<Request, E>,
  caller: Caller
) => Stream.Stream<Answer, Refusal>

/** A handler of encoded messages. */
export interface Raw<Handler> {
  readonly raw: Handler
}

type Either<Handler, RawHandler> = Handler | Raw<RawHandler>

/** What handles a method. */
export type HandlerOf<Method extends Pick<DescMethod, "input" | "output" | "methodKind">> = Method["methodKind"] extends
  "unary" ? Either<
    Unary<MessageShape<Method["input"]>, MessageInitShape<Method["output"]>>,
    Unary<Uint8Array, MessageInitShape<Method["output"]>>
  >
  : Method["methodKind"] extends "server_streaming" ? Either<
      ServerStreaming<MessageShape<Method["input"]>, MessageInitShape<Method["output"]>>,
      ServerStreaming<Uint8Array, MessageInitShape<Method["output"]>>
    >
  : Method["methodKind"] extends "bidi_streaming" ? Either<
      Bidirectional<MessageShape<Method["input"]>, MessageInitShape<Method["output"]>>,
      Bidirectional<Uint8Array, MessageInitShape<Method["output"]>>
    >
  : never

/** A handler for each method that the service has; the others answer UNIMPLEMENTED. */
export type HandlersOf<Methods extends GenServiceMethods> = {
  readonly [Name in keyof Methods]?: HandlerOf<Methods[Name]>
}

/** A handler over encoded messages. What each kind takes and gives is known by the method's kind. */
export type Encoded =
  | { readonly kind: "unary"; readonly handle: Unary<Uint8Array, Buffer> }
  | { readonly kind: "server_streaming"; readonly handle: ServerStreaming<Uint8Array, Buffer> }
  | { readonly kind: "bidi_streaming"; readonly handle: Bidirectional<Uint8Array, Buffer> }

/** A service with what handles it. */
export interface Implementation {
  readonly service: DescService
  /** By the method's local name: `ingestBatch`. */
  readonly handlers: ReadonlyMap<string, Encoded>
}

const encodeWith = (output: DescMethod["output"]) => (init: object): Buffer => {
  const bytes = toBinary(output, create(output, init as Message))
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const decodeWith = (input: DescMethod["input"]) => (bytes: Uint8Array): Effect.Effect<Message, Refusal> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(fromBinary(input, bytes))
    } catch (cause) {
      return Effect.fail(malformed(input.typeName, cause))
    }
  })

const encoded = (method: DescMethod, written: unknown): Encoded => {
  const raw = typeof written === "object"
  const handler = raw ? (written as Raw<unknown>).raw : written
  const encode = encodeWith(method.output)
  const decode = decodeWith(method.input)
  const encodeAll = <E>(answers: Stream.Stream<object, E>): Stream.Stream<Buffer, E> =>
    Stream.mapArray(answers, (inits) => Arr.map(inits, encode))
  switch (method.methodKind) {
    case "unary": {
      const handle = handler as Unary<Uint8Array | Message, object>
      return {
        kind: "unary",
        handle: (bytes, caller) =>
          Effect.map(
            raw ? handle(bytes, caller) : Effect.flatMap(decode(bytes), (request) => handle(request, caller)),
            encode
          )
      }
    }
    case "server_streaming": {
      const handle = handler as ServerStreaming<Uint8Array | Message, object>
      return {
        kind: "server_streaming",
        handle: (bytes, caller) =>
          encodeAll(
            raw ? handle(bytes, caller) : Stream.unwrap(Effect.map(decode(bytes), (request) => handle(request, caller)))
          )
      }
    }
    case "bidi_streaming": {
      const handle = handler as Bidirectional<Uint8Array | Message, object, Refusal>
      return {
        kind: "bidi_streaming",
        handle: (requests, caller) => encodeAll(handle(raw ? requests : Stream.mapEffect(requests, decode), caller))
      }
    }
    case "client_streaming":
      throw new Error(`${method.parent.typeName}.${method.name}: no service of ours streams requests to one answer`)
  }
}

/** Puts a service and its handlers together. */
export const implement = <Methods extends GenServiceMethods>(
  generated: GenService<Methods>,
  handlers: HandlersOf<Methods>
): Implementation => {
  const service = generated as unknown as DescService
  const map = new Map<string, Encoded>()
  for (const method of service.methods) {
    const written = (handlers as Readonly<Record<string, unknown>>)[method.localName]
    if (written !== undefined) map.set(method.localName, encoded(method, written))
  }
  return { service, handlers: map }
}
