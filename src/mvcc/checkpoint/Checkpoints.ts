/**
 * Checkpoints of the engine: what a start needs in place of the whole log. Writing one lets go of the log before it.
 *
 * The two newest are kept, so that damage of one costs nothing but time. The log is kept from the first position that
 * either of them needs, which is why it is not cut before there are two.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Position from "../../base/position.ts"
import type { CatalogState } from "../../catalog/state.ts"
import { BlockStorage } from "../../storage/BlockStorage.ts"
import { type LogRetention, Wal } from "../../wal/Wal.ts"
import { Engine } from "../Engine.ts"
import { type CheckpointError, fromStorageError, fromWalError } from "./CheckpointError.ts"
import { checkpointNeeded } from "./checkpointNeeded.ts"
import { contentOf } from "./content.ts"
import type { CheckpointHeader } from "./format.ts"
import { checkpointFolder, checkpointName, storeCheckpoint } from "./store.ts"

/** How checkpoints are written. */
export interface CheckpointOptions {
  /** What of the log is kept though no checkpoint needs it. */
  readonly logRetention: LogRetention
}

/** A day of log, for those who follow it, as long as that is no more than 4 GB. */
export const checkpointDefaults: CheckpointOptions = {
  logRetention: { micros: 24 * 60 * 60 * 1_000_000, bytesMax: 4e9 }
}

/** What there is. */
export interface CheckpointStatus {
  /** Of the newest checkpoint; 0 where there is none. */
  readonly position: Position.Position
  /** Its file's length; 0 where there is none. */
  readonly bytes: number
  /** The log begins at this position at the latest where it is to recover from; 1 while all of it is needed. */
  readonly logNeededFrom: Position.Position
  /** Bytes of log behind the newest checkpoint: what a start has to read, and more where rows before it are in memory. */
  readonly logBytes: number
  /** Written since the start. */
  readonly written: number
}

export interface CheckpointsService {
  /**
   * Writes a checkpoint of the present state, removes all but the two newest, and lets go of the log that neither of
   * them needs. Gives its position; that of the newest where nothing has happened since. One at a time.
   */
  readonly write: Effect.Effect<Position.Position, CheckpointError>
  /** Whether one is worth writing now: see `checkpointNeeded`. For a daemon that asks every second or so. */
  readonly isNeeded: Effect.Effect<boolean>
  /**
   * Lets go of log files that only `logRetention` has kept, as time goes by; gives how many. `write` does it too. A failure
   * is logged: the next call tries again.
   */
  readonly releaseLog: Effect.Effect<number>
  /** Writes one at a clean end, where that takes little time and saves the next start some. Never fails. */
  readonly finish: Effect.Effect<void>
  readonly status: Effect.Effect<CheckpointStatus>
}

/** Checkpoints of the engine. */
export class Checkpoints extends Context.Service<Checkpoints, CheckpointsService>()(
  "varve/mvcc/checkpoint/Checkpoints"
) {}

/** A checkpoint up to this many bytes is written at a clean end. */
const finishBytesMax = 64 * 1024 * 1024

/** Makes the service. It writes nothing by itself. */
export const makeCheckpoints = Effect.fnUntraced(function*(
  options: CheckpointOptions
): Effect.fn.Return<CheckpointsService, never, Engine | Wal | BlockStorage> {
  const { recovered, state } = yield* Engine
  const wal = yield* Wal
  const storage = yield* BlockStorage
  const turn = Semaphore.makeUnsafe(1)
  /** Those that can be recovered from, newest first: two at most. */
  let kept: ReadonlyArray<CheckpointHeader> = recovered.checkpoint === undefined ? [] : [recovered.checkpoint]
  let written = 0
  /** Bytes that had been appended when the newest was taken; what was there at the start counts as appended before 0. */
  let bytesBefore = -recovered.replayedBytes
  let millisBefore = yield* Clock.currentTimeMillis
  let catalogBefore = state.catalog

  const logNeededFrom = (): Position.Position =>
    kept.length < 2 ? Position.first : Math.min(...kept.map(({ replayFrom }) => replayFrom)) as Position.Position

  const logBytes = Effect.map(wal.status, ({ bytesAppended }) => bytesAppended - bytesBefore)

  const releaseLog = Effect.suspend(() => wal.truncate(logNeededFrom(), options.logRetention)).pipe(
    Effect.catch((error) =>
      Effect.as(Effect.logWarning(`log files that are no longer needed stay for now: ${error.message}`), 0)
    )
  )

  /** Those that are left over do no harm: the newest one is taken. */
  const removeOlder = Effect.gen(function*() {
    const names = new Set(kept.map(({ position }) => checkpointName(position)))
    const found = yield* storage.list(`${checkpointFolder}/`)
    for (const name of found) if (!names.has(name)) yield* storage.remove(name)
  }).pipe(
    Effect.catch((error) => Effect.logWarning(`a checkpoint that is no longer needed stays for now: ${error.message}`))
  )

  const write = Effect.gen(function*() {
    const millis = yield* Clock.currentTimeMillis
    const { bytesAppended } = yield* wal.status
    const content = contentOf(state, wal.logId)
    if (kept[0]?.position === content.position) return content.position
    // The log has to be at least as long as the checkpoint says, whatever durability its writers asked for.
    yield* Effect.mapError(wal.sync, fromWalError)
    const header = yield* Effect.mapError(storeCheckpoint(storage, content), fromStorageError)
    kept = [header, ...kept].slice(0, 2)
    written++
    bytesBefore = bytesAppended
    millisBefore = millis
    catalogBefore = content.catalog
    yield* Effect.andThen(removeOlder, releaseLog)
    return content.position
  })

  return {
    write: turn.withPermit(write),
    isNeeded: Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      return checkpointNeeded({
        logBytes: yield* logBytes,
        checkpointBytes: kept[0]?.fileBytes ?? 0,
        millis: now - millisBefore,
        segmentsChanged: haveSegmentsChanged(catalogBefore, state.catalog)
      })
    }),
    releaseLog: turn.withPermit(releaseLog),
    finish: turn.withPermit(Effect.suspend(() =>
      (kept[0]?.fileBytes ?? 0) > finishBytesMax
        ? Effect.void
        : Effect.catch(write, (error) => Effect.logWarning(`no checkpoint was written at the end: ${error.message}`))
    )),
    status: Effect.map(logBytes, (bytes) => ({
      position: kept[0]?.position ?? Position.zero,
      bytes: kept[0]?.fileBytes ?? 0,
      logNeededFrom: logNeededFrom(),
      logBytes: bytes,
      written
    }))
  }
})

/** Segments of a table are another array after each publication. */
const haveSegmentsChanged = (before: CatalogState, now: CatalogState): boolean => {
  if (before === now) return false
  for (const [id, { segments }] of now.tables) {
    const known = before.tables.get(id)?.segments
    if (known === undefined ? segments.length > 0 : known !== segments) return true
  }
  return false
}
