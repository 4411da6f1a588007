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

export class EngineState {
  catalog: CatalogState = empty
  /** By table number; a table is here from its first row on. */
  readonly tables = new Map<number, TableVersions>()
  readonly receipts = new Receipts()
  readonly commitTimes = new CommitTimes()
  /** The last position that was folded. */
  position: Position.Position = Position.zero
  /** Bytes that rows take in memory. */
  bytes = 0
  /** Tables with memtables that wait to become segments; the processor takes them out. */
  readonly sealedTables = new Set<number>()
  private readonly memtableBytesMax: number

  /** `memtableBytesMax`: see `TableVersions`. It says how rows are kept, never what a read answers. */
  constructor(memtableBytesMax: number) {
    this.memtableBytesMax = memtableBytesMax
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
}
