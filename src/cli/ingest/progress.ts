/** How far an ingestion is: a bar on a terminal, a line every few seconds elsewhere, always on standard error. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { countOf, formatBytes, formatCount, formatRate, formatSeconds } from "../output/numbers.ts"
import { tell } from "../output/print.ts"
import { clip } from "../output/width.ts"
import type { Input } from "./Input.ts"

/** What there is to tell. */
export interface ProgressState {
  /** In the units of `Input.total`. */
  readonly progress: number
  /** Records that were acknowledged. */
  readonly accepted: number
  readonly rejected: number
}

const barMillis = 100
const lineMillis = 5000
const barWidth = 24

const eraseLine = "\r\u001b[K"

const bar = (fraction: number): string => {
  const eighths = Math.round(fraction * barWidth * 8)
  const whole = Math.floor(eighths / 8)
  const part = whole === barWidth ? "" : " ▏▎▍▌▋▊▉"[eighths % 8]
  return `▕${"█".repeat(whole)}${part}${" ".repeat(barWidth - whole - part.length)}▏`
}

/** The state in words, after so many milliseconds. */
export const describeProgress = (
  { measure, total }: Pick<Input, "measure" | "total">,
  state: ProgressState,
  elapsedMillis: number,
  withBar: boolean
): string => {
  const records = state.accepted + state.rejected
  const fraction = total === undefined || total === 0 ? undefined : Math.min(1, state.progress / total)
  const remaining = fraction === undefined || fraction === 0 ? undefined : elapsedMillis * (1 / fraction - 1)
  const parts = [
    ...(fraction === undefined ? [] : [`${withBar ? `${bar(fraction)} ` : ""}${Math.floor(fraction * 100)}%`]),
    countOf(records, "record"),
    ...(total === undefined && measure === "bytes" ? [formatBytes(state.progress)] : []),
    `${formatRate(records / (elapsedMillis / 1000))}/s`,
    ...(remaining === undefined ? [] : [`${formatSeconds(remaining)} left`]),
    ...(state.rejected === 0 ? [] : [`${formatCount(state.rejected)} rejected`])
  ]
  return parts.join("  ")
}

/** Shows the progress until the scope closes, which takes the bar away. */
export const showProgress = Effect.fnUntraced(
  function*(options: {
    readonly input: Pick<Input, "name" | "measure" | "total">
    readonly state: () => ProgressState
    /** Lines where standard error is no terminal. */
    readonly withLines: boolean
  }): Effect.fn.Return<void, never, Scope.Scope> {
    const isTerminal = process.stderr.isTTY
    if (!isTerminal && !options.withLines) return
    const startMillis = yield* Clock.currentTimeMillis
    const describe = Effect.map(
      Clock.currentTimeMillis,
      (nowMillis) => describeProgress(options.input, options.state(), Math.max(1, nowMillis - startMillis), isTerminal)
    )
    const show = Effect.flatMap(describe, (text) => {
      const line = `${options.input.name}  ${text}`
      return tell(isTerminal ? `${eraseLine}${clip(line, process.stderr.columns - 1)}` : `${line}\n`)
    })
    if (isTerminal) yield* Effect.addFinalizer(() => tell(eraseLine))
    const millis = isTerminal ? barMillis : lineMillis
    yield* Effect.forkScoped(Effect.delay(Effect.repeat(show, Schedule.spaced(millis)), millis))
  }
)
