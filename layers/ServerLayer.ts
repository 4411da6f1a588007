/** The server: the ports, open from the start, and the engine behind them. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Configuration } from "../src/base/configuration/Configuration.ts"
import { version } from "../src/base/version.ts"
import type { PortError } from "../src/transport/port.ts"
import * as Readiness from "../src/transport/readiness.ts"
import { makeServers, Servers } from "../src/transport/Servers.ts"
import * as Embedded from "./Embedded.ts"

/** The ports that the configuration names. */
export const layerPorts: Layer.Layer<Servers | Readiness.Readiness, PortError, Configuration> = Layer.effect(
  Servers,
  Effect.flatMap(Configuration, (values) =>
    makeServers({
      version,
      host: values["server.host"],
      ports: {
        ingestion: values["server.ingestion.port"],
        query: values["server.query.port"],
        processor: values["server.processor.port"]
      },
      connectionsMax: values["server.max_connections"]
    }))
).pipe(Layer.provideMerge(Layer.effect(Readiness.Readiness, Readiness.make)))

const serving = Layer.effectDiscard(Effect.gen(function*() {
  const servers = yield* Servers
  const values = yield* Configuration
  yield* servers.serve({ memoryBytesMax: values["memtable.limit"], drainMillis: values["server.drain_timeout"] })
}))

/**
 * Everything, as the configuration says. It is built when requests are taken; closing it drains first, then closes the
 * engine, then the ports.
 */
export const layer: Layer.Layer<
  Servers | Readiness.Readiness | Embedded.Services,
  PortError | Embedded.StartError,
  Configuration
> = serving.pipe(Layer.provideMerge(Layer.mergeAll(layerPorts, Embedded.layerConfiguration)))
