/** Metrics of gRPC calls: how many, how they ended, how long they took, how many run. */
import type { DescMethod } from "@bufbuild/protobuf"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { Observer } from "../grpc/bridge.ts"
import { failureOfCode } from "../status.ts"

/** From a point read in memory to a long stream, in seconds. */
const boundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

const calls = Metric.counter("varve_grpc_calls_total", {
  description: "gRPC calls that ended, by the status they ended with.",
  incremental: true
})
const duration = Metric.histogram("varve_grpc_call_duration_seconds", {
  description: "Time from a gRPC call's beginning to its end; for streams, their whole life.",
  boundaries
})
const active = Metric.gauge("varve_grpc_active_calls", { description: "gRPC calls that run now." })

/** `OK`, `NOT_FOUND`, `CANCELLED`: the names that gRPC gives the codes. */
const nameOf = (code: number): string => code === 0 ? "OK" : code === 1 ? "CANCELLED" : failureOfCode(code) ?? "UNKNOWN"

/** The metrics of one method; its labels are put together once. */
const makeMethodMetrics = (method: DescMethod) => {
  const labels = { service: method.parent.typeName, method: method.name }
  const byCode = new Map<number, Metric.Counter<number>>()
  return {
    running: 0,
    active: Metric.withAttributes(active, labels),
    duration: Metric.withAttributes(duration, labels),
    ended: (code: number): Metric.Counter<number> => {
      let counter = byCode.get(code)
      if (counter === undefined) {
        counter = Metric.withAttributes(calls, { ...labels, code: nameOf(code) }) as Metric.Counter<number>
        byCode.set(code, counter)
      }
      return counter
    }
  }
}

/** Observes calls. One observer for the whole program: it counts the calls that run. */
export const makeObserver: Effect.Effect<Observer> = Effect.gen(function*() {
  const context = yield* Effect.context<never>()
  const clock = yield* Clock.Clock
  const methods = new Map<DescMethod, ReturnType<typeof makeMethodMetrics>>()
  return {
    begin: (method) => {
      let metrics = methods.get(method)
      if (metrics === undefined) {
        metrics = makeMethodMetrics(method)
        methods.set(method, metrics)
      }
      const { active, duration, ended } = metrics
      const began = clock.currentTimeNanosUnsafe()
      active.updateUnsafe(++metrics.running, context)
      return (code) => {
        active.updateUnsafe(--metrics.running, context)
        ended(code).updateUnsafe(1, context)
        duration.updateUnsafe(Number(clock.currentTimeNanosUnsafe() - began) / 1e9, context)
      }
    }
  }
})
