/**
 * Merges segments of one table into new ones.
 *
 * Invariants, each a test in test/segment/merge by its name:
 *
 * 1. Inputs are given from the oldest to the newest: per key, every version of a newer input is newer.
 * 2. Every version above the horizon is kept.
 * 3. Of the versions of a key at or below the horizon only the newest is kept: no snapshot at or above the horizon sees
 *    another one.
 * 4. That one is dropped too where a version outside of the merge, at or below the horizon, supersedes it.
 * 5. Where it is a deletion, or counts as one because it has expired, it is dropped if `dropsDeletions`; else an expired
 *    row becomes a deletion: its position and times stay, its values and its metadata go.
 * 6. All versions of a key are in one output. Outputs are in the order of keys, and share none.
 * 7. Rows are written as the owner's schema has them, as reads would: columns by id, an absent one as its default or null,
 *    narrower numbers as wider ones, null as the default where the column lost its nulls. Deletions have no values.
 * 8. `rowMaps` tell of every row of every input where it went.
 *
 * In memory are about a row group of each input that has the current key at hand between its first and last one, and a
 * piece of the output.
 */
import * as Effect from "effect/Effect"
import { invariant } from "../../base/invariant.ts"
import type { BlockStorageService } from "../../storage/BlockStorage.ts"
import { rowGroupRows } from "../format.ts"
import type { Segment } from "../Segment.ts"
import type { SegmentError } from "../SegmentError.ts"
import { type SegmentPiece, storeSegment } from "../storeSegment.ts"
import type { SegmentSummary } from "../write/SegmentSummary.ts"
import type { SegmentOwner } from "../write/SegmentWriter.ts"
import { Cursor, type SupersededRows } from "./Cursor.ts"
import { loadRows } from "./loadRows.ts"
import { Merge, type MergePolicy } from "./Merge.ts"
import { Piece } from "./Piece.ts"

/** A segment to merge. It must stay open until the merge has ended. */
export interface MergeInput {
  readonly segment: Segment
  /**
   * Its rows that versions outside of the merge supersede; those that its own or other inputs' versions supersede may be
   * among them, and none has to be.
   */
  readonly marks?: SupersededRows
}

/** What becomes of the rows. */
export interface MergeTarget {
  /** The table, with the latest version of its schema. */
  readonly owner: SegmentOwner
  /** About the most bytes of a file: a file ends with a row group, and with a key. */
  readonly fileBytesMax: number
  /** The most rows of a file, but for those that are left of its last key. */
  readonly rowsMax: number
  /** The most rows of a row group; by default those of the format. */
  readonly rowGroupRowsMax?: number
}

/** A segment that was written. */
export interface MergeOutput {
  readonly name: string
  readonly summary: SegmentSummary
}

/** What a merge came to. */
export interface MergeResult {
  /** In the order of keys; none where no row was kept. */
  readonly outputs: ReadonlyArray<MergeOutput>
  /** For each input: the row that each of its rows became, counted through all outputs one after another; -1 = dropped. */
  readonly rowMaps: ReadonlyArray<Int32Array<ArrayBuffer>>
}

/** What to merge, into what, and how. */
export interface MergeRequest {
  /** From the oldest to the newest, at least one, all of the owner's table. */
  readonly inputs: ReadonlyArray<MergeInput>
  readonly policy: MergePolicy
  readonly target: MergeTarget
  /** The file of an output; they are numbered from 0. It must not be in use. */
  readonly nameOf: (number: number) => string
}

/** Merges. A failure or an interruption leaves no file; the inputs are left as they are in any case. */
export const mergeSegments = (
  storage: BlockStorageService,
  { inputs, nameOf, policy, target }: MergeRequest
): Effect.Effect<MergeResult, SegmentError> =>
  Effect.suspend(() => {
    const { owner } = target
    invariant(inputs.every(({ segment }) => segment.metadata.table === owner.table), "segments of one table are merged")
    const cursors = inputs.map(({ marks, segment }, input) => new Cursor(input, segment, marks))
    const merge = new Merge(cursors, policy)
    const outputs: Array<MergeOutput> = []
    const names: Array<string> = []
    const removeFiles = Effect.suspend(() =>
      Effect.forEach(names, (name) => Effect.ignore(storage.remove(name)), { discard: true })
    )
    return Effect.onError(
      Effect.gen(function*() {
        for (;;) {
          const name = nameOf(outputs.length)
          names.push(name)
          const summary = yield* mergeIntoFile(storage, name, merge, target)
          if (summary === undefined) break
          outputs.push({ name, summary })
        }
        return { outputs, rowMaps: cursors.map(({ rowMap }) => rowMap) }
      }),
      () => removeFiles
    )
  })

/** Writes the next rows into a file, as many as it takes; `undefined` where there are no more. */
const mergeIntoFile = Effect.fnUntraced(function*(
  storage: BlockStorageService,
  name: string,
  merge: Merge,
  { fileBytesMax, owner, rowGroupRowsMax = rowGroupRows, rowsMax }: MergeTarget
): Effect.fn.Return<SegmentSummary | undefined, SegmentError> {
  const pieceRows = Math.max(1, Math.min(rowGroupRowsMax, rowsMax))
  let rows = 0
  let bytes = 0
  let pieceBytes = 0
  const next = Effect.gen(function*() {
    // It is nearer to its size now than it would be with another piece.
    const isLarge = rows > 0 && (bytes + pieceBytes / 2 >= fileBytesMax || rows + pieceRows / 2 > rowsMax)
    if (isLarge && !merge.isWithinKey) return undefined
    const most = isLarge ? pieceRows : Math.min(pieceRows, rowsMax - rows)
    const piece = yield* nextPiece(merge, owner, most, isLarge)
    rows += piece?.order.length ?? 0
    return piece
  })
  let first: SegmentPiece | undefined = yield* next
  if (first === undefined) return undefined
  const pieces = Effect.suspend(() => {
    const piece = first
    first = undefined
    return piece === undefined ? next : Effect.succeed(piece)
  })
  return yield* storeSegment(storage, name, owner, pieces, (bytesNow) => {
    pieceBytes = bytesNow - bytes
    bytes = bytesNow
  })
})

/**
 * The next rows of the output, or those that are left of a key; `undefined` where there are none. Lets other fibers run
 * between steps.
 */
const nextPiece = Effect.fnUntraced(function*(
  merge: Merge,
  owner: SegmentOwner,
  rowsMax: number,
  isRestOfKey: boolean
): Effect.fn.Return<SegmentPiece | undefined, SegmentError> {
  const piece = new Piece(Math.min(rowsMax, merge.rowsLeft), owner.schema.columns.length)
  for (;;) {
    yield* Effect.yieldNow
    const needed = merge.fill(piece, rowsMax, isRestOfKey)
    if (needed === undefined) return piece.count === 0 ? undefined : piece.finish()
    needed.load(yield* loadRows(needed.segment, needed.rowGroup, owner.schema))
  }
})
