/** Printing what a command found. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Format } from "../settings.ts"
import { type Cell, type OutputColumn, type Row, textOf } from "./cell.ts"
import { makeRenderer } from "./Renderer.ts"
import { bold, terminalOf } from "./terminal.ts"
import { pad, printable, widthOf } from "./width.ts"

/** Writes to standard output, and waits until it has been taken. */
export const write = (text: string): Effect.Effect<void> =>
  text === "" ? Effect.void : Effect.callback((resume) => {
    process.stdout.write(text, () => resume(Effect.void))
  })

/** Writes to standard error. */
export const tell = (text: string): Effect.Effect<void> =>
  Effect.sync(() => {
    process.stderr.write(text)
  })

/** Prints rows as they come; returns how many there were. */
export const printStream = Effect.fnUntraced(
  function*<E>(
    format: Format,
    columns: ReadonlyArray<OutputColumn>,
    rows: Stream.Stream<ReadonlyArray<Row>, E>
  ): Effect.fn.Return<number, E> {
    const renderer = makeRenderer(format, columns, terminalOf(process.stdout))
    let count = 0
    yield* Stream.runForEach(rows, (some) => {
      count += some.length
      return write(renderer.add(some))
    })
    yield* write(renderer.end())
    return count
  }
)

/** Prints rows that are all there. */
export const printRows = (
  format: Format,
  columns: ReadonlyArray<OutputColumn>,
  rows: ReadonlyArray<Row>
): Effect.Effect<number> => printStream(format, columns, Stream.succeed(rows))

/** One thing with named parts: for people a line for each part, else one row. */
export const printRecord = (
  format: Format,
  parts: ReadonlyArray<readonly [name: string, value: Cell]>
): Effect.Effect<void> => {
  if (format !== "table") {
    const columns = parts.map(([name, value]) => ({ name, isNumber: typeof value === "number" }))
    return Effect.asVoid(printRows(format, columns, [parts.map(([, value]) => value)]))
  }
  const terminal = terminalOf(process.stdout)
  const width = Math.max(...parts.map(([name]) => widthOf(printable(name))))
  const lines = parts.map(([name, value]) => {
    const text = value === null ? "null" : typeof value === "string" ? printable(value) : textOf(value)
    return `${bold(pad(printable(name), width, false), terminal)}  ${text}\n`
  })
  return write(lines.join(""))
}
