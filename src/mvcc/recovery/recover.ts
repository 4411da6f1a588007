/** Recovery: the state as it was, from the newest checkpoint and the log behind it. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { FormatError } from "../../base/byteCursor.ts"
import * as Position from "../../base/position.ts"
import { decodeEvent, frameKinds } from "../../event/Event.ts"
import { BlockStorage } from "../../storage/BlockStorage.ts"
import { type Frame, Wal, type WalError } from "../../wal/Wal.ts"
import type { CheckpointContent } from "../checkpoint/content.ts"
import type { CheckpointHeader } from "../checkpoint/format.ts"
import { checkpointFolder } from "../checkpoint/store.ts"
import { CommitTimes } from "../commitTimes.ts"
import { EngineState } from "../engineState.ts"
import { Receipts } from "../receipts.ts"
import { chooseCheckpoint, fromStorageError } from "./chooseCheckpoint.ts"
import { RecoveryError } from "./RecoveryError.ts"
import { checkSegmentFiles, removeOrphans } from "./segmentFiles.ts"

/** What a state was recovered from. */
export interface RecoveredFrom {
  /** `undefined`: the whole log was folded. */
  readonly checkpoint: CheckpointHeader | undefined
  /** Bytes of log behind the checkpoint, without the frames' headers. */
  readonly replayedBytes: number
}

/** A state that was recovered. */
export interface Recovered extends RecoveredFrom {
  readonly state: EngineState
}

/**
 * Recovers. Events behind the checkpoint are folded; of those before it, rows alone are read again that are not in segments
 * yet. Then the segments are checked against the catalog, and files that nothing names are removed.
 */
export const recover = Effect.fnUntraced(function*(
  memtableBytesMax: number
): Effect.fn.Return<Recovered, WalError | RecoveryError, BlockStorage | Wal> {
  const wal = yield* Wal
  const storage = yield* BlockStorage
  const checkpoint = yield* chooseCheckpoint(storage, wal)
  // A process that was killed, unlike a machine that lost power, leaves a name that can be seen and was never synced.
  if (checkpoint !== undefined) yield* Effect.mapError(storage.syncDirectory(checkpointFolder), fromStorageError)
  const state = stateOf(memtableBytesMax, checkpoint?.content)
  const from = checkpoint?.header.replayFrom ?? Position.first
  let replayedBytes = 0
  yield* wal.read(from).pipe(Stream.runForEach((frames) =>
    Effect.suspend(() => {
      for (const frame of frames) {
        const problem = replay(state, frame, checkpoint?.header.position ?? Position.zero)
        if (problem !== undefined) return Effect.fail(problem)
        if (frame.position > (checkpoint?.header.position ?? 0)) replayedBytes += frame.payload.length
      }
      return Effect.void
    })
  ))
  yield* checkSegmentFiles(storage, state)
  yield* removeOrphans(storage, state)
  return { state, checkpoint: checkpoint?.header, replayedBytes }
})

const stateOf = (memtableBytesMax: number, content: CheckpointContent | undefined): EngineState => {
  if (content === undefined) return new EngineState(memtableBytesMax)
  const { catalog, position } = content
  const receipts = new Receipts()
  for (const run of content.receipts) for (const receipt of run) receipts.keep(receipt)
  return new EngineState(memtableBytesMax, {
    catalog,
    position,
    receipts,
    commitTimes: CommitTimes.of(content.commitTimes)
  })
}

/** Folds a frame, or its rows alone where the checkpoint, which is of position `known`, has the rest of it. */
const replay = (state: EngineState, frame: Frame, known: Position.Position): RecoveryError | undefined => {
  const { commitTime, kind, payload, position } = frame
  const isKnown = position <= known
  if (isKnown && kind !== frameKinds.RowsWritten) return undefined
  try {
    const event = decodeEvent(kind, payload)
    if (!isKnown) state.fold(event, position, commitTime)
    else if (event.kind === "RowsWritten") state.refoldRows(event, position)
    return undefined
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return new RecoveryError({ position, message: `the log at position ${position}: ${error.message}` })
  }
}
