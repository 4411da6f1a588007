/**
 * The commit of a group, from intents to answers. This is the only place in the engine where anything is written to
 * the log.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { ByteWriter } from "../base/byteCursor.ts"
import { invariant } from "../base/invariant.ts"
import { framePayloadBytesMax } from "../base/limits.ts"
import * as Position from "../base/position.ts"
import type { Reason } from "../base/reason.ts"
import { encodeEvent, type Event, frameKinds, spanOf } from "../event/Event.ts"
import type { Appended, FrameInput, WalError, WalReason, WalService } from "../wal/Wal.ts"
import { CommitError, type CommitReceipt } from "./CommitPipeline.ts"
import { decide, type Decision } from "./decide.ts"
import type { EngineService } from "./Engine.ts"
import { GroupState, versionKey } from "./groupState.ts"
import { type Durability, type Intent, type Refusal, refuse } from "./intent.ts"
import { fromSegmentError } from "./Mvcc.ts"
import type { SegmentFilesService } from "./SegmentFiles.ts"
import { storedVersion } from "./storedVersions.ts"

/** An intent that waits, and where its answer goes. */
export interface Waiting {
  readonly intent: Intent
  readonly answer: Deferred.Deferred<CommitReceipt, CommitError>
}

export interface GroupOptions {
  /** Whether groups are synced where no intent asks for it. */
  readonly syncDefault: boolean
  /** Bytes that rows in memory may hold; from there on new rows are refused. */
  readonly memoryBytesMax: number
}

/** An intent that becomes a frame of the group. */
interface Staged extends Waiting {
  readonly event: Event
  readonly first: Position.Position
  /** Its payload in the group's buffer. */
  readonly start: number
  readonly end: number
}

/** An intent that becomes nothing, decided on a state that is not durable yet: what it is told waits for the group. */
interface Settled extends Waiting {
  readonly decision: Exclude<Decision, { readonly kind: "append" }>
}

/** What intents have to know of segments, and those for which it could not be read. */
interface Stored {
  readonly versions: ReadonlyMap<string, Position.Position>
  readonly failures: ReadonlyMap<Intent, Refusal>
}

const nothingStored: Stored = { versions: new Map(), failures: new Map() }

/** Makes the function that commits a group; it must be called by one fiber at a time. */
export const makeCommitGroup = (
  engine: EngineService,
  wal: WalService,
  files: SegmentFilesService,
  options: GroupOptions
) => {
  const { state } = engine
  // One buffer for all groups: a group's frames are written before the next one is encoded.
  const buffer = new ByteWriter(1024 * 1024)

  return Effect.fnUntraced(function*(waiting: ReadonlyArray<Waiting>) {
    const now = Math.max(yield* micros, state.commitTimes.timeOf(Position.max))
    const stored = yield* findStored(waiting)
    const group = new GroupState(state, now, stored.versions)
    const staged: Array<Staged> = []
    const settled: Array<Settled> = []
    let sync = options.syncDefault

    // Decide every intent in the order of arrival, each on the state that those before it lead to.
    buffer.reset()
    for (const { answer, intent } of waiting) {
      const decision = stored.failures.get(intent) ?? limited(decide(group, intent))
      const wantsSync = intent.kind === "catalog" || intent.durability === "FSYNCED"
      if (decision.kind !== "append") {
        // What an earlier intent wrote without a sync is to be as durable as this one asks for.
        const isBehind = decision.kind === "duplicate" && decision.receipt.lastPosition > wal.durablePosition
        if (staged.length === 0 && !(wantsSync && isBehind)) settle(answer, decision, now)
        else settled.push({ answer, intent, decision })
        sync ||= wantsSync && isBehind
        continue
      }
      buffer.align()
      const start = buffer.length
      encodeEvent(buffer, decision.event)
      const end = buffer.length
      if (end - start > framePayloadBytesMax) {
        fail(answer, tooLarge(end - start))
        continue
      }
      const first = group.stage(decision.event)
      staged.push({ answer, intent, event: decision.event, first, start, end })
      sync ||= wantsSync
    }
    if (staged.length === 0 && settled.length === 0) return

    const bytes = buffer.written()
    const frames = staged.map(({ end, event, start }): FrameInput => ({
      kind: frameKinds[event.kind],
      span: spanOf(event),
      payload: [bytes.subarray(start, end)]
    }))
    const written = yield* Effect.result(
      frames.length > 0 ? wal.append(frames, { commitTime: now, sync }) : Effect.as(wal.sync, noFrames)
    )
    if (written._tag === "Failure") {
      // Nothing of the group was ever seen, so whatever was decided on it is undone as well.
      const refusal = fromWalError(written.failure)
      for (const { answer } of [...staged, ...settled]) fail(answer, refusal)
      return
    }
    // As durable as promised from here on. Fold all of it before anyone can look: a reader sees whole groups.
    const { commitTime, positions } = written.success
    for (let i = 0; i < staged.length; i++) {
      invariant(positions[i] === staged[i].first, "the log gives the positions that were decided on")
      const { event, intent } = staged[i]
      state.fold(event, positions[i], commitTime, intent.kind === "catalog" ? intent.handOver : undefined)
    }
    engine.publish()
    const durability: Durability = sync ? "FSYNCED" : "MEMORY"
    for (const { answer, event, first } of staged) {
      succeed(answer, {
        outcome: "committed",
        firstPosition: first,
        lastPosition: Position.advance(first, spanOf(event) - 1),
        commitTime,
        durability
      })
    }
    for (const { answer, decision } of settled) settle(answer, decision, commitTime)
  })

  /**
   * The versions that intents expect, of keys that memory does not hold. Nothing that a group decides on changes while
   * they are read: only this function's caller changes it.
   */
  function findStored(waiting: ReadonlyArray<Waiting>): Effect.Effect<Stored> {
    const wanted = waiting.filter(({ intent }) => intent.kind === "rows" && intent.expectedVersion !== undefined)
    return wanted.length === 0 ? Effect.succeed(nothingStored) : Effect.gen(function*() {
      const versions = new Map<string, Position.Position>()
      const failures = new Map<Intent, Refusal>()
      for (const { intent } of wanted) {
        if (intent.kind !== "rows") continue
        const { keys, shape } = intent.batches[0]
        const table = state.tables.get(shape.table)
        const key = keys.get(0)
        if (table === undefined || table.segments.length === 0 || table.find(key, Position.max) !== undefined) continue
        const found = yield* Effect.result(storedVersion(files, table, key))
        if (found._tag === "Success") versions.set(versionKey(shape.table, key), found.success)
        else {
          const { field, message, reason } = fromSegmentError(found.failure)
          failures.set(intent, refuse(reason, field, message))
        }
      }
      return { versions, failures }
    })
  }

  function settle(answer: Waiting["answer"], decision: Settled["decision"], commitTime: number): void {
    switch (decision.kind) {
      case "refused":
        return fail(answer, decision)
      case "unchanged":
        return succeed(answer, { ...nothing, commitTime })
      case "duplicate": {
        const { commitTime: earlier, firstPosition, lastPosition } = decision.receipt
        const durability = wal.durablePosition >= lastPosition ? "FSYNCED" : "MEMORY"
        return succeed(answer, { outcome: "duplicate", firstPosition, lastPosition, commitTime: earlier, durability })
      }
    }
  }

  /** New rows are refused where memory is full. What was written already, and changes of the catalog, are not. */
  function limited(decision: Decision): Decision {
    return decision.kind !== "append" || decision.event.kind !== "RowsWritten" || state.bytes < options.memoryBytesMax
      ? decision
      : refuse(
        "MEMORY_LIMIT",
        "",
        `rows in memory hold ${state.bytes} bytes, far above memtable.limit; send it again later`
      )
  }
}

const micros = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos / 1000n))

const noFrames: Appended = { positions: [], last: Position.zero, commitTime: 0 }

const nothing = {
  outcome: "unchanged",
  firstPosition: Position.zero,
  lastPosition: Position.zero,
  durability: "FSYNCED"
} as const

const tooLarge = (bytes: number): Refusal =>
  refuse(
    "TOO_MANY_RECORDS",
    "",
    `${bytes} bytes of columns; ${framePayloadBytesMax} are allowed, send fewer records`
  )

const succeed = (answer: Waiting["answer"], receipt: CommitReceipt): void => {
  Deferred.doneUnsafe(answer, Effect.succeed(receipt))
}

const fail = (answer: Waiting["answer"], { field, message, reason }: Refusal): void => {
  Deferred.doneUnsafe(answer, Effect.fail(new CommitError({ reason, message, field })))
}

const walReasons: Partial<Record<WalReason, Reason>> = {
  StorageFull: "STORAGE_FULL",
  TooLarge: "TOO_MANY_RECORDS",
  Damaged: "DAMAGED"
}

const fromWalError = (error: WalError): Refusal =>
  refuse(walReasons[error.reason] ?? "LOG_UNAVAILABLE", "", error.message)
