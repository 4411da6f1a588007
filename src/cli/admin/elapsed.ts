/** Shows on a terminal that something still runs, and for how long. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { formatSeconds } from "../output/numbers.ts"
import { tell } from "../output/print.ts"
import { clip } from "../output/width.ts"

const eraseLine = "\r\u001b[K"

/** How often the line is written anew. */
const intervalMillis = 200

/** Writes a line above the one that tells of what runs. */
export const tellAbove = (line: string): Effect.Effect<void> =>
  tell(`${process.stderr.isTTY ? eraseLine : ""}${line}\n`)

/** Shows `describe`, after how long, until the scope closes. Nothing where standard error is no terminal. */
export const showRunning = Effect.fnUntraced(
  function*(describe: (elapsedMillis: number) => string): Effect.fn.Return<void, never, Scope.Scope> {
    if (!process.stderr.isTTY) return
    const began = yield* Clock.currentTimeMillis
    const show = Effect.flatMap(
      Clock.currentTimeMillis,
      (now) => tell(`${eraseLine}${clip(describe(now - began), process.stderr.columns - 1)}`)
    )
    yield* Effect.addFinalizer(() => tell(eraseLine))
    yield* Effect.forkScoped(Effect.delay(Effect.repeat(show, Schedule.spaced(intervalMillis)), intervalMillis))
  }
)

/** `compacting  12.3 s`. */
export const withElapsed = (what: string) => (elapsedMillis: number): string =>
  `${what}  ${formatSeconds(elapsedMillis)}`
