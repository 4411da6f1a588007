/** Unary calls and server streams, with generated messages. */
import { create, type DescMethodServerStreaming, type DescMethodUnary, fromBinary, toBinary } from "@bufbuild/protobuf"
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf"
import type * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { CommandFailure } from "../failure.ts"
import { callFailure } from "./callFailure.ts"
import type { Connection } from "./Connection.ts"

/** Messages of a stream that wait to be taken before the server is held back. */
const messagesAhead = 4

/** The path of a method in HTTP/2. */
export const pathOf = (method: { readonly parent: { readonly typeName: string }; readonly name: string }): string =>
  `/${method.parent.typeName}/${method.name}`

const serializer = <I extends DescMessage>(schema: I) => (message: MessageShape<I>): Buffer => {
  const bytes = toBinary(schema, message)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

const deserializer = <O extends DescMessage>(schema: O) => (bytes: Buffer): MessageShape<O> => fromBinary(schema, bytes)

/** Calls a method and waits for its answer; interruption cancels the call. */
export const unary = <I extends DescMessage, O extends DescMessage>(
  connection: Connection,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>
): Effect.Effect<MessageShape<O>, CommandFailure> =>
  Effect.callback((resume) => {
    const call = connection.client.makeUnaryRequest(
      pathOf(method),
      serializer(method.input),
      deserializer(method.output),
      create(method.input, request),
      connection.metadata,
      (error: grpc.ServiceError | null, answer?: MessageShape<O>) =>
        resume(error === null ? Effect.succeed(answer!) : Effect.fail(callFailure(connection, error)))
    )
    return Effect.sync(() => call.cancel())
  })

/**
 * Calls a method that answers with a stream, which is read no faster than it is taken. `read` reads the messages and
 * throws on bytes that are none.
 */
export const serverStream = <I extends DescMessage, O extends DescMessage, A>(
  connection: Connection,
  method: DescMethodServerStreaming<I, O>,
  request: MessageInitShape<I>,
  read: (bytes: Buffer) => A
): Stream.Stream<A, CommandFailure> =>
  Stream.suspend(() => {
    const call = connection.client.makeServerStreamRequest(
      pathOf(method),
      serializer(method.input),
      read,
      create(method.input, request),
      connection.metadata
    )
    return Stream.fromAsyncIterable(
      call as AsyncIterable<A>,
      (error) => callFailure(connection, error as grpc.ServiceError)
    ).pipe(
      Stream.buffer({ capacity: messagesAhead }),
      Stream.ensuring(Effect.sync(() => call.cancel()))
    )
  })
