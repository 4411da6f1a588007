/** From the engine's values to those of the generated messages. */
import { create } from "@bufbuild/protobuf"
import { type Duration, DurationSchema, type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt"
import type { Durability as ReachedDurability } from "../../mvcc/intent.ts"
import type { Condition, Health } from "../health.ts"
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
export const healthAnswer = (health: Health) => ({
  status: healthStatuses[health.status],
  dependencies: health.dependencies.map(({ message, name, status }) => ({
    name,
    status: healthStatuses[status],
    message
  }))
})
