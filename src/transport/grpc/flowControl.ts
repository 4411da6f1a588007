/**
 * HTTP/2 windows for large messages.
 *
 * By default a peer may have 64 KiB of a request under way, so that a batch of some hundred KiB takes several round
 * trips through the event loop; grpc-js offers no option for its server (`grpc-node.flow_control_window` is the
 * client's). Node publishes each HTTP/2 stream that a server gets on the diagnostics channel
 * `http2.server.stream.created`, and from the stream leads a way to its session: the first stream of each of our
 * sessions opens the session's windows. A client learns of it one round trip into its first call.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as diagnostics from "node:diagnostics_channel"
import type * as http2 from "node:http2"
import type * as net from "node:net"

/** Bytes of one request that a client may have under way before the server has taken any. */
const streamWindowBytes = 8 * 1024 * 1024

/** The same for all requests of a connection together. It bounds what a connection can make the server buffer. */
const connectionWindowBytes = 16 * 1024 * 1024

const marked = Symbol("varve/transport/flowControl")

/** Marks a socket as ours: the sessions on it get the windows, those of other servers in the process do not. */
export const mark = (socket: net.Socket): void => {
  Object.defineProperty(socket, marked, { value: true })
}

/** Opens the windows of sessions on marked sockets, until the scope closes. */
export const widenWindows: Effect.Effect<void, never, Scope.Scope> = Effect.gen(function*() {
  const seen = new WeakSet<http2.Http2Session>()
  const onStream = (message: unknown): void => {
    const { session } = (message as { readonly stream: http2.ServerHttp2Stream }).stream
    if (session === undefined || session.destroyed || seen.has(session)) return
    seen.add(session)
    if (Reflect.get(session.socket, marked) !== true) return
    session.setLocalWindowSize(connectionWindowBytes)
    session.settings({ initialWindowSize: streamWindowBytes })
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => diagnostics.subscribe("http2.server.stream.created", onStream)),
    () => Effect.sync(() => diagnostics.unsubscribe("http2.server.stream.created", onStream))
  )
})
