/** From the engine's values to those of the generated messages. */
import { create, type DescService } from "@bufbuild/protobuf"
import { type Duration, DurationSchema, type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt"
import * as Effect from "effect/Effect"
import type { Durability as ReachedDurability } from "../../mvcc/intent.ts"
import type { Condition, Health } from "../health.ts"
import type { Refusal } from "../status.ts"
import { Durability, HealthStatus } from "./generated/varve/v1/record_pb.ts"

/** The timestamp of microseconds since 1970. */
export const timestampOf = (micros: number): Timestamp => {
  const seconds = Math.floor(micros / 1e6)
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos: (micros - seconds * 1e6) * 1000 })
}

/** The duration of milliseconds, which need not be whole. */
export const durationOf = (millis: number): Duration => {
  const seconds = Math.floor(millis / 1000)
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: Math.floor((millis - seconds * 1000) * 1e6) })
}

const durabilities: Readonly<Record<ReachedDurability, Durability>> = {
  MEMORY: Durability.MEMORY,
  FSYNCED: Durability.FSYNCED,
  REPLICATED: Durability.REPLICATED
}

/** A durability that was reached. */
export const durabilityOf = (durability: ReachedDurability): Durability => durabilities[durability]

const healthStatuses: Readonly<Record<Condition, HealthStatus>> = {
  serving: HealthStatus.SERVING,
  not_serving: HealthStatus.NOT_SERVING,
  degraded: HealthStatus.DEGRADED
}

/** A health report as the services' own HealthCheck methods tell it. */
/** Health of a service, which a request names fully, by its last word, or not at all. */
export const healthOf = (
  service: DescService,
  name: string,
  health: Effect.Effect<Health>
): Effect.Effect<ReturnType<typeof healthAnswer>, Refusal> =>
  name === "" || name === service.typeName || name === service.name
    ? Effect.map(health, healthAnswer)
    : Effect.fail({
      reason: "SERVICE_NOT_FOUND",
      field: "service",
      message: `service: ${JSON.stringify(name)} is not served here; leave it empty, or ask for ${service.typeName}`
    })

const healthAnswer = (health: Health) => ({
  status: healthStatuses[health.status],
  dependencies: health.dependencies.map(({ message, name, status }) => ({
    name,
    status: healthStatuses[status],
    message
  }))
})
