/** Publishes segments: from then on a table's rows lie in other files, for everyone at the same position. */
import * as Effect from "effect/Effect"
import { publicationProblem } from "../catalog/fold.ts"
import type { SegmentsPublished } from "../event/Event.ts"
import type { CommitError, CommitPipelineService } from "../mvcc/CommitPipeline.ts"
import type { EngineService } from "../mvcc/Engine.ts"
import type { HandOver } from "../mvcc/handOver.ts"
import { refuse } from "../mvcc/intent.ts"
import type { SegmentFilesService } from "../mvcc/SegmentFiles.ts"

/** What publishing needs. */
export interface Publisher {
  readonly engine: EngineService
  readonly pipeline: CommitPipelineService
  readonly files: SegmentFilesService
}

/**
 * Commits the event, then lets go of the files that it removes. Fails with SEGMENTS_CHANGED where another publication was
 * first. Where it fails, the files that it would have added are the caller's still.
 */
export const publishSegments = (
  { engine, files, pipeline }: Publisher,
  event: Omit<SegmentsPublished, "kind">,
  handOver: HandOver | undefined
): Effect.Effect<void, CommitError> => {
  const published: SegmentsPublished = { kind: "SegmentsPublished", ...event }
  return engine.state.tableVersions(event.tableId).segmentsLock.withPermit(
    pipeline.commit({
      kind: "catalog",
      propose: (catalog) => {
        const problem = publicationProblem(catalog.tables.get(event.tableId)!, published)
        return problem === undefined ? published : refuse("SEGMENTS_CHANGED", "", problem)
      },
      ...handOver === undefined ? {} : { handOver }
    })
  ).pipe(
    // The log names them no more, and that is durable: they may go as soon as nobody reads them.
    Effect.andThen(Effect.forEach(
      event.removed.filter((name) => !event.added.some((segment) => segment.name === name)),
      files.drop,
      { discard: true }
    )),
    Effect.uninterruptible
  )
}
