/**
 * The log: every change is a frame in it, in order. The log knows nothing of what the frames hold.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Position } from "../base/position.ts"

/**
 * Why the log refused or failed.
 *
 * - `Damaged`: durable data is not what was written. `file` and `offset` say where.
 * - `Poisoned`: a write or sync failed, so nobody knows what is on disk; the log takes no more until it is reopened.
 * - `StorageFull`: no space; nothing of the group was kept. The only reason worth retrying.
 * - `TooLarge`: a frame over its limit. Nothing was written.
 * - `Truncated`: the position asked for was removed from the log.
 * - `InUse`: another process, or another Wal, owns the storage.
 * - `NewerFormat`: a newer version of Varve wrote the log.
 * - `Closed`: the log was closed.
 * - `Storage`: anything else that the storage reports.
 */
export const WalReason = Schema.Literals([
  "Damaged",
  "Poisoned",
  "StorageFull",
  "TooLarge",
  "Truncated",
  "InUse",
  "NewerFormat",
  "Closed",
  "Storage"
])

/** See {@link WalReason}. */
export type WalReason = typeof WalReason.Type

/** A failure of the log. `message` names what, where and the way out. */
export class WalError extends Schema.TaggedError<WalError>()("WalError", {
  reason: WalReason,
  message: Schema.String,
  /** The file to blame, as the user knows it. */
  file: Schema.optionalKey(Schema.String),
  /** Where in that file, in bytes. */
  offset: Schema.optionalKey(Schema.Number)
}) {}

/** A frame to append. */
export interface FrameInput {
  /** What the payload is, for the reader: 0 to 65,535. */
  readonly kind: number
  /** How many consecutive positions the frame takes: one per row. 1 to 2^32 - 1. */
  readonly span: number
  /** The payload in pieces, written one after another. They must not change until the append completes. */
  readonly payload: ReadonlyArray<Uint8Array>
}

/** How to append a group. */
export interface AppendOptions {
  /** Microseconds since 1970. One before the log's newest is raised to that: times never decrease along the log. */
  readonly commitTime: number
  /** Wait until the group, and everything before it, survives a loss of power. */
  readonly sync: boolean
}

/** A group that was appended. */
export interface Appended {
  /** The first position of each frame, in order. */
  readonly positions: ReadonlyArray<Position>
  /** The last position of the last frame. */
  readonly last: Position
  /** The commit time that its frames carry. */
  readonly commitTime: number
}

/** A frame that was read. */
export interface Frame {
  readonly kind: number
  /** Its first position; it takes `span` of them. */
  readonly position: Position
  readonly span: number
  /** Microseconds since 1970. */
  readonly commitTime: number
  /** The last position that was known to be synced when the frame was written. */
  readonly durable: Position
  /**
   * A view, never to be written to, into the block that was read (up to 8 MiB, which lives as long as a view of it).
   * It begins at an address that is a multiple of 8, so that columns in it can be read as typed arrays.
   */
  readonly payload: Uint8Array<ArrayBuffer>
}

/** Figures of a log. Counters count since it was opened. */
export interface WalStatus {
  readonly files: number
  /** Bytes of frames and file headers; preallocated space is not counted. */
  readonly bytes: number
  /** The oldest position that can be read; the next one to be given where the log is empty. */
  readonly firstPosition: Position
  readonly writtenPosition: Position
  readonly durablePosition: Position
  /** The newest commit time, microseconds since 1970; 0 in an empty log. */
  readonly lastCommitTime: number
  /** The reason for which the log takes no more, else undefined. */
  readonly poisoned: string | undefined
  readonly groupsAppended: number
  readonly framesAppended: number
  readonly bytesAppended: number
  readonly syncs: number
  readonly syncMicrosTotal: number
  readonly syncMicrosLast: number
  /** Element i counts the syncs that took under 2^i microseconds and not under 2^(i-1). */
  readonly syncMicrosBuckets: ReadonlyArray<number>
}

/** What of the log is kept though nothing needs it, for those who follow it: a file goes when it is past either. */
export interface LogRetention {
  /** Microseconds since the newest commit in a file. */
  readonly micros: number
  /** Bytes of all files. */
  readonly bytesMax: number
}

export interface WalService {
  /** What tells this log from every other one: 16 bytes. */
  readonly logId: Uint8Array
  /**
   * Appends a group of frames, all of them or, where it fails with anything but `Poisoned`, none. Positions go on
   * without a gap. Groups are taken one at a time; it cannot be interrupted once it has begun.
   *
   * After `Poisoned` the outcome is unknown until the log is reopened: the group may be found there.
   */
  readonly append: (
    frames: ReadonlyArray<FrameInput>,
    options: AppendOptions
  ) => Effect.Effect<Appended, WalError>
  /** Makes everything that was appended survive a loss of power; gives the last position. */
  readonly sync: Effect.Effect<Position, WalError>
  /**
   * The frames from the one that holds `from` up to the last that was appended when the stream was started, as arrays
   * of frames. A group appended with `sync` is not seen before it is synced.
   */
  readonly read: (from: Position) => Stream.Stream<ReadonlyArray<Frame>, WalError>
  /** As `read`, and then on and on as frames are appended. Ends when the log is closed. */
  readonly tail: (from: Position) => Stream.Stream<ReadonlyArray<Frame>, WalError>
  /** The last position that survives a loss of power; 0 where none does. */
  readonly durablePosition: Position
  /** The last position that readers see; 0 in an empty log. */
  readonly writtenPosition: Position
  /**
   * Removes the oldest files, as long as all their positions are before `before` and `retention` does not keep them;
   * gives how many. Where the log has an archive, they are moved there. A crash leaves out none in between.
   */
  readonly truncate: (before: Position, retention?: LogRetention) => Effect.Effect<number, WalError>
  readonly status: Effect.Effect<WalStatus>
}

/** The log of one partition. */
export class Wal extends Context.Service<Wal, WalService>()("varve/wal/Wal") {}
