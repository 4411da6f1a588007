/** The bytes of a file or of standard input, in pieces; the first ones can be read twice. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { type CommandFailure, failure, usageFailure } from "../failure.ts"

/** Bytes of a piece. */
const pieceBytes = 256 * 1024

/** Pieces of bytes, one after another. */
export interface ByteFeed {
  /** Bytes in all; `undefined` where that is not known. */
  readonly size: number | undefined
  /** The next piece; `undefined` at the end. */
  readonly next: Effect.Effect<Buffer | undefined, CommandFailure>
  /** At least so many of the bytes that come next, or all that are left. They stay to be read. */
  readonly peek: (bytes: number) => Effect.Effect<Buffer, CommandFailure>
  /** Runs an effect that reads from the feed, and goes back to where it began. What it read is kept in memory for that. */
  readonly lookAhead: <A, E, R>(reader: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

const reasonOf = (error: unknown): string => {
  const code = (error as NodeJS.ErrnoException).code
  return code === "ENOENT"
    ? "there is no such file"
    : code === "EACCES"
    ? "no permission to read it"
    : code === "EISDIR"
    ? "it is a directory"
    : (error as Error).message
}

/** The size of a regular file; `undefined` for a pipe. Fails where it cannot be read. */
export const fileSize = (file: string): Effect.Effect<number | undefined, CommandFailure> =>
  Effect.try({
    try: () => {
      fs.accessSync(file, fs.constants.R_OK)
      const stat = fs.statSync(file)
      if (stat.isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" })
      return stat.isFile() ? stat.size : undefined
    },
    catch: (error) => usageFailure(`${file}: ${reasonOf(error)}`)
  })

/** Opens a file, or standard input for `-`, until the scope closes. */
export const openByteFeed = Effect.fnUntraced(
  function*(file: string): Effect.fn.Return<ByteFeed, CommandFailure, Scope.Scope> {
    const size = file === "-" ? undefined : yield* fileSize(file)
    const stream = yield* Effect.acquireRelease(
      Effect.sync(() => file === "-" ? process.stdin : fs.createReadStream(file, { highWaterMark: pieceBytes })),
      (stream) => Effect.sync(() => stream.destroy())
    )
    const iterator = stream[Symbol.asyncIterator]()
    /** What was read and is to be read again. */
    let waiting: Array<Buffer> = []
    let kept: Array<Buffer> | undefined
    const read = Effect.map(
      Effect.tryPromise({ try: () => iterator.next(), catch: (error) => failure(`${file}: ${reasonOf(error)}`) }),
      (result): Buffer | undefined => result.done === true ? undefined : result.value
    )
    return {
      size,
      next: Effect.suspend(() =>
        Effect.map(waiting.length > 0 ? Effect.succeed(waiting.shift()) : read, (piece) => {
          if (piece !== undefined) kept?.push(piece)
          return piece
        })
      ),
      peek: Effect.fnUntraced(function*(bytes: number) {
        let have = waiting.reduce((sum, piece) => sum + piece.length, 0)
        while (have < bytes) {
          const piece = yield* read
          if (piece === undefined) break
          waiting.push(piece)
          have += piece.length
        }
        return Buffer.concat(waiting)
      }),
      lookAhead: (reader) =>
        Effect.suspend(() => {
          const pieces: Array<Buffer> = []
          kept = pieces
          return Effect.ensuring(
            reader,
            Effect.sync(() => {
              kept = undefined
              waiting = [...pieces, ...waiting]
            })
          )
        })
    }
  }
)
