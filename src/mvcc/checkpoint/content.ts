/** What a checkpoint holds: the fold's small state at a position. Rows are not in it: they are in segments or in the log. */
import * as Position from "../../base/position.ts"
import type { CatalogState } from "../../catalog/state.ts"
import type { TimesBlock } from "../commitTimesBlock.ts"
import type { EngineState } from "../engineState.ts"
import type { KeptReceipt } from "../receipts.ts"
import { CatalogReader, catalogSections } from "./catalogItems.ts"
import { type Section, sectionKinds } from "./format.ts"
import { receiptSection, receiptsOf } from "./receiptColumns.ts"
import { timesBlocksOf, timesSections } from "./timesSections.ts"

export interface CheckpointContent {
  /** The last position that was folded. */
  readonly position: Position.Position
  /** The first position whose rows are not all in segments; at most position + 1. The log is needed from here on. */
  readonly replayFrom: Position.Position
  /** Of the log that the positions are of: 16 bytes. */
  readonly logId: Uint8Array
  /** Of the position, in microseconds. */
  readonly commitTime: number
  readonly catalog: CatalogState
  /** Oldest first. */
  readonly receipts: ReadonlyArray<ReadonlyArray<KeptReceipt>>
  /** Oldest first. */
  readonly commitTimes: ReadonlyArray<TimesBlock>
}

/** The first position whose rows are not all in segments. */
const replayFrom = (state: EngineState): Position.Position => {
  let from = Position.advance(state.position, 1)
  for (const { memtables } of state.tables.values()) {
    for (const { firstPosition } of memtables) if (firstPosition < from) from = firstPosition
  }
  return from
}

/**
 * The state as it is now, to be written while it goes on. It costs well under a millisecond, however much there is: the
 * catalog never changes in place, and to receipts and commit times things are only added, in blocks that are shared.
 */
export const contentOf = (state: EngineState, logId: Uint8Array): CheckpointContent => ({
  position: state.position,
  replayFrom: replayFrom(state),
  logId,
  commitTime: state.commitTimes.timeOf(Position.max),
  catalog: state.catalog,
  receipts: state.receipts.runsNow(),
  commitTimes: state.commitTimes.blocksNow()
})

/** The content in sections. Each is made when it is asked for, in a few milliseconds. */
export const sectionsOf = function*(content: CheckpointContent): Generator<Section> {
  yield* catalogSections(content.catalog)
  yield* timesSections(content.commitTimes)
  for (const run of content.receipts) if (run.length > 0) yield receiptSection(run)
}

/** Puts the content of a checkpoint together again, section by section. */
export class ContentReader {
  private readonly catalog = new CatalogReader()
  private readonly receipts: Array<ReadonlyArray<KeptReceipt>> = []
  private readonly commitTimes: Array<TimesBlock> = []

  /** Throws `FormatError` for what cannot be read. */
  add(section: Section): void {
    switch (section.kind) {
      case sectionKinds.catalog:
        return this.catalog.add(section)
      case sectionKinds.commitTimes:
        return void this.commitTimes.push(...timesBlocksOf(section))
      case sectionKinds.receipts:
        return void this.receipts.push(receiptsOf(section))
    }
  }

  /** What all sections together hold, with what the header says. */
  content(header: Pick<CheckpointContent, "position" | "replayFrom" | "logId" | "commitTime">): CheckpointContent {
    const { commitTime, logId, position, replayFrom } = header
    const { catalog, commitTimes, receipts } = this
    return { position, replayFrom, logId, commitTime, catalog: catalog.state, receipts, commitTimes }
  }
}
