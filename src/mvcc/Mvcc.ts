/**
 * The MVCC service: snapshots, and the versions that are visible to them.
 *
 * A snapshot is a position. Readers take one, keep it for as long as they read, and see per key the newest version at
 * or below it, whatever is written meanwhile.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Position } from "../base/position.ts"
import type { Reason } from "../base/reason.ts"
import type { TableVersions } from "./tableVersions.ts"

/** Which past a read wants: a position, a commit time in microseconds, or the newest. */
export type AsOf =
  | { readonly kind: "latest" }
  | { readonly kind: "position"; readonly position: Position }
  | { readonly kind: "time"; readonly time: number }

/** A place in time that a read is pinned to. */
export interface Snapshot {
  readonly position: Position
  /** Commit time of the newest row at or below the position, in microseconds; 0 where there is none. */
  readonly time: number
}

/** Memory that versions hold. */
export interface MvccUsage {
  readonly bytes: number
  readonly memtables: number
  readonly rows: number
}

/** Why no snapshot could be had. */
export class MvccError extends Schema.TaggedError<MvccError>()("MvccError", {
  reason: Schema.declare((u): u is Reason => typeof u === "string"),
  message: Schema.String,
  field: Schema.String
}) {}

export interface MvccService {
  /** The newest position that readers may see: everything up to it is as durable as it was promised to be. */
  readonly position: () => Position
  /**
   * Takes a snapshot. With `minPosition`, waits until that position is visible (read your writes), for ten seconds at
   * most: then fails with POSITION_NOT_REACHED, as does a position in the future. Below the history horizon it fails
   * with BELOW_HORIZON.
   */
  readonly snapshot: (options: {
    readonly asOf: AsOf
    readonly minPosition: Position
  }) => Effect.Effect<Snapshot, MvccError>
  /** The versions of a table, by the table's number; `undefined` while it has no rows. */
  readonly versions: (table: number) => TableVersions | undefined
  /** When the row at a position was committed, in microseconds. */
  readonly commitTime: (position: Position) => number
  readonly usage: () => MvccUsage
}

/** Snapshots, and the versions that are visible to them. */
export class Mvcc extends Context.Service<Mvcc, MvccService>()("varve/mvcc/Mvcc") {}
