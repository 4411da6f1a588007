/** Publishes segments: from then on a table's rows lie in other files, for everyone at the same position. */
import * as Effect from "effect/Effect"
import * as Position from "../base/position.ts"
import { publicationProblem } from "../catalog/fold.ts"
import { filesOf, type Table } from "../catalog/state.ts"
import type { SegmentEntry, SegmentsPublished } from "../event/Event.ts"
import type { CommitError, CommitPipelineService } from "../mvcc/CommitPipeline.ts"
import type { EngineService } from "../mvcc/Engine.ts"
import type { HandOver } from "../mvcc/handOver.ts"
import { type Refusal, refuse } from "../mvcc/intent.ts"
import type { SegmentFilesService } from "../mvcc/SegmentFiles.ts"

/** What publishing needs. */
export interface Publisher {
  readonly engine: EngineService
  readonly pipeline: CommitPipelineService
  readonly files: SegmentFilesService
}

/** What changes of a table's segments. */
export interface SegmentsChange {
  /** Every row up to here is in segments then; 0 where nothing was flushed. */
  readonly through: Position.Position
  /** Versions that no snapshot at or above this sees may be gone then; 0 where none went. */
  readonly horizon: Position.Position
  readonly removed: ReadonlyArray<string>
  readonly added: ReadonlyArray<SegmentEntry>
}

/** A change of the segments of a table. */
export interface Publication extends SegmentsChange {
  /** The table's number in the catalog. */
  readonly table: number
}

/** Publishes what is known to change; see `publishChange`. */
export const publishSegments = (
  publisher: Publisher,
  publication: Publication,
  handOver: HandOver | undefined
): Effect.Effect<void, CommitError> => publishChange(publisher, publication.table, () => publication, handOver)

/**
 * Commits what `change` makes of a table as it is when the commit's turn comes, `undefined` where that is nothing, then lets go of the files that it removes. Fails with SEGMENTS_CHANGED where another one was
 * first: then the files that it would have added are nobody's. After any other failure the log may name them, and they
 * must stay.
 */
export const publishChange = (
  { engine, files, pipeline }: Publisher,
  table: number,
  change: (table: Table) => SegmentsChange | Refusal | undefined,
  handOver: HandOver | undefined
): Effect.Effect<void, CommitError> => {
  let unnamed: ReadonlyArray<string> = []
  return engine.state.tableVersions(table).segmentsLock.withPermit(
    pipeline.commit({
      kind: "catalog",
      propose: (catalog) => {
        const before = catalog.tables.get(table)!
        const changed = change(before)
        if (changed === undefined || "kind" in changed) return changed
        const { added, horizon, removed, through } = changed
        const event: SegmentsPublished = {
          kind: "SegmentsPublished",
          tableId: table,
          through: through === Position.zero ? before.flushedThrough : through,
          horizon: Math.max(horizon, before.horizon),
          removed,
          added
        }
        const still = new Set(added.flatMap(filesOf))
        unnamed = before.segments
          .filter(({ name }) => removed.includes(name))
          .flatMap(filesOf)
          .filter((name) => !still.has(name))
        const problem = publicationProblem(before, event)
        return problem === undefined ? event : refuse("SEGMENTS_CHANGED", "", problem)
      },
      ...handOver === undefined ? {} : { handOver }
    })
  ).pipe(
    // The log names them no more, and that is durable: they may go as soon as nobody reads them.
    Effect.andThen(Effect.suspend(() => Effect.forEach(unnamed, files.drop, { discard: true }))),
    Effect.uninterruptible
  )
}
