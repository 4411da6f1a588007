/**
 * The rows of a snapshot that pass a filter, a part at a time. A part is opened with the columns that the filter reads;
 * the others are loaded where rows are left. Loops run over slices that are small enough to be one step between two
 * turns of the event loop.
 */
import * as Effect from "effect/Effect"
import type { Column } from "../../schema/types.ts"
import { type CheckedFilter, columnsOf } from "../checkFilter.ts"
import { sliceRows } from "../limits.ts"
import type { QueryError } from "../Query.ts"
import { refusals } from "../refusals.ts"
import type { CandidateOrder } from "./CandidateOrder.ts"
import { Candidates } from "./Candidates.ts"
import { bindFilter } from "./predicate.ts"
import type { ReadCost } from "./ReadCost.ts"
import type { Block, Candidate, OpenPart } from "./Source.ts"

/** Rows of one part that were found. */
export interface FoundPart {
  /** The number of the source. */
  readonly source: number
  readonly block: Block
  readonly part: OpenPart
  /** Rows of the block that were found: rows[0, count), ascending. Whoever reads them may use the list as scratch. */
  readonly rows: Int32Array
  readonly count: number
}

/** A look at rows by a few columns, which saves loading others. */
export interface Narrow {
  readonly columns: ReadonlyArray<Column>
  /** Keeps, of rows[0, count) of a block, those that are wanted at the front, and returns how many they are. */
  readonly keep: (block: Block, rows: Int32Array, count: number) => number
}

/** What a feed is made of. */
export interface FeedOptions {
  readonly candidates: ReadonlyArray<Candidate>
  readonly filter: CheckedFilter
  /** Columns that are needed of rows that are found, beside those of the filter. */
  readonly columns: ReadonlyArray<Column>
  /** Looks at the rows that were found before those columns are loaded, and takes out what is not wanted after all. */
  readonly narrow?: Narrow | undefined
  /** In which order candidates are visited, and which need not be; absent = all, as they are. */
  readonly order?: CandidateOrder | undefined
  readonly cost: ReadCost
}

interface FeedState extends FeedOptions {
  readonly filterColumns: ReadonlyArray<Column>
  readonly waiting: Candidates
  /** Those of the part that was found last. */
  rows: Int32Array
  /** Versions that had been looked at when the event loop last had its turn. */
  yieldedAt: number
}

export class PartFeed {
  /** The next part in which rows were found; `undefined` at the end. It is good until the next call. */
  readonly next: Effect.Effect<FoundPart | undefined, QueryError>

  constructor(options: FeedOptions) {
    const state: FeedState = {
      ...options,
      filterColumns: columnsOf(options.filter),
      waiting: new Candidates(options.candidates, options.order),
      rows: new Int32Array(0),
      yieldedAt: options.cost.scanned
    }
    this.next = Effect.suspend(() => findPart(state))
  }
}

const findPart = Effect.fnUntraced(function*(state: FeedState): Effect.fn.Return<FoundPart | undefined, QueryError> {
  const { columns, cost, filterColumns, narrow, waiting } = state
  for (;;) {
    const candidate = waiting.take()
    if (candidate === undefined) return undefined
    const { content } = candidate
    if (Effect.isEffect(content)) {
      waiting.add(yield* content)
      continue
    }
    const part = yield* content.open(filterColumns)
    const found = yield* findRows(state, part)
    cost.found += found
    if (found === 0) continue
    let count = found
    if (narrow !== undefined) {
      yield* part.load(narrow.columns)
      count = yield* refusals(() => narrow.keep(part.block, state.rows, found))
      if (count === 0) continue
    }
    yield* part.load(columns)
    return { source: candidate.source, block: part.block, part, rows: state.rows, count }
  }
})

/** Finds the rows of a part, slice by slice. */
const findRows = Effect.fnUntraced(function*(state: FeedState, part: OpenPart): Effect.fn.Return<number, QueryError> {
  const { cost, filter } = state
  const { from, to } = part
  if (state.rows.length < to - from) state.rows = new Int32Array(to - from)
  const keep = yield* refusals(() => bindFilter(filter, (column) => part.block.vector(column)))
  let count = 0
  for (let at = from; at < to; at += sliceRows) {
    yield* refusals(() => {
      const end = Math.min(at + sliceRows, to)
      const rows = state.rows.subarray(count)
      const seen = part.visible(at, end, rows)
      cost.scanned += end - at
      cost.seen += seen
      if (seen > 0) count += keep(rows, seen)
    })
    if (cost.scanned - state.yieldedAt >= sliceRows) {
      state.yieldedAt = cost.scanned
      yield* Effect.yieldNow
    }
  }
  return count
})
