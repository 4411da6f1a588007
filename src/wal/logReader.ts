/** Reads a log while it is appended to. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Position } from "../base/position.ts"
import type { BlockFile, BlockStorageService } from "../storage/BlockStorage.ts"
import { damaged, fromStorageError } from "./logFiles.ts"
import type { LogFile, LogState } from "./logState.ts"
import { closeFile, type OpenFile, openFile } from "./newFile.ts"
import { scanBlock } from "./scanFile.ts"
import { type Frame, WalError } from "./Wal.ts"

/** What a reader reads. */
export interface LogSource {
  readonly storage: BlockStorageService
  readonly state: LogState
  /** Bytes that one read asks for. */
  readonly blockBytes: number
}

const truncated = (state: LogState, position: number): WalError =>
  new WalError({
    reason: "Truncated",
    message: `position ${position} is no longer in the log, which begins at position ` +
      `${state.files[0].firstPosition}; begin there, or from a checkpoint`
  })

/** The file that holds `position`: the last that begins at or before it. */
const locate = (state: LogState, position: number): LogFile | undefined =>
  state.files.findLast((file) => file.firstPosition <= position)

/**
 * Gives the next frames that are there at each call, at least one; `undefined` where there are none yet. The first
 * frame is the one that holds `from`.
 */
const makeCursor = Effect.fnUntraced(function*(source: LogSource, from: number) {
  const { state, storage } = source
  const scope = yield* Effect.scope
  const located = locate(state, from)
  if (located === undefined) return yield* truncated(state, from)
  let log = located
  let at = log.seek(from)
  let opened: OpenFile | undefined

  const open = Effect.fnUntraced(function*(file: LogFile): Effect.fn.Return<BlockFile, WalError> {
    if (opened !== undefined) return opened.file
    opened = yield* Effect.mapError(
      openFile(storage, scope, file.name, { readOnly: true }),
      (error) => error.reason === "NotFound" ? truncated(state, at.position) : fromStorageError(error)
    )
    return opened.file
  })

  /** Goes on to the next file; false where there is none. */
  const turn = Effect.fnUntraced(function*() {
    const index = log.ordinal + 1 - state.files[0].ordinal
    // Removed behind the reader's back: that is not the end of the log.
    if (index < 0) return yield* truncated(state, at.position)
    const next = state.files[index]
    if (next === undefined) return false
    if (next.firstPosition !== at.position) {
      return yield* damaged(
        next.path,
        16,
        `the file begins at position ${next.firstPosition}, the one before it ends before position ${at.position}`
      )
    }
    if (opened !== undefined) yield* closeFile(opened)
    opened = undefined
    log = next
    at = next.seek(next.firstPosition)
    return true
  })

  const scan = Effect.fnUntraced(function*() {
    const limit = log.end
    const file = yield* open(log)
    const block = yield* Effect.mapError(
      scanBlock(file, at, limit, state.seed, source.blockBytes),
      fromStorageError
    )
    if (block.stop === "Invalid" || block.stop === "Zero") {
      // Everything up to the limit was valid when the log was opened or was written since.
      return yield* damaged(log.path, block.offset, block.stop === "Zero" ? "zeros where a frame was" : block.problem)
    }
    if (block.stop === "Limit" && block.offset < limit) {
      return yield* damaged(log.path, block.offset, "the file ends before its last frame")
    }
    at = { offset: block.offset, position: block.position }
    return block.frames[0]?.position < from
      ? block.frames.filter((frame) => frame.position + frame.span > from)
      : block.frames
  })

  return Effect.gen(function*() {
    for (;;) {
      if (at.offset < log.end) {
        const frames = yield* scan()
        if (frames.length > 0) return frames
      } else if (!(yield* turn())) {
        return undefined
      }
    }
  })
})

const done = Cause.done()

/** See `Wal.read`. */
export const readLog = (source: LogSource, from: Position): Stream.Stream<ReadonlyArray<Frame>, WalError> =>
  Stream.unwrap(Effect.gen(function*() {
    const { state } = source
    const last = state.writtenPosition
    const next = yield* makeCursor(source, Math.max(from, 1))
    let reached = false
    return Stream.fromPull(Effect.succeed(Effect.gen(function*() {
      if (reached || from > last) return yield* done
      const frames = yield* next
      if (frames === undefined) return yield* done
      const tail = frames[frames.length - 1]
      reached = tail.position + tail.span > last
      if (tail.position <= last) return [frames] as const
      const wanted = frames.filter((frame) => frame.position <= last)
      return wanted.length === 0 ? yield* done : [wanted] as const
    })))
  }))

/** See `Wal.tail`. */
export const tailLog = (source: LogSource, from: Position): Stream.Stream<ReadonlyArray<Frame>, WalError> =>
  Stream.unwrap(Effect.gen(function*() {
    const { state } = source
    const next = yield* makeCursor(source, Math.max(from, 1))
    return Stream.fromPull(Effect.succeed(Effect.gen(function*() {
      for (;;) {
        const changed = state.changed.next
        const frames = yield* next
        if (frames !== undefined) return [frames] as const
        if (state.closed) return yield* done
        yield* changed
      }
    })))
  }))
