/** Bytes cut into blocks of whole lines. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import { isUtf8 } from "node:buffer"
import { type CommandFailure, failure } from "../failure.ts"
import type { ByteFeed } from "./ByteFeed.ts"

/** A line over this length is no line of text. */
const lineBytesMax = 64 * 1024 * 1024

const lineFeed = 0x0a
const byteOrderMark = 0xfeff

/** Whole lines. */
export interface TextBlock {
  /** The lines; the last one without its end. What is not UTF-8 reads as U+FFFD. */
  readonly text: string
  /** The number of the first line, from 1. */
  readonly firstLine: number
  /** Lines in the block. */
  readonly lines: number
  /** Bytes from the start of the feed to the start of the block, and to its end. */
  readonly start: number
  readonly end: number
  /** Lines that are not UTF-8, counted from 0 within the block; `undefined` where all are. */
  readonly broken: ReadonlySet<number> | undefined
}

const findBroken = (bytes: Buffer): ReadonlySet<number> | undefined => {
  if (isUtf8(bytes)) return undefined
  const broken = new Set<number>()
  for (let start = 0, line = 0; start <= bytes.length; line++) {
    const found = bytes.indexOf(lineFeed, start)
    const end = found === -1 ? bytes.length : found
    if (!isUtf8(bytes.subarray(start, end))) broken.add(line)
    start = end + 1
  }
  return broken
}

const countLineFeeds = (bytes: Buffer): number => {
  let count = 0
  for (let at = bytes.indexOf(lineFeed); at !== -1; at = bytes.indexOf(lineFeed, at + 1)) count++
  return count
}

/** How far into a feed a row is: rows of a block are taken to be of one size. */
export const progressWithin =
  ({ end, start }: Pick<TextBlock, "start" | "end">, count: number) => (index: number): number =>
    start + Math.ceil(((end - start) * (index + 1)) / count)

/** Cuts a feed into blocks. Pieces go in, and a block comes out as soon as a line has ended. */
class Cutter {
  private rest: Array<Buffer> = []
  private restBytes = 0
  private line = 1
  private end = 0

  /** The lines that a piece completes; `undefined` for none. */
  add(piece: Buffer): TextBlock | undefined {
    const last = piece.lastIndexOf(lineFeed)
    if (last === -1) {
      this.keep(piece)
      return undefined
    }
    const bytes = Buffer.concat([...this.rest, piece.subarray(0, last)])
    this.rest = []
    this.restBytes = 0
    this.keep(piece.subarray(last + 1))
    return this.block(bytes, 1)
  }

  /** The last line, which nothing ends. */
  finish(): TextBlock | undefined {
    if (this.restBytes === 0) return undefined
    const bytes = Buffer.concat(this.rest)
    this.restBytes = 0
    return this.block(bytes, 0)
  }

  /** Whether the line that has begun is longer than a line may be; its number is `number`. */
  get isTooLong(): boolean {
    return this.restBytes > lineBytesMax
  }

  get number(): number {
    return this.line
  }

  private keep(piece: Buffer): void {
    if (piece.length === 0) return
    this.rest.push(piece)
    this.restBytes += piece.length
  }

  private block(bytes: Buffer, lineEndBytes: number): TextBlock {
    const firstLine = this.line
    const lines = countLineFeeds(bytes) + 1
    const start = this.end
    this.line += lines
    this.end += bytes.length + lineEndBytes
    const decoded = bytes.toString("utf8")
    const text = firstLine === 1 && decoded.charCodeAt(0) === byteOrderMark ? decoded.slice(1) : decoded
    return { text, firstLine, lines, start, end: this.end, broken: findBroken(bytes) }
  }
}

/** The blocks of a feed, from where it stands. */
export const textBlocks = (feed: ByteFeed, name: string): Stream.Stream<TextBlock, CommandFailure> =>
  Stream.suspend(() => {
    const cutter = new Cutter()
    let ended = false
    const pull: Pull.Pull<readonly [TextBlock], CommandFailure> = Effect.gen(function*() {
      while (!ended) {
        const piece = yield* feed.next
        ended = piece === undefined
        const block = piece === undefined ? cutter.finish() : cutter.add(piece)
        if (block !== undefined) return [block] as const
        if (cutter.isTooLong) {
          return yield* failure(
            `${name}, line ${cutter.number}: longer than ${lineBytesMax} bytes; is this a text file?`
          )
        }
      }
      return yield* Cause.done()
    })
    return Stream.fromPull(Effect.succeed(pull))
  })
