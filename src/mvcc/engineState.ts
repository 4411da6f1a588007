/**
 * The engine's state: the fold of the log. Catalog, versions, receipts and commit times are functions of the events
 * folded so far and of nothing else; no clock, no randomness, no configuration may change what a fold decides.
 */
import { invariant } from "../base/invariant.ts"
import * as Position from "../base/position.ts"
import { foldCatalog } from "../catalog/fold.ts"
import { type CatalogState, empty } from "../catalog/state.ts"
import { type Event, type RowsWritten, spanOf } from "../event/Event.ts"
import { CommitTimes } from "./commitTimes.ts"
import type { HandOver } from "./handOver.ts"
import { Receipts } from "./receipts.ts"
import { TableVersions } from "./tableVersions.ts"

/** What a fold begins with: nothing, or what an earlier one has come to. */
export interface FoldBase extends Pick<EngineState, "catalog" | "receipts" | "commitTimes" | "position"> {}

export class EngineState {
  catalog: CatalogState
  /** By table number; a table is here from its first row on. */
  readonly tables = new Map<number, TableVersions>()
  readonly receipts: Receipts
  readonly commitTimes: CommitTimes
  /** The last position that was folded. */
  position: Position.Position
  /** Bytes that rows take in memory. */
  bytes = 0
  /** Tables with memtables that wait to become segments; the processor takes them out. */
  readonly sealedTables = new Set<number>()
  private readonly memtableBytesMax: number

  /**
   * `memtableBytesMax`: see `TableVersions`. It says how rows are kept, never what a read answers. Of the rows of `base`
   * there are those in segments; the others are to be given to `refoldRows` before anything else is folded.
   */
  constructor(memtableBytesMax: number, base?: FoldBase) {
    this.memtableBytesMax = memtableBytesMax
    this.catalog = base?.catalog ?? empty
    this.receipts = base?.receipts ?? new Receipts()
    this.commitTimes = base?.commitTimes ?? new CommitTimes()
    this.position = base?.position ?? Position.zero
    for (const table of this.catalog.tables.values()) if (table.flushedThrough > 0) this.takeSegments(table.id)
  }

  /**
   * Folds one event, whose frame begins at `first` and was committed at `commitTime` (microseconds). `handOver` is what
   * the publisher of segments knows beyond the event; it says how fast marks are found, never what a read answers.
   */
  fold(event: Event, first: Position.Position, commitTime: number, handOver?: HandOver): void {
    invariant(first > this.position, "events are folded in the order of their positions")
    const span = spanOf(event)
    if (event.kind === "RowsWritten") this.foldRows(event, first, span, commitTime)
    else {
      this.catalog = foldCatalog(this.catalog, event, first, commitTime)
      if (event.kind === "SegmentsPublished") this.takeSegments(event.tableId, handOver)
    }
    this.commitTimes.append(first, span, commitTime, event.kind === "RowsWritten" && event.transactional)
    this.position = Position.advance(first, span - 1)
  }

  /**
   * Takes rows into memory that the base was folded with, unless they are in segments. They change nothing else: the base
   * has their receipts and commit times. Events are given in the order of their positions, from the first one with
   * a row that is not in a segment.
   */
  refoldRows(event: RowsWritten, first: Position.Position): void {
    invariant(first <= this.position, "rows are folded again that were folded before")
    this.addRows(event, first)
  }

  /** The versions of a table of the catalog. */
  tableVersions(table: number): TableVersions {
    invariant(this.catalog.tables.has(table), `rows belong to a table of the catalog (${table})`)
    let versions = this.tables.get(table)
    if (versions === undefined) {
      versions = new TableVersions(table, this.memtableBytesMax)
      this.tables.set(table, versions)
    }
    return versions
  }

  /** Brings a table's versions to what the catalog says of its segments. */
  takeSegments(tableId: number, handOver?: HandOver): void {
    const { flushedThrough, segments } = this.catalog.tables.get(tableId)!
    const versions = this.tableVersions(tableId)
    const before = versions.usedBytes
    versions.publish(segments, flushedThrough, handOver)
    this.bytes += versions.usedBytes - before
  }

  private foldRows(event: RowsWritten, first: Position.Position, span: number, commitTime: number): void {
    this.addRows(event, first)
    if (event.idempotency !== undefined) {
      const { contentHash, key, tenant } = event.idempotency
      this.receipts.put(tenant, key, {
        firstPosition: first,
        lastPosition: Position.advance(first, span - 1),
        commitTime,
        // Copied: what was read from the log is a view into a large block.
        contentHash: contentHash.slice()
      })
    }
  }

  /** Adds the rows that are not in segments to the memtables of their tables. */
  private addRows(event: RowsWritten, first: Position.Position): void {
    let at = first
    for (const batch of event.batches) {
      const table = this.tableVersions(batch.shape.table)
      // A batch is in one memtable, and a memtable becomes a segment whole: so do these rows, or none of them.
      if (at > this.catalog.tables.get(table.table)!.flushedThrough) {
        const before = table.usedBytes
        table.append(batch, at)
        this.bytes += table.usedBytes - before
        if (table.hasSealed) this.sealedTables.add(table.table)
      }
      at = Position.advance(at, batch.count)
    }
  }
}
