/** A connection to one service, and calls on it. */
import * as grpc from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { isLoopback } from "../../base/configuration/exposure.ts"
import { type CommandFailure, usageFailure } from "../failure.ts"

/** Which service a connection is for. */
export type ServiceName = "ingestion" | "query"

/** An open connection; nothing is sent before the first call. */
export interface Connection {
  readonly service: ServiceName
  readonly url: string
  readonly client: grpc.Client
  /** What every call sends along. */
  readonly metadata: grpc.Metadata
}

/** Where a service is and who asks. */
export interface ConnectOptions {
  readonly service: ServiceName
  readonly url: string
  /** Empty for none. */
  readonly token: string
}

/** Bytes of answers that the server may send before any was taken. */
const windowBytes = 8 * 1024 * 1024

const examples = { ingestion: "http://127.0.0.1:8080", query: "http://127.0.0.1:8081" } as const

const readUrl = ({ service, url }: ConnectOptions): Effect.Effect<URL, CommandFailure> => {
  const wrong = (problem: string) =>
    usageFailure(`--${service}-url ${JSON.stringify(url)} ${problem}; write it as ${examples[service]}`)
  return Effect.gen(function*() {
    if (!URL.canParse(url)) return yield* wrong("is no URL")
    const parsed = new URL(url)
    if (parsed.protocol !== "http:" && parsed.protocol !== "https:")
      return yield* wrong("must begin with http:// or https://")
    if (parsed.pathname !== "/" || parsed.search !== "") return yield* wrong("must have no path")
    return parsed
  })
}

/** Opens a connection until the scope closes. */
export const connect = Effect.fnUntraced(
  function*(options: ConnectOptions): Effect.fn.Return<Connection, CommandFailure, Scope.Scope> {
    const url = yield* readUrl(options)
    const secure = url.protocol === "https:"
    const host = url.hostname.replace(/^\[|\]$/g, "")
    const client = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new grpc.Client(
          `${url.hostname}:${url.port === "" ? (secure ? 443 : 80) : url.port}`,
          secure ? grpc.credentials.createSsl() : grpc.credentials.createInsecure(),
          {
            "grpc.max_receive_message_length": -1,
            "grpc.max_send_message_length": -1,
            "grpc.enable_channelz": 0,
            // Calls to this machine must not go through the proxy that the environment names.
            "grpc.enable_http_proxy": isLoopback(host) ? 0 : 1,
            "grpc-node.flow_control_window": windowBytes
          }
        )
      ),
      (client) => Effect.sync(() => client.close())
    )
    const metadata = new grpc.Metadata()
    if (options.token !== "") metadata.set("authorization", `Bearer ${options.token}`)
    return { service: options.service, url: options.url.replace(/\/$/, ""), client, metadata }
  }
)
