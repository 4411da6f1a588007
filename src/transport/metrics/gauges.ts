/** Metrics that are read when somebody asks for them, instead of being written all the time. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"

/** One series: a metric's name, its labels and where its value comes from. */
export interface Series {
  readonly name: string
  /** One sentence. */
  readonly description: string
  /** `counter` only rises while the program runs. */
  readonly type: "gauge" | "counter"
  readonly labels?: Readonly<Record<string, string>>
  /** Must not throw. */
  readonly read: () => number
}

/** Shows series in the metrics until the scope closes. */
export const register = Effect.fnUntraced(
  function*(series: ReadonlyArray<Series>): Effect.fn.Return<void, never, Scope.Scope> {
    const context = yield* Effect.context<never>()
    const add = ({ description, labels, name, read, type }: Series): Metric.Registration => {
      const options = { description, ...(labels === undefined ? {} : { attributes: { ...labels } }) }
      const ignore = (): void => {}
      return type === "gauge"
        ? Metric.registerUnsafe(Metric.gauge(name, options), context, {
          get: () => ({ value: read() }),
          update: ignore,
          modify: ignore
        })
        : Metric.registerUnsafe(Metric.counter(name, { ...options, incremental: true }), context, {
          get: () => ({ count: read(), incremental: true }),
          update: ignore,
          modify: ignore
        })
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => series.map(add)),
      (registrations) => Effect.sync(() => registrations.forEach((registration) => registration.remove()))
    )
  }
)
