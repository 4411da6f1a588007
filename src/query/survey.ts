/** What a plan would read, found out without reading it: by the catalog, footers and page indexes. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { MvccService } from "../mvcc/Mvcc.ts"
import { openPath, visited } from "./accessPath.ts"
import { factsOf, type SourceFacts } from "./columnFacts.ts"
import type { RowPlan } from "./planRows.ts"
import { describeCondition } from "./prune/describeCondition.ts"
import type { PruneCounts } from "./prune/Pruner.ts"
import type { QueryError } from "./Query.ts"
import type { Candidate } from "./scan/Source.ts"

/** What there is to read, and what is left of it. */
export interface Survey {
  readonly memtables: number
  readonly segments: number
  /** Versions in memtables and segments. */
  readonly versions: number
  /** Versions that are left to look at. */
  readonly left: number
  readonly counts: PruneCounts
  /** Why segments are left out: `38 segments by origin = 'SFO'`. */
  readonly reasons: ReadonlyArray<string>
  /** What came of indexes: `index by_origin: 12 of 5,120 pages`. */
  readonly indexes: ReadonlyArray<string>
  readonly facts: ReadonlyArray<SourceFacts>
}

/** Surveys a plan. */
export const survey = Effect.fnUntraced(
  function*(
    mvcc: MvccService,
    plan: Pick<RowPlan, "view" | "path" | "filter">
  ): Effect.fn.Return<Survey, QueryError, Scope.Scope> {
    const sources = yield* openPath(mvcc, plan)
    const { all, memtables, pruner, segments } = sources
    let left = 0
    if (plan.path.kind === "scan") {
      for (const candidate of yield* visited(plan.path, sources)) left += yield* rowsLeft(candidate)
    }
    return {
      memtables: memtables.length,
      segments: segments.length,
      versions: all.reduce((rows, source) => rows + source.rows, 0),
      left,
      counts: pruner.counts,
      reasons: [...pruner.ruledOut].map(([condition, count]) =>
        `${count} ${count === 1 ? "segment" : "segments"} by ${describeCondition(condition)}`
      ),
      indexes: plan.path.kind === "scan" ? sources.indexes.describe() : [],
      facts: factsOf(sources)
    }
  },
  Effect.scoped
)

const rowsLeft = ({ content, rows }: Candidate): Effect.Effect<number, QueryError> =>
  Effect.isEffect(content)
    ? Effect.flatMap(content, (candidates) =>
      Effect.map(
        Effect.forEach(candidates, (candidate) => Effect.suspend(() => rowsLeft(candidate))),
        (rows) => rows.reduce((sum, count) => sum + count, 0)
      ))
    : Effect.succeed(rows)
