/**
 * One TCP port for gRPC and HTTP/1.1.
 *
 * The first bytes of a connection tell the two apart: HTTP/2 begins with `PRI * HTTP/2.0`, and no HTTP/1.1 request
 * begins with `PRI `. They are put back before the connection is handed on, so whoever gets it sees it from its start.
 * What is neither is given to HTTP/1.1, which answers 400 and closes.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as net from "node:net"

/** Why a port could not be opened. `message` names the port and the way out. */
export class PortError extends Schema.TaggedError<PortError>()("PortError", {
  reason: Schema.Literals(["InUse", "NotPermitted", "NoSuchHost", "Failed"]),
  message: Schema.String
}) {}

/** How to open a port, and who takes its connections. */
export interface PortOptions {
  /** A host name or address. */
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** The configuration key of the port, for messages. */
  readonly key: string
  /** Where the connections are kept. */
  readonly sockets: Sockets
  /** Further connections are closed at once. */
  readonly connectionsMax: number
  /** How long a peer may take to send its first bytes, in milliseconds. */
  readonly firstBytesMillis: number
  /** Takes a paused socket with nothing read from it. */
  readonly onHttp2: (socket: net.Socket) => void
  /** Takes a paused socket with nothing read from it. */
  readonly onHttp1: (socket: net.Socket) => void
}

/** An open port. */
export interface Port {
  readonly host: string
  /** The port that was taken. */
  readonly port: number
}

/** The connections of a port. */
export type Sockets = Set<net.Socket>

/**
 * Keeps the connections of a port until the scope closes, which cuts them. Made before the servers that take the
 * connections, it outlives them, so that they can say the last word on each.
 */
export const makeSockets: Effect.Effect<Sockets, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => new Set<net.Socket>()),
  (sockets) =>
    Effect.sync(() => {
      for (const socket of sockets) socket.destroy()
    })
)

const preface = Buffer.from("PRI ", "latin1")

/** Which protocol the first bytes belong to; `undefined` while they do not tell. */
export const protocolOf = (first: Uint8Array): "http2" | "http1" | undefined => {
  const length = Math.min(first.length, preface.length)
  for (let i = 0; i < length; i++) {
    if (first[i] !== preface[i]) return "http1"
  }
  return length === preface.length ? "http2" : undefined
}

/** Waits until the first bytes tell the protocol, and puts them back; `undefined` where the peer hangs up before. */
const peek = (socket: net.Socket): Effect.Effect<"http2" | "http1" | undefined> =>
  Effect.callback((resume) => {
    let first = Buffer.alloc(0)
    const settle = (protocol: "http2" | "http1" | undefined): void => {
      stop()
      if (first.length > 0) socket.unshift(first)
      resume(Effect.succeed(protocol))
    }
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null
      if (chunk === null) return
      first = Buffer.concat([first, chunk])
      const protocol = protocolOf(first)
      if (protocol !== undefined) settle(protocol)
    }
    const onGone = (): void => settle(undefined)
    const stop = (): void => {
      socket.off("readable", onReadable)
      socket.off("end", onGone)
      socket.off("close", onGone)
    }
    socket.on("readable", onReadable)
    socket.on("end", onGone)
    socket.on("close", onGone)
    return Effect.sync(stop)
  })

const portError = (cause: NodeJS.ErrnoException, { host, key, port }: PortOptions): PortError => {
  switch (cause.code) {
    case "EADDRINUSE":
      return new PortError({
        reason: "InUse",
        message: `port ${port} of ${host} is in use by another program; stop it, or choose another port with ${key}`
      })
    case "EACCES":
      return new PortError({
        reason: "NotPermitted",
        message: `no permission to listen on port ${port} of ${host}; choose a port above 1023 with ${key}`
      })
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EINVAL":
      return new PortError({
        reason: "NoSuchHost",
        message: `${host} is no address of this machine (${cause.code}); set server.host to one`
      })
    default:
      return new PortError({ reason: "Failed", message: `cannot listen on port ${port} of ${host}: ${cause.message}` })
  }
}

const listen = (server: net.Server, options: PortOptions): Effect.Effect<void, PortError> =>
  Effect.callback((resume) => {
    const onError = (cause: Error): void => resume(Effect.fail(portError(cause, options)))
    server.once("error", onError)
    server.listen({ host: options.host, port: options.port, backlog: 511 }, () => {
      server.off("error", onError)
      // An error later is one of accepting (too many open files): the connection is lost, the port goes on.
      server.on("error", () => {})
      resume(Effect.void)
    })
  })

/** Opens a port until the scope closes; then it takes no more connections. */
export const openPort = Effect.fnUntraced(
  function*(options: PortOptions): Effect.fn.Return<Port, PortError, Scope.Scope> {
    const { sockets } = options
    // Half-open sockets are what node:http serves; for HTTP/2 that is changed when the connection is handed on.
    const server = net.createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true })
    server.maxConnections = options.connectionsMax
    yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
    const run = yield* FiberSet.makeRuntime()

    const hand = (socket: net.Socket, protocol: "http2" | "http1" | undefined): void => {
      if (protocol === undefined || socket.destroyed) {
        socket.destroy()
      } else if (protocol === "http2") {
        socket.allowHalfOpen = false
        options.onHttp2(socket)
      } else {
        options.onHttp1(socket)
      }
    }

    server.on("connection", (socket) => {
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
      // A reset is the peer's affair; without a listener it would end the process.
      socket.on("error", () => socket.destroy())
      run(
        peek(socket).pipe(
          Effect.timeoutOrElse({
            duration: options.firstBytesMillis,
            orElse: () => Effect.undefined
          }),
          Effect.map((protocol) => hand(socket, protocol))
        )
      )
    })
    yield* listen(server, options)
    const address = server.address() as net.AddressInfo
    return { host: options.host, port: address.port }
  }
)
