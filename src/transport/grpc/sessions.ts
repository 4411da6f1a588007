/**
 * The HTTP/2 sessions of a gRPC server, which grpc-js keeps to itself.
 *
 * Node publishes each HTTP/2 stream that a server of the process gets on the diagnostics channel
 * `http2.server.stream.created`; a stream leads to its session, and a session to its socket, which bears our mark.
 * Known this way, at the first stream of each, are two things that grpc-js does not offer:
 *
 * - Windows for large messages. By default a peer may have 64 KiB of a request under way, so that a batch of some
 *   hundred KiB takes several round trips through the event loop (`grpc-node.flow_control_window` is the client's).
 * - A farewell that loses nothing. A client of Node that reads an answer and the end of the connection at once drops
 *   the answer with the connection (seen with grpc-js 1.14.7: acknowledged writes came to the client as UNAVAILABLE).
 *   So a connection is closed after its client has answered pings, which it does when it has read everything before.
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

/** The first ping's answer says that the client has read the last answer, the second's that its program has run since. */
const pings = 2

const channel = "http2.server.stream.created"

const owner = Symbol("varve/transport/sessions")

/** The sessions of one server. */
export interface Sessions {
  /** Marks a socket as one of this server's, before it is handed to it. */
  readonly mark: (socket: net.Socket) => void
  /** Closes each session when its client has read everything; waits until all are closed. */
  readonly farewell: Effect.Effect<void>
}

/** Closes a session when its client has answered so many pings, and its last call is over. */
const closeAfterPings = (session: http2.Http2Session, left: number): void => {
  if (session.closed || session.destroyed) return
  const asked = left > 0 && session.ping(() => closeAfterPings(session, left - 1))
  // Pings that cannot be sent, because others are under way, are not waited for.
  if (!asked) session.close()
}

/** Watches over sessions until the scope closes. */
export const makeSessions: Effect.Effect<Sessions, never, Scope.Scope> = Effect.gen(function*() {
  const own = {}
  const sessions = new Set<http2.Http2Session>()
  let onLast: (() => void) | undefined

  const onStream = (message: unknown): void => {
    const { session } = (message as { readonly stream: http2.ServerHttp2Stream }).stream
    if (session === undefined || session.destroyed || sessions.has(session)) return
    if (Reflect.get(session.socket, owner) !== own) return
    sessions.add(session)
    session.once("close", () => {
      sessions.delete(session)
      if (sessions.size === 0) onLast?.()
    })
    session.setLocalWindowSize(connectionWindowBytes)
    session.settings({ initialWindowSize: streamWindowBytes })
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => diagnostics.subscribe(channel, onStream)),
    () => Effect.sync(() => diagnostics.unsubscribe(channel, onStream))
  )

  return {
    mark: (socket) => void Object.defineProperty(socket, owner, { value: own }),
    farewell: Effect.callback((resume) => {
      onLast = () => resume(Effect.void)
      for (const session of sessions) closeAfterPings(session, pings)
      if (sessions.size === 0) onLast()
      return Effect.sync(() => {
        onLast = undefined
      })
    })
  }
})
