/** `varve serve`: reads the configuration, starts the server, says where it is, and stops it in good order. */
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as path from "node:path"
import { Configuration, type Values } from "../base/configuration/Configuration.ts"
import { refuseExposure } from "../base/configuration/exposure.ts"
import { load } from "../base/configuration/load.ts"
import type { Merged, Sources } from "../base/configuration/merge.ts"
import { OnDaemonDeath } from "../base/daemon.ts"
import { version } from "../base/version.ts"
import { type OpenPort, Servers } from "../transport/Servers.ts"
import { CommandFailure } from "./failure.ts"
import { layerLogging } from "./logging.ts"
import { holdYoungGeneration } from "./youngGeneration.ts"

/** What was asked for on the command line. */
export interface ServeOptions {
  /** The configuration file. */
  readonly config: string | undefined
  readonly role: Role
  /** Keep everything in memory. */
  readonly memory: boolean
  readonly dataDirectory: string | undefined
  readonly host: string | undefined
  /** Listen where others can reach the server although there is no authentication. */
  readonly insecure: boolean
  readonly environment: Sources["environment"]
}

/** Which programs to run. */
export const roles = ["all", "ingestion", "query", "processor"] as const

/** See {@link roles}. */
export type Role = (typeof roles)[number]

/** Why a server does not start, whatever it is made of. */
export interface StartError {
  readonly _tag: string
  readonly message: string
}

/** The server to run: it is built when it takes requests, and closing it drains it. */
export type ServerLayer = Layer.Layer<Servers, StartError, Configuration>

const flagsOf = (options: ServeOptions): Sources["flags"] => [
  ...(options.memory
    ? ([
      { path: "storage.backend", value: "memory", flag: "--memory" },
      { path: "wal.backend", value: "memory", flag: "--memory" }
    ] as const)
    : []),
  ...(options.dataDirectory === undefined
    ? []
    : ([{ path: "storage.data_dir", value: options.dataDirectory, flag: "--data-dir" }] as const)),
  ...(options.host === undefined ? [] : ([{ path: "server.host", value: options.host, flag: "--host" }] as const))
]

const usage = (message: string): CommandFailure => new CommandFailure({ message, exitCode: 2 })

/** Reads the configuration and refuses what must not be served. */
const configure = Effect.fnUntraced(function*(options: ServeOptions): Effect.fn.Return<Merged, CommandFailure> {
  if (options.role !== "all") {
    return yield* usage(
      `--role ${options.role} needs a log that several processes share, which is not available in this version; ` +
        "use --role all, which runs every program in this process"
    )
  }
  if (options.memory && options.dataDirectory !== undefined) {
    return yield* usage("--memory keeps nothing on disk, --data-dir says where to keep it; give one of the two")
  }
  const merged = yield* Effect.mapError(
    load({ file: options.config, environment: options.environment, flags: flagsOf(options) }),
    (error) => usage(error.message)
  )
  const source = merged.settings.find((setting) => setting.path === "server.host")?.source ?? "default"
  const exposure = refuseExposure(merged.values, { source, insecure: options.insecure })
  if (exposure !== undefined) return yield* usage(exposure.message)
  return merged
})

const startFailure = (error: StartError): CommandFailure => new CommandFailure({ message: error.message, exitCode: 1 })

/** An address as one would write it in a URL. `0.0.0.0` listens everywhere and is called as this machine. */
const urlOf = ({ host, port }: Pick<OpenPort, "host" | "port">): string => {
  const name = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`
}

const whereDataLies = (values: Values): string =>
  values["wal.backend"] === "memory"
    ? "everything in memory, gone when this process ends"
    : `data in ${path.resolve(values["storage.data_dir"])}`

/** What is printed when requests are taken: a line for each service, and a call to try. */
export const readyLines = (ports: ReadonlyArray<OpenPort>, values: Values): ReadonlyArray<string> => {
  const admin = ports.find((port) => port.services.includes("varve.v1.AdminService"))
  return [
    `varve ${version} is ready; ${whereDataLies(values)}`,
    ...ports.map((port) =>
      `${port.name.padEnd(10)} ${urlOf(port)}  gRPC ${
        port.services.length === 0 ? "grpc.health.v1.Health" : port.services.join(", ")
      }; HTTP /health /live /ready /metrics`
    ),
    ...(admin === undefined ? [] : [
      "A first call, from another terminal:",
      `  npx buf curl --protocol grpc --http2-prior-knowledge -d '{"tenant_id":"demo","name":"A first tenant"}' ${
        urlOf(admin)
      }/varve.v1.AdminService/CreateTenant`
    ])
  ]
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Runs the server until it is interrupted or one of its daemons dies. */
const run = (server: ServerLayer, values: Values): Effect.Effect<never, CommandFailure> =>
  Effect.gen(function*() {
    const death = yield* Deferred.make<never, CommandFailure>()
    const onDeath = (name: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
      Effect.asVoid(Deferred.fail(
        death,
        new CommandFailure({
          message: `the ${name} died, so the server stops: ${messageOf(Cause.squash(cause))}`,
          exitCode: 1
        })
      ))
    const context = yield* Layer.build(server).pipe(
      Effect.provideService(Configuration, values),
      Effect.provideService(OnDaemonDeath, onDeath),
      Effect.mapError(startFailure)
    )
    const { ports } = yield* Effect.provideContext(Servers, context)
    yield* Effect.forEach(readyLines(ports, values), (line) => Console.log(line))
    return yield* Deferred.await(death)
  }).pipe(
    Effect.scoped,
    Effect.onExit((exit) =>
      Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause) ? Effect.logInfo("stopped") : Effect.void
    )
  )

/**
 * Serves until it is interrupted, which stops the server in good order: no new requests, those in flight finish, the
 * log is closed.
 */
export const serve = Effect.fnUntraced(
  function*(options: ServeOptions, server: ServerLayer): Effect.fn.Return<never, CommandFailure> {
    const { values } = yield* configure(options)
    yield* Effect.sync(holdYoungGeneration)
    return yield* Effect.provide(run(server, values), layerLogging(values))
  }
)
