/** The whole server in this process: real ports, the real engine in memory. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ServerLayer } from "../../../layers/index.ts"
import * as Configuration from "../../../src/base/configuration/Configuration.ts"
import { Servers } from "../../../src/transport/Servers.ts"
import { connect } from "./bridge.ts"

/** Serves until the scope closes; gives the ports and a client for each. */
export const serveEngine = Effect.fnUntraced(function*(values: Partial<Configuration.Values> = {}) {
  const context = yield* Layer.build(Layer.fresh(ServerLayer.layer)).pipe(
    Effect.provideService(
      Configuration.Configuration,
      Configuration.make({
        "server.ingestion.port": 0,
        "server.query.port": 0,
        "server.processor.port": 0,
        "storage.backend": "memory",
        "wal.backend": "memory",
        ...values
      })
    )
  )
  const { ports } = yield* Effect.provideContext(Servers, context)
  const portOf = (name: string): number => ports.find((port) => port.name === name)!.port
  return {
    ingestionPort: portOf("ingestion"),
    queryPort: portOf("query"),
    processorPort: portOf("processor"),
    ingestion: yield* connect(portOf("ingestion")),
    query: yield* connect(portOf("query"))
  }
})
