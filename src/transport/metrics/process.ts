/** Metrics of the process: memory, processor time, how late the event loop is, and which build it is. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { monitorEventLoopDelay, performance } from "node:perf_hooks"
import { register, type Series } from "./gauges.ts"

/** The event loop's delay is sampled this often, in milliseconds. */
const samplingMillis = 20

/** How long one reading of the memory serves, so that a scrape reads it once. */
const readingMillis = 1000

/** Shows the process's metrics until the scope closes. */
export const registerProcess = Effect.fnUntraced(
  function*(version: string): Effect.fn.Return<void, never, Scope.Scope> {
    const clock = yield* Clock.Clock
    const delay = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const histogram = monitorEventLoopDelay({ resolution: samplingMillis })
        histogram.enable()
        return histogram
      }),
      (histogram) => Effect.sync(() => histogram.disable())
    )
    let memory = process.memoryUsage()
    let readAt = clock.currentTimeMillisUnsafe()
    const memoryOf = (kind: keyof NodeJS.MemoryUsage) => (): number => {
      if (clock.currentTimeMillisUnsafe() - readAt > readingMillis) {
        memory = process.memoryUsage()
        readAt = clock.currentTimeMillisUnsafe()
      }
      return memory[kind]
    }
    const gauge = (name: string, description: string, read: () => number, labels = {}): Series => ({
      name,
      description,
      type: "gauge",
      read,
      labels
    })
    const delayAt = (percentile: number): Series =>
      gauge(
        "varve_event_loop_delay_seconds",
        "How late the event loop ran, beyond the interval of the samples, since the program started.",
        () => Math.max(0, delay.percentile(percentile) / 1e9 - samplingMillis / 1e3),
        { percentile: String(percentile) }
      )
    yield* register([
      gauge("varve_build_info", "Always 1; the labels say which build runs.", () => 1, {
        version,
        node: process.version
      }),
      gauge("varve_process_resident_memory_bytes", "Memory that the process holds.", memoryOf("rss")),
      gauge("varve_process_heap_used_bytes", "Memory of JavaScript objects.", memoryOf("heapUsed")),
      gauge("varve_process_heap_total_bytes", "Memory kept for JavaScript objects.", memoryOf("heapTotal")),
      gauge("varve_process_array_buffers_bytes", "Memory of typed arrays and buffers.", memoryOf("arrayBuffers")),
      gauge("varve_process_uptime_seconds", "Time since the process started.", () => performance.now() / 1000),
      {
        name: "varve_process_cpu_seconds_total",
        description: "Processor time that the process took.",
        type: "counter",
        read: () => {
          const { system, user } = process.cpuUsage()
          return (system + user) / 1e6
        }
      },
      delayAt(50),
      delayAt(99),
      delayAt(100)
    ])
  }
)
